"""A websocket client that costs little, so that the load does not become what is measured."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SHORT, MEDIUM = 126, 127  # lengths that say that 2 or 8 bytes with the length follow
FINISHED, MASKED = 0x80, 0x80
ACCEPTED = b"101"
HEADER_BYTES = 2


class Refused(Exception):
    """The handshake got another status than 101."""


class SocketClient(asyncio.Protocol):
    """One connection. `on_text` gets each frame; `closed` is set with the close code when it has ended."""

    def __init__(self, on_text: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[int] = loop.create_future()
        self._opened: asyncio.Future[None] = loop.create_future()
        self._on_text = on_text
        self._data = bytearray()
        self._code = 1006

    @classmethod
    async def connect(
        cls, port: int, path: str, headers: dict[str, str], on_text: Callable[[bytes], None]
    ) -> SocketClient:
        """Connect to this machine. Raises Refused, OSError."""
        transport, client = await asyncio.get_running_loop().create_connection(lambda: cls(on_text), "127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await client._opened
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits."""
        if not self._opened.done():
            self._opened.set_exception(Refused("the connection was closed"))
        if not self.closed.done():
            self.closed.set_result(self._code)

    def send(self, text: str) -> None:
        """One text frame, masked with zeros."""
        self._write(TEXT, text.encode())

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """The handshake's answer, then frames."""
        self._data += data
        if not self._opened.done():
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            if self._data.split(b" ", 2)[1] != ACCEPTED:
                self._opened.set_exception(Refused(self._data[:end].decode("latin-1").splitlines()[0]))
                return
            del self._data[: end + 4]
            self._opened.set_result(None)
        while self._take_frame():
            pass

    def _take_frame(self) -> bool:
        if len(self._data) < HEADER_BYTES:
            return False
        length, start = self._data[1] & 0x7F, HEADER_BYTES
        if length >= SHORT:
            form = "!H" if length == SHORT else "!Q"
            start += struct.calcsize(form)
            if len(self._data) < start:
                return False
            (length,) = struct.unpack_from(form, self._data, HEADER_BYTES)
        if len(self._data) < start + length:
            return False
        kind, payload = self._data[0] & 0x0F, bytes(self._data[start : start + length])
        del self._data[: start + length]
        self._take(kind, payload)
        return True

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self._on_text(payload)
        elif kind == PING:
            self._write(PONG, payload)
        elif kind == CLOSE:
            self._code = int.from_bytes(payload[:2], "big") or 1005
            self._write(CLOSE, payload[:2])
            self._transport.close()

    def _write(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        if size < SHORT:
            head = struct.pack("!BB", FINISHED | kind, MASKED | size)
        else:
            head = struct.pack("!BBH", FINISHED | kind, MASKED | SHORT, size)
        self._transport.write(head + bytes(4) + payload)  # type: ignore[attr-defined]
