"""`chat dev` as a real process in its own folder, from the first line of output to the last."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from chat.development import beside_a_run
from tests.support import programs
from tests.support.ports import free_port
from tests.support.programs import Program

LAST_LINE_OF_THE_BANNER = "Ctrl-C"
WORD = "a word of the administrator"  # a password that is long enough
MADE = ("chat dev, DEV_SUPERUSER_EMAIL", "users.create_admin")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")

Start = Callable[..., Program]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "my chat"
    made.mkdir()
    return made


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(folder: Path, port: int) -> Iterator[Start]:
    """Start `chat dev` with only these variables; it is stopped after the test."""
    begun: list[Program] = []
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "PORT": str(port)}

    def begin(**variables: str) -> Program:
        output = folder.with_name(f"output-{len(begun)}")
        begun.append(
            Program(programs.develop, str(folder), environment=plain | variables, folder=folder, output=output)
        )
        return begun[-1]

    yield begin
    for process in begun:
        process.send_signal(signal.SIGTERM)
        process.wait()
    for link in folder.glob("var/*.sockets"):  # what a killed one left; the next start would remove it
        shutil.rmtree(link.readlink())


def banner(process: Program) -> str:
    """All output until the server listens."""
    process.wait_until(lambda: LAST_LINE_OF_THE_BANNER in process.output)
    return process.output


def healthy(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as response:
        return bool(response.status == 200)


async def recorded(folder: Path) -> list[tuple[str, str]]:
    """Actors and actions in the audit log of a running site."""
    connection = await asyncpg.connect(beside_a_run({}, root=folder)["DATABASE_URL"])
    try:
        entries = await connection.fetch("SELECT actor_email, action FROM audit_entry ORDER BY created_at")
        return [tuple(row) for row in entries]
    finally:
        await connection.close()


def wait_until_nobody_works_in(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while (left := workers_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)  # other processes, whose end nothing announces
    assert left == []


def workers_in(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return [command for command in found if command]  # a process that ended but was not waited for has none


@needs_linux
@pytest.mark.parametrize("last_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_start_prints_the_address_and_the_end_leaves_no_process(
    start: Start, folder: Path, port: int, last_signal: signal.Signals
) -> None:
    process = start(DEV_SUPERUSER_EMAIL="root@example.com", DEV_SUPERUSER_PASSWORD=WORD)
    said = banner(process)
    for piece in (f"http://127.0.0.1:{port}/", "root@example.com", "offline model", "PostgreSQL", "Valkey", "var/"):
        assert piece in said
    assert WORD not in said
    assert healthy(port)
    assert asyncio.run(recorded(folder)) == [MADE]
    process.send_signal(last_signal)
    assert process.wait() == (-last_signal if last_signal == signal.SIGKILL else 0)
    wait_until_nobody_works_in(folder)


def test_a_second_start_prints_the_address_of_the_first(start: Start, folder: Path, port: int) -> None:
    banner(start())
    second = start(PORT=str(port + 1))
    assert second.wait() == 1
    said = second.output
    assert f"already running in this folder, at http://127.0.0.1:{port}/" in said
    assert healthy(port)


def test_a_restart_keeps_the_secret_key_and_creates_no_second_administrator(start: Start, folder: Path) -> None:
    root = {"DEV_SUPERUSER_EMAIL": "root@example.com", "DEV_SUPERUSER_PASSWORD": WORD}
    first = start(**root)
    banner(first)
    secret = (folder / "var" / "secret_key").read_text()
    first.send_signal(signal.SIGTERM)
    first.wait()
    banner(start(**root))
    assert asyncio.run(recorded(folder)) == [MADE]
    assert (folder / "var" / "secret_key").read_text() == secret
    assert (folder / "var" / "secret_key").stat().st_mode & 0o777 == 0o600


def readable_by_others(folder: Path) -> list[str]:
    """What is in a folder, and the folder itself, if other users can read or enter it."""
    found = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink() and path.stat().st_mode & 0o077]
    return [str(path.relative_to(folder)) for path in found]


def test_what_it_keeps_is_private_although_it_was_not(start: Start, folder: Path) -> None:
    (folder / "var" / "valkey").mkdir(parents=True)
    for name in ("secret_key", "run.lock", "offline-model.log", "valkey.log", "postgres.log", "valkey/old.rdb"):
        (folder / "var" / name).write_text("k" * 64 if name == "secret_key" else "")
        (folder / "var" / name).chmod(0o644)
    (folder / "var").chmod(0o755)
    (folder / "var" / "valkey").chmod(0o777)
    banner(start())

    assert readable_by_others(folder / "var") == []


def test_other_users_of_the_machine_cannot_use_the_model(start: Start, folder: Path) -> None:
    banner(start())
    line = (folder / "var" / "offline-model.log").read_text().splitlines()[0]
    base = line.removeprefix("offline model on ").removesuffix("/v1")
    for headers in ({}, {"Authorization": "Bearer offline"}, {"Authorization": "Bearer "}, {"Authorization": "x"}):
        for path in ("/v1/models", "/v1/responses/resp_x", "/control/requests", "/control/bill", "/nowhere"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(base + path, headers=headers), timeout=10)
            with refused.value as answer:
                assert answer.code == 401


def test_a_busy_port_is_named_before_anything_starts(start: Start, folder: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        process = start()
        assert process.wait() == 1
    said = process.output
    assert f"Port {port} is used by another program" in said
    assert f"PORT={port + 1} make run" in said
    assert not (folder / "var" / "postgres").exists()


@pytest.mark.parametrize(
    ("variables", "code", "piece"),
    [
        ({"PORT": "eighty", "RATE_LIMITS": "perhaps"}, 2, "RATE_LIMITS"),
        ({"PORT": "eighty"}, 2, "PORT is 'eighty'"),
        ({"HOST": "192.0.2.1"}, 1, "HOST=192.0.2.1 is not an address of this machine"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, 2, "OPENAI_API_KEY is missing"),
        ({"DATABASE_URL": "postgres://x:y@127.0.0.1:9/z"}, 1, "DATABASE_URL"),
        ({"DEV_SUPERUSER_EMAIL": "root", "DEV_SUPERUSER_PASSWORD": "short"}, 2, "DEV_SUPERUSER_EMAIL is not accepted"),
    ],
)
def test_what_is_wrong_is_named_in_a_sentence(start: Start, variables: dict[str, str], code: int, piece: str) -> None:
    process = start(**variables)
    assert process.wait() == code
    said = process.output
    assert piece in said
    assert "Traceback" not in said


def test_the_environment_wins_over_dotenv(start: Start, folder: Path, port: int) -> None:
    (folder / ".env").write_text("PORT=eighty\nRATE_LIMITS=perhaps\n")
    process = start(PORT=str(port))
    assert process.wait() == 2
    said = process.output
    assert "RATE_LIMITS" in said
    assert "PORT" not in said


@needs_linux
def test_sigterm_during_the_start_stops_what_was_begun(start: Start, folder: Path) -> None:
    process = start()
    process.wait_until((folder / "var" / "postgres.new").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    said = process.output
    assert "Traceback" not in said
    wait_until_nobody_works_in(folder)
