"""Clients that take nothing of what is sent to them lose their connection; those that are only slow keep it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
import struct
import termios
from typing import Any

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Closed, RawData

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
RESET = struct.pack("ii", 1, 0)  # otherwise the kernel keeps megabytes, and keeps trying to send them
MAX_LOOKS = 3  # in a row that find no progress; counted, so that a process that is late blames no client


class WatchedServer(TCPServer):
    """A connection of hypercorn's, which waits without a limit for its client to read, even after it was closed.

    A client that pipelined 16 requests for a large file and read nothing kept its connection for more than two minutes.
    """

    _written = 0
    _taken = 0
    _looks = 0
    _is_watched = False

    async def protocol_send(self, event: Any) -> None:
        """Write; if the kernel does not take everything, look from time to time whether the client takes it."""
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        transport = self.writer.transport
        async with self.send_lock:
            try:
                transport.write(event.data)
                self._written += len(event.data)
                if transport.get_write_buffer_size():
                    self._watch()
                elif not transport.is_closing():
                    return  # there is nothing to drain
                await self.writer.drain()
            except (OSError, RuntimeError):
                await self.protocol.handle(Closed())

    async def _close(self) -> None:
        with contextlib.suppress(OSError):  # hypercorn expects a reset, but not a host that has disappeared (ETIMEDOUT)
            await super()._close()

    def _watch(self) -> None:
        if self._is_watched:
            return
        self._is_watched = True
        self._taken, self._looks = self._taken_now(), 0
        self.loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """No write has a timer of its own; this one ends once the kernel has everything, or with the connection."""
        transport = self.writer.transport
        if not transport.get_write_buffer_size():
            self._is_watched = False
            return
        before, self._taken = self._taken, self._taken_now()
        self._looks = 0 if self._taken > before else self._looks + 1
        if self._looks < MAX_LOOKS:
            self.loop.call_later(LOOK_SECONDS, self._look)
            return
        logger.info("Closing a connection whose client takes nothing")
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()

    def _taken_now(self) -> int:
        """The bytes that the client's system has acknowledged: our kernel's buffer can hold minutes of a slow line."""
        transport = self.writer.transport
        return self._written - transport.get_write_buffer_size() - _unacknowledged(transport)


def _unacknowledged(transport: asyncio.WriteTransport) -> int:
    """The bytes in the kernel's buffer (SIOCOUTQ), where a kernel tells."""
    try:
        told = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int(struct.unpack("i", told)[0])
