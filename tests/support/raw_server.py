"""A TCP server whose answers are written byte by byte, for what no HTTP server would send."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
EVENT_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = EVENT_STREAM + b"transfer-encoding: chunked\r\nkeep-alive: timeout=5, max=100\r\n\r\n"


@dataclass
class RawServer:
    """`requests` are the heads of all requests; `connections` counts them."""

    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)


@asynccontextmanager
async def serving(
    *answers: Answer, keep: bool = False, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Request n gets answer n, later ones the last. Unless `keep`, an answer ends its connection."""
    server = RawServer()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        running.add(asyncio.current_task())  # type: ignore[arg-type]
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                server.requests.append(head)
                server.bodies.append(json.loads(body) if body else None)
                await answers[min(len(server.requests), len(answers)) - 1](writer)
                await writer.drain()
                if not keep or writer.is_closing():
                    break
        writer.close()

    async with await asyncio.start_server(serve, host, 0, limit=2**24, ssl=tls) as listening:
        shown = f"[{host}]" if ":" in host else host
        server.url = f"http{'s' if tls else ''}://{shown}:{listening.sockets[0].getsockname()[1]}/v1"
        try:
            yield server
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def writes(*pieces: bytes) -> Answer:
    """Writes these bytes."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return answer


def responds(body: object, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """A response with this body: bytes, or a JSON value."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n{more}\r\n"
    return writes(head.encode() + content)


def events_of_text(text: str) -> bytes:
    """The events of a short answer."""
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]
    response = {"id": f"resp_{text}", "model": "m", "status": "completed", "output": output, "usage": None}
    events = [
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
        {"type": "response.output_text.delta", "delta": text},
        {"type": "response.completed", "response": response},
    ]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def chunked(body: bytes) -> bytes:
    """The whole of a chunked response."""
    return CHUNKED + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
