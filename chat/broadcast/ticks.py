"""The moments at which answers publish what they have gathered: together, so that their events share a round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

BUSY = 50  # answers; more of them publish less often, so that a process sends no more events than these
LONGEST_SECONDS = 0.2
EARLY_SECONDS = 0.002  # a timer can fire this much too soon


class Ticks:
    """The ticks of one process."""

    def __init__(self) -> None:
        self._answers = 0
        self._waiting: dict[float, list[asyncio.Event]] = {}

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Count an answer while it publishes."""
        self._answers += 1
        try:
            yield
        finally:
            self._answers -= 1

    def seconds(self, least: float) -> float:
        """Between two ticks of answers that publish this often, if few are running."""
        return max(least, min(least * self._answers / BUSY, LONGEST_SECONDS))

    def set_at_next(self, event: asyncio.Event, least: float) -> None:
        """Set the event at the next tick, at most `seconds(least)` from now."""
        loop, seconds = asyncio.get_running_loop(), self.seconds(least)
        at = ((loop.time() + EARLY_SECONDS) // seconds + 1) * seconds
        if at not in self._waiting:
            self._waiting[at] = []
            loop.call_at(at, self._set_all, at)
        self._waiting[at].append(event)

    def _set_all(self, at: float) -> None:
        for event in self._waiting.pop(at):
            event.set()
