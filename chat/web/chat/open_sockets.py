"""The open sockets of this process, and the order in which new ones use the stores."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

from chat.events import Close, Frame

# Otherwise hundreds of tabs that reconnect at once would keep pages waiting for the few connections to the stores.
TURNS_AT_ONCE = 4
TURN_SECONDS = 8.0  # a tab waits 10 s for its welcome; the server asks it to retry later before it gives up


class Leave(Exception):
    """This socket has to close, with this code."""

    def __init__(self, code: Close) -> None:
        self.code = code
        super().__init__(code.name)


class OpenSocket(Protocol):
    """A tab's connection, as the rest of the process sees it."""

    def leave(self) -> None:
        """Say bye and close."""

    def tell(self, frame: Frame) -> None:
        """Send the current frame about models, unless the tab already has it."""


class OpenSockets:
    """The open sockets; a drain can wait until all have closed."""

    def __init__(self) -> None:
        self._owners: dict[OpenSocket, UUID | None] = {}
        self._counts: Counter[UUID] = Counter()
        self._none_left = asyncio.Event()
        self._turns = asyncio.Semaphore(TURNS_AT_ONCE)

    def __len__(self) -> int:
        return len(self._owners)

    def __iter__(self) -> Iterator[OpenSocket]:
        return iter(list(self._owners))

    def add(self, socket: OpenSocket) -> None:
        """Count a socket whose user is not known yet."""
        self._owners[socket] = None

    def assign(self, socket: OpenSocket, user_id: UUID) -> None:
        """Count the socket for its user."""
        self._owners[socket] = user_id
        self._counts[user_id] += 1

    def count_of(self, user_id: UUID) -> int:
        """The number of this user's sockets."""
        return self._counts[user_id]

    def discard(self, socket: OpenSocket) -> None:
        """The socket has closed."""
        if user_id := self._owners.pop(socket):
            self._counts[user_id] -= 1
            if not self._counts[user_id]:
                del self._counts[user_id]
        if not self._owners:
            self._none_left.set()

    @property
    def crowded(self) -> bool:
        """Whether new sockets wait for their turn: what can wait should not compete with them."""
        return self._turns.locked()

    async def all_gone(self) -> None:
        """Wait until no socket is open."""
        while self._owners:
            self._none_left.clear()
            await self._none_left.wait()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold one of the turns at the stores, first come, first served. Raises Leave if the wait is long."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Leave(Close.OVERLOAD) from None
        try:
            yield
        finally:
            self._turns.release()
