"""Everything a thread's tab is sent: a replay or a snapshot, then every event without a hole."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from chat.broadcast import (
    GAP,
    Event,
    LogPosition,
    LogSlice,
    Subscription,
    Unavailable,
    rev_of,
    thread_channel,
)
from chat.database import DatabaseUnavailable
from chat.events import (
    Close,
    Hello,
    Live,
    with_cursor,
)
from chat.metrics import RESYNCS
from chat.models import AuthSession
from chat.services.deps import Deps
from chat.services.replies.snapshot import view_thread
from chat.web.chat.open_sockets import Leave, OpenSockets
from chat.web.chat.reconciler import Reconciler
from chat.web.chat.user_feed import UserFeed

REPLAY_MAX_CHARACTERS = 512 * 1024
SNAPSHOTS, SNAPSHOTS_SECONDS = 3, 10.0
PATH_CHANGED = '"type":"path.changed"'


class Feed(UserFeed):
    """Owns the outgoing side of a thread's socket."""

    thread_id: UUID

    def __init__(
        self,
        thread_id: UUID,
        session: AuthSession,
        subscription: Subscription,
        *,
        rev: int,
        deps: Deps,
        reconciler: Reconciler,
        sockets: OpenSockets,
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        super().__init__(session, subscription, reconciler=reconciler, sockets=sockets, send=send)
        self.thread_id = thread_id
        self._channel = thread_channel(thread_id)
        self.position = LogPosition()
        self.rev = 0
        self.behind = False
        self._stored_rev = rev
        self._broadcast, self._metrics = deps.broadcast, deps.metrics
        self._tools = deps.tools
        self._settled = False  # a live event has continued `position`; until then, older ones are leftovers
        self._snapshots: list[float] = []  # when the last ones were sent

    async def start(self, hello: Hello) -> None:
        """Welcome the tab and bring it up to date. The subscription must be ready.

        If a replay would not reach the rev that was read from the thread's row, the tab gets a snapshot, and also if
        it knows a later one: it shows what a restored backup no longer has.
        """
        self._list_soon()
        rev, position = self._stored_rev, LogPosition.parse(hello.cursor)
        log = None
        if position and hello.want != "snapshot" and hello.rev <= rev:
            with contextlib.suppress(Unavailable):
                log = await self._replayable(position)
        told = _continued(hello.rev, (rev_of(payload) for _, payload in log.entries)) if log else -1
        if log and told >= rev:
            await self._welcome("replay", str(position), rev)
            self.rev = hello.rev
            await self._replay(log)
        else:
            await self._send_snapshot(welcome=True)

    async def run(self) -> None:
        """Send events until the socket has to close. Raises Leave."""
        with self._reconciler.watching(self):
            await super().run()

    def catch_up(self) -> None:
        """Events may be missing: read the log."""
        self._subscription.put(GAP)

    def request_snapshot(self) -> None:
        """Events are missing: send the tab a snapshot."""
        self._metrics.count(RESYNCS)
        self.position = LogPosition()
        self._subscription.put(GAP)

    def tell_live(self, *, on: bool) -> None:
        """Redis or PostgreSQL became unavailable, or both are back."""
        self._subscription.put(Live(on))

    async def _on_event(self, event: Event) -> None:
        if event.channel != self._channel:
            await super()._on_event(event)
        elif event.position.epoch == self.position.epoch and event.position.offset == self.position.offset + 1:
            await self._send(event.frame)
            self._asks_rightly(event.frame, event.rev)
            self.position, self._settled = event.position, True
            if event.rev:
                self.rev = _continued(self.rev, (event.rev,))
        elif (
            self._settled or event.position.epoch != self.position.epoch or event.position.offset > self.position.offset
        ):
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Events may be missing: replay the log, or send a snapshot. If neither can be read, try later."""
        self.behind = False
        try:
            log = await self._replayable(self.position) if self.position.epoch else None
            if log:
                await self._replay(log)
            else:
                self._count_snapshot()
                await self._send_snapshot()
        except (Unavailable, DatabaseUnavailable):
            self._catch_up_later()

    def _catch_up_later(self) -> None:
        self.behind = True
        self._reconciler.hurry()

    def _count_snapshot(self) -> None:
        """A tab that keeps needing snapshots is better off with a new socket. During an outage all tabs need them."""
        if not self._live:
            return
        now = self._loop.time()
        if len(self._snapshots) == SNAPSHOTS and now - self._snapshots[0] < SNAPSHOTS_SECONDS:
            raise Leave(Close.RESYNC_FAILED)
        self._snapshots = [*self._snapshots, now][-SNAPSHOTS:]

    def _asks_rightly(self, payload: str, rev: int) -> None:
        """After a switch of versions, a tab asks for a snapshot without having missed anything."""
        if rev and PATH_CHANGED in payload:
            self._snapshots.clear()

    async def _replayable(self, position: LogPosition) -> LogSlice | None:
        """The log after a position, if it has no hole and is not too long. Raises Unavailable."""
        log = await self._broadcast.log.read(self.thread_id, after=position.offset)
        size = sum(len(payload) for _, payload in log.entries)
        return log if log.continues(position) and size <= REPLAY_MAX_CHARACTERS else None

    async def _replay(self, log: LogSlice) -> None:
        for offset, payload in log.entries:
            await asyncio.sleep(0)  # a thousand events are sent in 30 ms: let other tabs have theirs
            await self._send(with_cursor(payload, LogPosition(log.end.epoch, offset)))
            self._asks_rightly(payload, rev_of(payload))
        self._continue_from(log.end)
        self.rev = _continued(self.rev, (rev_of(payload) for _, payload in log.entries))

    async def _send_snapshot(self, *, welcome: bool = False) -> None:
        view = await view_thread(self.thread_id, broadcast=self._broadcast, tools=self._tools)
        if view is None:
            raise Leave(Close.DELETED)
        if welcome:
            await self._welcome("snapshot", str(view.position), view.rev)
        for part in view.snapshots():
            await asyncio.sleep(0)
            await self._send(part)
        self._continue_from(view.position)
        self.rev = view.rev
        if not view.position.epoch:  # the view is from rows only: Redis was unavailable
            self._catch_up_later()

    def _continue_from(self, position: LogPosition) -> None:
        self.position, self._settled = position, False


def _continued(rev: int, told: Iterable[int]) -> int:
    """The last change before the first gap: one that arrives early does not count until the changes before it have."""
    for change in sorted(told):
        if change == rev + 1:
            rev = change
    return rev
