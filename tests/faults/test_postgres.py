"""Rows 22 to 27 and 43: PostgreSQL restarts, stops, freezes, kills backends, or loses the reply to a COMMIT."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import httpx
import pytest

from chat.settings import Settings
from tests.faults.cluster import Cluster
from tests.faults.story import asked, counting
from tests.faults.visitors import Visitor
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)
EVERYBODY_ELSE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'worker-%'"
IN_TRANSACTION = """
SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name LIKE 'worker-%' AND state = 'idle in transaction' ORDER BY random() LIMIT 1
"""
OPEN_KILLS = 20
HALF_WRITTEN = """
SELECT t.id FROM chat_thread t WHERE t.message_count <> (SELECT count(*) FROM chat_message m WHERE m.thread_id = t.id)
    OR EXISTS (SELECT 1 FROM chat_message m WHERE m.thread_id = t.id AND m.role = 'user'
        AND NOT EXISTS (SELECT 1 FROM generation g WHERE g.user_message_id = m.id))
    OR EXISTS (SELECT 1 FROM generation g JOIN chat_message m ON m.id = g.answer_id
        WHERE g.thread_id = t.id AND (g.state IN ('queued', 'running')) <> (m.status = 'streaming'))
"""
WAITING_FOR_A_LOCK = "SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'"
LEASE_SECONDS = 12
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


async def test_row_25_backends_are_killed_in_open_transactions_and_nothing_is_half_written(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with AsyncExitStack() as stack:
        stories = [
            await stack.enter_async_context(asked(cluster, *counting(150, 10), at=worker, tabs=[one, two]))
            for worker in (one, two)
        ]
        people = [await stack.enter_async_context(cluster.alice(worker)) for worker in (one, two) * 3]
        cluster.postgres.proxy.latency_seconds = 0.01  # transactions wait between their statements
        kills: list[int] = []
        talks = [asyncio.create_task(talk(person, kills)) for person in people]
        while len(kills) < OPEN_KILLS:
            kills += [row["pid"] for row in await cluster.rows(IN_TRANSACTION)]
            await asyncio.sleep(0.05)  # some transactions get through
        client_ids = [client_id for stored in await asyncio.gather(*talks) for client_id in stored]
        cluster.postgres.proxy.latency_seconds = 0
        rows = [await story.over(30) for story in stories]
        await eventually(lambda: all_have_ended(cluster), seconds=20)

    assert [(row["status"], row["takeovers"]) for row in rows] == [("final", 0)] * 2
    stored = await cluster.rows(
        "SELECT client_id::text FROM chat_message WHERE client_id = ANY($1::uuid[])", client_ids
    )
    assert sorted(row["client_id"] for row in stored) == sorted(client_ids)
    assert await cluster.rows(HALF_WRITTEN) == []


async def talk(person: Visitor, kills: list[int]) -> list[str]:
    """Messages in new threads, each sent until it is stored; their client ids."""
    stored = []
    while len(kills) < OPEN_KILLS:
        client_id, status = str(uuid.uuid4()), 0
        while status != 201:
            response = await person.post("say Hi [offline: pace=0]", client_id=client_id)
            status = response.status_code
            assert status in (201, 503) or response.json()["code"] == "busy", response.text
            assert status != 503 or response.headers["Retry-After"]
        stored.append(client_id)
    return stored


async def all_have_ended(cluster: Cluster) -> bool:
    return not await cluster.rows("SELECT 1 FROM generation WHERE state IN ('queued', 'running')")


async def test_row_26_the_pool_is_exhausted_and_requests_get_503_within_5_s(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    size = Settings(debug=True).database_pool_size

    async def is_exhausted() -> bool:
        return len(await cluster.rows(WAITING_FOR_A_LOCK, one.name)) >= size

    async with asked(cluster, *counting(500, 10), at=one, tabs=[one, two]) as story:
        await story.until_text(50)
        async with locked(cluster, "chat_thread"):
            pages = [asyncio.create_task(timed(story.person.http.get("/chat/"))) for _ in range(size + 15)]
            await eventually(is_exhausted, seconds=3)
            ready = await story.person.http.get("/readyz")
            while sum(page.done() for page in pages) < 15:
                await asyncio.wait([page for page in pages if not page.done()], return_when=asyncio.FIRST_COMPLETED)
            refused = [page.result() for page in pages if page.done()]
        served = [await page for page in pages]
        row = await story.over(30)

    assert [page.status_code for page, _ in refused] == [503] * 15
    assert all(page.headers["Retry-After"] and took < 5 for page, took in refused)
    assert sorted(page.status_code for page, _ in served) == [200] * size + [503] * 15
    assert ready.status_code == 200, "a worker that has much to do is not down"
    assert (row["status"], row["takeovers"]) == ("final", 0), "answers wait and continue"


async def timed(request: Awaitable[httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return await request, time.monotonic() - began


@asynccontextmanager
async def locked(cluster: Cluster, what: str) -> AsyncIterator[None]:
    """Another session's lock on a table: statements on it keep their connections and wait."""
    lock = await asyncpg.connect(cluster.postgres.url)
    try:
        await lock.execute(f"BEGIN; LOCK TABLE {what} IN ACCESS EXCLUSIVE MODE")
        yield
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


async def test_row_27_after_a_lost_reply_to_the_last_commit_tabs_get_the_end_without_asking(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150, 10), at=one, tabs=[one, two]) as story:
        await story.until_text(100)
        cluster.postgres.proxy.drop_reply_to = b"COMMIT"
        await eventually(lambda: is_idle(cluster), seconds=15)
        row = await story.over(10)
        [_] = await story.calls()

    assert cluster.postgres.proxy.dropped >= 1
    assert row["status"] == "final"
    for tab in story.tabs:
        assert [frame["message_id"] for frame in tab.frames if frame["type"] == "final"] == [story.reply_id]


async def test_row_43_while_postgres_is_read_only_pages_are_readable_and_a_running_answer_is_kept(
    cluster: Cluster,
) -> None:
    one, two = await cluster.workers(2)
    async with (
        asked(cluster, *counting(3), at=one, tabs=[one]) as story,
        asked(cluster, *counting(200, 10), at=two, tabs=[one, two]) as running,
    ):
        await story.over(10)
        await running.until_text(50)
        [tab] = story.tabs
        await cluster.rows(READ_ONLY.format("SET", " = on"))
        await cluster.rows(EVERYBODY_ELSE)
        try:
            page = await eventually(lambda: read(story.person, story.thread_id), seconds=10)
            client_id = await tab.post("say It is written")
            posted = await story.person.post("say It is refused")
            await running.until_text(len(running.text))  # tabs have all of it, which no row has
            await asyncio.sleep(LEASE_SECONDS + 1)  # the owner's lease ends, and no ack arrives
            assert tab.said.get(client_id, {}).get("type") != "ack"
        finally:
            await cluster.rows(f"BEGIN READ WRITE; {READ_ONLY.format('RESET', '')}; COMMIT")
            await cluster.rows(EVERYBODY_ELSE)
        await tab.until(lambda: client_id in tab.said, seconds=30)
        row = await running.over(20)

    assert "1, 2, 3" in page
    assert (posted.status_code, posted.json()["code"]) == (503, "unavailable")
    assert tab.said[client_id]["type"] == "ack"
    assert (row["status"], row["takeovers"]) == ("final", 0)
    assert [one.shrunk for one in running.tabs] == [0, 0]


async def read(person: object, thread_id: str) -> str:
    page = await person.http.get(f"/chat/{thread_id}/")  # type: ignore[attr-defined]
    return page.text if page.status_code == 200 else ""
