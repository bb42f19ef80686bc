"""A client that reads nothing of its response loses the connection; one that reads slowly gets everything."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest
from quart import Response, websocket

from chat.web.strict_http import MAX_PIPELINED
from tests.support import patches
from tests.support.raw_client import first_of, nothing_left, served
from tests.support.site import Site
from tests.support.waiting import LONG_SECONDS, eventually

PIECE = b"a piece of a large response\n" * 1000
MANY_LOOKS = 20
HANDSHAKE = (
    b"GET /ws/chat/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def looking_often(monkeypatch: pytest.MonkeyPatch) -> float:
    """The server looks several times a second whether its clients read."""
    seconds = 0.1
    patches.LOOK_FOR_PROGRESS_SECONDS.replace(monkeypatch, seconds)
    return seconds


@contextmanager
def endless(site: Site, closed: asyncio.Event, *, seconds: float | None = None) -> Iterator[None]:
    """Every response has no end, or takes these seconds; `closed` says that its generator was closed."""

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
                await asyncio.sleep(0)  # let the client and the server's timer run
        finally:
            closed.set()

    async def respond() -> Response:
        response = Response(pieces())
        response.timeout = seconds
        return response

    with first_of(site.app.before_request_funcs[None], respond):
        yield


@contextmanager
def small_client(site: Site) -> Iterator[socket.socket]:
    """A connection whose kernel takes little that its client has not read."""
    target = httpx.URL(site.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.connect((target.host, target.port))
        client.setblocking(False)
        yield client


def troubles(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Warnings and errors about connections; other parts of the site have their own."""
    loggers = ("chat.web", "hypercorn", "asyncio")
    found = [one for one in caplog.records if one.levelno > logging.INFO and one.name.startswith(loggers)]
    return [one.getMessage() for one in found]


@pytest.mark.usefixtures("looking_often")
@pytest.mark.parametrize("seconds", [None, 0.05], ids=["while it is sent", "after the server closed it"])
@pytest.mark.parametrize("count", [1, MAX_PIPELINED])
async def test_a_client_that_reads_nothing_loses_its_connection(
    site: Site, count: int, seconds: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    closed = asyncio.Event()
    caplog.set_level(logging.INFO)
    with endless(site, closed, seconds=seconds), small_client(site) as client:
        async with nothing_left():
            await asyncio.get_running_loop().sock_sendall(client, GET * count)
            await asyncio.wait_for(closed.wait(), LONG_SECONDS)
        with pytest.raises(ConnectionResetError):
            while await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 2**16), LONG_SECONDS):
                pass

    assert [record.getMessage() for record in caplog.records if record.name == "chat.web.send_progress"] == [
        "Closing a connection whose client takes nothing"
    ]
    assert not troubles(caplog)


@pytest.mark.usefixtures("looking_often")
async def test_a_websocket_that_reads_nothing_loses_its_connection(site: Site) -> None:
    closed = asyncio.Event()

    async def send_frames() -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send("a frame of many" * 1000)
        finally:
            closed.set()

    checks = site.app.before_websocket_funcs[None]
    checks.insert(0, send_frames)
    try:
        with small_client(site) as client:
            async with nothing_left():
                await asyncio.get_running_loop().sock_sendall(client, HANDSHAKE)
                await asyncio.wait_for(closed.wait(), LONG_SECONDS)
    finally:
        checks.remove(send_frames)


async def test_a_client_that_reads_slowly_keeps_its_connection(site: Site, looking_often: float) -> None:
    loop, closed, before = asyncio.get_running_loop(), asyncio.Event(), served()
    with endless(site, closed):
        with small_client(site) as client:
            await loop.sock_sendall(client, GET)
            began = loop.time()
            while loop.time() < began + MANY_LOOKS * looking_often:
                assert await loop.sock_recv(client, 2048)
                await asyncio.sleep(looking_often / 5)  # slower than the server could send
            assert not closed.is_set()
        await asyncio.wait_for(closed.wait(), LONG_SECONDS)
    await eventually(lambda: served() <= before)


async def test_a_client_that_reads_again_keeps_its_connection(site: Site, looking_often: float) -> None:
    loop, closed = asyncio.get_running_loop(), asyncio.Event()
    with endless(site, closed), small_client(site) as client:
        await loop.sock_sendall(client, GET)
        for _ in range(3):
            await asyncio.sleep(2 * looking_often)  # the server looks, finds nothing, and waits
            for _ in range(200):
                assert await asyncio.wait_for(loop.sock_recv(client, 2**16), LONG_SECONDS)
        assert not closed.is_set()
    await asyncio.wait_for(closed.wait(), LONG_SECONDS)


async def test_a_client_whose_host_disappears_is_no_error(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    loop, closed, before = asyncio.get_running_loop(), asyncio.Event(), served()
    with endless(site, closed), small_client(site) as client:
        await loop.sock_sendall(client, GET)
        assert await asyncio.wait_for(loop.sock_recv(client, 1), LONG_SECONDS)
        (connection,) = served() - before
        transport = connection.get_coro().cr_frame.f_locals["writer"].transport  # type: ignore[union-attr]
        transport._force_close(TimeoutError(errno.ETIMEDOUT, "what the kernel reports after its last try"))
        await asyncio.wait_for(closed.wait(), LONG_SECONDS)
        await eventually(lambda: served() <= before)
    await asyncio.sleep(0)  # for what asyncio would report of a connection that failed

    assert not troubles(caplog)
