"""What every tab of a user is sent, on any page: the list of chats, changes to it, and pings."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Literal
from uuid import UUID

from chat.broadcast import Event, Gap, Subscription
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
)
from chat.models import AuthSession
from chat.services.accounts.sessions import session_lives
from chat.services.replies.thread_list import thread_list
from chat.web.chat.open_sockets import Leave, OpenSockets
from chat.web.chat.reconciler import Reconciler
from chat.web.chat.send_limit import SendLimit

PING_SECONDS = 25.0  # keeps a PaaS router's idle window of 55 s open
PONG_SECONDS = 10.0
PAUSED_SECONDS = 1.0  # a timer that is later shows that this process was stopped, or busy with one thing
SEND_SECONDS = 10.0  # a tab that reads nothing for this long is disconnected
SESSION_SECONDS = 60.0  # Redis may have been unavailable when the session ended
LIST_SECONDS = 5.0  # at most, until a list is sent: after a restart thousands of tabs come at once


class UserFeed:
    """Owns the outgoing side of one socket; used directly for a page without a thread."""

    thread_id: UUID | None = None
    release = ""  # of the site, for `welcome`

    def __init__(
        self,
        session: AuthSession,
        subscription: Subscription,
        *,
        reconciler: Reconciler,
        sockets: OpenSockets,
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        self._session = session
        self._subscription = subscription
        self._reconciler = reconciler
        self._sockets = sockets
        self._send_text = send
        self._live = True  # the last `live` sent to the tab
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, float] = {
            "ping": self._loop.time() + PING_SECONDS * (0.5 + secrets.randbelow(500) / 1000),
            "session": self._loop.time() + SESSION_SECONDS,
        }
        self._pings = 0
        self._due: asyncio.Handle | None = None  # for the earliest of the timers, while the feed runs
        self._due_at = 0.0
        self._limit = SendLimit(SEND_SECONDS)

    async def start(self, hello: Hello) -> None:
        """Welcome the tab and send it what its page may have missed. The subscription must be ready."""
        await self._welcome("snapshot")
        await self._send_list()

    async def run(self) -> None:
        """Send events until the socket has to close. Raises Leave."""
        try:
            while True:
                if not self._due:
                    self._set_due(min(self._timers.values()))
                item = await self._subscription.get()
                if item is None:
                    self._due = None
                    await self._on_timers()
                else:
                    await self._pass_on(item)
        finally:
            self._limit.close()
            if self._due:
                self._due.cancel()

    async def _pass_on(self, item: Event | Gap | Frame) -> None:
        match item:
            case Event():
                await self._on_event(item)
            case Gap():
                self._list_soon()
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

    def request_snapshot(self) -> None:
        """The tab reports that it has missed something."""
        self._list_soon()

    async def _catch_up(self) -> None:
        """Events may be missing. Events of a user are not logged: the list that follows makes up for them."""

    async def _on_event(self, event: Event) -> None:
        match message := decode_between_workers(event.frame):
            case None:  # of a newer release, or of another program on this Redis
                return
            case SessionEnded(session_id=self._session.id):
                raise Leave(Close.SESSION_ENDED)
            case SessionEnded():
                return
            case AccountDeleted():
                raise Leave(Close.DELETED)
        await self._send(event.frame)
        if isinstance(message, ThreadDeleted) and message.thread_id == self.thread_id:
            raise Leave(Close.DELETED)

    async def _on_timers(self) -> None:
        now = self._loop.time()
        due = [name for name, at in self._timers.items() if at <= now]
        if "pong" in due:
            self._check_pong(now - self._timers["pong"])
        if "ping" in due:
            self._pings += 1
            await self._send(Ping(self._pings))
            self._timers["ping"] = now + PING_SECONDS
            self._timers.setdefault("pong", now + PONG_SECONDS)
        if "session" in due:
            self._timers["session"] = now + SESSION_SECONDS
            with contextlib.suppress(DatabaseUnavailable):  # unknown is not ended
                if not await session_lives(self._session.id):
                    raise Leave(Close.SESSION_ENDED)
        if "list" in due:
            await self._send_list()

    def _check_pong(self, late: float) -> None:
        """After a pause of this process, pongs that arrived meanwhile are read after the timers."""
        if late <= PAUSED_SECONDS:
            raise Leave(Close.NO_PONG)
        self._timers["pong"] += late + min(late, PONG_SECONDS)

    def _list_soon(self) -> None:
        """Each gap postpones the list: without Redis gaps keep coming, and the list waits until Redis is back."""
        self._timers["list"] = at = self._loop.time() + LIST_SECONDS * (0.2 + secrets.randbelow(800) / 1000)
        if self._due and self._due_at > at:
            self._set_due(at)

    def _set_due(self, at: float) -> None:
        if self._due:
            self._due.cancel()
        self._due, self._due_at = self._loop.call_at(at, self._subscription.wake), at

    async def _send_list(self) -> None:
        self._timers.pop("list", None)
        if not self._reconciler.live or self._sockets.crowded:
            return self._list_soon()
        try:
            await self._send(await thread_list(self._session.user.id))
        except DatabaseUnavailable:
            self._list_soon()

    async def _welcome(self, mode: Literal["replay", "snapshot"], cursor: str = "", rev: int = 0) -> None:
        await self._send(Welcome(mode, cursor, rev, round(PING_SECONDS * 1000), release=self.release))

    async def _set_live(self, *, on: bool) -> None:
        if on != self._live:
            self._live = on
            await self._send(Live(on))

    async def _send(self, frame: Frame | str) -> None:
        try:
            with self._limit:
                await self._send_text(frame if isinstance(frame, str) else encode(frame))
        except TimeoutError:
            raise Leave(Close.SLOW) from None
