"""Websockets that are closed, and a client that does not close them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import websockets
from websockets.frames import Frame, Opcode

from tests.support.cast import Person
from tests.support.waiting import LONG_SECONDS


async def closed(connection: websockets.ClientConnection) -> int:
    """The server's close code; frames before it are ignored."""
    async with asyncio.timeout(LONG_SECONDS):
        while True:
            try:
                await connection.recv()
            except websockets.ConnectionClosed as end:
                assert end.rcvd is not None
                return end.rcvd.code


@contextlib.asynccontextmanager
async def never_closing(person: Person, thread_id: str) -> AsyncIterator[None]:
    """A client that opens a socket, sends hello, and replies to nothing after it, not even a close."""
    target = httpx.URL(person.site.url)
    lines = [
        f"GET /ws/chat/{thread_id}/ HTTP/1.1", *(f"{name}: {value}" for name, value in person.socket_headers.items()),
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", "",
    ]  # fmt: skip
    hello = Frame(Opcode.TEXT, b'{"type":"hello","v":1}').serialize(mask=True)
    reader, writer = await asyncio.open_connection(target.host, target.port)
    writer.write("\r\n".join(lines).encode())
    assert b"101" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONG_SECONDS)
    writer.write(hello)
    await asyncio.wait_for(reader.readuntil(b"welcome"), LONG_SECONDS)
    try:
        yield
    finally:
        writer.close()
