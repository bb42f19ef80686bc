"""`chat serve` as a real command: signals, killed processes, and errors when it cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from chat.mailer import CLOSE_SECONDS
from chat.models import Generation
from tests.faults import launch
from tests.support.cast import PASSWORD, Person
from tests.support.client import new_client
from tests.support.mailbox import Mailbox
from tests.support.ports import free_port
from tests.support.programs import Program
from tests.support.site import Site
from tests.support.sockets import never_closing
from tests.support.stores import Stores
from tests.support.tab import Tab
from tests.support.waiting import eventually

START_SECONDS, ANSWER_SECONDS, END_SECONDS = 50, 2, 50  # about a second each on a quiet machine
pytestmark = pytest.mark.timeout(150)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")


@dataclass
class Server:
    """A running `chat serve`."""

    process: Program
    url: str

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process that was started, as a host does."""
        self.process.send_signal(number)

    async def end(self) -> tuple[int, str]:
        """The exit code and stderr."""
        return await self.process.end(END_SECONDS), self.process.errors

    async def answers(self) -> bool:
        """Whether the server answers; without an HTTP client, which is slow to create."""
        target = httpx.URL(self.url)
        try:
            reader, writer = await asyncio.open_connection(target.host, target.port)
        except OSError:
            return False
        try:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b" 200 " in await asyncio.wait_for(reader.readline(), ANSWER_SECONDS)
        except OSError:
            return False
        finally:
            writer.close()

    async def until_it_answers(self) -> None:
        """Wait until the server answers."""
        async with asyncio.timeout(START_SECONDS):
            while not await self.answers():
                assert self.process.returncode is None, (await self.end())[1]
                await asyncio.sleep(0.02)  # not `eventually`: a server that ended early shows its errors

    def children(self) -> set[int]:
        """The server's processes."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return {int(pid) for pid in found.stdout.split()}


Start = Callable[..., Any]


@pytest.fixture
async def start(environment: dict[str, str], migrated: None, tmp_path: Path) -> AsyncIterator[Start]:
    """Start one with these settings; what a test leaves running is killed."""
    begun: list[Server] = []

    async def begin(*, without: tuple[str, ...] = (), wait: bool = True, **settings: str) -> Server:
        port = free_port()
        variables = {
            "PATH": os.environ["PATH"],
            "FAULTS": "respawn_never",
            "PORT": str(port),
            **environment,
            **settings,
        }
        process = Program(
            launch.main,
            "serve",
            environment={name: value for name, value in variables.items() if name not in without},
            folder=tmp_path,
            output=tmp_path / f"output-{len(begun)}",
            errors=tmp_path / f"errors-{len(begun)}",
        )
        begun.append(Server(process, f"http://127.0.0.1:{settings.get('PORT', port)}"))
        if wait:
            await begun[-1].until_it_answers()
        return begun[-1]

    yield begin
    for server in begun:
        if server.process.returncode is None:
            for pid in (server.process.pid, *server.children()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await server.process.end()


@contextlib.asynccontextmanager
async def moved(person: Person, server: Server) -> AsyncIterator[Person]:
    """The same browser at another server of the same site: key and database are the same, so the cookie is good."""
    cookies = dict(person.http.cookies)
    async with new_client(base_url=server.url, cookies=cookies, headers={"Origin": server.url}, timeout=20) as http:
        yield Person(Site(person.site.app, server.url), http, person.email)


async def farewell(tab: Tab) -> int:
    """The close code of a tab that gets a goodbye first."""
    bye = await tab.until_type("bye")
    assert bye["reason"] == "restart"
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await tab.receive()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def assert_no_trouble(errors: str) -> None:
    """Warnings are allowed: on a busy machine Redis is slow to answer."""
    assert not re.search(r"Traceback| ERROR | CRITICAL |never retrieved|never awaited|Warning:", errors), errors


# One process


async def test_sigterm_says_goodbye_finishes_answers_and_accepts_nothing_new(start: Start, alice: Person) -> None:
    server = await start(DRAIN_SECONDS="25")
    async with moved(alice, server) as person:
        posted = await person.ask("Count to 300 [offline: pace=15]")
        async with person.tab(posted["thread_id"]) as one, person.tab(posted["thread_id"]) as two:
            await one.until_text(posted["reply_id"], 5)
            server.send_signal(signal.SIGTERM)
            codes = [await farewell(one), await farewell(two)]
        server.send_signal(signal.SIGTERM)  # changes nothing
        ready, refused = await person.http.get("/readyz"), await person.post("Say more")
    code, errors = await server.end()

    assert codes == [1012, 1012]
    assert (ready.status_code, ready.json()["draining"]) == (503, True)
    assert (refused.status_code, refused.json()["code"]) == (503, "draining")
    assert code == 0
    assert_no_trouble(errors)
    answer = (await alice.messages(posted["thread_id"]))[-1]
    assert answer["status"] == "final"
    assert answer["content"] == ", ".join(str(number) for number in range(1, 301))


async def test_what_the_drain_cannot_finish_is_interrupted_with_its_text(start: Start, alice: Person) -> None:
    server = await start(DRAIN_SECONDS="1")
    async with moved(alice, server) as person:
        posted = await person.ask("Count to 9000 [offline: pace=10]")
        async with person.tab(posted["thread_id"]) as tab, never_closing(person, posted["thread_id"]):
            seen = await tab.until_text(posted["reply_id"], 10)
            server.send_signal(signal.SIGTERM)
            server.send_signal(signal.SIGTERM)
            assert await farewell(tab) == 1012
            code, errors = await server.end()

    assert code == 0
    assert_no_trouble(errors)
    answer = (await alice.messages(posted["thread_id"]))[-1]
    assert answer["status"] == "interrupted"
    assert answer["content"].startswith(seen)


async def test_sigterm_waits_for_an_email_in_progress(start: Start) -> None:
    address = f"carol-{uuid.uuid4().hex[:8]}@example.com"
    async with Mailbox.listening() as mailbox:
        mailbox.awake.clear()
        mail = {"EMAIL_BACKEND": "smtp", "SMTP_HOST": mailbox.host, "SMTP_PORT": str(mailbox.port), "SMTP_TLS": "none"}
        server = await start(EMAIL_VERIFICATION_REQUIRED="True", DEFAULT_FROM_EMAIL="chat@example.com", **mail)
        async with new_client(base_url=server.url, headers={"Origin": server.url}) as http:
            fields = {"email": address, "password1": PASSWORD, "password2": PASSWORD}
            assert (await http.post("/accounts/signup/", data=fields)).status_code == 303
        await eventually(lambda: mailbox.attempts)
        server.send_signal(signal.SIGTERM)
        await asyncio.sleep(CLOSE_SECONDS + 1)  # longer than the time after the drain: the drain waits for the email
        assert server.process.returncode is None
        mailbox.awake.set()

        await mailbox.next_email(address)
        code, errors = await server.end()

    assert code == 0
    assert_no_trouble(errors)


async def test_ctrl_c_is_quick(start: Start, alice: Person) -> None:
    server = await start(DRAIN_SECONDS="25")
    async with moved(alice, server) as person:
        posted = await person.ask("Count to 9000 [offline: pace=10]")
        async with person.tab(posted["thread_id"]) as tab:
            await tab.until_text(posted["reply_id"], 10)
            interrupted_at = time.monotonic()
            server.send_signal(signal.SIGINT)
            assert await farewell(tab) == 1012
    code, errors = await server.end()

    assert code == 0
    assert_no_trouble(errors)
    assert time.monotonic() - interrupted_at < 25, "that would have been the drain"
    assert (await alice.messages(posted["thread_id"]))[-1]["status"] == "interrupted"


# Several processes


async def test_connections_that_never_end_are_closed_without_a_traceback(start: Start) -> None:
    server = await start()
    target = httpx.URL(server.url)
    head = "POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://localhost\r\n\r\n"
    opened = [await asyncio.open_connection(target.host, target.port) for _ in range(3)]
    for _, writer in opened:
        writer.write(head.encode() + b"a")
        await writer.drain()
    await asyncio.sleep(0.5)  # until the server waits for the rest, which nothing outside shows
    server.send_signal(signal.SIGTERM)
    code, errors = await server.end()

    assert code == 0
    assert "Traceback" not in errors
    for _, writer in opened:
        writer.close()


async def test_two_processes_serve_and_one_that_is_killed_is_replaced(start: Start, alice: Person) -> None:
    server = await start(WEB_CONCURRENCY="2", FAULTS="respawn_always")
    async with asyncio.timeout(START_SECONDS):
        first, second = sorted(await all_of(2, server))
    for stopped in (first, second):
        os.kill(stopped, signal.SIGSTOP)  # now the other one has to answer
        try:
            await server.until_it_answers()
        finally:
            os.kill(stopped, signal.SIGCONT)
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(START_SECONDS):
        now = await all_of(2, server, but=first)
    assert second in now
    await server.until_it_answers()
    async with moved(alice, server) as person:
        posted = await person.ask("Say still here")
        async with person.tab(posted["thread_id"]) as tab:
            assert (await tab.until_finished(posted["reply_id"]))["content"] == "still here"
            server.send_signal(signal.SIGTERM)
            assert await farewell(tab) == 1012
    code, errors = await server.end()

    assert code == 0
    assert await all_gone(now)
    assert "Traceback" not in errors
    assert re.findall(r"Server process .*", errors) == [f"Server process {first} ended with -9; starting a new one"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_in_the_middle_of_the_start_ends_them_all(start: Start, number: signal.Signals) -> None:
    server = await start(wait=False, WEB_CONCURRENCY="3", FAULTS="slow_start")
    async with asyncio.timeout(START_SECONDS):
        children = await all_of(3, server)
    server.send_signal(number)
    code, errors = await server.end()

    assert code == 0
    assert_no_trouble(errors)
    assert await all_gone(children)


async def all_of(count: int, server: Server, *, but: int = 0) -> set[int]:
    """The processes of a server except one, once there are this many."""
    while len(children := server.children() - {but}) < count:
        assert server.process.returncode is None, (await server.end())[1]
        await asyncio.sleep(0.02)  # not `eventually`: a server that ended early shows its errors
    return children


async def all_gone(pids: set[int]) -> bool:
    return bool(await eventually(lambda: not any(is_alive(pid) for pid in pids), seconds=END_SECONDS))


def is_alive(pid: int) -> bool:
    """A zombie, which waits for its parent, doesn't count."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


def accepted(port: int) -> set[str]:
    """The connections to a port that a process has accepted, as its folder of open files names them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}


def open_files(pid: int) -> set[str]:
    """What a process has open."""
    with contextlib.suppress(FileNotFoundError):  # one is closed meanwhile
        return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    return set()


async def shares(server: Server, pids: set[int], *, connections: int) -> list[int]:
    """How many of these connections each process got."""
    url = httpx.URL(server.url)
    assert url.port

    def counted() -> list[int]:
        found = accepted(url.port or 0)
        return sorted(len(found & open_files(pid)) for pid in pids)

    opened = await asyncio.gather(*(asyncio.open_connection(url.host, url.port) for _ in range(connections)))
    try:
        await eventually(lambda: sum(counted()) >= connections)
        return counted()
    finally:
        for _, writer in opened:
            writer.close()


async def all_accept(server: Server, pids: set[int]) -> None:
    """Wait until each process has its share of connections; the last one may begin in the middle of a sample."""
    async with asyncio.timeout(START_SECONDS):
        while min(await shares(server, pids, connections=40)) == 0:
            await asyncio.sleep(0.1)  # nothing tells when it accepts


@needs_linux
async def test_processes_share_the_port_evenly(start: Start) -> None:
    server = await start(WEB_CONCURRENCY="2")
    pids = await all_of(2, server)
    await all_accept(server, pids)
    found = await shares(server, pids, connections=100)

    assert min(found) > 25, found


@needs_linux
async def test_one_process_that_drains_leaves_new_connections_to_the_others(start: Start, alice: Person) -> None:
    server = await start(WEB_CONCURRENCY="2", FAULTS="respawn_always", LLM_CONCURRENT_REPLIES="20", DRAIN_SECONDS="25")
    pids = await all_of(2, server)
    await all_accept(server, pids)
    for _ in range(8):  # by new connections, so that some of the answers are in each process
        async with moved(alice, server) as person:
            await person.ask("Count to 9000 [offline: pace=10]")
    running = await Generation.filter(thread__user__email=alice.email, state="running", owner__isnull=False).first()
    leaving = int(str(running and running.owner).split(":")[1])
    os.kill(leaving, signal.SIGTERM)

    async def is_left_alone() -> bool:
        async def is_ready() -> bool:
            async with new_client(base_url=server.url) as http:
                return (await http.get("/readyz")).status_code == 200

        return all([await is_ready() for _ in range(20)])

    assert await eventually(is_left_alone)
    assert is_alive(leaving), "it still writes answers"
    server.send_signal(signal.SIGINT)
    code, errors = await server.end()
    assert code == 0
    assert "Traceback" not in errors


@needs_linux
async def test_when_all_are_to_end_the_last_one_serves_every_connection(start: Start, alice: Person) -> None:
    server = await start(WEB_CONCURRENCY="2", DRAIN_SECONDS="25")
    pids = await all_of(2, server)
    await all_accept(server, pids)
    async with moved(alice, server) as person:
        await person.ask("Count to 9000 [offline: pace=10]")  # keeps one of them
    server.send_signal(signal.SIGTERM)
    assert await eventually(lambda: len(server.children()) == 1, seconds=END_SECONDS)

    async def all_answer() -> bool:
        return all(await asyncio.gather(*(server.answers() for _ in range(40))))

    assert await eventually(all_answer), "once the parent has seen the end of the other one, and closed its socket"


@needs_linux
async def test_a_process_that_replaces_another_gets_its_share_of_connections(start: Start) -> None:
    server = await start(WEB_CONCURRENCY="2", FAULTS="respawn_always")
    ended = min(await all_of(2, server))
    os.kill(ended, signal.SIGTERM)
    await eventually(lambda: not is_alive(ended), seconds=END_SECONDS)
    async with asyncio.timeout(START_SECONDS):
        pids = await all_of(2, server, but=ended)
    await all_accept(server, pids)
    found = await shares(server, pids, connections=100)

    assert min(found) > 25, found


@needs_linux
@pytest.mark.parametrize("processes", ["1", "2"])
async def test_two_servers_cannot_share_a_port(start: Start, processes: str) -> None:
    first = await start(WEB_CONCURRENCY=processes)
    port = str(httpx.URL(first.url).port)
    second = await start(wait=False, WEB_CONCURRENCY=processes, PORT=port)
    code, errors = await second.end()

    assert code == 1
    assert f"Port {port}" in errors


@needs_linux
async def test_a_killed_supervisor_leaves_no_process_behind(start: Start) -> None:
    server = await start(WEB_CONCURRENCY="2")
    async with asyncio.timeout(START_SECONDS):
        children = await all_of(2, server)
    server.send_signal(signal.SIGKILL)

    assert await all_gone(children)
    assert not await server.answers()


# Several servers


async def test_two_servers_share_a_thread_and_each_stops_the_answers_of_the_other(start: Start, alice: Person) -> None:
    first, second = await start(), await start()
    async with moved(alice, first) as here, moved(alice, second) as there:
        posted = await here.ask("Count to 9000 [offline: pace=10]")
        async with here.tab(posted["thread_id"]) as one, there.tab(posted["thread_id"]) as two:
            await asyncio.gather(one.until_text(posted["reply_id"], 20), two.until_text(posted["reply_id"], 20))
            await two.send({"type": "response.cancel", "message_id": posted["reply_id"]})
            stopped = [await tab.until_finished(posted["reply_id"]) for tab in (one, two)]

    row = (await alice.messages(posted["thread_id"]))[-1]
    assert [message["status"] for message in (*stopped, row)] == ["stopped"] * 3
    assert stopped[0]["content"] == stopped[1]["content"] == row["content"]


async def test_the_answer_of_a_killed_server_ends_in_the_tabs_of_another_with_its_text(
    start: Start, alice: Person
) -> None:
    first, second = await start(), await start()
    async with moved(alice, first) as here, moved(alice, second) as there:
        posted = await here.ask("Count to 9000 [offline: pace=10]")
        async with there.tab(posted["thread_id"]) as tab:
            await tab.until_text(posted["reply_id"], 40)
            first.send_signal(signal.SIGKILL)
            message = await tab.until_finished(posted["reply_id"])
        again = await there.post("say Free again", posted["thread_id"])

    row = (await alice.messages(posted["thread_id"]))[-3]
    numbers = row["content"].split(", ")
    assert (message["status"], row["status"]) == ("interrupted", "interrupted")
    assert message["content"] == row["content"]
    assert numbers[:-1] == [str(number) for number in range(1, len(numbers))], "nothing lost, nothing doubled"
    assert again.status_code == 201


# What keeps it from starting


async def test_missing_settings_are_all_named(start: Start) -> None:
    everything = ("DEBUG", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "RATE_LIMITS", "PORT")
    server = await start(wait=False, without=everything, WEB_CONCURRENCY="none")
    code, errors = await server.end()

    assert code == 2
    for name in ("SECRET_KEY", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "WEB_CONCURRENCY"):
        assert f"  - {name} " in errors
    assert "Traceback" not in errors


async def test_debug_is_refused_where_others_can_reach_the_site(start: Start) -> None:
    server = await start(wait=False, HOST="0.0.0.0", TRUSTED_PROXIES="1")
    code, errors = await server.end()

    assert code == 2
    assert "  - HOST is 0.0.0.0, and DEBUG is on: " in errors
    assert "  - TRUSTED_PROXIES is 1, and DEBUG is on: " in errors


async def test_a_busy_port_is_reported_in_a_sentence(start: Start) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        server = await start(wait=False, PORT=str(port))
        code, errors = await server.end()

    assert code == 1
    assert errors == f"Port {port} on 127.0.0.1 cannot be used (Address already in use): set PORT or HOST.\n"


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_an_unreachable_database_is_reported_in_a_sentence(start: Start, processes: str) -> None:
    url = "postgres://somebody:hidden-word@127.0.0.1:1/chat"
    server = await start(wait=False, DATABASE_URL=url, WEB_CONCURRENCY=processes)
    code, errors = await server.end()

    assert code == 1
    assert "The server could not start. PostgreSQL can't be used. " in errors
    assert (
        "nothing listens there: check the host and the port in DATABASE_URL, and whether the server runs.\n" in errors
    )
    assert "hidden-word" not in errors
    assert "Traceback" not in errors


async def test_a_database_url_that_is_not_understood_is_a_bad_setting(start: Start) -> None:
    server = await start(wait=False, DATABASE_URL="postgres://somebody:hidden-word@127.0.0.1/chat?speed=9")
    code, errors = await server.end()

    assert code == 2
    assert "  - DATABASE_URL has the parameter speed: the site does not know it, remove it\n" in errors
    assert "hidden-word" not in errors


async def test_what_the_stores_do_not_fit_is_said_once_by_all_processes(start: Start, stores: Stores) -> None:
    more = {"DATABASE_POOL_SIZE": "60", "DATABASE_URL": f"{stores.database_url}&channel_binding=require"}
    server = await start(WEB_CONCURRENCY="2", **more)
    server.send_signal(signal.SIGTERM)
    _, errors = await server.end()

    assert errors.count("2 * (60 + 1) = 122 connections to PostgreSQL can be opened, and it allows 97") == 1
    assert errors.count("channel_binding is ignored: the driver has no channel binding") == 1
    assert "REDIS_TLS_VERIFY" not in errors


async def test_a_redis_whose_certificate_is_not_verified_is_said_once(start: Start) -> None:
    server = await start(WEB_CONCURRENCY="2", REDIS_URL="rediss://127.0.0.1:1", REDIS_TLS_VERIFY="off")
    server.send_signal(signal.SIGTERM)
    _, errors = await server.end()

    assert errors.count("The certificate of Redis is not verified") == 1
