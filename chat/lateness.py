"""Time limits that count how late the event loop is: what has arrived, but was not read yet, is not missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

ON_TIME_SECONDS = 0.05  # a timer this late is on time
EXTENSIONS = 3  # otherwise a loop that is always late would wait forever


class Limit:
    """Calls `end` when the time is up, plus the time by which the loop was late in noticing that.

    A busy loop, or a process that was stopped for a while, calls its timers before it reads what other programs have
    answered meanwhile. The time is extended three times at most, each time by no more than the original.
    """

    def __init__(self, seconds: float, end: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds, self._end = seconds, end
        self._extensions = 0
        self._set(seconds)

    def cancel(self) -> None:
        """Stop the timer: the work ended in time."""
        self._timer.cancel()

    def _set(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        late = self._loop.time() - self._due
        if late <= ON_TIME_SECONDS or self._extensions == EXTENSIONS:
            self._end()
        else:
            self._extensions += 1
            self._set(min(late, self._seconds))


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Like asyncio.timeout, with the extension. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        limit = Limit(seconds, lambda: scope.reschedule(loop.time()))
        try:
            yield
        finally:
            limit.cancel()
