"""What one tab is sent: a replay or a snapshot, then every event without a hole, and pings."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec

from chat.broadcast import Broadcast, Event, Gap, LogSlice, Subscription, Unavailable, thread_channel
from chat.events import (
    Bye,
    Close,
    Frame,
    Hello,
    Live,
    Ping,
    SessionEnded,
    Welcome,
    decode_between_workers,
    encode,
    with_cursor,
)
from chat.services.live import Place, view_thread
from chat.services.sessions import session_lives

PING_SECONDS = 25.0  # keeps a PaaS router's idle window of 55 s open
PONG_SECONDS = 10.0
SEND_SECONDS = 10.0  # a tab that takes nothing for so long is let go
SESSION_SECONDS = 60.0  # Redis may have been away when the session ended
REDIS_RETRY_SECONDS = 2.0
REPLAY_MAX_CHARACTERS = 512 * 1024
SNAPSHOTS, SNAPSHOTS_SECONDS = 3, 10.0


class Leave(Exception):
    """This socket has to close, with this code."""

    def __init__(self, code: Close) -> None:
        self.code = code
        super().__init__(code.name)


class Rev(msgspec.Struct):
    """The part of a logged event that says which change of the thread it tells of."""

    rev: int = 0


class Feed:
    """Owns what goes out on one socket."""

    def __init__(
        self,
        thread_id: UUID,
        session_id: UUID,
        subscription: Subscription,
        *,
        broadcast: Broadcast,
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        self._thread_id = thread_id
        self._session_id = session_id
        self._subscription = subscription
        self._broadcast = broadcast
        self._send_text = send
        self._place = Place()
        self._settled = False  # a live event has continued the place; before that, older ones are leftovers
        self._live = True
        self._snapshots: deque[float] = deque(maxlen=SNAPSHOTS)
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, float] = {
            "ping": self._loop.time() + PING_SECONDS * (0.5 + secrets.randbelow(500) / 1000),
            "session": self._loop.time() + SESSION_SECONDS,
        }
        self._pings = 0

    async def start(self, hello: Hello, *, rev: int) -> None:
        """Say welcome and bring the tab from where it is to now. The subscription has to be ready.

        `rev` is the thread's, read before: a replay that does not tell of it is not enough.
        """
        place = Place.parse(hello.cursor)
        log = await self._replayable(place) if place and hello.want != "snapshot" else None
        if place and log and max([hello.rev, *(_rev(payload) for _, payload in log.entries)]) >= rev:
            await self._send(Welcome("replay", str(place), rev, round(PING_SECONDS * 1000)))
            for offset, payload in log.entries:
                await self._send(with_cursor(payload, log.epoch, offset))
            self._continue_from(Place(log.epoch, log.top))
        else:
            await self._send_snapshot(welcome=True)

    async def run(self) -> None:
        """Send what comes until the socket has to close: Leave."""
        while True:
            try:
                async with asyncio.timeout_at(min(self._timers.values())):
                    item = await self._subscription.get()
            except TimeoutError:
                await self._on_timers()
                continue
            match item:
                case Event() if item.channel == thread_channel(self._thread_id):
                    await self._on_event(item)
                case Event():
                    await self._on_user_event(item)
                case Gap():
                    await self._catch_up()
                case Frame():
                    await self._send(item)
                    if isinstance(item, Bye):
                        raise Leave(Close.RESTART)

    def pong(self) -> None:
        """The tab is there."""
        self._timers.pop("pong", None)

    def request_snapshot(self) -> None:
        """The tab has noticed a hole: it gets the thread as it is."""
        self._place = Place()
        self._subscription.put(Gap())

    async def _on_event(self, event: Event) -> None:
        if event.epoch == self._place.epoch and event.offset == self._place.offset + 1:
            await self._send(event.frame)
            self._place, self._settled = Place(event.epoch, event.offset), True
        elif self._settled or event.epoch != self._place.epoch or event.offset > self._place.offset:
            await self._catch_up()

    async def _on_user_event(self, event: Event) -> None:
        try:
            message = decode_between_workers(event.frame)
        except msgspec.MsgspecError:
            return  # of a newer release, or of somebody else on this Redis
        if not isinstance(message, SessionEnded):
            await self._send(event.frame)
        elif message.session_id == self._session_id:
            raise Leave(Close.SESSION_ENDED)

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
            if not await session_lives(self._session_id):
                raise Leave(Close.SESSION_ENDED)
            self._timers["session"] = now + SESSION_SECONDS
        if "redis" in due:
            del self._timers["redis"]
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Something may be missing: send what the log has, else the thread as it is."""
        if "redis" in self._timers:
            return  # Redis is away; a timer looks again
        log = await self._replayable(self._place) if self._place.epoch else None
        if log is None:
            self._count_snapshot()
            await self._send_snapshot()
            return
        for offset, payload in log.entries:
            await self._send(with_cursor(payload, log.epoch, offset))
        self._continue_from(Place(log.epoch, log.top))
        await self._set_live(on=True)

    def _count_snapshot(self) -> None:
        """A tab that needs one again and again is better off with a new socket. Without Redis all need them."""
        now = self._loop.time()
        if self._live and len(self._snapshots) == SNAPSHOTS and now - self._snapshots[0] < SNAPSHOTS_SECONDS:
            raise Leave(Close.RESYNC_FAILED)
        self._snapshots.append(now)

    async def _replayable(self, place: Place) -> LogSlice | None:
        """The log after a place, if it continues it without a hole and is not too much."""
        try:
            log = await self._broadcast.log.read(self._thread_id, after=place.offset)
        except Unavailable:
            return None
        size = sum(len(payload) for _, payload in log.entries)
        if log.epoch != place.epoch or not log.follows(place.offset) or size > REPLAY_MAX_CHARACTERS:
            return None
        return log

    async def _send_snapshot(self, *, welcome: bool = False) -> None:
        view = await view_thread(self._thread_id, broadcast=self._broadcast)
        if view is None:
            raise Leave(Close.DELETED)
        if welcome:
            await self._send(Welcome("snapshot", str(view.place), view.rev, round(PING_SECONDS * 1000)))
        for part in view.snapshots():
            await self._send(part)
        self._continue_from(view.place)
        await self._set_live(on=bool(view.place.epoch))
        if not self._live:
            self._timers["redis"] = self._loop.time() + REDIS_RETRY_SECONDS

    def _continue_from(self, place: Place) -> None:
        self._place, self._settled = place, False

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


def _rev(payload: str) -> int:
    return msgspec.json.decode(payload, type=Rev).rev
