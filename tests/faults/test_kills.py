"""Many answers at once: their worker is killed at any moment, or all workers are replaced one by one."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from tests.faults.cluster import Cluster, Worker
from tests.faults.scale import KILLS
from tests.faults.story import Address, Story, asked, counted

pytestmark = pytest.mark.timeout(600)
AT_ONCE = 10
TRUTH_SECONDS = 20
REPLIES = 20
MODES = {"plain": {}, "background": {"LLM_BACKGROUND": "on"}}
Start = Callable[..., Worker]
Note = Callable[[str, object], None]


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
            stories = []
            for _ in range(AT_ONCE):
                tabs: list[Address] = [[doomed.url, survivor.url], survivor, survivor]
                stories.append(await ask(stack, cluster, 2000 if mode == "plain" else 700, doomed, tabs))
            await asyncio.sleep(random.random() * 2)  # a random moment of their answers is the point
            began = time.monotonic()
            doomed.kill()
            for story in stories:
                story.tabs[0].urls = [survivor.url]
            rows = await asyncio.gather(*(truth(story, began, waits, mode) for story in stories))
            statuses.update(row["status"] for row in rows)
            creates = max([creates, *(await asyncio.gather(*(story.creates() for story in stories)))])
            shrunk += sum(tab.shrunk for story in stories for tab in story.tabs)
    record_property("figure", f"{sum(statuses.values())} answers of killed workers, {mode}: {dict(statuses)}; ")
    record_property("figure", f"doubled 0, stuck 0, creates of one {creates} at most; truth after {max(waits):.1f} s")

    assert set(statuses) <= ({"interrupted"} if mode == "plain" else {"final", "interrupted"})
    assert mode == "plain" or statuses["final"] > statuses["interrupted"]
    assert (creates, shrunk) == (1, 0)


async def truth(story: Story, began: float, waits: list[float], mode: str) -> dict[str, object]:
    """How the tabs and the row agreed, and when; background responses send the rest of the stream first."""
    row = await story.over(TRUTH_SECONDS + (10 if mode == "background" else 0))
    waits.append(time.monotonic() - began)
    known = any(call["response_id"] for call in await story.calls())
    assert mode == "plain" or row["status"] == ("final" if known else "interrupted"), "what can go on does"
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
