"""Everything one tab is sent: a replay or a snapshot, then every event without a hole, and pings."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from chat.broadcast import (
    GAP,
    Broadcast,
    Event,
    Gap,
    LogPosition,
    LogSlice,
    Subscription,
    Unavailable,
    rev_of,
    thread_channel,
)
from chat.database import DatabaseUnavailable
from chat.events import (
    AccountDeleted,
    Bye,
    Close,
    Frame,
    Hello,
    Live,
    Ping,
    SessionEnded,
    ThreadDeleted,
    Welcome,
    decode_between_workers,
    encode,
    with_cursor,
)
from chat.llm.tools import Registry
from chat.services.accounts.sessions import session_lives
from chat.services.replies.snapshot import view_thread
from chat.web.chat.open_sockets import Leave
from chat.web.chat.reconciler import Reconciler

PING_SECONDS = 25.0  # keeps a PaaS router's idle window of 55 s open
PONG_SECONDS = 10.0
SEND_SECONDS = 10.0  # a tab that reads nothing for this long is disconnected
SESSION_SECONDS = 60.0  # Redis may have been unavailable when the session ended
REPLAY_MAX_CHARACTERS = 512 * 1024
SNAPSHOTS, SNAPSHOTS_SECONDS = 3, 10.0


class Feed:
    """Owns the outgoing side of one socket."""

    def __init__(
        self,
        thread_id: UUID,
        session_id: UUID,
        subscription: Subscription,
        *,
        broadcast: Broadcast,
        tools: Registry,
        reconciler: Reconciler,
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        self.thread_id = thread_id
        self.position = LogPosition()
        self.rev = 0
        self.behind = False
        self._session_id = session_id
        self._subscription = subscription
        self._broadcast = broadcast
        self._tools = tools
        self._reconciler = reconciler
        self._send_text = send
        self._settled = False  # a live event has continued `position`; until then, older ones are leftovers
        self._live = True  # the last `live` sent to the tab
        self._snapshots: deque[float] = deque(maxlen=SNAPSHOTS)
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, float] = {
            "ping": self._loop.time() + PING_SECONDS * (0.5 + secrets.randbelow(500) / 1000),
            "session": self._loop.time() + SESSION_SECONDS,
        }
        self._pings = 0

    async def start(self, hello: Hello, *, rev: int) -> None:
        """Welcome the tab and bring it up to date. The subscription must be ready.

        `rev` was read from the thread's row; if a replay would not reach it, the tab gets a snapshot.
        """
        position = LogPosition.parse(hello.cursor)
        log = None
        if position and hello.want != "snapshot":
            with contextlib.suppress(Unavailable):
                log = await self._replayable(position)
        known = min(hello.rev, rev)  # a tab may claim any number
        told = _continued(known, (rev_of(payload) for _, payload in log.entries)) if log else -1
        if log and told >= rev:
            await self._send(Welcome("replay", str(position), rev, round(PING_SECONDS * 1000)))
            self.rev = known
            await self._replay(log)
        else:
            await self._send_snapshot(welcome=True)

    async def run(self) -> None:
        """Send events until the socket has to close. Raises Leave."""
        with self._reconciler.watching(self):
            while True:
                try:
                    async with asyncio.timeout_at(min(self._timers.values())):
                        item = await self._subscription.get()
                except TimeoutError:
                    await self._on_timers()
                    continue
                match item:
                    case Event() if item.channel == thread_channel(self.thread_id):
                        await self._on_event(item)
                    case Event():
                        await self._on_user_event(item)
                    case Gap():
                        await self._catch_up()
                    case Live():
                        await self._set_live(on=item.on)
                    case Frame():
                        await self._send(item)
                        if isinstance(item, Bye):
                            raise Leave(Close.RESTART)

    def pong(self) -> None:
        """The tab has answered the ping."""
        self._timers.pop("pong", None)

    def catch_up(self) -> None:
        """Events may be missing: read the log."""
        self._subscription.put(GAP)

    def request_snapshot(self) -> None:
        """Events are missing: send the tab a snapshot."""
        self.position = LogPosition()
        self._subscription.put(GAP)

    def tell_live(self, *, on: bool) -> None:
        """Redis or PostgreSQL became unavailable, or both are back."""
        self._subscription.put(Live(on))

    async def _on_event(self, event: Event) -> None:
        if event.position.epoch == self.position.epoch and event.position.offset == self.position.offset + 1:
            await self._send(event.frame)
            self.position, self._settled = event.position, True
            self.rev = _continued(self.rev, (event.rev,))
        elif (
            self._settled or event.position.epoch != self.position.epoch or event.position.offset > self.position.offset
        ):
            await self._catch_up()

    async def _on_user_event(self, event: Event) -> None:
        match message := decode_between_workers(event.frame):
            case None:  # of a newer release, or of another program on this Redis
                return
            case SessionEnded(session_id=self._session_id):
                raise Leave(Close.SESSION_ENDED)
            case SessionEnded():
                return
            case AccountDeleted():
                raise Leave(Close.DELETED)
        await self._send(event.frame)
        if message == ThreadDeleted(self.thread_id):
            raise Leave(Close.DELETED)

    async def _on_timers(self) -> None:
        now = self._loop.time()
        due = [name for name, at in self._timers.items() if at <= now]
        if "pong" in due:
            raise Leave(Close.NO_PONG)
        if "ping" in due:
            self._pings += 1
            await self._send(Ping(self._pings))
            self._timers["ping"] = now + PING_SECONDS
            self._timers.setdefault("pong", now + PONG_SECONDS)
        if "session" in due:
            self._timers["session"] = now + SESSION_SECONDS
            with contextlib.suppress(DatabaseUnavailable):  # unknown is not ended
                if not await session_lives(self._session_id):
                    raise Leave(Close.SESSION_ENDED)

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
        self._snapshots.append(now)

    async def _replayable(self, position: LogPosition) -> LogSlice | None:
        """The log after a position, if it has no hole and is not too long. Raises Unavailable."""
        log = await self._broadcast.log.read(self.thread_id, after=position.offset)
        size = sum(len(payload) for _, payload in log.entries)
        return log if log.continues(position) and size <= REPLAY_MAX_CHARACTERS else None

    async def _replay(self, log: LogSlice) -> None:
        for offset, payload in log.entries:
            await self._send(with_cursor(payload, LogPosition(log.end.epoch, offset)))
        self._continue_from(log.end)
        self.rev = _continued(self.rev, (rev_of(payload) for _, payload in log.entries))

    async def _send_snapshot(self, *, welcome: bool = False) -> None:
        view = await view_thread(self.thread_id, broadcast=self._broadcast, tools=self._tools)
        if view is None:
            raise Leave(Close.DELETED)
        if welcome:
            await self._send(Welcome("snapshot", str(view.position), view.rev, round(PING_SECONDS * 1000)))
        for part in view.snapshots():
            await self._send(part)
        self._continue_from(view.position)
        self.rev = view.rev
        if not view.position.epoch:  # the view is from rows only: Redis was unavailable
            self._catch_up_later()

    def _continue_from(self, position: LogPosition) -> None:
        self.position, self._settled = position, False

    async def _set_live(self, *, on: bool) -> None:
        if on != self._live:
            self._live = on
            await self._send(Live(on))

    async def _send(self, frame: Frame | str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send_text(frame if isinstance(frame, str) else encode(frame))
        except TimeoutError:
            raise Leave(Close.SLOW) from None


def _continued(rev: int, told: Iterable[int]) -> int:
    """The last change before the first gap: one that arrives early does not count until the changes before it have."""
    for change in sorted(told):
        if change == rev + 1:
            rev = change
    return rev
