"""Rows 22 to 27 and 43: PostgreSQL restarts, stops, freezes, kills backends, or loses the reply to a COMMIT."""

from __future__ import annotations

import asyncio
import signal
import time

import asyncpg
import pytest

from tests.faults.cluster import Cluster
from tests.faults.story import asked, counting
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)
EVERYBODY_ELSE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'worker-%'"
READ_ONLY = "ALTER DATABASE postgres {} default_transaction_read_only{}"


async def test_row_22_an_answer_continues_when_postgres_restarts(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(600, 10), at=one, tabs=[one, two]) as story:
        await story.until_text(200)
        cluster.postgres.stop(signal.SIGQUIT)
        cluster.postgres.start()
        row = await story.over(30)

    assert row["status"] == "final"
    assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 2


async def test_row_23_only_stored_messages_are_acknowledged_while_postgres_is_down(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(100), at=one, tabs=[one, two]) as story:
        await story.over(10)
        cluster.postgres.stop()
        page = await asyncio.wait_for(story.person.http.get(f"/chat/{story.thread_id}/"), 10)
        [tab, _] = story.tabs
        client_id = await tab.post("say It came back")
        ready = await story.person.http.get("/readyz")
        await asyncio.sleep(30)  # the outage of this row; no ack may arrive during it
        assert tab.said.get(client_id, {}).get("type") != "ack"
        cluster.postgres.start()
        await tab.until(lambda: client_id in tab.said, seconds=30)
        story.reply_id, story.text = tab.said[client_id]["reply_id"], "It came back"
        row = await story.over(20)

    assert (page.status_code, page.headers.get("Retry-After")) == (503, "5")
    assert ready.status_code == 503
    assert row["status"] == "final"
    assert [one.codes for one in story.tabs] == [[], []], "sockets stay"


async def test_row_23_an_answer_that_ends_while_postgres_is_down_is_stored_completely_later(
    cluster: Cluster,
) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150, 10), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        cluster.postgres.stop()
        await eventually(lambda: is_idle(cluster), seconds=15)
        await asyncio.sleep(4)  # longer than a query is retried
        cluster.postgres.start()
        row = await story.over(20)
        [call] = await story.calls()

    assert (row["status"], row["takeovers"]) == ("final", 0)
    assert not call["estimated"]


async def test_row_23_an_answer_that_begins_while_postgres_is_down_continues_later(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150, 10, "delay=1"), at=one, tabs=[one, two]) as story:
        await eventually(story.creates, seconds=5)
        cluster.postgres.stop()
        await asyncio.sleep(4)  # longer than a query is retried
        cluster.postgres.start()
        row = await story.over(20)

    assert (row["status"], row["takeovers"]) == ("final", 0)


async def is_idle(cluster: Cluster) -> bool:
    """The provider has sent everything."""
    return (await cluster.model.http.get("/control/open")).json()["open"] == 0


async def test_row_24_postgres_is_frozen_and_requests_end_within_10_s(cluster: Cluster) -> None:
    one, _ = await cluster.workers(2)
    async with cluster.alice(one) as alice:
        with cluster.postgres.frozen():
            began = time.monotonic()
            page = await asyncio.wait_for(alice.http.get("/chat/"), 15)
            took = time.monotonic() - began
        assert await eventually(lambda: answers(alice), seconds=20)

    assert page.status_code == 503
    assert took < 11


async def answers(person: object) -> bool:
    return (await person.http.get("/chat/")).status_code == 200  # type: ignore[attr-defined]


async def test_row_25_backends_are_killed_in_their_transactions_and_nothing_is_half_written(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(400, 10), at=one, tabs=[one, two]) as story:
        for _ in range(20):
            await cluster.rows(EVERYBODY_ELSE)
            await asyncio.sleep(0.1)  # spreads the kills over the answer
        row = await story.over(30)

    assert row["status"] in ("final", "interrupted")


async def test_row_26_the_pool_is_exhausted_and_requests_get_503_within_5_s(cluster: Cluster) -> None:
    one, _ = await cluster.workers(2)
    async with cluster.alice(one) as alice:
        began = time.monotonic()
        pages = await asyncio.gather(lock_threads(cluster, seconds=4), *(alice.http.get("/chat/") for _ in range(25)))
        took = time.monotonic() - began
        assert await eventually(lambda: answers(alice), seconds=20)

    statuses = [page.status_code for page in pages[1:]]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 9
    assert took < 8


async def lock_threads(cluster: Cluster, *, seconds: float) -> None:
    """Statements on threads keep their connections and wait."""
    lock = await asyncpg.connect(cluster.postgres.url)
    try:
        await lock.execute("BEGIN; LOCK TABLE chat_thread IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(seconds)  # the fault itself
    finally:
        await lock.close()


async def test_row_27_a_lost_reply_to_commit_stores_the_message_exactly_once(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(3), at=one, tabs=[one, two]) as story:
        await story.over(10)
        [tab, _] = story.tabs
        cluster.postgres.proxy.drop_reply_to = b"COMMIT"
        client_id = await tab.post("say Once")
        await tab.until(lambda: client_id in tab.said, seconds=30)
        assert cluster.postgres.proxy.dropped >= 1
        assert tab.said[client_id]["type"] == "ack"
        story.reply_id, story.text = tab.said[client_id]["reply_id"], "Once"
        row = await story.over(20)
        stored = await cluster.rows("SELECT id FROM chat_message WHERE client_id = $1", client_id)

    assert row["status"] == "final"
    assert len(stored) == 1


async def test_row_27_a_lost_reply_to_the_last_commit_ends_tabs_within_10_s(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150, 10), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        cluster.postgres.proxy.drop_reply_to = b"COMMIT"
        await eventually(lambda: is_idle(cluster), seconds=15)
        row = await story.over(10)
        [_] = await story.calls()

    assert cluster.postgres.proxy.dropped >= 1
    assert row["status"] == "final"


async def test_row_43_pages_can_be_read_while_postgres_is_read_only(cluster: Cluster) -> None:
    one, _ = await cluster.workers(2)
    async with asked(cluster, *counting(3), at=one, tabs=[one]) as story:
        await story.over(10)
        [tab] = story.tabs
        await cluster.rows(READ_ONLY.format("SET", " = on"))
        await cluster.rows(EVERYBODY_ELSE)
        try:
            page = await eventually(lambda: read(story.person, story.thread_id), seconds=10)
            client_id = await tab.post("say It is written")
            await asyncio.sleep(2)  # proves that no ack comes
            assert tab.said.get(client_id, {}).get("type") != "ack"
        finally:
            await cluster.rows(f"BEGIN READ WRITE; {READ_ONLY.format('RESET', '')}; COMMIT")
            await cluster.rows(EVERYBODY_ELSE)
        await tab.until(lambda: client_id in tab.said, seconds=30)

    assert "1, 2, 3" in page
    assert tab.said[client_id]["type"] == "ack"


async def read(person: object, thread_id: str) -> str:
    page = await person.http.get(f"/chat/{thread_id}/")  # type: ignore[attr-defined]
    return page.text if page.status_code == 200 else ""
