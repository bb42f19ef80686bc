"""A flag that one task waits for. An asyncio.Event has a deque of waiters, 760 bytes in CPython while it is empty."""

from __future__ import annotations

import asyncio


class Flag:
    """Like asyncio.Event, for a single waiter."""

    __slots__ = ("_is_set", "_waiter")

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        """Whether it was set since it was last cleared."""
        return self._is_set

    def set(self) -> None:
        """Let `wait` return, now and until `clear`."""
        self._is_set = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Let the next `wait` wait."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is set. Raises RuntimeError if another task waits already."""
        if self._is_set:
            return
        if self._waiter:  # which would never continue, if it were replaced
            raise RuntimeError("Another task waits for this flag.")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
