"""Compares each socket with its thread's log and row, to find lost events and outages of Redis and PostgreSQL.

One loop per worker for all of its sockets: one round trip to Redis and one query.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from chat.broadcast import Broadcast, LogPosition, Unavailable
from chat.database import DatabaseUnavailable
from chat.services.replies.snapshot import ThreadState, thread_states

logger = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
QUIET_SECONDS = 30.0  # between two checks of the log of a thread without a running answer
DOUBT_SECONDS = 2.0  # before a tab that seems to have missed a change is checked again
OUTAGE_SECONDS = 2.0  # between two checks while Redis or PostgreSQL is unavailable
AGAIN_SECONDS = 0.3  # one failure is not an outage: a restarted Redis fails each old connection once


class WatchedFeed(Protocol):
    """A feed, as the reconciler sees it."""

    thread_id: UUID
    position: LogPosition  # in the log, of the last event sent
    rev: int  # the last change that was sent
    behind: bool  # catching up failed

    def catch_up(self) -> None:
        """Events may be missing: read the log."""

    def request_snapshot(self) -> None:
        """Events are missing that the log does not have."""

    def tell_live(self, *, on: bool) -> None:
        """Redis or PostgreSQL became unavailable, or both are back."""


@dataclass(slots=True)
class _Doubt:
    """A mismatch at the last check. An event may have been under way, so only a second one counts."""

    position: LogPosition | None = None
    rev: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of a check; None for a store that did not answer."""

    rows: dict[UUID, ThreadState] | None
    logs: dict[UUID, LogPosition] | None

    @property
    def live(self) -> bool:
        return self.rows is not None and self.logs is not None


class Reconciler:
    """The safety net: finds events that a tab has missed, and feeds tabs from rows while Redis is unavailable.

    `positions` and `revs` turn one comparison off; tests use that to prove that each is needed.
    """

    def __init__(self, broadcast: Broadcast, *, positions: bool = True, revs: bool = True) -> None:
        self.live = True
        self.positions, self.revs = positions, revs
        self._broadcast = broadcast
        self._feeds: dict[WatchedFeed, _Doubt] = {}
        self._running: set[UUID] = set()
        self._all_due_at = 0.0
        self._hurried = asyncio.Event()

    @contextmanager
    def watching(self, feed: WatchedFeed) -> Iterator[None]:
        """Check this feed while the block runs."""
        self._feeds[feed] = _Doubt()
        if not self.live:
            feed.tell_live(on=False)
        try:
            yield
        finally:
            del self._feeds[feed]

    def hurry(self) -> None:
        """A feed could not read a store: check now, unless the outage is known already."""
        if self.live:
            self._hurried.set()

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._hurried.wait()
                await asyncio.sleep(AGAIN_SECONDS)
            self._hurried.clear()
            if self._feeds:
                await self._check()
            else:
                self.live = True  # no feed needs to know

    def _pause(self) -> float:
        if not self.live:
            return OUTAGE_SECONDS
        # Not for positions: there are always some behind while answers are written.
        return DOUBT_SECONDS if any(doubt.rev is not None for doubt in self._feeds.values()) else CHECK_SECONDS

    async def _check(self) -> None:
        found = await self._ask()
        if self.live and not found.live:
            await asyncio.sleep(AGAIN_SECONDS)
            found = await self._ask()
        if found.live != self.live:
            self._tell_live(found)
        if found.rows is not None:
            self._running = {thread_id for thread_id, state in found.rows.items() if state.running}
        for feed, doubt in list(self._feeds.items()):
            if found.rows is not None:
                self._compare_rev(feed, doubt, found.rows.get(feed.thread_id), without_redis=found.logs is None)
            if found.logs is not None:
                self._compare_position(feed, doubt, found.logs.get(feed.thread_id))
            if found.live and feed.behind:
                feed.catch_up()

    async def _ask(self) -> _Found:
        return _Found(*await asyncio.gather(self._rows(), self._logs()))

    async def _rows(self) -> dict[UUID, ThreadState] | None:
        try:
            return await thread_states(list({feed.thread_id for feed in self._feeds}))
        except DatabaseUnavailable:
            return None
        except Exception:  # the next check comes soon; without this loop the worker would end
            logger.exception("Could not read the rows of the open threads")
            return None

    async def _logs(self) -> dict[UUID, LogPosition] | None:
        now = asyncio.get_running_loop().time()
        due = {feed.thread_id for feed, doubt in self._feeds.items() if doubt.position} | self._running
        if now >= self._all_due_at:
            due = {feed.thread_id for feed in self._feeds}
            self._all_due_at = now + QUIET_SECONDS
        try:
            return await self._broadcast.log.ends(list(due) if self.positions else [])
        except Unavailable:
            self._all_due_at = now
            return None

    def _tell_live(self, found: _Found) -> None:
        self.live = found.live
        if self.live:
            logger.warning("Redis and PostgreSQL are back: tabs are live again")
        else:
            down = [name for name, part in (("PostgreSQL", found.rows), ("Redis", found.logs)) if part is None]
            logger.warning("Unavailable: %s. Tabs are not live", " and ".join(down))
        for feed in list(self._feeds):
            feed.tell_live(on=self.live)
            if self.live and feed.thread_id in self._running:
                feed.request_snapshot()  # events that could not be logged were dropped
            elif self.live:
                feed.catch_up()

    def _compare_rev(self, feed: WatchedFeed, doubt: _Doubt, state: ThreadState | None, *, without_redis: bool) -> None:
        """Without Redis no event is in flight, and a running answer's row gets its text once a second.

        A feed that is ahead of its row shows what a restored backup no longer has.
        """
        behind = state is None or state.rev != feed.rev
        if without_redis:
            if behind or (state and state.running):
                feed.request_snapshot()
        elif not (behind and self.revs):
            doubt.rev = None
        elif doubt.rev == feed.rev:
            doubt.rev = None
            feed.request_snapshot()  # closes the socket if the thread was deleted
        else:
            doubt.rev = feed.rev

    def _compare_position(self, feed: WatchedFeed, doubt: _Doubt, end: LogPosition | None) -> None:
        """A missing log means nothing: the next event begins another epoch."""
        if end is None or end == feed.position:
            doubt.position = None
        elif doubt.position == feed.position:
            doubt.position = None
            feed.catch_up()
        else:
            doubt.position = feed.position
