"""A load balancer in front of the workers, which routes as nginx does."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

CHUNK = 65536
FAIL_SECONDS = 10.0  # nginx's fail_timeout: a worker that failed is left out for this long
UPGRADE = re.compile(rb"^upgrade: *websocket", re.IGNORECASE | re.MULTILINE)
CONNECTION = re.compile(rb"^connection:[^\n]*\n", re.IGNORECASE | re.MULTILINE)
NO_WORKER = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class NextWorker(Exception):
    """This worker does not take the request; another one may."""


@dataclass
class Balancer:
    """Gives each request to the next of `workers` (their URLs), which may change at any time.

    Like nginx with `proxy_next_upstream error http_502 http_503`: a request that a worker refuses, drops, or answers
    with 502 or 503 goes to another one, unless it may have changed something; and that worker is left out for a while.
    """

    workers: list[str]
    port: int = 0
    failed_handshakes: int = 0  # that no worker took
    moved: int = 0  # requests that a worker did not take
    _turn: int = 0
    _failed_until: dict[str, float] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The site's only address."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Balancer]:
        """Listen on a free port of this machine."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            try:
                await self._route(head, reader, writer)
            except NextWorker:
                self.failed_handshakes += bool(UPGRADE.search(head))
                writer.write(NO_WORKER)
                await writer.drain()
        writer.close()

    async def _route(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_handshake = bool(UPGRADE.search(head))
        if not is_handshake:  # one request a connection: the next one has its own turn
            head = CONNECTION.sub(b"", head)[:-2] + b"Connection: close\r\n\r\n"
        workers = self._in_turn()
        for worker in workers:
            try:
                await self._pass_on(worker, head, reader, writer, is_last=worker == workers[-1])
            except NextWorker:
                self._failed_until[worker] = time.monotonic() + FAIL_SECONDS
                self.moved += 1
            else:
                return
        raise NextWorker

    def _in_turn(self) -> list[str]:
        """Every worker once, those that have not failed lately first."""
        self._turn += 1
        now, turn = time.monotonic(), self._turn % max(1, len(self.workers))
        around = [*self.workers[turn:], *self.workers[:turn]]
        return sorted(around, key=lambda worker: self._failed_until.get(worker, 0) > now)

    async def _pass_on(
        self, worker: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_last: bool
    ) -> None:
        target = httpx.URL(worker)
        try:
            there, back = await asyncio.open_connection(target.host, target.port)
        except OSError:
            raise NextWorker from None
        is_harmless = head.startswith((b"GET ", b"HEAD "))
        back.write(head)
        requests = asyncio.create_task(_copy(reader, back))
        try:
            answer = await _head(there, is_harmless=is_harmless)
            if is_harmless and not is_last and answer.split(b" ")[1] in (b"502", b"503"):
                raise NextWorker
            writer.write(answer)
            replies = asyncio.create_task(_copy(there, writer))
            await asyncio.wait({requests, replies}, return_when=asyncio.FIRST_COMPLETED)
            if requests.done() and not replies.done() and b" 101 " not in answer[:16]:
                await replies
            replies.cancel()
        finally:
            requests.cancel()
            back.close()


async def _head(there: asyncio.StreamReader, *, is_harmless: bool) -> bytes:
    try:
        return await there.readuntil(b"\r\n\r\n")
    except (OSError, asyncio.IncompleteReadError):
        if is_harmless:
            raise NextWorker from None
        raise


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
