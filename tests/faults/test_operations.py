"""Rows 48 to 57, operations: full disks, wrong clocks, deploys, floods, host names that don't resolve, restores."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from chat.checkout import MIGRATIONS
from tests.faults import launch
from tests.faults.clocks import clocks_off
from tests.faults.cluster import Cluster, Worker
from tests.faults.oracle import Oracle
from tests.faults.scale import LOCK_SECONDS
from tests.faults.story import Story, asked, counted, counting
from tests.faults.visitors import visitor
from tests.support.full_disk import failing_writes
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)
LEASE_SECONDS = 12
AT_ONCE_SECONDS = 5  # 47 without an answer of 503 to the handshakes that reach a worker which leaves
STRONGEST_LOCK = """
SELECT 1 FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation = 'chat_message'::regclass
"""
UPGRADE = """
ALTER TABLE chat_message ADD of_the_next_release INT NOT NULL DEFAULT 0;
CREATE INDEX of_the_next_release ON generation (reason);
SELECT pg_sleep(3)
"""
DOWNGRADE = "DROP INDEX IF EXISTS of_the_next_release; ALTER TABLE chat_message DROP IF EXISTS of_the_next_release"
NEXT = """
RUN_IN_TRANSACTION = True

async def upgrade(db):
    return '''{}'''

async def downgrade(db):
    return '''{}'''

MODELS_STATE"""


async def test_row_48_with_a_full_disk_nothing_fails_and_what_tabs_have_is_stored_later(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with AsyncExitStack() as stack:
        idle = await stack.enter_async_context(asked(cluster, *counting(3), at=one, tabs=[one]))
        await idle.over(10)
        asks = [
            stack.enter_async_context(asked(cluster, *counting(200, 10), at=at, tabs=[one, two]))
            for at in (one, two) * 3
        ]
        stories = await asyncio.gather(*asks)
        await asyncio.gather(*(story.until_text(30) for story in stories))
        admin = await asyncpg.connect(cluster.postgres.url)
        stack.push_async_callback(admin.close)
        async with failing_writes(admin):
            page = await idle.person.http.get(f"/chat/{idle.thread_id}/")
            posted = await idle.person.post("say It is refused")
            form = await idle.person.http.post(f"/chat/{idle.thread_id}/", data={"message": "kept words"})
            client_id = await idle.tabs[0].post("say It is written")
            await asyncio.gather(*(story.until_text(len(story.text)) for story in stories))
            await asyncio.sleep(LEASE_SECONDS + 1)  # longer than a lease
            assert idle.tabs[0].said.get(client_id, {}).get("type") != "ack"
        rows = await asyncio.gather(*(story.over(30) for story in stories))
        await idle.tabs[0].until(lambda: client_id in idle.tabs[0].said)

    assert page.status_code == 200
    assert [(response.status_code, response.headers["Retry-After"]) for response in (posted, form)] == [(503, "5")] * 2
    assert "kept words" in form.text
    assert idle.tabs[0].said[client_id]["type"] == "ack"
    assert [(row["status"], row["takeovers"]) for row in rows] == [("final", 0)] * len(rows)
    assert [(tab.codes, tab.shrunk) for story in (*stories, idle) for tab in story.tabs] == [([], 0)] * 13
    assert not [worker for worker in (one, two) if "Traceback" in worker.log.read_text()]


@pytest.mark.parametrize("seconds", [2, 3600])
async def test_row_49_a_login_on_one_host_works_on_all_whatever_their_clocks_say(
    cluster: Cluster, seconds: int
) -> None:
    ahead, behind = await clocks_off(cluster, seconds)
    for here, there in ((ahead, behind), (behind, ahead)):
        async with cluster.alice(here) as alice, visitor(there.url) as again:
            alice.site.url = there.url
            page = await alice.http.get("/chat/")
            logged_in = await again.log_in(alice.email)
            again.site.url = here.url
            other = await again.http.get("/chat/")

            assert [answer.status_code for answer in (page, logged_in, other)] == [200, 303, 200]


async def test_row_50_tabs_of_a_worker_that_leaves_are_at_another_at_once_within_their_limits(
    cluster: Cluster,
) -> None:
    leaving = [cluster.launch("serve", "strict_limits few_handshakes", DRAIN_SECONDS="18") for _ in range(2)]
    [new], *_ = await asyncio.gather(cluster.workers(1), *(worker.until_ready() for worker in leaving))
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(cluster.balanced(*leaving))
        tabs = [site.url] * 20  # as many as a user can have
        story = await stack.enter_async_context(asked(cluster, *counting(300), at=leaving[0], tabs=tabs))
        await story.until_text(30)
        site.workers.append(new.url)
        for worker in leaving:  # 45 handshakes in all, of which 30 a minute are allowed here
            worker.process.send_signal(signal.SIGTERM)
            assert await worker.end(seconds=25) == 0
            await eventually(lambda: all(tab.connections == len(tab.codes) + 1 for tab in story.tabs))
        row = await story.over(5)

    assert row["status"] == "final"
    assert {code for tab in story.tabs for code in tab.codes} == {1012}
    assert sum(tab.connections for tab in story.tabs) > 30
    assert site.failed_handshakes == 0
    assert max(gap for tab in story.tabs for gap in tab.gaps) < AT_ONCE_SECONDS
    assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 20


async def test_row_51_messages_beyond_what_the_processes_can_do_wait_in_their_tabs_and_none_fails(
    cluster: Cluster,
) -> None:
    small = [cluster.launch("serve", "none", LLM_REPLIES_PER_PROCESS="3") for _ in range(2)]
    [[roomy], *_] = await asyncio.gather(cluster.workers(1), *(worker.until_ready() for worker in small))
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(cluster.balanced(*small))
        first = (asked(cluster, *counting(3), at=roomy, tabs=[site.url]) for _ in range(16))
        stories = await asyncio.gather(*(stack.enter_async_context(story) for story in first))
        await asyncio.gather(*(story.over(20) for story in stories))
        await asyncio.gather(*(asks_again(story, "Count to 100 [offline: pace=10]", counted(100)) for story in stories))
        ready = [(await visit(worker, "/readyz")).status_code for worker in small]
        rows = await asyncio.gather(*(story.over(60) for story in stories))
    for worker in small:
        worker.kill()
    nacks = {frame["code"] for story in stories for frame in story.tabs[0].frames if frame["type"] == "nack"}

    assert nacks == {"overloaded"}
    assert ready == [200, 200], "much to do is not down"
    assert [row["status"] for row in rows] == ["final"] * 16


async def asks_again(story: Story, question: str, text: str) -> None:
    """Another message from the first tab, sent until it is stored; the story continues with its answer."""
    [tab, *_] = story.tabs
    client_id = await tab.post(question)
    await tab.until(lambda: client_id in tab.said, seconds=60)
    assert tab.said[client_id]["type"] == "ack", tab.said[client_id]
    story.reply_id, story.text = tab.said[client_id]["reply_id"], text


async def visit(worker: Worker, path: str) -> httpx.Response:
    async with visitor(worker.url) as person:
        return await person.http.get(path)


async def test_row_52_a_provider_that_is_down_is_probed_rarely_reported_once_and_detected_when_back(
    cluster: Cluster,
) -> None:
    workers = [cluster.launch("serve", "none") for _ in range(2)]
    await asyncio.gather(*(worker.until_ready() for worker in workers))
    cluster.model_proxy.refusing = True
    cluster.model_proxy.cut()
    async with AsyncExitStack() as stack:
        asks = (asked(cluster, "say Hello", "", at=at, tabs=[at]) for at in workers * 12)
        stories = await asyncio.gather(*(stack.enter_async_context(story) for story in asks))
        rows = await asyncio.gather(*(story.over(60) for story in stories))
        down = await visit(workers[0], "/readyz")
        cluster.model_proxy.heal()
        [story, *_] = stories
        await eventually(lambda: is_answered(story), seconds=60)
        up = await visit(workers[0], "/readyz")
    logs = [worker.log.read_text().splitlines() for worker in workers]
    for worker in workers:
        worker.kill()

    assert {row["status"] for row in rows} == {"error"}
    assert (down.status_code, set(down.json()["providers"].values())) == (200, {"down"})
    assert (up.status_code, set(up.json()["providers"].values())) == (200, {"ok"})
    assert max(len([line for line in lines if "WARNING" in line or "ERROR" in line]) for lines in logs) < len(stories)


async def is_answered(story: Story) -> bool:
    """Ask for it again, until the provider answers."""
    await asks_again(story, "say I am back", "I am back")
    async with asyncio.timeout(30):
        await story.tabs[0].until(lambda: story.tabs[0].status(story.reply_id) in ("final", "error"))
    if story.tabs[0].status(story.reply_id) == "final":
        return True
    await asyncio.sleep(3)  # as often as a person may ask for long
    return False


async def test_row_54_host_names_that_do_not_resolve_are_an_outage_like_others(cluster: Cluster) -> None:
    named = await with_names(cluster)
    unknown = cluster.folder / launch.UNKNOWN_NAMES
    async with asked(cluster, *counting(400, 10), at=named, tabs=[named]) as story:
        await story.until_text(50)
        unknown.write_text("postgres.test redis.test")
        cluster.postgres.proxy.cut()
        cluster.valkey.proxy.cut()
        page, alive = await story.person.http.get("/chat/"), await story.person.http.get("/healthz")
        [tab] = story.tabs
        await tab.until(lambda: tab.live == [False], seconds=15)
        unknown.write_text("model.test")
        await tab.until(lambda: tab.live[-1], seconds=15)
        row = await story.over(20)
        cluster.model_proxy.cut()
        await asks_again(story, "say Anyone", "")
        failed = await story.over(40)
        unknown.unlink()
        await eventually(lambda: is_answered(story), seconds=60)
    named.kill()

    assert (page.status_code, alive.status_code) == (503, 200)
    assert (row["status"], row["takeovers"]) == ("final", 0)
    assert failed["status"] == "error"
    assert "test" not in failed["error"], "the name is the operator's affair"


async def with_names(cluster: Cluster) -> Worker:
    """A worker that knows its stores and its provider by name."""
    worker = cluster.launch(
        "serve",
        "names",
        DATABASE_URL=f"postgres://postgres@postgres.test:{cluster.postgres.proxy.port}/postgres?sslmode=disable",
        REDIS_URL=f"redis://redis.test:{cluster.valkey.proxy.port}",
        OPENAI_BASE_URL=f"http://model.test:{cluster.model_proxy.port}/v1",
    )
    await worker.until_ready()
    return worker


async def test_row_55_a_row_locked_for_a_long_time_delays_only_its_own_chat(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150, 10), at=one, tabs=[one, two]) as story, cluster.alice(one) as other:
        await story.until_text(50)
        times, until = [], time.monotonic() + LOCK_SECONDS
        async with locking(cluster, f"SELECT 1 FROM chat_thread WHERE id = '{story.thread_id}' FOR UPDATE"):
            await story.until_text(len(story.text))
            while time.monotonic() < until:
                began = time.monotonic()
                statuses = (await other.http.get("/chat/")).status_code, (await other.post("say Hi")).status_code
                times.append(time.monotonic() - began)
                assert statuses in ((200, 201), (200, 409)), "409: the user's two answers are still being stored"
                await asyncio.sleep(max(1, LOCK_SECONDS / 15))  # a person, who may send twenty messages a minute
            assert (await story.row())["status"] == "streaming"
        row = await story.over(20)

    assert (row["status"], row["takeovers"]) == ("final", 0)
    assert max(times) < 5
    assert [(tab.codes, tab.shrunk) for tab in story.tabs] == [([], 0)] * 2


async def test_row_55_a_table_locked_for_a_long_time_loses_no_answer(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(150, 10), at=one, tabs=[one, two]) as story:
        await story.until_text(50)
        statuses, until = set(), time.monotonic() + LOCK_SECONDS
        async with locking(cluster, "LOCK TABLE generation IN ACCESS EXCLUSIVE MODE"):
            while time.monotonic() < until:
                page = await asyncio.wait_for(story.person.http.get(f"/chat/{story.thread_id}/"), 12)
                statuses.add(page.status_code)
                await asyncio.sleep(0.5)  # a person, not a load
        row = await story.over(30)
        page = await eventually(lambda: readable(story), seconds=10)

    assert statuses <= {200, 503}
    assert (row["status"], row["takeovers"]) == ("final", 0)
    assert [tab.codes for tab in story.tabs] == [[], []]


async def readable(story: Story) -> bool:
    return (await story.person.http.get(f"/chat/{story.thread_id}/")).status_code == 200


@asynccontextmanager
async def locking(cluster: Cluster, statement: str) -> AsyncIterator[None]:
    """What another session locks until the end of the block, as a forgotten transaction does."""
    session = await asyncpg.connect(cluster.postgres.url)
    try:
        await session.execute(f"BEGIN; {statement}")
        yield
    finally:
        await session.close()


async def test_row_56_a_migration_under_load_delays_messages_and_loses_none(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    version = next_release(cluster.folder / launch.NEXT_MIGRATIONS)
    try:
        async with AsyncExitStack() as stack:
            asks = (asked(cluster, *counting(400, 10), at=at, tabs=[one, two]) for at in (one, two) * 3)
            stories = await asyncio.gather(*(stack.enter_async_context(story) for story in asks))
            idle = await stack.enter_async_context(asked(cluster, *counting(3), at=one, tabs=[one]))
            await asyncio.gather(idle.over(20), *(story.until_text(30) for story in stories))
            migration = cluster.launch("migrate", "next_release")
            await eventually(lambda: is_locked(cluster), seconds=20)
            await asks_again(idle, "say During it", "During it")
            assert await migration.end() == 0
            rows = await asyncio.gather(idle.over(30), *(story.over(30) for story in stories))
            await cluster.rows("SELECT of_the_next_release FROM chat_message LIMIT 1")
    finally:
        await cluster.rows(f"{DOWNGRADE}; DELETE FROM aerich WHERE version = '{version}'")

    assert [(row["status"], row["takeovers"]) for row in rows] == [("final", 0)] * 7
    assert [tab.codes for story in stories for tab in story.tabs] == [[]] * 12


async def is_locked(cluster: Cluster) -> bool:
    """The migration holds its strongest lock."""
    return bool(await cluster.rows(STRONGEST_LOCK))


def next_release(folder: Path) -> str:
    """A copy of the migrations with another one, which holds its locks for some seconds; its name."""
    shutil.copytree(MIGRATIONS, folder, dirs_exist_ok=True)
    *_, last = sorted((folder / "models").glob("[0-9]*.py"), key=lambda file: int(file.name.partition("_")[0]))
    number = int(last.name.partition("_")[0]) + 1
    new = folder / "models" / f"{number}_20991231235959_next.py"
    new.write_text(NEXT.format(UPGRADE, DOWNGRADE) + last.read_text().partition("MODELS_STATE")[2])
    return new.name


async def test_row_57_after_a_restore_tabs_show_what_is_stored_and_answers_are_live(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with AsyncExitStack() as stack:
        tabs = [one, two]
        story = await stack.enter_async_context(asked(cluster, *counting(3), at=one, tabs=tabs))
        kept = await story.over(10)
        backup = cluster.postgres.back_up()
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.live[-1:] != [False]) for tab in story.tabs))
        for word in ("One", "Two", "Three"):
            await asks_again(story, f"say {word}", word)
            await story.over(20)
        lost = await story.person.ask("say Lost")
        async with Oracle(story.person, lost["thread_id"], [one.url]).open() as stranded:
            await stranded.until_welcome()
            cluster.postgres.restore(backup)
            await asyncio.gather(
                *(tab.until(lambda tab=tab: len(tab.store.messages) == 2, seconds=30) for tab in story.tabs)
            )
            await eventually(lambda: stranded.ended, seconds=30)
        shown = [tab.store.messages[-1]["content"] for tab in story.tabs]
        await asks_again(story, *counting(150, 10))
        row = await story.over(20)
        deltas = [len([one for one in tab.frames if one["type"].endswith("output_text.delta")]) for tab in story.tabs]

    assert shown == [kept["content"]] * 2
    assert stranded.ended in (4503, 4505)
    assert (row["status"], row["takeovers"]) == ("final", 0)
    assert min(deltas) > 20, "the answer came as it was written"
