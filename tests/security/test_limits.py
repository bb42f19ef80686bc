"""Limits on a real Valkey."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from chat import broadcast
from chat.security.limits import Backoff, Limit, Limits, network
from tests.support import patches
from tests.support.stores import Stores

FIVE = Limit("five", 5, 60)


@pytest.fixture(scope="module")
async def limits(stores: Stores) -> AsyncIterator[Limits]:
    client = broadcast.connect(stores.redis_url)
    yield Limits(client)
    await client.aclose()


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


async def test_of_fifty_at_once_five_pass(limits: Limits, key: str) -> None:
    waits = await asyncio.gather(*(limits.wait_ms(FIVE, key) for _ in range(50)))

    assert sum(wait == 0 for wait in waits) == 5
    assert all(0 <= wait <= 12_000 for wait in waits)


async def test_keys_do_not_share_a_limit_and_disappear_by_themselves(limits: Limits, key: str, stores: Stores) -> None:
    for _ in range(5):
        await limits.wait_ms(FIVE, key)

    assert await limits.wait_ms(FIVE, key + "other") == 0
    client = broadcast.connect(stores.redis_url)
    assert 0 < await client.pttl(f"limit:five:{key}") <= 60_000
    await client.aclose()


async def test_a_reset_forgets_all_counts(limits: Limits, key: str) -> None:
    for _ in range(5):
        await limits.wait_ms(FIVE, key)
    await limits.reset(FIVE, key)

    assert await limits.wait_ms(FIVE, key) == 0


async def test_a_refund_undoes_one_count_only(limits: Limits, key: str) -> None:
    for _ in range(3):
        await limits.wait_ms(FIVE, key)
    for _ in range(4):  # a success in between wins no further attempts
        assert await limits.wait_ms(FIVE, key) == 0
        await limits.refund(FIVE, key)

    assert [await limits.wait_ms(FIVE, key) == 0 for _ in range(3)] == [True, True, False]


async def test_what_was_never_counted_is_not_refunded(limits: Limits, key: str) -> None:
    for _ in range(3):
        await limits.refund(FIVE, key)

    assert [await limits.wait_ms(FIVE, key) == 0 for _ in range(6)] == [True] * 5 + [False]


async def test_a_refund_applies_where_it_was_counted(limits: Limits, key: str) -> None:
    own = f"limit:{FIVE.name}:{key}"
    for _ in range(5):  # while Redis was unavailable
        limits._own.wait_ms(FIVE, own)
    assert await limits.wait_ms(FIVE, key) == 0
    await limits.refund(FIVE, key)
    assert limits._own.wait_ms(FIVE, own) > 0

    for _ in range(5):
        await limits.wait_ms(FIVE, key)
    off = Limits(limits._redis, enabled=False)
    assert await off.wait_ms(FIVE, key) == 0
    await off.refund(FIVE, key)
    assert await limits.wait_ms(FIVE, key) > 0


async def test_the_same_thing_counts_once_under_one_key(limits: Limits, key: str) -> None:
    waits = await asyncio.gather(*(limits.wait_ms(FIVE, key, once="this") for _ in range(20)))
    others = [await limits.wait_ms(FIVE, key, once=str(number)) == 0 for number in range(5)]

    assert set(waits) == {0}
    assert others == [True] * 4 + [False]
    assert await limits.wait_ms(FIVE, key, once="4") > 0  # what was refused is no such thing
    assert await limits.wait_ms(FIVE, key, once="this") == 0
    assert await limits.wait_ms(FIVE, key + "other", once="4") == 0


async def test_after_the_interval_one_more_passes(limits: Limits, key: str) -> None:
    quick = Limit("quick", 1, 1)
    assert await limits.wait_ms(quick, key) == 0
    wait = await limits.wait_ms(quick, key)
    assert 0 < wait <= 1000
    await asyncio.sleep(wait / 1000 + 0.01)  # Redis has its own clock

    assert await limits.wait_ms(quick, key) == 0


async def test_the_wait_of_a_backoff_doubles_up_to_the_longest(limits: Limits, key: str, stores: Stores) -> None:
    backoff, client = Backoff("doubling", 60, 200, 3600), broadcast.connect(stores.redis_url)
    stored = f"ladder:doubling:{key}"  # the name older workers use, too
    for seconds in (60, 120, 200, 200):
        assert await limits.left_ms(backoff, key) == 0
        assert await limits.back_off(backoff, key) == 0
        assert seconds * 1000 - 2000 < await limits.back_off(backoff, key) <= seconds * 1000
        assert seconds * 1000 - 2000 < await limits.left_ms(backoff, key) <= seconds * 1000
        await client.hset(stored, "last", 1)  # long ago
    assert 3_590_000 < await client.pttl(stored) <= 3_600_000
    await client.aclose()


async def test_without_redis_each_worker_counts_by_itself(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = broadcast.connect("redis://127.0.0.1:1/0")
    limits = Limits(nowhere)
    waits = [await limits.wait_ms(FIVE, key) for _ in range(7)]

    assert [wait == 0 for wait in waits] == [True] * 5 + [False] * 2
    assert 11_000 < waits[-1] <= 12_001
    assert await limits.wait_ms(FIVE, key + "other") == 0
    await limits.reset(FIVE, key)
    assert [await limits.wait_ms(FIVE, key, once="this") for _ in range(9)] == [0] * 9
    await limits.reset(FIVE, key)
    assert await limits.wait_ms(FIVE, key) == 0
    for _ in range(3):
        await limits.refund(FIVE, key)
    assert [await limits.wait_ms(FIVE, key) == 0 for _ in range(6)] == [True] * 5 + [False]
    patches.OWN_MAX_KEYS.replace(monkeypatch, 10)
    for number in range(30):
        await limits.wait_ms(FIVE, f"{key}{number}")
    assert len(limits._own._due_ms) == 10
    await nowhere.aclose()


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("<local>", "<local>"),
    ],
)
def test_an_address_counts_by_its_network(address: str, counted: str) -> None:
    assert network(address) == counted
