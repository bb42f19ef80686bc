"""A logged-in user who floods the server with frames that never reach the app: only the flood ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import hypercorn.protocol.ws_stream
import pytest
import websockets
from wsproto.connection import Connection

from chat.events import Close
from tests.cast import Person
from tests.waiting import LONG_SECONDS
from tests.web.chat.test_socket import HELLO, ready

MASK = b"\x00\x00\x00\x00"
EMPTY_TEXT_BEGINS, EMPTY_CONTINUATION, EMPTY_PING, EMPTY_PONG, EMPTY_TEXT = (
    bytes([first, 0x80]) + MASK for first in (0x01, 0x00, 0x89, 0x8A, 0x81)
)
FRAMES = 600_000  # 3.6 MB
LAG_MAX_SECONDS = 0.5


@asynccontextmanager
async def lag() -> AsyncIterator[list[float]]:
    """How long this loop, in which the server runs as well, worked while somebody else wanted to run; in CPU time."""
    lags: list[float] = []

    async def probe() -> None:
        while True:
            asked = time.thread_time()
            await asyncio.sleep(0.005)
            lags.append(time.thread_time() - asked)

    probing = asyncio.create_task(probe())
    await asyncio.sleep(0)  # it has begun
    try:
        yield lags
    finally:
        probing.cancel()


async def flood(connection: websockets.ClientConnection, *frames: bytes) -> None:
    """Write until the server has closed, or everything is written."""
    data = b"".join(frames)
    for at in range(0, len(data), 60_000):
        if connection.transport.is_closing():
            return
        connection.transport.write(data[at : at + 60_000])
        await asyncio.sleep(0)


async def ended(connection: websockets.ClientConnection) -> int:
    """The code of the close; 1006 where the connection was gone before it could be read."""
    try:
        async with asyncio.timeout(LONG_SECONDS):
            while True:
                await connection.recv()
    except websockets.ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 1006


@pytest.mark.parametrize(
    ("first", "frame"),
    [(EMPTY_TEXT_BEGINS, EMPTY_CONTINUATION), (b"", EMPTY_PING), (b"", EMPTY_PONG), (b"", EMPTY_TEXT)],
    ids=["continuations", "pings", "pongs", "texts"],
)
async def test_a_flood_of_empty_frames_ends_itself_and_delays_nobody(alice: Person, first: bytes, frame: bytes) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as other, alice.connection(posted["thread_id"]) as hostile:
        await other.until_type("thread.snapshot")
        await hostile.send(json.dumps(HELLO))
        async with lag() as lags:
            flooding = asyncio.create_task(flood(hostile, first, frame * FRAMES))
            acknowledged = await other.say("say Hello")
            message = await other.until_finished(acknowledged["reply_id"])
            code = await ended(hostile)
            await flooding

    assert message["content"] == "Hello"
    assert code in (Close.FLOOD, 1006)
    assert max(lags, default=0.0) < LAG_MAX_SECONDS


async def test_without_the_budget_the_same_flood_is_felt(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypercorn.protocol.ws_stream, "Connection", Connection)
    posted = await ready(alice)
    async with alice.connection(posted["thread_id"]) as hostile:
        await hostile.send(json.dumps(HELLO))
        began = time.thread_time()
        await flood(hostile, EMPTY_TEXT_BEGINS, EMPTY_CONTINUATION * (FRAMES // 10))
        await hostile.ping()
        await asyncio.wait_for(hostile.recv(), LONG_SECONDS)
        took = time.thread_time() - began

    assert 10 * took > LAG_MAX_SECONDS, "that was a tenth"


async def test_what_comes_after_our_close_is_not_kept(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.connection(posted["thread_id"]) as hostile:
        await hostile.send(json.dumps(HELLO))
        hostile.transport.write(b"\x01\xff" + (1 << 40).to_bytes(8, "big") + MASK)
        async with lag() as lags:
            await flood(hostile, b"x" * 64_000_000)
            code = await ended(hostile)

    assert code in (1009, Close.FLOOD, 1006)
    assert max(lags, default=0.0) < LAG_MAX_SECONDS


async def test_the_frames_of_a_slow_line_are_not_a_flood(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        body = json.dumps({"type": "pong", "n": 1, "cursor": "x" * 1000}).encode()
        frame = b"\x81\xfe" + len(body).to_bytes(2, "big") + MASK + body
        for byte in frame:
            tab.connection.transport.write(bytes([byte]))
            await asyncio.sleep(0)
        acknowledged = await tab.say("say Still here")

    assert acknowledged["type"] == "ack"
