"""Rows 2, 7, 32, 34 and 35 with background runs, which continue without us: a takeover delivers the whole text.

The other half of row 35, a resumed stream that skips something, is in tests/services/replies/test_takeover.py: its
text is wrong until the end, which this folder's oracle does not accept.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator

import pytest

from tests.faults.cluster import Cluster, Worker
from tests.faults.story import Story, asked, counting

pytestmark = pytest.mark.timeout(120)
TAKEOVER_SECONDS = 20


@pytest.fixture
async def pair(cluster: Cluster) -> AsyncIterator[tuple[Worker, Worker]]:
    """Two separate workers that use background responses."""
    settings = {"LLM_BACKGROUND": "on", "DRAIN_SECONDS": "1"}
    one, two = (cluster.launch("serve", "none", **settings) for _ in range(2))
    await asyncio.gather(one.until_ready(), two.until_ready())
    yield one, two
    for worker in (one, two):
        if worker.is_alive:
            worker.kill()


async def whole(story: Story, seconds: float = TAKEOVER_SECONDS) -> None:
    """All tabs have the whole text at the end, for one paid call."""
    row = await story.over(seconds)
    [call] = await story.calls()
    assert (row["status"], row["content"]) == ("final", story.text)
    assert (call["status"], call["estimated"]) == ("completed", False)
    assert await story.creates() == 1
    assert [tab.shrunk for tab in story.tabs] == [0] * len(story.tabs)


async def test_row_2_and_35_a_worker_dies_during_an_answer_and_another_completes_it(
    cluster: Cluster, pair: tuple[Worker, Worker]
) -> None:
    one, two = pair
    async with (
        cluster.balanced(one, two) as site,
        asked(cluster, *counting(600, 10, "repeat"), at=one, tabs=[site.url] * 2) as story,
    ):
        await story.until_text(random.randrange(1, 400))
        one.kill()
        await whole(story, TAKEOVER_SECONDS + 10)


async def test_row_7_a_worker_that_gets_sigterm_hands_over_its_answers(
    cluster: Cluster, pair: tuple[Worker, Worker]
) -> None:
    one, two = pair
    async with (
        cluster.balanced(one, two) as site,
        asked(cluster, *counting(600, 15), at=one, tabs=[site.url] * 2) as story,
    ):
        await story.until_text(50)
        one.process.send_signal(signal.SIGTERM)
        assert await one.end() == 0
        await whole(story, TAKEOVER_SECONDS + 10)
        assert (await story.row())["takeovers"] == 1


async def test_row_32_a_stream_that_is_cut_repeatedly_is_resumed_by_its_owner(
    cluster: Cluster, pair: tuple[Worker, Worker]
) -> None:
    one, two = pair
    async with asked(cluster, *counting(400, 10), at=one, tabs=[one, two]) as story:
        for number in range(3):
            await story.until_text(100 * (number + 1))
            cluster.model_proxy.cut()
        await whole(story)
        assert (await story.row())["takeovers"] == 0


async def test_row_34_a_run_that_the_provider_has_lost_is_interrupted(
    cluster: Cluster, pair: tuple[Worker, Worker]
) -> None:
    one, two = pair
    async with asked(cluster, *counting(600, 10, "expire"), at=one, tabs=[two]) as story:
        await story.until_text(60)
        one.kill()
        row = await story.over(TAKEOVER_SECONDS)

        assert (row["status"], len(row["content"]) >= 60) == ("interrupted", True)
        assert await story.creates() == 1
