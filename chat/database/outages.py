"""Which errors of PostgreSQL are temporary, and one log line every few seconds about them."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

Stored = TypeVar("Stored")

# The first two characters of a SQLSTATE. All say that the server could not do it now, and nothing about the statement.
OUTAGE_CLASSES = {
    "08": "connection exception",
    "40": "transaction rollback: a deadlock, or a conflict on a replica",
    "53": "insufficient resources: the disk or memory is full, too many connections",
    "57": "operator intervention: starting, stopping or crashing, or a statement took too long",
    "58": "system error: an I/O error, a file that is missing",
    "XX": "internal error: a damaged page, an exceeded disk quota",
}
OUTAGE_STATES = {
    "25006": "read-only: the server became a replica, or was made so because its disk is full",
    "25P03": "our transaction was idle for too long, as after a stalled process",
    "25P04": "our transaction took too long",
    "42501": "insufficient privilege: also reported when a file system became read-only",
    "55000": "an object is not in the required state, as during recovery",
    "55006": "an object is in use",
    "55P03": "a lock is not available",
    "72000": "the snapshot is too old",
}
ENDS_CONNECTION = {"FATAL", "PANIC"}
TELL_SECONDS = 5.0
# How long a process keeps what it could not store. The memory is bounded: it writes a limited number of answers at
# once, each of a limited length. A full disk often accepts heartbeats, which fit into existing pages, but no answer.
KEEP_SECONDS = 3600.0
KEPT_TELL_SECONDS = 60.0
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 3.0

logger = logging.getLogger(__name__)


class DatabaseUnavailable(ConnectionError):
    """PostgreSQL does not answer or accepts no writes. A COMMIT that was sent may have taken effect."""


class DatabaseLocked(DatabaseUnavailable):
    """A statement waited too long for a lock that another session has."""


def is_outage(error: OSError | asyncpg.PostgresError) -> bool:
    """Whether the same statement may succeed later. SQLSTATEs that asyncpg does not know count, too."""
    if isinstance(error, OSError):
        return True
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        return True  # a migration has changed the table; the next attempt prepares the statement again
    state = error.sqlstate or ""
    return state[:2] in OUTAGE_CLASSES or state in OUTAGE_STATES or error.severity_en in ENDS_CONNECTION


def unavailable(error: Exception) -> DatabaseUnavailable:
    """The outage that this error means, with its reason on one line."""
    kind = DatabaseLocked if isinstance(error, asyncpg.LockNotAvailableError) else DatabaseUnavailable
    return kind(str(error).partition("\n")[0] or type(error).__name__)


async def retried(store: Callable[[], Awaitable[Stored]], *, seconds: float = KEEP_SECONDS) -> Stored:
    """The result of `store`, repeated while PostgreSQL is unavailable: after a lost reply to COMMIT it runs twice."""
    began, pause, told = time.monotonic(), PAUSE_SECONDS, 0.0
    while True:
        try:
            return await store()
        except DatabaseUnavailable as error:
            waited = time.monotonic() - began
            if waited > seconds:
                raise
            if waited > told + KEPT_TELL_SECONDS:
                logger.warning("Something is kept until it can be stored, for %.0f s so far: %s", waited, error)
                told = waited
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


@dataclass(slots=True)
class OutageLog:
    """Logs the first failure at once and then one line every TELL_SECONDS, however many requests and replies fail."""

    logger: logging.Logger
    _silent_until: float = 0.0
    _untold: int = 0
    _failed_at: float = -math.inf

    @property
    def seconds_ago(self) -> float:
        """How long ago something failed last; infinite if nothing did."""
        return time.monotonic() - self._failed_at

    def tell(self, what: str, error: DatabaseUnavailable) -> None:
        """`what` failed."""
        now = self._failed_at = time.monotonic()
        if now < self._silent_until:
            self._untold += 1
            return
        more = f" ({self._untold} more since the last line)" if self._untold else ""
        self.logger.warning("PostgreSQL is unavailable: %s, %s%s", what, error, more)
        self._silent_until, self._untold = now + TELL_SECONDS, 0
