"""Channels on a real Valkey: nothing is missed silently."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from redis.asyncio import Redis

from chat import broadcast
from chat.broadcast import (
    Append,
    Broadcast,
    Event,
    Gap,
    LogPosition,
    Subscription,
    control_channel,
    thread_channel,
    user_channel,
)
from chat.broadcast.channels import QUEUE_MAX_ITEMS
from chat.events import Ping, StopRequested, TextDelta
from tests.support.stores import Stores
from tests.support.waiting import LONG_SECONDS, eventually


@pytest.fixture(scope="module")
async def redis(stores: Stores) -> AsyncIterator[Redis]:
    client = broadcast.connect(stores.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def live(redis: Redis) -> AsyncIterator[Broadcast]:
    live = Broadcast(redis)
    running = asyncio.create_task(live.run())
    yield live
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def thread() -> UUID:
    return uuid.uuid4()


async def ready(subscription: Subscription) -> None:
    await asyncio.wait_for(subscription.ready.wait(), LONG_SECONDS)


async def following(subscription: Subscription) -> object:
    return await asyncio.wait_for(subscription.get(), LONG_SECONDS)


async def has_subscribers(redis: Redis, channel: str, count: int) -> bool:
    return [number for _, number in await redis.pubsub_numsub(channel)] == [count]


async def test_a_ready_listener_gets_what_is_appended_with_its_cursor(live: Broadcast, thread: UUID) -> None:
    async with live.channels.subscribe(thread_channel(thread)) as subscription:
        await ready(subscription)
        appended = await live.log.append(Append(thread, TextDelta(thread, 0, "é")))
        event = await following(subscription)

    assert isinstance(event, Event)
    assert event.position == LogPosition(appended.epoch, 1)
    assert event.frame.startswith(f'{{"cursor":"{appended.epoch}:1","type":"response.output_text.delta"')


async def test_every_listener_of_a_channel_gets_every_event_once(live: Broadcast, thread: UUID) -> None:
    channel = user_channel(thread)
    async with live.channels.subscribe(channel) as one, live.channels.subscribe(channel) as two:
        await asyncio.gather(ready(one), ready(two))
        for number in range(20):
            await live.channels.publish(channel, Ping(number))
        for listener in (one, two):
            got = [await following(listener) for _ in range(20)]
            assert [event.frame for event in got if isinstance(event, Event)] == [
                f'{{"type":"ping","n":{number}}}' for number in range(20)
            ]


async def test_a_subscriber_that_leaves_is_unsubscribed_and_can_return(
    live: Broadcast, redis: Redis, thread: UUID
) -> None:
    channel = thread_channel(thread)
    for _ in range(3):
        async with live.channels.subscribe(channel) as subscription:
            await ready(subscription)
            assert await redis.pubsub_numsub(channel) == [(channel.encode(), 1)]
        async with live.channels.subscribe(control_channel()):
            await eventually(lambda: has_subscribers(redis, channel, 0))


async def test_a_cut_connection_leaves_a_gap_and_then_works_again(live: Broadcast, redis: Redis, thread: UUID) -> None:
    channel = user_channel(thread)
    async with live.channels.subscribe(channel) as subscription:
        await ready(subscription)
        for _ in range(3):
            await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            while not isinstance(await following(subscription), Gap):
                pass
            await eventually(lambda: has_subscribers(redis, channel, 1))
            await live.channels.publish(channel, Ping(1))
            while not isinstance(event := await following(subscription), Event):
                pass
            assert event.frame == '{"type":"ping","n":1}'


async def test_a_listener_that_does_not_read_gets_a_gap_and_keeps_its_own_frames(live: Broadcast) -> None:
    async with live.channels.subscribe(control_channel()) as slow:
        slow.put(Ping(7))
        for _ in range(QUEUE_MAX_ITEMS + 10):
            slow.put(Event("t:x", "{}", "e", 1))
        items = [await following(slow) for _ in range(3)]

    assert isinstance(items[0], Ping)
    assert isinstance(items[1], Gap)
    assert isinstance(items[2], Event)


async def test_a_listener_with_a_backlog_lets_other_tasks_run_between_two_events() -> None:
    """What a listener does with an event may wait for nothing, as sending to a tab does."""
    backlog, order = Subscription(()), []

    async def read() -> None:
        for number in range(3):
            backlog.put(Event("t:x", str(number)))
        for _ in range(3):
            order.append(await backlog.get())

    async def run_beside() -> None:
        for _ in range(3):
            order.append(None)
            await asyncio.sleep(0)

    await asyncio.gather(read(), run_beside())
    assert [event and event.frame for event in order] == [None, "0", None, "1", None, "2"]


async def test_a_large_backlog_counts_as_too_much(live: Broadcast) -> None:
    async with live.channels.subscribe(control_channel()) as slow:
        for _ in range(3):
            slow.put(Event("t:x", "x" * 300_000, "e", 1))

        assert isinstance(await following(slow), Gap)


async def test_the_control_channel_reaches_every_worker(live: Broadcast, redis: Redis, thread: UUID) -> None:
    async with live.channels.subscribe(control_channel()) as control:
        await ready(control)
        await live.channels.publish(control_channel(), StopRequested(thread))
        event = await following(control)

    assert isinstance(event, Event)
    assert str(thread) in event.frame
