"""How many answers one process writes at once; beyond that, messages wait in their tabs until there is room."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from chat.services.errors import Refused

OVERLOADED = "The site is busy. Your message will be sent in a moment."
# For anything but a message: a form is not sent again by itself, and a tab has its own words.
TRY_AGAIN = "The site is busy. Try again in a moment."
RETRY_MS = 2_000
LONGEST_RETRY_MS = 7_000  # with the jitter 14 s: after 15 s of silence a tab asks for everything again
CROWD_SECONDS = 10.0  # refusals this recent count as tabs that will come back
CROWD = 200  # refusals for each step that makes all tabs wait longer: a refusal costs some milliseconds too


class Capacity:
    """The places for answers that are being stored, starting or running."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._reserved = 0  # for lost answers, which go before new messages
        self._refused_at: deque[float] = deque(maxlen=CROWD * 4)

    @property
    def free(self) -> int:
        """Places for answers that are stored already."""
        return max(0, self.most - self.taken)

    @property
    def is_full(self) -> bool:
        """Whether a new message has to wait."""
        return self.free <= self._reserved

    def reserve(self, count: int) -> None:
        """Keep this number of places for lost answers that found no room; the last call counts."""
        self._reserved = count

    @contextmanager
    def room(self, sentence: str = OVERLOADED) -> Iterator[None]:
        """Take a place for a new message during the block. Raises Refused."""
        if self.is_full:
            raise Refused("overloaded", sentence, retry_ms=self._retry_ms())
        self.take()
        try:
            yield
        finally:
            self.leave()

    def take(self) -> None:
        """Take a place until `leave`."""
        self.taken += 1

    def leave(self) -> None:
        """Free a place: an answer has ended, or was not stored."""
        self.taken -= 1

    def _retry_ms(self) -> int:
        """Count a refusal, and return how long its tab should wait: longer when more tabs wait."""
        now = time.monotonic()
        self._refused_at.append(now)
        while self._refused_at[0] < now - CROWD_SECONDS:
            self._refused_at.popleft()
        return min(RETRY_MS * (1 + len(self._refused_at) // CROWD), LONGEST_RETRY_MS)
