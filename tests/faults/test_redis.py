"""Rows 12 to 21: Redis loses connections, its data, its memory, or recent writes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.faults.cluster import Cluster, Worker
from tests.faults.story import Story, asked, counting
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def again_and_again(act: Callable[[], Awaitable[Any]], *, seconds: float) -> AsyncIterator[None]:
    over = asyncio.Event()

    async def repeat() -> None:
        while not over.is_set():
            await act()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await over.wait()

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        over.set()  # a command to Redis can swallow a cancellation
        await task


def keys(story: Story) -> tuple[str, str]:
    return f"{{t:{story.thread_id}}}:log", f"{{t:{story.thread_id}}}:meta"


async def test_row_12_the_channel_is_cut_every_200_ms_and_no_tab_misses_or_repeats_anything(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)

    async def cut() -> None:
        await cluster.redis("CLIENT", "KILL", "TYPE", "pubsub")

    async with asked(cluster, *counting(600, 10), at=one, tabs=[one, two, two]) as story:
        await story.until_text(30)
        async with again_and_again(cut, seconds=0.2):
            await asyncio.sleep(2)  # ten cuts
        text = len(story.tabs[0].text(story.reply_id))
        await asyncio.wait_for(story.until_text(text + 40), 2)  # 1 s to recover, plus the text of that time
        row = await story.over(15)

    assert row["status"] == "final"
    assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 3


async def test_row_13_every_client_of_redis_is_cut_and_appends_are_retried(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)

    async def cut() -> None:
        cluster.valkey.proxy.cut()

    async with asked(cluster, *counting(600, 10), at=one, tabs=[one, two, two]) as story:
        await story.until_text(30)
        async with again_and_again(cut, seconds=0.2):
            await asyncio.sleep(2)  # ten cuts
        row = await story.over(15)

    assert row["status"] == "final"
    assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 3


async def test_row_13_a_connection_that_closes_under_a_command_ends_no_worker(cluster: Cluster) -> None:
    one, two = await cluster.workers(2, "cut_under_commands")
    async with asked(cluster, *counting(300, 10), at=one, tabs=[one, two]) as story:
        row = await story.over(12)
        page = await story.person.http.get("/chat/")

    assert (row["status"], page.status_code) == ("final", 200)
    assert one.is_alive
    assert two.is_alive


async def test_row_14_redis_loses_everything_and_tabs_have_the_text_within_2_s(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(500), at=one, tabs=[one, two]) as story:
        await story.until_text(200)
        epoch = story.tabs[1].store.cursor.partition(":")[0]
        await cluster.redis("FLUSHALL")
        text = len(story.tabs[0].text(story.reply_id))
        await asyncio.wait_for(story.until_text(text + 1), 2)
        row = await story.over(20)

    assert row["status"] == "final"
    assert all(tab.store.cursor.partition(":")[0] != epoch for tab in story.tabs)
    assert [tab.shrunk for tab in story.tabs] == [0, 0]


async def test_row_15_tabs_continue_from_the_database_when_redis_returns_empty(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(3000), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        cluster.valkey.stop(signal.SIGKILL)
        for _ in range(2):  # the grain is 5 s
            text = max(len(tab.text(story.reply_id)) for tab in story.tabs)
            await asyncio.wait_for(story.until_text(text + 1), 5 + 2)
        assert [tab.live[-1] for tab in story.tabs] == [False, False]
        cluster.valkey.start()
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.live[-1]) for tab in story.tabs))
        await story.tabs[1].stop(story.reply_id)
        row = await story.over(15)  # events lost during a reconnect are found by two checks, 5 s apart

    assert row["status"] == "stopped"
    assert [tab.codes for tab in story.tabs] == [[], []], "sockets stay"
    assert [tab.shrunk for tab in story.tabs] == [0, 0]
    assert [tab.shrunk for tab in story.tabs] == [0, 0]


async def test_row_16_redis_is_frozen_and_nothing_waits_for_it_longer_than_2_s(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(3000), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        with cluster.valkey.frozen():
            lag = asyncio.create_task(slowest_answers(two, seconds=8))
            page = await asyncio.wait_for(story.person.http.get(f"/chat/{story.thread_id}/"), 10)
            client_id = await story.tabs[0].post("say Am I busy")
            await story.tabs[0].until(lambda: client_id in story.tabs[0].said, seconds=10)
            text = max(len(tab.text(story.reply_id)) for tab in story.tabs)
            await asyncio.wait_for(story.until_text(text + 1), 15)
            slowest = await lag
        await story.tabs[1].stop(story.reply_id)
        row = await story.over(10)

    assert page.status_code == 200
    assert slowest < 0.2
    assert story.tabs[0].said[client_id]["code"] == "busy"
    assert [tab.shrunk for tab in story.tabs] == [0, 0]
    assert row["status"] == "stopped"
    assert [tab.shrunk for tab in story.tabs] == [0, 0]


async def slowest_answers(worker: Worker, *, seconds: float) -> float:
    """The p99 latency of a request that needs no store."""
    times = []
    deadline = time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=worker.url) as http:
        while (began := time.monotonic()) < deadline:
            assert (await http.get("/healthz")).status_code == 200
            times.append(time.monotonic() - began)
            await asyncio.sleep(0.03)  # samples, not a load
    return sorted(times)[int(len(times) * 0.99) - 1]


async def test_row_17_a_full_redis_causes_no_error_on_a_page_or_in_an_answer(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(200), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        await cluster.redis("CONFIG", "SET", "maxmemory", "1mb")
        try:
            page = await story.person.http.get(f"/chat/{story.thread_id}/")
            row = await story.over(12)  # nothing can be logged, so the checks find it
        finally:
            await cluster.redis("CONFIG", "SET", "maxmemory", "0")

    assert page.status_code == 200
    assert row["status"] == "final"
    assert [tab.shrunk for tab in story.tabs] == [0, 0]


async def test_row_18_an_older_copy_of_redis_is_promoted_and_no_tab_shows_a_wrong_text(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(500), at=one, tabs=[one, two]) as story:
        await story.until_text(300)
        log, meta = keys(story)
        await cluster.redis(
            "EVAL",
            """local entries = redis.call('XRANGE', KEYS[1], '-', '+')
            redis.call('DEL', KEYS[1])
            for n = 1, #entries - 5 do redis.call('XADD', KEYS[1], entries[n][1], unpack(entries[n][2])) end
            redis.call('HINCRBY', KEYS[2], 's', -5)""",
            *(2, log, meta),
        )
        row = await story.over(20)

    assert row["status"] == "final"
    assert [tab.shrunk for tab in story.tabs] == [0, 0]


async def test_row_19_a_tab_slept_until_its_log_was_gone_and_gets_a_snapshot(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)

    async def has_come_to(offset: int) -> bool:
        return int(await cluster.redis("HGET", meta, "s")) >= offset

    async with asked(cluster, *counting(300), at=one, tabs=[two]) as story:
        await story.until_text(50)
        [sleeper] = story.tabs
        sleeper.urls = ["http://127.0.0.1:1"]
        await sleeper.disconnect()
        log, meta = keys(story)
        missed = int(sleeper.store.cursor.partition(":")[2]) + 5
        await eventually(lambda: has_come_to(missed), seconds=5)
        await cluster.redis("PEXPIRE", log, 0)  # at once: the next event would give it time again
        sleeper.urls = [two.url]
        row = await story.over(20)

    assert row["status"] == "final"
    assert [frame["mode"] for frame in sleeper.frames if frame["type"] == "welcome"][-1] == "snapshot"
    assert not [frame for frame in sleeper.frames if frame["type"] == "error"]
    assert sleeper.shrunk == 0


async def test_row_20_the_meta_of_a_log_is_evicted_and_a_new_epoch_begins(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(300), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        epoch = story.tabs[0].store.cursor.partition(":")[0]
        await cluster.redis("DEL", keys(story)[1])
        row = await story.over(20)

    assert row["status"] == "final"
    assert all(tab.store.cursor.partition(":")[0] != epoch for tab in story.tabs)
    assert [tab.shrunk for tab in story.tabs] == [0, 0]


async def test_row_21_the_scripts_are_flushed_and_sent_again(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(300), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        await cluster.redis("SCRIPT", "FLUSH")
        row = await story.over(20)

    assert row["status"] == "final"
    assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 2
