"""Rows 1 to 11 and 36: workers that die, pause, or get SIGTERM."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.faults.clocks import clocks_off
from tests.faults.cluster import Cluster
from tests.faults.oracle import Oracle
from tests.faults.story import asked, counting
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)
TAKEOVER_SECONDS = 20  # from the fault until every tab shows the stored end


def told(tab: Oracle) -> list[str]:
    """The types of frames that a tab has received, except pings, which come by the clock."""
    return [frame["type"] for frame in tab.frames if frame["type"] != "ping"]


async def test_row_1_a_worker_dies_and_all_tabs_keep_the_text_they_showed_within_20_s(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with (
        cluster.balanced(one, two) as site,
        asked(cluster, *counting(2000), at=one, tabs=[site.url] * 4) as story,
    ):
        await story.until_text(random.randrange(1, 800))
        seen = [tab.text(story.reply_id) for tab in story.tabs]
        one.kill()
        row = await story.over(TAKEOVER_SECONDS)
        again = await story.tabs[0].post("say Once more")
        await story.tabs[0].until(lambda: again in story.tabs[0].said)

    assert (row["status"], row["reason"], row["takeovers"]) == ("interrupted", "lost", 1)
    assert all(row["content"].startswith(text) for text in seen)
    assert [tab.shrunk for tab in story.tabs] == [0] * 4
    assert sorted(tab.connections for tab in story.tabs) == [1, 1, 2, 2], "two tabs were at the worker that died"
    assert site.failed_handshakes == 0
    assert story.tabs[0].said[again]["type"] == "ack"


async def test_row_3_a_worker_dies_after_it_stored_the_message_and_another_answers_it_once(cluster: Cluster) -> None:
    [healthy], [doomed] = await asyncio.gather(cluster.workers(1), cluster.workers(1, "die_after_submit_commit"))
    async with asked(cluster, *counting(3), at=healthy, tabs=[doomed]) as story:
        [tab] = story.tabs
        await story.over(10)
        client_id = await tab.post("say It was stored")
        await doomed.end()
        tab.urls = [healthy.url]
        await tab.until(lambda: client_id in tab.said)
        story.reply_id, story.text = tab.said[client_id]["reply_id"], "It was stored"
        row = await story.over(TAKEOVER_SECONDS)

        assert row["status"] == "final"
        assert await story.creates() == 1
        questions = await cluster.rows("SELECT id FROM chat_message WHERE client_id = $1", client_id)
    assert len(questions) == 1


async def test_row_4_a_worker_dies_after_it_asked_and_the_provider_is_not_asked_again(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(9, script="delay=60"), at=one, tabs=[two, two]) as story:
        await eventually(story.creates, seconds=10)
        one.kill()
        row = await story.over(TAKEOVER_SECONDS)

        assert (row["status"], row["content"]) == ("interrupted", "")
        assert await story.creates() == 1
        [call] = await story.calls()
    assert (call["uncertain"], call["estimated"], call["response_id"]) == (True, True, None)


async def test_row_5_a_worker_dies_before_announcing_the_end_and_tabs_have_it_within_10_s(cluster: Cluster) -> None:
    [healthy], [doomed] = await asyncio.gather(cluster.workers(1), cluster.workers(1, "die_after_final_commit"))
    async with asked(cluster, *counting(100), at=doomed, tabs=[healthy, healthy]) as story:
        await story.until_text(20)
        await doomed.end()
        row = await story.over(10)

    assert row["status"] == "final"


async def test_row_5_a_worker_dies_before_it_has_indexed_an_answer_and_another_worker_does(cluster: Cluster) -> None:
    [doomed] = await cluster.workers(1, "die_before_indexing")
    async with asked(cluster, *counting(3), at=doomed, tabs=[doomed]) as story:
        [tab] = story.tabs
        await doomed.end()
        [healthy] = await cluster.workers(1)
        tab.urls = [healthy.url]
        row = await story.over(TAKEOVER_SECONDS)

        entries = "SELECT id FROM search_entry WHERE message_id = $1"
        await eventually(lambda: cluster.rows(entries, story.reply_id), seconds=90)
    assert row["status"] == "final"


async def test_row_6_a_worker_dies_inside_the_final_transaction_and_the_call_is_counted_once(cluster: Cluster) -> None:
    [healthy], [doomed] = await asyncio.gather(cluster.workers(1), cluster.workers(1, "die_before_final_commit"))
    async with asked(cluster, *counting(100), at=doomed, tabs=[healthy, healthy]) as story:
        await doomed.end()
        row = await story.over(TAKEOVER_SECONDS)

        assert row["status"] == "interrupted"
        assert row["content"] == story.text, "the log had all of it"
        [call] = await story.calls()
    assert (call["status"], call["estimated"]) == ("lost", True)


async def test_row_9_a_paused_owner_wakes_without_its_lease_and_writes_nothing(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=one, tabs=[two, two]) as story:
        await story.until_text(200)
        one.pause()
        row = await story.over(TAKEOVER_SECONDS)
        before = [told(tab) for tab in story.tabs]
        one.resume()
        await eventually(one.says("now belongs to another worker"), seconds=10)

        assert row["status"] == "interrupted"
        assert await story.row() == row
        assert [told(tab) for tab in story.tabs] == before
        await story.over(1)


async def test_row_10_a_loop_blocked_for_20_s_loses_its_answer_and_duplicates_nothing(cluster: Cluster) -> None:
    [healthy], [blocked] = await asyncio.gather(cluster.workers(1), cluster.workers(1, "block_the_loop"))
    async with (
        cluster.balanced(blocked, healthy) as site,
        asked(cluster, *counting(2000), at=blocked, tabs=[site.url] * 2) as story,
    ):
        row = await story.over(TAKEOVER_SECONDS + 5)
        await eventually(blocked.says("now belongs to another worker"), seconds=20)

        assert row["status"] == "interrupted"
        assert await story.row() == row
        await story.over(1)


async def test_row_11_clocks_that_are_an_hour_off_change_nothing(cluster: Cluster) -> None:
    ahead, behind = await clocks_off(cluster, 3600)
    async with asked(cluster, *counting(1000, 10), at=behind, tabs=[ahead, behind]) as story:
        await asyncio.sleep(6)  # longer than a round of the reaper, and two heartbeats
        row = await story.over(20)

    assert (row["status"], row["takeovers"]) == ("final", 0)
    assert [(tab.store.syncs, tab.shrunk, tab.codes) for tab in story.tabs] == [(0, 0, [])] * 2


async def test_row_36_a_stop_takes_effect_within_20_s_when_the_owner_is_dead(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=one, tabs=[two, two]) as story:
        await story.until_text(50)
        one.kill()
        await story.tabs[0].stop(story.reply_id)
        row = await story.over(TAKEOVER_SECONDS)

    assert (row["status"], row["reason"]) == ("stopped", "stopped")
    assert [tab.shrunk for tab in story.tabs] == [0, 0]


async def test_row_36_a_stop_takes_effect_within_2_s_when_the_owner_is_alive(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=one, tabs=[one, two]) as story:
        await story.until_text(50)
        await story.tabs[1].stop(story.reply_id)
        row = await story.over(2)
        await cluster.model.open(until=0)

    assert row["status"] == "stopped"
