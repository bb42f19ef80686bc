"""Many answers at once: their worker is killed at any moment, or all workers are replaced one by one."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from tests.faults.cluster import Cluster, Worker
from tests.faults.scale import KILLS
from tests.faults.story import Address, Story, asked, counted
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)
AT_ONCE = 10
TRUTH_SECONDS = 20
REPLIES = 20
FACTS = """
SELECT answer_id, request_at IS NOT NULL AND split_part(owner, ':', 2) = $1 AS asked, response_id IS NOT NULL AS known
FROM generation WHERE state IN ('queued', 'running')
"""

Start = Callable[..., Worker]
Note = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker had done for an answer when it died."""

    asked: bool  # sent the request, which is never sent again; otherwise another worker sends it
    continues: bool  # the provider finishes the response without us

    @property
    def seconds(self) -> float:
        """Until the end; 2,000 numbers that no one had asked for yet take 30 s."""
        return TRUTH_SECONDS + (10 if self.continues else 0 if self.asked else 40)


ENDED = Facts(asked=True, continues=True)  # before its worker died
MODES = {"plain": {}, "background": {"LLM_BACKGROUND": "on"}}


@pytest.fixture
async def start(cluster: Cluster) -> AsyncIterator[Start]:
    """Workers of a test's own."""
    started: list[Worker] = []

    def launch(mode: str, **settings: str) -> Worker:
        started.append(cluster.launch("serve", "none", **MODES[mode], **settings))
        return started[-1]

    yield launch
    for worker in started:
        if worker.is_alive:
            worker.kill()


async def ask(stack: AsyncExitStack, cluster: Cluster, upto: int, at: Worker, tabs: list[Address]) -> Story:
    thoughts = random.randint(1, 200)
    question = f"Count to {upto} [offline: pace={random.randint(8, 15)} reasoning={thoughts}]"
    return await stack.enter_async_context(asked(cluster, question, counted(upto), at=at, tabs=tabs, thoughts=thoughts))


@pytest.mark.parametrize("mode", MODES)
async def test_answers_of_a_worker_killed_at_any_point_end_correctly(
    cluster: Cluster, start: Start, mode: str, record_property: Note
) -> None:
    statuses: Counter[str] = Counter()
    waits: list[float] = []
    creates = shrunk = 0
    survivor = start(mode)
    for _ in range(KILLS // AT_ONCE):
        doomed = start(mode)
        await asyncio.gather(survivor.until_ready(), doomed.until_ready())
        async with AsyncExitStack() as stack:
            site = await stack.enter_async_context(cluster.balanced(doomed, survivor))
            upto = 1000 if mode == "plain" else 700  # one that had not begun is written anew, and ends in time, too
            asks = (ask(stack, cluster, upto, doomed, [site.url] * 3) for _ in range(AT_ONCE))
            stories = await asyncio.gather(*asks)
            await eventually(lambda: most_have_begun(cluster))
            await asyncio.sleep(random.random() * 2)  # a random moment of their answers is the point
            began = time.monotonic()
            doomed.kill()
            ends = await ends_to_come(cluster, doomed, mode)
            truths = (truth(story, ends.get(story.reply_id, ENDED), began, waits) for story in stories)
            rows = await asyncio.gather(*truths)
            assert site.failed_handshakes == 0
            statuses.update(row["status"] for row in rows)
            creates = max([creates, *(await asyncio.gather(*(story.creates() for story in stories)))])
            shrunk += sum(tab.shrunk for story in stories for tab in story.tabs)
    record_property("figure", f"{sum(statuses.values())} answers of killed workers, {mode}: {dict(statuses)}; ")
    record_property("figure", f"doubled 0, stuck 0, creates of one {creates} at most; truth after {max(waits):.1f} s")

    usual, rare = ("interrupted", "final") if mode == "plain" else ("final", "interrupted")
    assert statuses[usual] > statuses[rare]
    assert (creates, shrunk) == (1, 0)


async def most_have_begun(cluster: Cluster) -> bool:
    """More than half of the answers are known to the provider; the others may be at any earlier point."""
    [begun] = await cluster.rows("SELECT count(*) FROM generation WHERE response_id <> '' AND state = 'running'")
    return bool(begun["count"] > AT_ONCE // 2)


async def ends_to_come(cluster: Cluster, dead: Worker, mode: str) -> dict[str, Facts]:
    """By answer, how it has to end: what had been asked is never asked again, and what had not been is asked now."""

    async def has_gone() -> bool:
        return not await cluster.rows("SELECT 1 FROM pg_stat_activity WHERE application_name = $1", dead.name)

    await eventually(has_gone)  # its last statements take effect
    found = await cluster.rows(FACTS, str(dead.process.pid))
    return {str(row["answer_id"]): Facts(row["asked"], row["known"] and mode == "background") for row in found}


async def truth(story: Story, facts: Facts, began: float, waits: list[float]) -> dict[str, object]:
    """How the tabs and the row agreed, and when; an answer that continues sends the rest of its stream first."""
    row = await story.over(facts.seconds)
    if facts.asked:
        waits.append(time.monotonic() - began)
    assert row["status"] == ("final" if facts.continues or not facts.asked else "interrupted")
    return row


@pytest.mark.parametrize(("mode", "drain_seconds", "upto"), [("plain", 18, 500), ("background", 1, 700)])
async def test_a_rolling_restart_of_two_workers_under_20_replies_loses_none(
    cluster: Cluster, start: Start, record_property: Note, mode: str, drain_seconds: int, upto: int
) -> None:
    drain = {"DRAIN_SECONDS": str(drain_seconds)}
    workers = [start(mode, **drain) for _ in range(2)]
    await asyncio.gather(*(worker.until_ready() for worker in workers))
    routed = [worker.url for worker in workers]  # where a router sends tabs at the moment
    async with AsyncExitStack() as stack:
        stories = [
            await ask(stack, cluster, upto, workers[number % 2], [routed, routed, routed]) for number in range(REPLIES)
        ]
        began = time.monotonic()
        ended = []
        for number, leaving in enumerate(workers):
            new = start(mode, **drain)
            await new.until_ready()
            routed[number] = new.url
            leaving.process.send_signal(signal.SIGTERM)
            ended.append(leaving.end(seconds=25))
            if mode == "background":  # the second goes when it may have been given the first one's
                assert await ended.pop() == 0
        codes = await asyncio.gather(*ended)
        rows = await asyncio.gather(*(story.over(30) for story in stories))
        creates = await asyncio.gather(*(story.creates() for story in stories))
        tabs = [tab for story in stories for tab in story.tabs]
    took = time.monotonic() - began
    record_property("figure", f"rolling restart under {REPLIES} replies, {mode}: {took:.1f} s, replies lost 0")

    assert set(codes) <= {0}
    assert [row["status"] for row in rows] == ["final"] * REPLIES
    assert list(creates) == [1] * REPLIES
    assert {code for tab in tabs for code in tab.codes} <= {1012, 503}, "closed by a restart, or sent elsewhere"
    assert max(tab.codes.count(1012) for tab in tabs) <= len(workers), "each restart closes a tab once"
    assert [(tab.store.syncs, tab.shrunk) for tab in tabs] == [(0, 0)] * len(tabs)
