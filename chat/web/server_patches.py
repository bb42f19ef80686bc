"""Corrections to the server below Quart: limits on what a websocket sends, and trusted proxies' headers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
import time
from collections.abc import Generator
from ipaddress import ip_address
from typing import Any

from quart import Quart, Websocket
from quart.asgi import ASGIWebsocketConnection
from wsproto.connection import Connection, ConnectionState
from wsproto.events import CloseConnection, Event, Message, TextMessage

from chat.events import Close
from chat.flag import Flag

PLAIN_HTTP = "chat.plain_http"  # in the scope of what a trusted proxy received unencrypted
QUEUE_MAX_FRAMES = 64
LAST_FRAMES_SECONDS = 1.0
FRAMES_AT_ONCE, FRAMES_PER_SECOND = 256.0, 64.0  # of every kind; our tabs send a few a minute
WHOLE_TEXT = 0x81  # the first byte of a frame that is a whole message (RFC 6455, 5.2)
MAX_7_BITS, MAX_16_BITS = 125, 2**16 - 1  # lengths of frames


class FrameAllowance:
    """A token bucket: `at_once` frames at first, then `per_second`."""

    def __init__(self, at_once: float, per_second: float) -> None:
        self._at_once, self._per_second = at_once, per_second
        self._left, self._counted_at = at_once, time.monotonic()

    def take(self) -> bool:
        """Whether another frame is allowed."""
        now = time.monotonic()
        self._left = min(self._at_once, self._left + (now - self._counted_at) * self._per_second) - 1
        self._counted_at = now
        return self._left >= 0


class LimitedConnection(Connection):
    """A websocket that ends when it receives too many frames, before they are parsed.

    hypercorn counts no frames, and parsing one in Python takes 12 µs: 3.6 MB of empty continuation frames or pings
    blocked a worker for 7 s. After we have sent a close, hypercorn also keeps buffering the rest of a message.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        self._allowance = FrameAllowance(FRAMES_AT_ONCE, FRAMES_PER_SECOND)
        super().__init__(*args, **more)

    def events(self) -> Generator[Event, None, None]:
        """The events of the data received so far, until there are too many."""
        for event in super().events():
            closing = self.state is ConnectionState.LOCAL_CLOSING
            is_piece = isinstance(event, Message) and not event.frame_finished  # slow lines split frames
            if (closing or not is_piece) and not self._allowance.take():
                self._state = ConnectionState.REMOTE_CLOSING  # hypercorn answers with the same code and hangs up
                yield CloseConnection(Close.FLOOD, "flood")
                return
            if not (closing and isinstance(event, Message)):
                yield event

    def send(self, event: Event) -> bytes:
        """The bytes of an event; of a text, which nearly all are, in a fraction of wsproto's 8 µs."""
        if isinstance(event, TextMessage) and event.message_finished and self.state is ConnectionState.OPEN:
            return text_frame(event.data)
        return super().send(event)


def text_frame(text: str) -> bytes:
    """A whole message as one frame, unmasked, as servers send it. `chat/server.py` lets no client use extensions."""
    payload = text.encode()
    length = len(payload)
    if length <= MAX_7_BITS:
        return struct.pack("!BB", WHOLE_TEXT, length) + payload
    if length <= MAX_16_BITS:
        return struct.pack("!BBH", WHOLE_TEXT, 126, length) + payload
    return struct.pack("!BBQ", WHOLE_TEXT, 127, length) + payload


class TabWebsocket(Websocket):
    """A websocket that can send with fewer steps: Quart's `send` accepts again, and lets other tasks run, each time."""

    async def send_text(self, text: str) -> None:
        """Send a frame on an accepted websocket. A caller that sends many must let other tasks run between them."""
        await self._send(text)


class FrameQueue:
    """The frames that a handler has not taken yet. An asyncio.Queue takes 3 KiB of every open tab."""

    __slots__ = ("_arrived", "_frames")

    def __init__(self) -> None:
        self._frames: list[str | bytes] = []
        self._arrived = Flag()

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: str | bytes) -> None:
        """Add a frame."""
        self._frames.append(frame)
        self._arrived.set()

    async def get(self) -> str | bytes:
        """The next frame; waits for one."""
        while not self._frames:
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.pop(0)


class BoundedWebsocketConnection(ASGIWebsocketConnection):
    """Quart queues what a tab sends without a limit: a flooding tab took 473 MB in 3 s.

    Here the connection ends when 64 frames are queued. An empty binary frame arrives as b"", not as None.
    """

    _gone = False

    def __init__(self, app: Quart, scope: Any) -> None:
        super().__init__(app, scope)
        self.queue: FrameQueue = FrameQueue()  # type: ignore[assignment]

    async def __call__(self, receive: Any, send: Any) -> None:
        """Run until the handler has ended, then drain: hypercorn hangs unless a flood's last frames are received."""
        await super().__call__(receive, send)
        if not self._accepted:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_FRAMES_SECONDS):
                while not self._gone:
                    self._gone = (await receive())["type"] == "websocket.disconnect"

    async def handle_messages(self, receive: Any) -> None:
        """Queue frames. Returning ends the handler, as a disconnect does."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                self._gone = True
                return
            if event["type"] == "websocket.receive":
                if len(self.queue) >= QUEUE_MAX_FRAMES:
                    return
                text = event.get("text")
                self.queue.put(event.get("bytes") or b"" if text is None else text)

    async def send_data(self, send: Any, data: str | bytes) -> None:
        """Send a frame, without telling Quart's signal, which nothing here listens to."""
        await send({"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data})


class TrustedProxies:
    """Trust this many X-Forwarded-* hops, counted from the right; values further left can be forged by the client.

    With hypercorn's own middleware every websocket behind a TLS proxy fails with 400.
    """

    def __init__(self, app: Any, hops: int) -> None:
        self._app = app
        self._hops = hops

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] in ("http", "websocket"):
            scope = dict(scope, **self._corrected(scope))
        await self._app(scope, receive, send)

    def _corrected(self, scope: Any) -> dict[str, Any]:
        corrected: dict[str, Any] = {}
        if address := client_address(self._forwarded(scope, b"x-forwarded-for")):
            corrected["client"] = (address, 0)
        if scheme := self._forwarded(scope, b"x-forwarded-proto"):
            secure = scheme.lower() in ("https", "wss")
            names = ("ws", "wss") if scope["type"] == "websocket" else ("http", "https")
            corrected["scheme"] = names[secure]
            corrected[PLAIN_HTTP] = not secure
        if host := self._forwarded(scope, b"x-forwarded-host"):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            # In place: an open tab's socket empties this list, and another would keep every tab's headers.
            scope["headers"][:] = [(b"host", host.encode("latin-1")), *others]
        return corrected

    def _forwarded(self, scope: Any, name: bytes) -> str:
        lines = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
        values = [part.strip() for part in ",".join(lines).split(",") if part.strip()]
        return values[-self._hops] if len(values) >= self._hops else ""


def client_address(forwarded: str) -> str:
    """The IP address that an X-Forwarded-For entry means, in one spelling; empty if it means none.

    Proxies write `192.0.2.1:4711`, `[2001:db8::1]` and `"[2001:db8::1]:4711"` too. Limits count per address, so every
    spelling must be the same address, and garbage must not be one of its own.
    """
    text = forwarded.strip().strip('"').strip()
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::\d{1,5})?", text)
    host, colon, port = text.rpartition(":")
    if bracketed:
        text = bracketed[1]
    elif colon and ":" not in host and port.isascii() and port.isdigit():
        text = host
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
