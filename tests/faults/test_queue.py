"""Rows 58 to 62: a queue of five messages, while workers and stores fail."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from tests.faults.cluster import Cluster
from tests.faults.oracle import Oracle
from tests.faults.story import Story, asked, counting
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)
WORDS = ["one", "two", "three", "four", "five"]
SENT = [(f"say {word}", word, "final") for word in WORDS]
SETTLED_SECONDS = 40  # five short answers, and for each a takeover by the next look of another worker
ANSWERED = """
SELECT question.content AS question, answer.content AS answer, answer.status, g.id AS generation_id
FROM chat_message question JOIN generation g ON g.user_message_id = question.id
JOIN chat_message answer ON answer.id = g.answer_id
WHERE question.thread_id = $1 ORDER BY answer.number
"""
WAITING = "SELECT content FROM queued_message WHERE thread_id = $1 ORDER BY number"
MESSAGES = "SELECT content FROM chat_message WHERE thread_id = $1 ORDER BY number"


async def queue_up(tab: Oracle) -> None:
    """Five messages that wait, in this order."""
    for word in WORDS:
        client_id = await tab.post(f"say {word}", queue=True)
        await tab.until(lambda client_id=client_id: client_id in tab.said)
        assert tab.said[client_id].get("queued") is True, tab.said[client_id]


def shows_queue(tab: Oracle, count: int, paused: str = "") -> bool:
    """Whether the tab shows this number of waiting messages, and this reason for a pause."""
    queue: dict[str, Any] = tab.store.queue
    return len(queue["items"]) == count and queue["paused"] == paused


async def all_sent(story: Story) -> None:
    """Each message was sent once, in order, answered once and paid for once, and every tab shows the same."""

    async def done() -> list[dict[str, Any]] | None:
        if await story.cluster.rows(WAITING, story.thread_id):  # before the answers, where the last of them then is
            return None
        rows = (await story.cluster.rows(ANSWERED, story.thread_id))[1:]
        return rows if all(row["status"] != "streaming" for row in rows) else None

    rows = await eventually(done, seconds=SETTLED_SECONDS)
    assert [(row["question"], row["answer"], row["status"]) for row in rows] == SENT
    assert [await story.cluster.model.creates(str(row["generation_id"])) for row in rows] == [1] * len(WORDS)
    stored = [row["content"] for row in await story.cluster.rows(MESSAGES, story.thread_id)]
    for tab in story.tabs:
        await tab.until(lambda tab=tab: shows(tab) == stored and shows_queue(tab, 0))


def shows(tab: Oracle) -> list[str]:
    return [message["content"] for message in tab.store.messages]


async def test_row_58_the_owner_dies_and_a_queue_of_five_waits_for_a_click(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=one, tabs=[two, two]) as story:
        await story.until_text(50)
        await queue_up(story.tabs[0])
        one.kill()
        row = await story.over(20)
        paused = "The queue is paused because the answer was interrupted."
        for tab in story.tabs:
            await tab.until(lambda tab=tab: shows_queue(tab, len(WORDS), paused))
        await story.tabs[1].press("queue.resume")
        await all_sent(story)

    assert row["status"] == "interrupted"


async def test_row_59_a_worker_dies_between_the_end_of_an_answer_and_the_next_message(cluster: Cluster) -> None:
    [healthy], [doomed] = await asyncio.gather(cluster.workers(1), cluster.workers(1, "die_before_the_next_message"))
    async with asked(cluster, *counting(150), at=doomed, tabs=[healthy, healthy]) as story:
        await story.until_text(10)
        await queue_up(story.tabs[0])
        await doomed.end()
        row = await story.over(10)
        await all_sent(story)

    assert row["status"] == "final"


async def test_row_60_redis_goes_and_the_queue_continues_in_rows(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150), at=one, tabs=[one, two]) as story:
        await story.until_text(10)
        await queue_up(story.tabs[0])
        cluster.valkey.stop(signal.SIGKILL)
        await story.over(20)
        await all_sent(story)
        cluster.valkey.start()
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.live[-1]) for tab in story.tabs))
        await all_sent(story)


async def test_row_61_every_worker_restarts_and_the_next_ones_send_all_five(cluster: Cluster) -> None:
    cluster.dismiss()
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(300), at=one, tabs=[two]) as story:
        await story.until_text(10)
        await queue_up(story.tabs[0])
        for worker in (one, two):
            worker.process.send_signal(signal.SIGTERM)
        assert [await worker.end() for worker in (one, two)] == [0, 0]
        waiting = await cluster.rows(WAITING, story.thread_id)
        [fresh] = await cluster.workers(1)
        story.tabs[0].urls = [fresh.url]
        row = await story.over(20)
        await all_sent(story)

    assert len(waiting) == len(WORDS), "a worker that stops begins nothing"
    assert row["status"] == "final"


async def test_row_62_postgresql_goes_while_a_queue_runs(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150), at=one, tabs=[one, two]) as story:
        await story.until_text(10)
        await queue_up(story.tabs[0])
        cluster.postgres.stop()
        await asyncio.sleep(3)  # the outage
        cluster.postgres.start()
        await story.over(30)
        await all_sent(story)
