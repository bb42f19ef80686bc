"""A TCP proxy that causes faults in front of a store, the model or a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 65536
Target = Path | tuple[str, int]


@dataclass
class ChaosProxy:
    """Forwards data as its fields currently say; `target` may change between connections."""

    target: Target
    latency_seconds: float = 0
    bytes_per_second: float = 0  # of the target's bytes; 0: unlimited
    refusing: bool = False
    cut_after: int | None = None  # bytes that the target may still say
    drop_reply_to: bytes = b""  # the reply to a request that contains these bytes is lost with its connection, once
    port: int = 0
    dropped: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)  # unset: bytes are held without notice
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ChaosProxy]:
        """Listen on a free port of this machine."""
        self._open.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.cut()

    @property
    def url(self) -> str:
        """The proxy's URL."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End every connection by a reset, as a crashed machine does."""
        for writer in list(self._writers):
            writer.transport.abort()

    def blackhole(self) -> None:
        """From now on bytes are dropped both ways and connections stay, as when a laptop's lid is closed."""
        self._open.clear()

    def heal(self) -> None:
        """Be an ordinary proxy again; bytes held in the black hole are passed on."""
        self._open.set()
        self.latency_seconds = self.bytes_per_second = 0
        self.refusing, self.cut_after, self.drop_reply_to = False, None, b""

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not self.refusing:
                await self._connect(reader, writer)
        except OSError:
            pass  # the target is down, so refuse too
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.target, Path):
            there, back = await asyncio.open_unix_connection(str(self.target))
        else:
            there, back = await asyncio.open_connection(*self.target)
        link = _Link(self)
        self._writers.add(back)
        both = [asyncio.create_task(link.requests(reader, back)), asyncio.create_task(link.replies(there, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._writers.discard(back)
            back.transport.abort()

    async def _passes(self, count: int) -> None:
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)  # the fault itself
        if self.bytes_per_second:
            await asyncio.sleep(count / self.bytes_per_second)  # the fault itself
        await self._open.wait()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: ChaosProxy) -> None:
        self._proxy = proxy
        self._doomed = False

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._proxy._passes(0)
            if self._proxy.drop_reply_to and self._proxy.drop_reply_to in data:
                self._proxy.drop_reply_to, self._doomed = b"", True
            writer.write(data)
            await writer.drain()

    async def replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024 if self._proxy.bytes_per_second else CHUNK):
            await self._proxy._passes(len(data))
            if self._doomed:
                self._proxy.dropped += 1
                return
            if self._proxy.cut_after is not None:
                data = data[: self._proxy.cut_after]
                self._proxy.cut_after -= len(data)
            writer.write(data)
            await writer.drain()
            if self._proxy.cut_after == 0:
                return
