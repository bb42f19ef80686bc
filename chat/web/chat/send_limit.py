"""A time limit for sends to one tab, by one timer for many of them: one for each costs as much as sending."""

from __future__ import annotations

import asyncio
from types import TracebackType


class SendLimit:
    """`with limit:` raises TimeoutError if its block takes longer than these seconds. Blocks come one after another."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._sender: asyncio.Task[object] | None = None  # in the block
        self._cancelled_before = 0
        self._began = 0.0
        self._exceeded = False
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """There will be no other block."""
        if self._timer:
            self._timer.cancel()

    def __enter__(self) -> None:
        self._sender = sender = asyncio.current_task()
        self._cancelled_before = sender.cancelling() if sender else 0
        self._began = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._began + self._seconds, self._check)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sender, self._sender = self._sender, None
        if not self._exceeded or sender is None:
            return
        self._exceeded = False
        if sender.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _check(self) -> None:
        self._timer = None
        if self._sender is None:
            return
        if self._loop.time() < self._began + self._seconds:
            self._timer = self._loop.call_at(self._began + self._seconds, self._check)
        else:
            self._exceeded = True
            self._sender.cancel()
