"""One tab's websocket, from its handshake to its close code."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any
from uuid import UUID

import msgspec
from quart import Blueprint, abort, current_app, websocket
from quart_auth import current_user
from werkzeug.exceptions import ServiceUnavailable

from chat import events, logs
from chat.broadcast import Subscription, thread_channel, user_channel
from chat.database import DatabaseUnavailable
from chat.events import Bye, Close, Frame, Hello, ModelsUnavailable, encode
from chat.lateness import time_limit
from chat.metrics import SOCKETS_CLOSED
from chat.models import AuthSession, User
from chat.security.limits import SOCKET_CONNECT
from chat.services.accounts import sessions
from chat.services.replies import threads
from chat.web.chat.feed import Feed
from chat.web.chat.inbox import Inbox, ThreadInbox, decoded
from chat.web.chat.open_sockets import Leave
from chat.web.chat.user_feed import UserFeed
from chat.web.release import release_of
from chat.web.request_log import route
from chat.web.resources import Resources, resources
from chat.web.server_patches import TabWebsocket

logger = logging.getLogger(__name__)
access = logging.getLogger(logs.ACCESS)
blueprint = Blueprint("socket", __name__)

HELLO_SECONDS = 5.0
SUBSCRIBE_SECONDS = 2.0
SOCKETS_PER_USER = 20
LOGGED = {Close.SLOW, Close.RESYNC_FAILED, Close.FLOOD}  # a bad connection, or an attack
COME_BACK_MS = 1000  # at most; by then another process accepts connections, or will soon


@blueprint.websocket("/ws/chat/<uuid:thread_id>/")
async def thread_socket(thread_id: UUID) -> None:
    """One tab of one thread."""
    await _serve(thread_id)


@blueprint.websocket("/ws/chat/")
async def user_socket() -> None:
    """One tab without a thread: it gets the list of chats, and whatever else concerns all tabs of its user."""
    await _serve(None)


async def _serve(thread_id: UUID | None) -> None:
    """The drain waits until the socket's close code is sent.

    A draining worker refuses new sockets before any limit counts them, so that a balancer tries another host.
    """
    deps = resources()
    if deps.worker.draining:
        raise ServiceUnavailable(retry_after=COME_BACK_MS // 1000)
    if not current_user.auth_id:
        abort(403, "Log in first.")
    socket, code, began = Socket(thread_id, deps), None, time.monotonic()
    deps.sockets.add(socket)
    try:
        await websocket.accept()
        _forget_headers()
        code = await _end_of(socket)
        if code is Close.RESTART:
            await socket.refund()
        await _close(code)
    finally:
        deps.sockets.discard(socket)
        _log_end(code, time.monotonic() - began)


def _forget_headers() -> None:
    """Headers and cookies were read before the socket was accepted; each open tab would keep several KiB of them."""
    websocket.headers.clear()
    websocket.scope["headers"].clear()  # type: ignore[attr-defined] # the server's list
    vars(websocket._get_current_object()).pop("cookies", None)  # type: ignore[attr-defined] # parsed from them


def _log_end(code: Close | None, seconds: float) -> None:
    """Without a code of ours, the tab or its connection has closed; hypercorn does not tell the tab's code."""
    ours = {"by": "tab"} if code is None else {"by": "server", "code": int(code)}
    resources().metrics.count(SOCKETS_CLOSED, "tab" if code is None else str(int(code)))
    access.info("Socket closed", extra={"fields": {**ours, "seconds": round(seconds, 1)}})


async def _end_of(socket: Socket) -> Close:
    """After accept every end has a close code: an exception that escaped would look like a clean close."""
    code = Close.FAILED
    try:
        await socket.serve()
    except* Leave as group:
        code = _leaves(group)[0]
        if code in LOGGED:
            logger.warning("Closing a socket of thread %s: %s", socket.thread_id, code.name.lower())
    except* DatabaseUnavailable:
        code = Close.OVERLOAD
    except* Exception:
        logger.exception("A socket failed")
    return code


async def _hello() -> Hello:
    try:
        async with time_limit(HELLO_SECONDS):
            frame = decoded(await websocket.receive())
    except TimeoutError:
        raise Leave(Close.NO_HELLO) from None
    except msgspec.MsgspecError:
        raise Leave(Close.BAD_FRAME) from None
    if not isinstance(frame, Hello):
        raise Leave(Close.BAD_FRAME)
    if frame.v != events.PROTOCOL_VERSION:
        raise Leave(Close.RELOAD)
    return frame


class Socket:
    """A tab's connection. It counts from the start, or a client that says nothing could open thousands."""

    def __init__(self, thread_id: UUID | None, deps: Resources) -> None:
        self.thread_id = thread_id
        self._subscription: Subscription | None = None
        self._deps = deps
        self._told: Frame = ModelsUnavailable([], "")
        self._counted = ""  # the key of the limit on connects, once this socket was counted

    async def serve(self) -> None:
        """Serve until Leave is raised, or cancelled because the tab has disconnected."""
        async with self._deps.sockets.turn():
            session = await self._admitted()
        hello = await _hello()
        rev = await self._rev(session.user)
        access.info("Socket opened", extra={"fields": {"path": route(websocket.scope)}})
        channels = (user_channel(session.user.id), *([thread_channel(self.thread_id)] if self.thread_id else ()))
        async with self._deps.broadcast.channels.subscribe(*channels) as subscription:
            self._subscription = subscription
            if self._deps.worker.draining:
                self.leave()
            await self._run(subscription, hello, session, rev)

    async def _rev(self, user: User) -> int:
        if self.thread_id is None:
            return 0
        rev = await threads.own_rev(user, self.thread_id)
        if rev is None:
            raise Leave(Close.NO_SUCH_THREAD)
        return rev

    def leave(self) -> None:
        """The worker is about to stop: say bye, or do so once the tab is admitted and has said hello."""
        if self._subscription:
            self._subscription.put(Bye("restart", COME_BACK_MS))

    async def refund(self) -> None:
        """The server closed the socket, so reconnecting does not count."""
        if self._counted:
            await self._deps.limits.refund(SOCKET_CONNECT, self._counted)

    def tell(self, frame: Frame) -> None:
        """Send the current frame about models, unless the tab already has it."""
        if self._subscription and frame != self._told:
            self._told = frame
            self._subscription.put(frame)

    async def _admitted(self) -> AuthSession:
        if self._deps.worker.draining:  # the drain started while this socket waited for its turn
            await websocket.send(encode(Bye("restart", COME_BACK_MS)))
            raise Leave(Close.RESTART)
        session = await sessions.find_session(current_user.auth_id or "")
        if session is None:
            raise Leave(Close.SESSION_ENDED)
        if self._deps.sockets.count_of(session.user.id) >= SOCKETS_PER_USER:
            raise Leave(Close.TOO_MANY_SOCKETS)
        logs.about().user = session.user.id
        self._deps.sockets.assign(self, session.user.id)
        if await self._deps.limits.wait_ms(SOCKET_CONNECT, str(session.user.id)):
            raise Leave(Close.OVERLOAD)
        self._counted = str(session.user.id)
        return session

    async def _run(self, subscription: Subscription, hello: Hello, session: AuthSession, rev: int) -> None:
        tab: TabWebsocket = websocket._get_current_object()  # type: ignore[attr-defined]
        feed, inbox = self._sides(subscription, session, rev, tab)
        feed.release = release_of(current_app, self._deps)
        await self._subscribed(subscription)
        await feed.start(hello)
        self.tell(self._deps.model_notice.frame())
        async with asyncio.TaskGroup() as group:
            group.create_task(inbox.listen(tab, feed))
            await feed.run()

    def _sides(
        self, subscription: Subscription, session: AuthSession, rev: int, tab: TabWebsocket
    ) -> tuple[UserFeed, Inbox]:
        deps = self._deps
        known: Any = {"reconciler": deps.reconciler, "sockets": deps.sockets, "send": tab.send_text}
        if self.thread_id is None:
            return UserFeed(session, subscription, **known), Inbox(subscription)
        feed = Feed(self.thread_id, session, subscription, rev=rev, deps=deps, **known)
        return feed, ThreadInbox(session.user, self.thread_id, subscription, deps)

    async def _subscribed(self, subscription: Subscription) -> None:
        """Wait before reading the log, or events in between would be missed. Without Redis the tab is fed from rows."""
        try:
            async with time_limit(SUBSCRIBE_SECONDS if self._deps.reconciler.live else 0):
                await subscription.ready.wait()
        except TimeoutError:
            subscription.late = True
            logger.warning("Redis did not confirm a subscription in time")


def _leaves(group: BaseExceptionGroup[Leave]) -> list[Close]:
    found: list[Close] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error.code]
    return found


async def _close(code: Close) -> None:
    try:
        await websocket.close(code, code.name.lower().replace("_", " "))
    except Exception as error:  # noqa: BLE001 - whatever the server raises for a closed socket
        logger.debug("A socket was gone before it could be closed: %r", error)
