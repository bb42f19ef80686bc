"""What one tab says, frame by frame, and what it gets for that."""

from __future__ import annotations

import json
import time
from uuid import UUID

import msgspec
from quart import Websocket

from chat import events
from chat.broadcast import Subscription
from chat.database import DatabaseUnavailable
from chat.events import Ack, Close, FrameRefused, Hello, Inbound, MessageSend, Nack, Pong, ResponseCancel, Sync
from chat.models import User
from chat.services.errors import Refused
from chat.services.replies.send import send
from chat.text import storable
from chat.web.chat.feed import Feed
from chat.web.chat.open_sockets import Leave
from chat.web.resources import Resources

FRAMES_PER_SECOND, FRAMES_AT_ONCE = 5.0, 20.0
AWAY_RETRY_MS = 5000


class Inbox:
    """Owns what comes in on one socket."""

    def __init__(self, user: User, thread_id: UUID, subscription: Subscription, deps: Resources) -> None:
        self._user = user
        self._thread_id = thread_id
        self._subscription = subscription
        self._deps = deps
        self._allowance, self._counted_at = FRAMES_AT_ONCE, time.monotonic()

    async def listen(self, tab: Websocket, feed: Feed) -> None:
        """Until the tab breaks a rule of the wire: Leave."""
        while True:
            data = await tab.receive()
            self._count_frame()
            try:
                frame = decoded(data)
            except msgspec.MsgspecError as error:
                self._subscription.put(FrameRefused("bad_frame", f"This frame was not understood: {error}."))
                continue
            try:
                await self._answer(frame, feed)
            except DatabaseUnavailable:
                self._subscription.put(FrameRefused("unavailable", "The database is away. Try again in a moment."))

    async def _answer(self, frame: Inbound, feed: Feed) -> None:
        match frame:
            case MessageSend():
                self._subscription.put(await self._send(frame))
            case ResponseCancel():
                if not await self._deps.worker.stop(self._user, self._thread_id, frame.message_id):
                    self._subscription.put(FrameRefused("not_running", "There is no running answer to stop."))
            case Sync():
                feed.request_snapshot()
            case Pong():
                feed.pong()
            case Hello():
                self._subscription.put(FrameRefused("bad_frame", "A second hello means nothing."))

    async def _send(self, frame: MessageSend) -> Ack | Nack:
        try:
            accepted = await send(self._deps, self._user, self._thread_id, frame)
        except Refused as refused:
            return Nack(frame.client_id, refused.code, str(refused), refused.retry_ms)
        except DatabaseUnavailable:  # it may be stored all the same: then the same again is acknowledged
            sentence = "The database is away. The message is sent again by itself."
            return Nack(frame.client_id, "unavailable", sentence, AWAY_RETRY_MS)
        return Ack(frame.client_id, accepted.message_id, accepted.answer_id)

    def _count_frame(self) -> None:
        now = time.monotonic()
        self._allowance = min(FRAMES_AT_ONCE, self._allowance + (now - self._counted_at) * FRAMES_PER_SECOND) - 1
        self._counted_at = now
        if self._allowance < 0:
            raise Leave(Close.FLOOD)


def decoded(data: str | bytes) -> Inbound:
    """One frame. Raises Leave for a binary one, msgspec.MsgspecError for what is none of ours."""
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
