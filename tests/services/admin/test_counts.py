"""What processes count is added up in Redis: each count once, whatever fails meanwhile."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from chat.metrics import ANSWERS, FIRST_TEXT, MOST_SERIES, SEPARATOR, TOKENS, Metrics
from chat.services.admin.counts import SUMS, Counts
from chat.services.admin.exposition import exposition
from tests.support import patches
from tests.support.stores import Stores

FIELD = SEPARATOR.join(("chat_tokens", "m", "p", "input"))


@pytest.fixture
async def redis(stores: Stores) -> AsyncIterator[Redis]:
    """A database of Valkey that no site uses."""
    client = Redis.from_url(f"{stores.redis_url}?db=5")
    await client.flushdb()
    yield client
    await client.flushdb()
    await client.aclose()


def count(metrics: Metrics, number: int) -> None:
    for _ in range(number):
        metrics.count(TOKENS, "m", "p", "input")


async def total(counts: Counts) -> int:
    return (await counts.sums()).get(FIELD, 0)


async def test_two_workers_of_a_thousand_events_are_two_thousand_for_either(redis: Redis) -> None:
    counted = Metrics(), Metrics()
    first, second = (Counts(redis, f"worker-{place}", one) for place, one in enumerate(counted))
    for _ in range(4):
        for one, counts in zip(counted, (first, second), strict=True):
            count(one, 250)
            await counts.push()

    assert (await total(first), await total(second)) == (2000, 2000)


async def test_a_batch_whose_reply_was_lost_is_added_once(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    counts = Counts(redis, "worker", metrics)
    await counts.push()
    count(metrics, 10)
    send = patches.COUNTS_SEND.value

    async def loses_the_reply(self: Counts, totals: dict[str, int]) -> int:
        await send(self, totals)
        raise RedisConnectionError("the reply was lost")

    with monkeypatch.context() as patch:
        patches.COUNTS_SEND.replace(patch, loses_the_reply)
        for _ in range(3):
            with pytest.raises(RedisConnectionError):
                await counts.push()
            count(metrics, 1)
    await counts.push()
    assert await total(counts) == 10
    await counts.push()
    assert await total(counts) == 13


async def test_the_counts_of_an_outage_are_added_after_it(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    counts = Counts(redis, "worker", metrics)
    count(metrics, 5)

    async def fails(*_: object) -> int:
        raise RedisConnectionError("refused")

    with monkeypatch.context() as patch:
        patches.COUNTS_SEND.replace(patch, fails)
        with pytest.raises(RedisConnectionError):
            await counts.push()
    count(metrics, 2)
    await counts.push()
    await counts.push()

    assert await total(counts) == 7


async def test_an_emptied_redis_gets_everything_since_the_start_of_each_worker(redis: Redis) -> None:
    counted = Metrics(), Metrics()
    first, second = (Counts(redis, f"worker-{place}", one) for place, one in enumerate(counted))
    for one, counts in zip(counted, (first, second), strict=True):
        count(one, 100)
        await counts.push()
    await redis.flushdb()
    count(counted[0], 1)
    for counts in (first, second, first, second):
        await counts.push()

    assert await total(first) == 201


async def test_a_new_worker_removes_what_old_ones_left_but_not_their_counts(redis: Redis) -> None:
    metrics = Metrics()
    old = Counts(redis, "old", metrics)
    count(metrics, 3)
    await old.push()
    await redis.hset(SUMS, "sent:old", f"1 {int(time.time()) - 100_000}")
    new = Counts(redis, "new", Metrics())
    await new.push()

    assert await total(new) == 3
    assert not await redis.hexists(SUMS, "sent:old")
    assert await redis.hexists(SUMS, "sent:new")


async def test_a_field_of_another_release_is_left_alone(redis: Redis) -> None:
    counts = Counts(redis, "worker", Metrics())
    await redis.hset(SUMS, SEPARATOR.join(("chat_of_tomorrow", "x")), 5)
    await counts.push()

    assert b"tomorrow" not in exposition(await counts.sums(), [], queued=0)


def test_the_labels_of_a_metric_are_bounded() -> None:
    metrics = Metrics()
    for number in range(MOST_SERIES + 500):
        metrics.count(ANSWERS, f"model-{number}", "p", "final")
    metrics.count(ANSWERS, "model-0", "p", "final")

    totals = metrics.totals()
    assert len(totals) == MOST_SERIES + 1
    assert totals[SEPARATOR.join(("chat_answers", "other", "other", "other"))] == 500
    assert totals[SEPARATOR.join(("chat_answers", "model-0", "p", "final"))] == 2


def test_times_are_shown_as_a_histogram() -> None:
    metrics = Metrics()
    for milliseconds in (0, 100, 101, 3_000, 999_000):
        metrics.observe(FIRST_TEXT, milliseconds, 'a"\\b')

    shown = exposition(metrics.totals(), [], queued=None).decode()

    name = 'chat_first_text_seconds_{}{{{}model="a\\"\\\\b"}}'
    assert name.format("bucket", 'le="0.1",') + " 2.0" in shown
    assert name.format("bucket", 'le="0.25",') + " 3.0" in shown
    assert name.format("bucket", 'le="4",') + " 4.0" in shown
    assert name.format("bucket", 'le="+Inf",') + " 5.0" in shown
    assert name.format("count", "") + " 5.0" in shown
    assert name.format("sum", "") + " 1002.201" in shown
    assert "chat_messages_queued" not in shown
