"""The websocket of one tab: what it says is answered here, what it hears comes from its feed."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from uuid import UUID

import msgspec
from quart import Blueprint, Websocket, abort, websocket
from quart_auth import current_user

from chat import events
from chat.broadcast import Subscription, thread_channel, user_channel
from chat.database import DatabaseAway
from chat.events import Ack, Bye, Close, FrameRefused, Hello, Inbound, MessageSend, Nack, Pong, ResponseCancel, Sync
from chat.models import User
from chat.security.limits import SOCKET_CONNECT
from chat.services import sessions, threads
from chat.services.messages import Draft
from chat.services.refusals import Refused
from chat.text import storable
from chat.web.feed import Feed, Leave
from chat.web.resources import Resources, resources

logger = logging.getLogger(__name__)
blueprint = Blueprint("socket", __name__)

HELLO_SECONDS = 5.0
SUBSCRIBE_SECONDS = 2.0
FRAMES_PER_SECOND, FRAMES_AT_ONCE = 5.0, 20.0
SOCKETS_PER_USER = 20
AWAY_RETRY_MS = 5000
COME_BACK_MS = 1000  # at most; another process, or this one anew, is there by then or soon


@blueprint.websocket("/ws/chat/<uuid:thread_id>/")
async def thread_socket(thread_id: UUID) -> None:
    """One tab of one thread. After accept each end gets a close code: an exception that escaped would look clean."""
    if not current_user.auth_id:
        abort(403, "Log in first.")
    await websocket.accept()
    code = Close.FAILED
    try:
        await _serve(thread_id, resources())
    except* Leave as group:
        code = _leaves(group)[0]
    except* DatabaseAway:
        code = Close.OVERLOAD
    except* Exception:
        logger.exception("A socket failed")
    await _close(code)


async def _serve(thread_id: UUID, opened: Resources) -> None:
    session = await sessions.find_session(current_user.auth_id or "")
    if session is None:
        raise Leave(Close.SESSION_ENDED)
    if sum(socket.user.id == session.user.id for socket in opened.sockets) >= SOCKETS_PER_USER:
        raise Leave(Close.TOO_MANY_SOCKETS)
    silent = SilentSocket(session.user)
    opened.sockets.add(silent)
    try:
        if await opened.limits.wait_ms(SOCKET_CONNECT, str(session.user.id)):
            raise Leave(Close.OVERLOAD)
        hello = await _hello()
        thread = await threads.own_thread(session.user, thread_id)
        if thread is None:
            raise Leave(Close.NO_SUCH_THREAD)
    finally:
        opened.sockets.discard(silent)
    channels = (thread_channel(thread_id), user_channel(session.user.id))
    async with opened.broadcast.channels.subscribe(*channels) as subscription:
        socket = Socket(session.user, thread_id, subscription, opened)
        opened.sockets.add(socket)
        if opened.worker.draining:  # a tab that came back to the server which had just sent it away
            socket.leave()
        try:
            await socket.run(hello, session.id, rev=thread.rev)
        finally:
            opened.sockets.discard(socket)


async def _hello() -> Hello:
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            frame = _decoded(await websocket.receive())
    except TimeoutError:
        raise Leave(Close.NO_HELLO) from None
    except msgspec.MsgspecError:
        raise Leave(Close.BAD_FRAME) from None
    if not isinstance(frame, Hello):
        raise Leave(Close.BAD_FRAME)
    if frame.v != events.PROTOCOL_VERSION:
        raise Leave(Close.RELOAD)
    return frame


@dataclass(eq=False)
class SilentSocket:
    """A tab before its hello. It counts: who never says anything could have thousands."""

    user: User

    def leave(self) -> None:
        """It hears it after its hello."""


class Socket:
    """A tab that has said hello."""

    def __init__(self, user: User, thread_id: UUID, subscription: Subscription, opened: Resources) -> None:
        self.user = user
        self._thread_id = thread_id
        self._subscription = subscription
        self._opened = opened
        self._allowance, self._counted_at = FRAMES_AT_ONCE, time.monotonic()

    async def run(self, hello: Hello, session_id: UUID, *, rev: int) -> None:
        """Until one side ends it: Leave, or a cancellation when the tab is gone."""
        tab: Websocket = websocket._get_current_object()  # type: ignore[attr-defined]
        feed = Feed(
            self._thread_id,
            session_id,
            self._subscription,
            broadcast=self._opened.broadcast,
            checks=self._opened.checks,
            send=tab.send,
        )
        await self._subscribed()
        await feed.start(hello, rev=rev)
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.run())
            group.create_task(self._listen(tab, feed))

    def leave(self) -> None:
        """The worker is going away."""
        self._subscription.put(Bye("restart", COME_BACK_MS))

    async def _subscribed(self) -> None:
        """Before the log is read, or what is published in between would be missed. Without Redis, rows have to do."""
        try:
            async with asyncio.timeout(SUBSCRIBE_SECONDS if self._opened.checks.live else 0):
                await self._subscription.ready.wait()
        except TimeoutError:
            self._subscription.late = True
            logger.warning("Redis did not confirm a subscription in time")

    async def _listen(self, tab: Websocket, feed: Feed) -> None:
        while True:
            data = await tab.receive()
            self._count_frame()
            try:
                frame = _decoded(data)
            except msgspec.MsgspecError as error:
                self._subscription.put(FrameRefused("bad_frame", f"This frame was not understood: {error}."))
                continue
            try:
                await self._answer(frame, feed)
            except DatabaseAway:
                self._subscription.put(FrameRefused("unavailable", "The database is away. Try again in a moment."))

    async def _answer(self, frame: Inbound, feed: Feed) -> None:
        match frame:
            case MessageSend():
                self._subscription.put(await self._send(frame))
            case ResponseCancel():
                if not await self._opened.worker.stop(self.user, self._thread_id, frame.message_id):
                    self._subscription.put(FrameRefused("not_running", "There is no running answer to stop."))
            case Sync():
                feed.request_snapshot()
            case Pong():
                feed.pong()
            case Hello():
                self._subscription.put(FrameRefused("bad_frame", "A second hello means nothing."))

    async def _send(self, frame: MessageSend) -> Ack | Nack:
        try:
            draft = Draft(frame.content, frame.client_id, frame.model)
            accepted = await self._opened.worker.take(self.user, self._thread_id, draft, limits=self._opened.limits)
        except Refused as refused:
            return Nack(frame.client_id, refused.code, str(refused), refused.retry_ms)
        except DatabaseAway:  # it may be stored all the same: then the same again is acknowledged
            sentence = "The database is away. The message is sent again by itself."
            return Nack(frame.client_id, "unavailable", sentence, AWAY_RETRY_MS)
        return Ack(frame.client_id, accepted.message_id, accepted.reply_id)

    def _count_frame(self) -> None:
        now = time.monotonic()
        self._allowance = min(FRAMES_AT_ONCE, self._allowance + (now - self._counted_at) * FRAMES_PER_SECOND) - 1
        self._counted_at = now
        if self._allowance < 0:
            raise Leave(Close.FLOOD)


def _decoded(data: str | bytes) -> Inbound:
    if not isinstance(data, str):
        raise Leave(Close.BAD_FRAME)  # a tab of ours never sends binary
    try:
        return events.decode_inbound(data)
    except msgspec.DecodeError:
        if "\\ud" not in data.lower():
            raise
    return _with_lone_surrogates(data)


def _with_lone_surrogates(data: str) -> Inbound:
    """Half an emoji, cut by some program, is valid in JavaScript's JSON and not in msgspec's: mended, not lost."""
    try:
        mended = storable(json.dumps(json.loads(data), ensure_ascii=False))
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    return events.decode_inbound(mended)


def _leaves(group: BaseExceptionGroup[Leave]) -> list[Close]:
    found: list[Close] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error.code]
    return found


async def _close(code: Close) -> None:
    try:
        await websocket.close(code, code.name.lower().replace("_", " "))
    except Exception as error:  # noqa: BLE001 - whatever the server says about a socket that is gone already
        logger.debug("A socket was gone before it could be closed: %r", error)
