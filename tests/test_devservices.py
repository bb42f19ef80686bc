"""Embedded PostgreSQL and Valkey: they start in any folder, keep their data, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis

from chat.database import credentials
from chat.devservices import ServiceError, embedded_postgres, embedded_valkey
from chat.devservices.postgres_programs import PROGRAMS, copied, package_folder

NOBODY = 65534
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about what root does")
PARENT = """
import sys, time
from pathlib import Path
from chat.devservices import embedded_postgres, embedded_valkey
folder = Path(sys.argv[1])
with embedded_postgres(folder / "postgres") as database, embedded_valkey(folder / "valkey") as redis:
    print(database, redis, flush=True)
    time.sleep(60)  # until it is killed
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout's var/, under a parent that is closed to others (pytest's) and has a space in its name."""
    made = tmp_path / "with a space" / "var"
    made.parent.mkdir(mode=0o700)
    return made


def processes_in(folder: Path) -> set[int]:
    """The processes whose working directory is in a folder."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def wait_until_none_is_in(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while processes_in(folder) and time.monotonic() < deadline:
        time.sleep(0.02)  # other processes, whose end nothing announces
    assert processes_in(folder) == set()


def socket_folders(folder: Path) -> list[Path]:
    return [link.readlink() for link in folder.glob("*.sockets")]


def services_of_another_process(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True)


async def execute(url: str, statement: str) -> object:
    connection = await asyncpg.connect(**credentials(url))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_a_database_knows_utf8_and_listens_on_no_port(folder: Path) -> None:
    with embedded_postgres(folder / "postgres", durable=False) as url:
        assert await execute(url, "SELECT lower('ÄÉ')") == "äé"
        assert await execute(url, "SHOW listen_addresses") == ""


async def test_rows_survive_a_restart(folder: Path) -> None:
    with embedded_postgres(folder / "postgres") as url:
        await execute(url, "CREATE TABLE kept AS SELECT 7 AS number")
    with embedded_postgres(folder / "postgres") as url:
        assert await execute(url, "SELECT number FROM kept") == 7


async def test_keys_survive_a_restart(folder: Path) -> None:
    for expected in (None, b"7"):
        with embedded_valkey(folder / "valkey") as url:
            async with Redis.from_url(url) as redis:
                assert await redis.get("kept") == expected
                await redis.set("kept", 7)


def test_only_its_owner_can_enter_where_the_sockets_are(folder: Path) -> None:
    with embedded_valkey(folder / "valkey", durable=False) as url:
        sockets = Path(urlsplit(url).path).parent
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert (folder / "valkey.sockets").resolve() == sockets.resolve()
    assert not sockets.exists()
    assert not (folder / "valkey.sockets").is_symlink()


@needs_linux
async def test_after_kill_9_no_process_is_left_and_the_rows_are_there(folder: Path) -> None:
    with services_of_another_process(folder) as parent:
        database = parent.stdout.readline().split()[0]
        await execute(database, "CREATE TABLE kept AS SELECT 7 AS number")
        assert len(processes_in(folder)) > 1
        parent.kill()
    left = socket_folders(folder)
    with embedded_postgres(folder / "postgres") as url, embedded_valkey(folder / "valkey"):  # waits for those before
        assert await execute(url, "SELECT number FROM kept") == 7
    assert [path.exists() for path in left] == [False, False]
    wait_until_none_is_in(folder)


@needs_linux
def test_an_interrupted_first_start_leaves_no_half_made_data(folder: Path) -> None:
    with services_of_another_process(folder) as parent:
        while not (folder / "postgres.new" / "base").exists():
            time.sleep(0.005)  # initdb announces nothing
        parent.send_signal(signal.SIGKILL)
    wait_until_none_is_in(folder)
    assert not (folder / "postgres").exists()
    with embedded_postgres(folder / "postgres", durable=False):
        assert (folder / "postgres").is_dir()


@needs_root
async def test_root_keeps_its_closed_folder_and_postgres_is_not_root(folder: Path) -> None:
    before = [parent.stat().st_mode for parent in folder.parents]
    with embedded_postgres(folder / "postgres", durable=False) as url:
        await execute(url, "SELECT 1")
        assert (folder / "postgres" / "postmaster.pid").stat().st_uid != 0
    assert (folder / "postgres").stat().st_mode & 0o777 == 0o700
    assert [parent.stat().st_mode for parent in folder.parents] == before


def test_a_failed_start_shows_the_log(folder: Path) -> None:
    (folder / "postgres").mkdir(parents=True)
    sentence = r"PostgreSQL did not start(.|\n)*postgresql\.conf"
    with pytest.raises(ServiceError, match=sentence), embedded_postgres(folder / "postgres"):
        pytest.fail("it must not start")


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ServiceError, match="no_such_package is not installed"):
        package_folder("no_such_package")


def test_services_start_in_the_main_thread_only(folder: Path) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with embedded_valkey(folder / "valkey"):
                pytest.fail("it must not start")
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])


def test_the_copy_of_the_programs_is_repaired_when_files_are_missing(tmp_path: Path) -> None:
    installed, copy = package_folder("embedded_postgres").parent, tmp_path / "copy"
    assert copied(installed, copy)
    (copy / PROGRAMS / "initdb").unlink()
    assert copied(installed, copy)
    for name in ("initdb", "postgres"):
        assert subprocess.check_output([copy / PROGRAMS / name, "--version"]).split()[-1].startswith(b"18.")
    assert copy.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


@needs_root
def test_programs_that_another_user_put_there_are_not_run(tmp_path: Path) -> None:
    planted = tmp_path / "copy" / PROGRAMS / "postgres"
    planted.parent.mkdir(parents=True)
    planted.touch(mode=0o755)
    os.chown(tmp_path / "copy", NOBODY, NOBODY)
    assert not copied(package_folder("embedded_postgres").parent, tmp_path / "copy")
