"""Rows 37 to 47: tabs that sleep, hang or are a day old; a deleted thread; two migrations."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest
import websockets

from tests.faults.cluster import Cluster, Worker
from tests.faults.oracle import Oracle, Rules
from tests.faults.proxy import ChaosProxy
from tests.faults.story import MONTH, Story, asked, counting
from tests.faults.visitors import visitor
from tests.support.cast import PASSWORD
from tests.support.mailbox import Mailbox
from tests.support.sockets import never_closing
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)
NOTICED_SECONDS = 35


def before(worker: Worker) -> ChaosProxy:
    return ChaosProxy(("127.0.0.1", worker.port))


async def close_code(connection: websockets.ClientConnection) -> int:
    """The server's close code; frames before it are ignored."""
    with pytest.raises(websockets.ConnectionClosed) as closed:
        while True:
            await connection.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_row_37_a_tab_that_loses_its_connection_every_300_ms_misses_and_repeats_nothing(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with before(one).running() as first, before(two).running() as second:
        tabs = [[first.url, second.url], second.url]
        async with asked(cluster, *counting(300), at=one, tabs=tabs, rules=Rules(retry_seconds=0.1)) as story:
            for _ in range(10):
                await asyncio.sleep(0.3)  # the interval of this row
                first.cut()
                second.cut()
            row = await story.over(20)
            client_id = await story.tabs[0].post("say From the outbox")
            first.cut()
            second.cut()
            await story.tabs[0].until(lambda: client_id in story.tabs[0].said)
            stored = await cluster.rows("SELECT id FROM chat_message WHERE client_id = $1", client_id)

    assert row["status"] == "final"
    assert all(tab.connections > 5 for tab in story.tabs)
    assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 2
    assert len(stored) == 1


async def test_row_38_a_half_open_connection_is_noticed_on_both_sides_within_35_s(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with before(one).running() as proxy, asked(cluster, *counting(3), at=one, tabs=[proxy.url]) as story:
        [tab] = story.tabs
        await story.over(10)
        async with story.person.connection(story.thread_id) as silent:
            await silent.send('{"type": "hello", "v": 1}')
            proxy.blackhole()
            tab.urls = [two.url]
            began = time.monotonic()
            code, _ = await asyncio.gather(
                close_code(silent), tab.until(lambda: tab.codes, seconds=NOTICED_SECONDS + 5)
            )
            took = time.monotonic() - began
            await tab.until(lambda: tab.connections == 2, seconds=5)

    assert code == 4002
    assert took < NOTICED_SECONDS + 1


async def test_row_38_while_an_answer_runs_a_half_open_connection_is_noticed_within_20_s(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    way = before(one)
    async with way.running(), asked(cluster, *counting(3000), at=one, tabs=[way.url, one]) as story:
        lost, living = story.tabs
        await story.until_text(50)
        way.blackhole()
        lost.urls = [two.url]
        await lost.until(lambda: lost.connections == 2, seconds=20 + 2)
        await living.stop(story.reply_id)
        row = await story.over(5)

    assert row["status"] == "stopped"


async def test_a_connection_that_is_cut_behind_any_frame_costs_no_character(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)

    async def cut_behind(number: int) -> int:
        tabs = [[one.url, two.url]] * 3
        async with asked(cluster, *counting(60, 40, "delay=0.5"), at=one, tabs=tabs) as story:
            for tab, more in zip(story.tabs, (0, 0, 1), strict=True):
                tab.cut_after = frozenset({number, number + 1 + more, 2 * number + more})
            await story.over(15)
        assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 3
        return sum(tab.connections for tab in story.tabs)

    connections = await asyncio.gather(*(cut_behind(number) for number in range(1, 13)))
    assert sum(connections) > 3 * len(connections)


async def test_row_41_a_socket_without_hello_is_closed_after_5_s(cluster: Cluster) -> None:
    one, _ = await cluster.workers(2)
    async with asked(cluster, *counting(3), at=one) as story, story.person.connection(story.thread_id) as silent:
        began = time.monotonic()
        code = await close_code(silent)
        took = time.monotonic() - began

    assert code == 4003
    assert 4.5 < took < 7


async def test_row_44_an_unavailable_mail_server_is_retried_and_no_page_reveals_it(cluster: Cluster) -> None:
    address = f"alice-{uuid4().hex[:8]}@example.com"
    async with Mailbox.listening() as mailbox, ChaosProxy((mailbox.host, mailbox.port), refusing=True).running() as way:
        mails = {"EMAIL_BACKEND": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(way.port), "SMTP_TLS": "none"}
        one = cluster.launch("serve", "none", EMAIL_VERIFICATION_REQUIRED="True", **mails)
        await one.until_ready()
        async with visitor(one.url) as nobody:
            page = await nobody.sign_up(address)
        await eventually(one.says("was not sent in attempt 1"), seconds=10)
        way.heal()
        message = await mailbox.next_email(address)
        one.kill()

    assert page.status_code == 303
    assert message["To"] == address


async def test_row_45_a_page_of_another_version_is_asked_to_reload(cluster: Cluster) -> None:
    one, _ = await cluster.workers(2)
    async with asked(cluster, *counting(3), at=one) as story, story.person.connection(story.thread_id) as old:
        await old.send('{"type": "hello", "v": 2, "cursor": "", "rev": 0}')

        assert await close_code(old) == 4506


async def test_row_46_a_thread_deleted_during_an_answer_leaves_nothing_behind(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=one, tabs=[one, two]) as story:
        await story.until_text(50)
        await cluster.model.open(until=1)
        await cluster.rows("DELETE FROM chat_thread WHERE id = $1", story.thread_id)
        for tab in story.tabs:
            await eventually(lambda tab=tab: tab.ended, seconds=15)
        streams = await cluster.model.open(until=0)

        assert [tab.ended for tab in story.tabs] == [4505, 4505]
        assert streams == 0
        assert not await cluster.rows("SELECT id FROM generation WHERE thread_id = $1", story.thread_id)


async def deleted_by_a_worker_that_dies(story: Story, doomed: Worker, healthy: Worker) -> None:
    """The chat is deleted, and nobody was told."""
    story.person.site.url = doomed.url
    with suppress(httpx.HTTPError):
        await story.person.http.post(f"/chat/{story.thread_id}/delete/")
    await doomed.end()
    story.person.site.url = healthy.url


async def test_row_46_a_chat_deleted_by_a_worker_that_dies_is_closed_stopped_and_purged_by_another(
    cluster: Cluster,
) -> None:
    [healthy], [doomed] = await asyncio.gather(cluster.workers(1), cluster.workers(1, "die_after_a_deletion"))
    async with asked(cluster, *counting(3000), at=healthy, tabs=[healthy, healthy]) as story:
        await story.until_text(50)
        await cluster.model.open(until=1)
        await deleted_by_a_worker_that_dies(story, doomed, healthy)
        page = await story.person.http.get(f"/chat/{story.thread_id}/")
        for tab in story.tabs:
            await eventually(lambda tab=tab: tab.ended, seconds=15)
        row = await story.ended(10)
        [call] = await story.calls()

        async def is_purged() -> bool:
            return not await cluster.rows("SELECT 1 FROM chat_thread WHERE id = $1", story.thread_id)

        await eventually(is_purged, seconds=15 + 4 + 2)
        [kept] = await cluster.rows("SELECT * FROM llm_call_log WHERE id = $1", call["id"])
        [books] = await cluster.rows(MONTH, story.person.email)
        late = await story.person.http.post(f"/chat/{story.thread_id}/undelete/")

        assert (page.status_code, late.status_code) == (404, 404)
        assert [tab.ended for tab in story.tabs] == [4505, 4505]
        assert (row["status"], row["state"]) == ("stopped", "cancelled")
        assert await cluster.model.open(until=0) == 0
        assert (kept["generation_id"], kept["cost"]) == (None, call["cost"])
        assert books["calls"] == books["month"]


async def test_row_46_a_chat_deleted_by_a_worker_that_dies_can_be_brought_back_by_another(cluster: Cluster) -> None:
    [healthy], [doomed] = await asyncio.gather(cluster.workers(1), cluster.workers(1, "die_after_a_deletion"))
    async with asked(cluster, *counting(3000), at=healthy, tabs=[healthy]) as story:
        await story.until_text(50)
        await deleted_by_a_worker_that_dies(story, doomed, healthy)
        await story.ended(10)
        back = await story.person.http.post(f"/chat/{story.thread_id}/undelete/")
        async with Oracle(story.person, story.thread_id, [healthy.url], Rules()).open() as tab:
            await tab.until(lambda: tab.status(story.reply_id) == "stopped", seconds=5)
            shown = tab.shows(story.reply_id)
        row = await story.row()

    assert (back.status_code, back.headers["Location"]) == (303, f"/chat/{story.thread_id}/")
    assert shown["content"] == row["content"]
    assert story.text.startswith(row["content"])


async def test_row_46_an_account_deleted_during_an_answer_leaves_nothing_behind(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=two, tabs=[one, two]) as story:
        await story.until_text(50)
        await cluster.model.open(until=1)
        [user] = await cluster.rows("SELECT id FROM users WHERE email = $1", story.person.email)
        generation_id = (await story.row())["generation_id"]
        story.person.site.url = one.url  # which is not the owner
        began = time.monotonic()
        deleted = await story.person.http.post("/accounts/delete/", data={"password": PASSWORD})
        for tab in story.tabs:
            await eventually(lambda tab=tab: tab.ended, seconds=15)
        took = time.monotonic() - began
        streams = await cluster.model.open(until=0)

        async def booked() -> list[dict[str, Any]]:
            return await cluster.rows("SELECT * FROM llm_call_log WHERE call_id = $1", generation_id)

        [call] = await eventually(booked, seconds=10)
        await asyncio.sleep(4)  # a heartbeat and a round of the reaper: proves that nothing is written any more
        found = [key for word in (story.thread_id, user["id"]) for key in await cluster.redis("KEYS", f"*{word}*")]
        keys = [key for key in found if b"limit:" not in key]
        expiring = [await cluster.redis("PTTL", key) for key in found if key not in keys]

        assert deleted.status_code == 303
        assert [tab.ended for tab in story.tabs] == [4505, 4505]
        assert took < 3
        assert (streams, keys) == (0, [])
        assert -1 not in expiring, "counts of limits expire by themselves"
        assert (call["user_id"], call["generation_id"]) == (None, None)
        assert call["output_tokens"] > 0
        for table in ("users WHERE id", "chat_thread WHERE user_id", "auth_session WHERE user_id"):
            assert not await cluster.rows(f"SELECT 1 FROM {table} = $1", user["id"])
        assert not await cluster.rows("SELECT 1 FROM generation WHERE id = $1", generation_id)


async def test_row_47_two_releases_migrate_at_once_and_both_end_well(cluster: Cluster) -> None:
    before_it = await cluster.rows("SELECT version FROM aerich")
    both = [cluster.launch("migrate") for _ in range(2)]

    assert [await one.end() for one in both] == [0, 0]
    assert await cluster.rows("SELECT version FROM aerich") == before_it


# Leaving


async def test_row_7_and_8_a_group_gets_sigterm_twice_under_load_and_a_client_never_closes(cluster: Cluster) -> None:
    [staying], leaving = await asyncio.gather(cluster.workers(1), leaving_group(cluster))
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(cluster.balanced(leaving, staying))
        idle = await stack.enter_async_context(asked(cluster, *counting(3), at=leaving, tabs=[leaving.url]))
        await idle.over(10)
        idle.tabs[0].urls = [site.url]
        at, tabs = leaving, [site.url] * 3
        asks = [stack.enter_async_context(asked(cluster, *counting(400, 10), at=at, tabs=tabs)) for _ in range(6)]
        stories = await asyncio.gather(*asks)
        await asyncio.gather(*(story.until_text(50) for story in stories))
        await stack.enter_async_context(never_closing(stories[0].person, stories[0].thread_id))
        began = time.monotonic()
        leaving.send_signal_to_group(signal.SIGTERM)
        everyone = [tab for story in (*stories, idle) for tab in story.tabs]
        await eventually(lambda: any(tab.codes for tab in everyone), seconds=5)
        leaving.send_signal_to_group(signal.SIGTERM)  # not sooner: two that wait are one
        client_id = await idle.tabs[0].post("say It moved")
        rows = await asyncio.gather(*(story.over(20) for story in stories))
        await idle.tabs[0].until(lambda: client_id in idle.tabs[0].said)
        code = await leaving.end(seconds=25)
        took = time.monotonic() - began

    assert (code, [(row["status"], row["takeovers"]) for row in rows]) == (0, [("final", 0)] * 6)
    assert took < 25
    assert idle.tabs[0].said[client_id]["type"] == "ack"
    assert site.failed_handshakes == 0
    assert {tuple(tab.codes) for tab in everyone} <= {(), (1012,)}, "who came back stayed"
    assert len([tab for tab in everyone if tab.codes]) >= len(everyone) // 3
    assert all("bye" in {frame["type"] for frame in tab.frames} for tab in everyone if tab.codes)
    assert [(tab.store.syncs, tab.shrunk) for tab in everyone] == [(0, 0)] * len(everyone)


async def leaving_group(cluster: Cluster) -> Worker:
    """A server of two processes."""
    worker = cluster.launch("serve", "none", DRAIN_SECONDS="18", WEB_CONCURRENCY="2")
    await worker.until_ready()
    return worker
