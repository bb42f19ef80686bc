"""Connections to a provider, straight on the event loop's transports.

The HTTP client's own backend sets a timer for each read, in two more layers: a third of the CPU of a streamed delta.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

from chat.llm.provider import dialing

MAX_HEAD_BYTES = 100 * 1024  # h11 refuses a longer one
MAX_WAITING_BYTES = 256 * 1024  # received and not read: the server has to wait then
BLANK_LINE = re.compile(rb"\n\r?\n")
INTERIM = re.compile(rb"\s*HTTP/1\.\d 1\d\d")  # another head follows


class Backend(httpcore2.AsyncNetworkBackend):
    """Makes a connection pool of httpcore use the connections below, also through proxies."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Connection:
        """A connection. Raises ConnectError, ConnectTimeout."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                connected = await dialing.connected(host, port)
                _, connection = await loop.create_connection(Connection, sock=connected)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        return connection

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Connection(httpcore2.AsyncNetworkStream, asyncio.Protocol):
    """One connection. Its owner reads the head of an answer here, and may read the body by `receive` instead.

    For that, a read of a head never takes bytes behind its blank line.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = asyncio.Transport()
        self._received = bytearray()
        self._in_head = False  # a request was written, and its answer's head was not read
        self._paused = False
        self._arrived: asyncio.Future[None] | None = None  # someone waits for bytes, or for the end
        self._writable: asyncio.Future[None] | None = None
        self._ended = False
        self._error: Exception | None = None  # the reason, unless the server closed it in order
        self._silent_at = 0.0  # when a read has waited too long
        self._timer: asyncio.Handle | None = None  # one for many reads
        self._timer_at = 0.0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the interface has it
        """Some bytes; empty at the end. Raises ReadError, ReadTimeout."""
        if not self._in_head:
            return await self.receive(timeout, max_bytes)
        searched = 0
        while not (blank := BLANK_LINE.search(self._received, searched)):
            if self._ended or len(self._received) > MAX_HEAD_BYTES:
                return await self.receive(timeout, max_bytes)
            searched = max(len(self._received) - 2, 0)
            await self._arrival(timeout)
        head = self._take(blank.end())
        self._in_head = INTERIM.match(head) is not None
        return head

    async def receive(self, timeout: float | None, max_bytes: int = MAX_WAITING_BYTES) -> bytes:  # noqa: ASYNC109
        """The bytes that came next, wherever they begin; empty at the end. Raises ReadError, ReadTimeout."""
        self._in_head = False
        while not self._received:
            if self._ended:
                return self._end()
            await self._arrival(timeout)
        return self._take(max_bytes)

    def unread(self, data: bytes) -> None:
        """Let these bytes be read next."""
        self._received[:0] = data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the interface has it
        """Send. Raises WriteError, WriteTimeout."""
        if not buffer:
            return
        self._in_head = True
        if self._ended:
            raise httpcore2.WriteError(str(self._error or ""))
        self._transport.write(buffer)
        try:
            async with asyncio.timeout(timeout):
                while self._writable:
                    await asyncio.shield(self._writable)
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        if self._ended and self._error:
            raise httpcore2.WriteError(str(self._error))

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface has it
    ) -> Connection:
        """Encrypt from now on. Raises ConnectError, ConnectTimeout."""
        try:
            async with asyncio.timeout(timeout):
                self._transport = await self._encrypted(ssl_context, server_hostname)
        except TimeoutError as error:
            self.hang_up()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:  # ssl.SSLError is one
            self.hang_up()
            raise httpcore2.ConnectError(str(error)) from error
        except BaseException:
            self.hang_up()
            raise
        return self

    async def _encrypted(self, ssl_context: ssl.SSLContext, server_hostname: str | None) -> asyncio.Transport:
        encrypted = None
        if not (self._received or self._ended):  # bytes before the handshake would count as encrypted ones
            encrypted = await self._loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        if encrypted is None:  # it was closed meanwhile
            raise ConnectionError("the connection was not ready for TLS")
        return encrypted

    async def aclose(self) -> None:
        """Close it at once."""
        self.hang_up()

    def hang_up(self) -> None:
        """Close it at once; a waiting reader gets an error."""
        if not self._transport.is_closing():
            self._transport.close()  # with TLS, this sends close_notify
        self._transport.abort()
        self.connection_lost(self._error or ConnectionAbortedError("the connection was closed here"))

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks for."""
        if info == "is_readable":  # of an idle connection: the server has closed it, or sent something unasked
            return bool(self._received) or self._ended or self._is_readable()
        return self._transport.get_extra_info({"client_addr": "sockname", "server_addr": "peername"}.get(info, info))

    # What the event loop calls:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._received += data
        if len(self._received) > MAX_WAITING_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._arrived)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        if not self._ended:
            self._ended, self._error = True, exc
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.resume_writing()
        _wake(self._arrived)

    def pause_writing(self) -> None:
        """The server reads more slowly than we write."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        _wake(self._writable)
        self._writable = None

    async def _arrival(self, seconds: float | None) -> None:
        """Wait for bytes or the end."""
        self._arrived = self._loop.create_future()
        if seconds is not None:
            self._silent_at = self._loop.time() + seconds
            if self._timer is None or self._timer_at > self._silent_at:
                self._set_timer()
        try:
            await self._arrived
        finally:
            self._arrived = None

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(self._silent_at, self._on_timer), self._silent_at

    def _on_timer(self) -> None:
        self._timer = None
        if not self._arrived or self._arrived.done():
            return
        if self._loop.time() < self._silent_at:
            self._set_timer()
        else:
            self._arrived.set_exception(httpcore2.ReadTimeout())

    def _take(self, most: int) -> bytes:
        taken = bytes(self._received[:most])
        del self._received[:most]
        if self._paused and not self._received:
            self._paused = False
            if not self._ended:
                self._transport.resume_reading()
        return taken

    def _end(self) -> bytes:
        if self._error:
            raise httpcore2.ReadError(str(self._error)) from self._error
        return b""

    def _is_readable(self) -> bool:
        """The event loop may not know yet."""
        number = self._transport.get_extra_info("socket").fileno()
        if number < 0:
            return True
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return bool(poll.poll(0))


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting and not waiting.done():
        waiting.set_result(None)
