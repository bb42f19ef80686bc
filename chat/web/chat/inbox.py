"""Everything one tab sends, frame by frame, and the replies."""

from __future__ import annotations

import json
from uuid import UUID

import msgspec
from quart import Websocket

from chat import events
from chat.broadcast import Subscription
from chat.database import DatabaseUnavailable
from chat.events import (
    Ack,
    Close,
    FrameRefused,
    Hello,
    Inbound,
    MessageSend,
    Nack,
    Pong,
    QueueRemove,
    QueueResume,
    QueueSendNow,
    QueueTake,
    ResponseCancel,
    Seen,
    Sync,
)
from chat.models import User
from chat.services.errors import Refused
from chat.services.replies import list_changes, queue, queue_runs
from chat.services.replies.queue import Queued
from chat.services.replies.send import send
from chat.text import storable
from chat.web.chat.open_sockets import Leave
from chat.web.chat.user_feed import UserFeed
from chat.web.resources import Resources
from chat.web.server_patches import FrameAllowance

FRAMES_PER_SECOND, FRAMES_AT_ONCE = 5.0, 20.0
UNAVAILABLE_RETRY_MS = 5000


class Inbox:
    """Owns the incoming side of one socket; used directly for a page without a thread."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._allowance = FrameAllowance(FRAMES_AT_ONCE, FRAMES_PER_SECOND)

    async def listen(self, tab: Websocket, feed: UserFeed) -> None:
        """Handle frames until the tab violates the protocol. Raises Leave."""
        while True:
            data = await tab.receive()
            if not self._allowance.take():
                raise Leave(Close.FLOOD)
            try:
                frame = decoded(data)
            except msgspec.MsgspecError as error:
                self._subscription.put(FrameRefused("bad_frame", f"Invalid frame: {error}."))
                continue
            try:
                await self._handle(frame, feed)
            except DatabaseUnavailable:
                self._subscription.put(
                    FrameRefused("unavailable", "The service is temporarily unavailable. Try again in a moment.")
                )

    async def _handle(self, frame: Inbound, feed: UserFeed) -> None:
        match frame:
            case Sync():
                feed.request_snapshot()
            case Pong():
                feed.pong()
            case Hello():
                self._subscription.put(FrameRefused("bad_frame", "Only the first frame can be a hello."))
            case _:
                self._subscription.put(FrameRefused("bad_frame", "This socket has no thread."))


class ThreadInbox(Inbox):
    """Owns the incoming side of a thread's socket."""

    def __init__(self, user: User, thread_id: UUID, subscription: Subscription, deps: Resources) -> None:
        super().__init__(subscription)
        self._user = user
        self._thread_id = thread_id
        self._deps = deps

    async def _handle(self, frame: Inbound, feed: UserFeed) -> None:
        match frame:
            case MessageSend():
                self._subscription.put(await self._send(frame))
            case ResponseCancel():
                if not await self._deps.worker.stop(self._user, self._thread_id, frame.message_id):
                    self._subscription.put(FrameRefused("not_running", "No answer is being written."))
            case QueueTake() | QueueRemove() | QueueSendNow() | QueueResume():
                await self._queue(frame)
            case Seen():
                await list_changes.see(self._user, self._thread_id, frame.message_id, broadcast=self._deps.broadcast)
            case _:
                await super()._handle(frame, feed)

    async def _queue(self, frame: QueueTake | QueueRemove | QueueSendNow | QueueResume) -> None:
        try:
            match frame:
                case QueueTake():
                    self._subscription.put(await queue.take(self._deps, self._user, self._thread_id, frame.client_id))
                case QueueRemove():
                    await queue.take(self._deps, self._user, self._thread_id, frame.client_id)
                case QueueSendNow():
                    await queue_runs.send_now(self._deps, self._user, self._thread_id, frame.client_id)
                case QueueResume():
                    await queue_runs.resume(self._deps, self._user, self._thread_id)
        except Refused as refused:
            self._subscription.put(FrameRefused(refused.code, str(refused)))

    async def _send(self, frame: MessageSend) -> Ack | Nack:
        try:
            accepted = await send(self._deps, self._user, self._thread_id, frame)
        except Refused as refused:
            return Nack(frame.client_id, refused.code, str(refused), refused.retry_ms)
        except DatabaseUnavailable:  # it may have been stored; sent again, it is then acknowledged
            sentence = "The service is temporarily unavailable. Your message will be sent again automatically."
            return Nack(frame.client_id, "unavailable", sentence, UNAVAILABLE_RETRY_MS)
        if isinstance(accepted, Queued):
            return Ack(frame.client_id, None, None, queued=True)
        return Ack(frame.client_id, accepted.message_id, accepted.answer_id)


def decoded(data: str | bytes) -> Inbound:
    """One frame. Raises Leave if it is binary, msgspec.MsgspecError if it is invalid."""
    if not isinstance(data, str):
        raise Leave(Close.BAD_FRAME)  # our pages never send binary frames
    try:
        return events.decode_inbound(data)
    except msgspec.DecodeError:
        if "\\ud" not in data.lower():
            raise
    return _with_lone_surrogates(data)


def _with_lone_surrogates(data: str) -> Inbound:
    """Half an emoji is valid JSON in JavaScript but not in msgspec: replace it rather than lose the message."""
    try:
        mended = storable(json.dumps(json.loads(data), ensure_ascii=False))
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    return events.decode_inbound(mended)
