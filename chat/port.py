"""A port that several processes share evenly, and that a process can leave."""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import socket
import sys
from typing import Any

import uvloop

TOLD_SECONDS = 0.2  # for the parent to call `end`, if the host signaled all processes at once


class ListeningLoop(uvloop.Loop):
    """An event loop that can stop accepting connections before it ends."""

    def __init__(self) -> None:
        super().__init__()
        self._servers: list[asyncio.AbstractServer] = []

    async def create_server(self, *args: Any, **options: Any) -> Any:
        """Create a server, and remember it."""
        server = await super().create_server(*args, **options)
        self._servers.append(server)
        return server

    def stop_listening(self) -> None:
        """Close all servers; open connections stay."""
        for server in self._servers:
            server.close()


class Port:
    """The listening sockets of a server: on Linux one for each process, among which the kernel spreads connections.

    Processes that accept from the same socket share it unevenly. The parent keeps every socket, so that connections to
    a process that was killed wait for the one that replaces it.
    """

    def __init__(self, first: socket.socket, processes: int) -> None:
        """`first` was bound without SO_REUSEPORT, with which it could have joined another server's port unnoticed."""
        self._own_sockets = sys.platform == "linux"
        self._sockets = [first] * processes
        self._all_end = mmap.mmap(-1, 1)  # shared with the processes
        if self._own_sockets:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._sockets = [first, *(_beside(first) for _ in range(processes - 1))]

    def socket(self, process: int) -> socket.socket:
        """The socket of the process with this index."""
        return self._sockets[process]

    def keep_only(self, process: int) -> None:
        """In a forked process: close the others' sockets, which would keep listening after those end."""
        for sock in self._sockets:
            if sock is not self._sockets[process]:
                sock.close()

    def end(self) -> None:
        """In the parent: the server is stopping, so a process that ends is not replaced."""
        self._all_end[0] = 1

    def close(self, process: int) -> None:
        """In the parent, after `end`: this process has ended, so its connections go to the others."""
        if self._own_sockets:
            with contextlib.suppress(OSError):  # it never listened
                self._sockets[process].shutdown(socket.SHUT_RD)  # `close` does not end what other processes hold
            self._sockets[process].close()

    async def leave(self, process: int, loop: ListeningLoop) -> None:
        """In a process that drains: if it is the only one, the others get its new connections."""
        await asyncio.sleep(TOLD_SECONDS)
        if self._all_end[0]:
            return
        loop.stop_listening()
        if self._own_sockets:
            with contextlib.suppress(OSError):  # it does not listen yet
                self._sockets[process].shutdown(socket.SHUT_RD)  # until its successor listens again


def _beside(first: socket.socket) -> socket.socket:
    another = socket.socket(first.family, first.type)
    another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    another.bind(first.getsockname())
    return another
