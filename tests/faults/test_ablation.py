"""The oracle fails if one rule of the delivery is removed, and passes otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from tests.faults.cluster import Cluster
from tests.faults.oracle import Rules
from tests.faults.story import asked, counting

pytestmark = pytest.mark.timeout(120)
TRIES = 5


async def is_red(trial: Awaitable[None]) -> bool:
    try:
        await trial
    except (AssertionError, TimeoutError):
        return True
    return False


async def lose_the_end(cluster: Cluster, rules: Rules) -> None:
    [healthy], [doomed] = await asyncio.gather(
        cluster.workers(1, "no_checks"), cluster.workers(1, "die_after_final_commit")
    )
    async with asked(cluster, *counting(30), at=doomed, tabs=[healthy], rules=rules) as story:
        await doomed.end()
        await story.over(8)


async def test_a_tab_that_never_asks_keeps_its_spinner(cluster: Cluster) -> None:
    assert not await is_red(lose_the_end(cluster, Rules(quiet_seconds=2)))
    assert await is_red(lose_the_end(cluster, Rules(quiet_seconds=2, syncs=False)))


async def take_snapshots(cluster: Cluster, faults: str) -> None:
    [worker] = await cluster.workers(1, faults)
    async with asked(cluster, *counting(3000, 5), at=worker, tabs=[worker], rules=Rules(retry_seconds=0.05)) as story:
        [tab] = story.tabs
        for number in range(1, 11):
            await tab.until(lambda number=number: tab.connections >= number)
            await tab.until(lambda: tab.frames[-1]["type"].endswith(".delta"))
            tab.wants_snapshot = True
            await tab.disconnect()
        await tab.stop(story.reply_id)
    assert (tab.store.syncs, tab.shrunk) == (0, 0)


@pytest.mark.parametrize("rule", ["place_after_rows", "no_refill"])
async def test_a_snapshot_that_is_made_in_another_way_has_holes(cluster: Cluster, rule: str) -> None:
    assert not await is_red(take_snapshots(cluster, ""))
    assert await is_red(take_snapshots(cluster, rule))


async def open_at_the_end(cluster: Cluster, faults: str) -> None:
    [worker] = await cluster.workers(1, faults)
    rules = Rules(syncs=False)  # a tab that missed the event never learns of it, neither by asking nor by a check
    for _ in range(TRIES):
        async with asked(
            cluster, "say Quick [offline: delay=0.2 pace=30]", "Quick", at=worker, tabs=[worker], rules=rules
        ) as story:
            await story.over(8)


async def test_a_tab_that_reads_before_it_is_subscribed_misses_the_end(cluster: Cluster) -> None:
    assert not await is_red(open_at_the_end(cluster, "no_checks slow_subscription"))
    assert await is_red(open_at_the_end(cluster, "no_checks no_wait_for_subscription"))
