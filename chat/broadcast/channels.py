"""A worker's channels: one connection, owned by one task, feeds every socket."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from chat.broadcast.log import NOWHERE, LogPosition, Unavailable, rev_of
from chat.events import Frame, encode, with_cursor
from chat.flag import Flag

logger = logging.getLogger(__name__)

QUEUE_MAX_ITEMS = 256
QUEUE_MAX_CHARACTERS = 512 * 1024
PROBE_SECONDS = 5  # a frozen Redis closes nothing: ping it, and allow as long again for the answer
CHECK_SECONDS = 1  # how often it is checked whether a ping is due
PAUSED_SECONDS = 1  # a check that is later shows that this process was stopped, or busy with one thing
CONNECT_SECONDS = 5  # a frozen server accepts a connection and never answers
RETRY_SECONDS = (0.05, 1.0)  # first and longest pause before connecting again
STEADY_SECONDS = 5  # a connection that lived this long was a good one
CONTROL = "chat:ctl"


def user_channel(user_id: UUID) -> str:
    """Carries events for every tab of a user, neither numbered nor logged."""
    return f"u:{user_id}"


def control_channel() -> str:
    """Carries events for every worker."""
    return CONTROL


@dataclass(frozen=True, slots=True)
class Publish:
    """One event for a channel, which stores nothing."""

    channel: str
    event: Frame


@dataclass(frozen=True, slots=True)
class Event:
    """An event from a channel. A thread's event has its position in the log, and the `rev` of its change."""

    channel: str
    frame: str
    position: LogPosition = NOWHERE
    rev: int = 0


class Gap:
    """Events may have been missed: read the log."""


GAP = Gap()
Item = Event | Gap | Frame


@dataclass(eq=False, slots=True)
class Subscription:
    """One listener's queue; on overflow its events are dropped and replaced by a gap.

    A list, because most of them are empty, and an empty deque takes 760 bytes in CPython.
    """

    channels: tuple[str, ...]
    ready: Flag = field(default_factory=Flag)  # Redis has acknowledged every channel
    late: bool = False  # the listener did not wait for that: a gap precedes its first event
    _items: list[Item] = field(default_factory=list)
    _characters: int = 0
    _arrived: Flag = field(default_factory=Flag)
    _woken: bool = False

    def put(self, item: Item) -> None:
        """Add an event, or one of the listener's own frames, which is sent in turn."""
        size = len(item.frame) if isinstance(item, Event) else 0
        if len(self._items) >= QUEUE_MAX_ITEMS or self._characters + size > QUEUE_MAX_CHARACTERS:
            self._items = [*(kept for kept in self._items if isinstance(kept, Frame)), GAP]
            self._characters = 0
        self._items.append(item)
        self._characters += size
        self._arrived.set()

    def wake(self) -> None:
        """Let `get` return without an item: a time has come."""
        self._woken = True
        self._arrived.set()

    async def get(self) -> Item | None:
        """The next item; waits for one, and lets other tasks run if there is one already. None after `wake`."""
        if self._items:
            await asyncio.sleep(0)
        while not (self._items or self._woken):
            self._arrived.clear()
            await self._arrived.wait()
        if self._woken:
            self._woken = False
            return None
        item = self._items.pop(0)
        if isinstance(item, Event):
            self._characters -= len(item.frame)
        return item


class Channels:
    """Publish to channels and subscribe to them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listeners: dict[str, set[Subscription]] = {CONTROL: set()}
        self._acknowledged: set[str] = set()
        self._changed = asyncio.Event()

    async def publish(self, channel: str, event: Frame) -> None:
        """Send to all current listeners; nothing is kept for others. Raises Unavailable."""
        try:
            await self._redis.publish(channel, encode(event))
        except (RedisError, OSError) as error:
            raise Unavailable(str(error)) from error

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[Subscription]:
        """Listen to channels; wait for `ready` before reading the log that the events continue."""
        subscription = Subscription(channels)
        for channel in channels:
            self._listeners.setdefault(channel, set()).add(subscription)
        self._changed.set()
        self._mark_ready(subscription)
        try:
            yield subscription
        finally:
            for channel in channels:
                self._listeners[channel].discard(subscription)
                if not self._listeners[channel] and channel != CONTROL:
                    del self._listeners[channel]
            self._changed.set()

    async def run(self) -> None:
        """Listen until cancelled. On any error a new connection subscribes to everything again."""
        loop = asyncio.get_running_loop()
        pause = RETRY_SECONDS[0]
        while True:
            began = loop.time()
            try:
                await _Connection(self._redis).listen(self)
            except (RedisError, OSError) as error:
                if pause == RETRY_SECONDS[0]:  # otherwise it is still the same outage
                    logger.warning("Redis: the channel connection was lost (%s), connecting again", error)
            pause = RETRY_SECONDS[0] if loop.time() - began > STEADY_SECONDS else min(pause * 2, RETRY_SECONDS[1])
            self._acknowledged.clear()
            for subscription in {one for group in self._listeners.values() for one in group}:
                subscription.put(GAP)
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(500) / 1000))

    @property
    def desired(self) -> set[str]:
        """The channels that have listeners."""
        return set(self._listeners)

    async def wait_for_change(self) -> None:
        """Wait until `desired` may have changed."""
        await self._changed.wait()
        self._changed.clear()

    def forget(self, channels: set[str]) -> None:
        """Forget unsubscribed channels: their next listener has to wait for a new acknowledgement."""
        self._acknowledged -= channels

    def acknowledge(self, channel: str) -> None:
        """Redis has subscribed the connection to this channel."""
        self._acknowledged.add(channel)
        for subscription in self._listeners.get(channel, ()):
            if subscription.ready.is_set():  # on a new connection: before it, events may be missing
                subscription.put(GAP)
            self._mark_ready(subscription)

    def pass_on(self, channel: str, data: bytes) -> None:
        """Pass a message of the connection to its listeners."""
        try:
            event = _received(channel, data.decode())
        # Another program on the same Redis, perhaps: a channel is the same in every database.
        except (ValueError, msgspec.MsgspecError, RecursionError):
            logger.warning("Ignored a message on %s that is no event", channel)
            return
        for subscription in self._listeners.get(channel, ()):
            subscription.put(event)

    def _mark_ready(self, subscription: Subscription) -> None:
        if not self._acknowledged.issuperset(subscription.channels):
            return
        if subscription.late and not subscription.ready.is_set():
            subscription.put(GAP)
        subscription.ready.set()


class _Connection:
    """One pub/sub connection, used only by the tasks of `listen`: shared, it can go deaf during a reconnect."""

    def __init__(self, redis: Redis) -> None:
        self._pubsub: PubSub = redis.pubsub(push_handler_func=_unchanged)
        self._sent: set[str] = set()
        self._heard = self._asked = self._looked = asyncio.get_running_loop().time()

    async def listen(self, channels: Channels) -> None:
        """Keep the subscriptions as desired and pass messages on, until an error."""
        changed = asyncio.create_task(channels.wait_for_change())
        reading: asyncio.Task[None] | None = None
        try:
            while True:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._synchronize(channels)
                reading = reading or asyncio.create_task(self._read(channels))
                await asyncio.wait((changed, reading), timeout=CHECK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    reading.result()
                if changed.done():
                    changed = asyncio.create_task(channels.wait_for_change())
                await self._probe()
        finally:
            tasks = [task for task in (changed, reading) if task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _read(self, channels: Channels) -> None:
        """One task reads every message: a task and a timeout for each would cost more than the message.

        redis-py's own `get_message` would also connect again by itself, and then miss what came meanwhile.
        """
        loop = asyncio.get_running_loop()
        connection: Any = self._pubsub.connection  # there is one: the control channel is always subscribed to
        while True:
            told = await connection.read_response(timeout=math.inf, disconnect_on_error=False, push_request=True)
            self._heard = loop.time()
            if told[0] == b"message":
                channels.pass_on(told[1].decode(), told[2])
                continue
            message = await self._pubsub.handle_message(told)  # type: ignore[no-untyped-call] # it counts subscriptions
            if message and message["type"] == "subscribe":
                channels.acknowledge(message["channel"].decode())

    async def _synchronize(self, channels: Channels) -> None:
        desired = channels.desired
        if new := desired - self._sent:
            await self._pubsub.subscribe(*new)
        if old := self._sent - desired:
            channels.forget(old)
            await self._pubsub.unsubscribe(*old)
        self._sent = desired

    async def _probe(self) -> None:
        """Ping a silent connection. Raises ConnectionError if the last ping had no answer.

        After a pause of this process, that answer may have arrived without having been read.
        """
        now = asyncio.get_running_loop().time()
        paused, self._looked = now - self._looked > CHECK_SECONDS + PAUSED_SECONDS, now
        if now - max(self._heard, self._asked) < PROBE_SECONDS:
            return
        if self._asked > self._heard and not paused:
            raise ConnectionError("no answer to a ping")
        self._asked = now
        await self._pubsub.ping()


async def _unchanged(message: list[Any]) -> list[Any]:
    """A push message, as redis-py has read it. Its own handler formats each one for a debug line of its log."""
    return message


def _received(channel: str, data: str) -> Event:
    """A thread's channel carries `offset:epoch:payload`; its frame is built here, once for all tabs of a worker."""
    if not channel.startswith("t:"):
        return Event(channel, data)
    offset, epoch, payload = data.split(":", 2)
    position = LogPosition(epoch, int(offset))
    return Event(channel, with_cursor(payload, position), position, rev_of(payload))
