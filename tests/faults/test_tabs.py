"""Rows 37 to 47: tabs that sleep, hang, crowd or come from yesterday; a deleted thread; two migrations."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
import websockets

from tests.cast import PASSWORD, Person
from tests.faults.cluster import Cluster, Worker, eventually
from tests.faults.oracle import Oracle, Rules
from tests.faults.proxy import ChaosProxy
from tests.faults.story import asked, counting
from tests.site import Site
from tests.test_server import never_closing
from tests.web.mailbox import Mailbox

pytestmark = pytest.mark.timeout(120)


def before(worker: Worker) -> ChaosProxy:
    return ChaosProxy(("127.0.0.1", worker.port))


async def close_code(connection: websockets.ClientConnection) -> int:
    """How the server ends it; what it says before is of no interest."""
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
                await asyncio.sleep(0.3)
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
    [one] = await cluster.workers(1, "often_pinged")  # 3 s there are 35 in production, 5 s here are 62
    async with before(one).running() as proxy:
        async with asked(cluster, *counting(1500), at=one, tabs=[proxy.url, one]) as story:
            await story.until_text(50)
            proxy.blackhole()
            began = time.monotonic()
            story.tabs[0].urls = [one.url]
            await story.tabs[0].until(lambda: story.tabs[0].connections == 2, seconds=20)
            await story.tabs[1].stop(story.reply_id)
            took = time.monotonic() - began
            row = await story.over(15)
        async with story.person.connection(story.thread_id) as silent:
            await silent.send('{"type": "hello", "v": 1}')
            began = time.monotonic()
            code = await close_code(silent)

    assert took < 20
    assert (code, row["status"]) == (4002, "stopped")
    assert time.monotonic() - began < 10


async def test_row_39_a_tab_that_reads_slowly_is_let_go_and_delays_nobody(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with before(one).running() as proxy:
        tabs = [proxy.url, one, two]
        async with asked(cluster, *counting(4000, 0), at=one, tabs=tabs) as story:
            slow, *others = story.tabs
            proxy.bytes_per_second = 1024
            began = time.monotonic()
            for tab in others:
                await tab.until(lambda tab=tab: tab.status(story.reply_id) == "final", seconds=15)
            took = time.monotonic() - began
            assert slow.status(story.reply_id) != "final"
            proxy.heal()
            await story.over(20)

    assert took < 15
    assert [tab.store.syncs for tab in others] == [0, 0]


async def test_row_40_connections_that_dribble_are_closed_and_pages_stay_fast(cluster: Cluster) -> None:
    [one] = await cluster.workers(1)
    async with cluster.alice(one) as alice:
        crowd = [asyncio.create_task(dribble(one)) for _ in range(300)]
        body = asyncio.create_task(never_send_the_body(one))
        times = []
        for _ in range(20):
            began = time.monotonic()
            assert (await alice.http.get("/chat/")).status_code == 200
            times.append(time.monotonic() - began)
        lived = await asyncio.wait_for(asyncio.gather(*crowd), 15)

        status, waited = await asyncio.wait_for(body, 15)

    assert sorted(times)[-2] < 0.5
    assert max(lived) < 8
    assert b" 408 " in status
    assert waited < 12


async def dribble(worker: Worker) -> float:
    """One byte of a header a second; the seconds until the server has enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
    began = time.monotonic()
    for byte in b"GET / HTTP/1.1\r\nX-Header: ":
        writer.write(bytes([byte]))
        try:
            async with asyncio.timeout(1):
                await reader.read()
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    writer.close()
    return time.monotonic() - began


async def never_send_the_body(worker: Worker) -> tuple[bytes, float]:
    """The status line, and after how many seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
    began = time.monotonic()
    lines = ["POST /accounts/login/ HTTP/1.1", f"Host: 127.0.0.1:{worker.port}", f"Origin: {worker.url}"]
    form = ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 100", "", "email="]
    writer.write("\r\n".join(lines + form).encode())
    status = await reader.readline()
    writer.close()
    return status, time.monotonic() - began


async def test_row_41_a_socket_without_hello_is_closed_after_5_s(cluster: Cluster) -> None:
    one, _ = await cluster.workers(2)
    async with asked(cluster, *counting(3), at=one) as story, story.person.connection(story.thread_id) as silent:
        began = time.monotonic()
        code = await close_code(silent)

    assert code == 4003
    assert 4.5 < time.monotonic() - began < 7


async def test_row_42_a_hundred_sockets_come_back_within_15_s_when_their_worker_dies(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with AsyncExitStack() as stack:
        crowd = [[one.url]] * 10  # a user has twenty sockets at most
        stories = [await stack.enter_async_context(asked(cluster, *counting(3), at=one, tabs=crowd)) for _ in range(10)]
        tabs = [tab for story in stories for tab in story.tabs]
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.connections == 1) for tab in tabs))
        for tab in tabs:
            tab.urls = [two.url]
        one.kill()
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.connections == 2, seconds=15) for tab in tabs))
        stories[0].person.http.base_url = two.url
        page = await stories[0].person.http.get("/chat/")

    assert page.status_code == 200


async def test_row_44_a_mail_server_that_is_away_is_tried_again_and_no_page_tells(cluster: Cluster) -> None:
    address = f"alice-{uuid4().hex[:8]}@example.com"
    async with Mailbox.listening() as mailbox, ChaosProxy((mailbox.host, mailbox.port), refusing=True).running() as way:
        mails = {"EMAIL_BACKEND": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(way.port), "SMTP_TLS": "none"}
        one = cluster.launch("serve", "none", EMAIL_VERIFICATION_REQUIRED="True", **mails)
        await one.until_ready()
        async with Person.visiting(Site(None, one.url)) as nobody:  # type: ignore[arg-type]
            page = await nobody.sign_up(address)
        await eventually(one.says("E-mail was not sent, try 1 of 3"), seconds=10)
        way.heal()
        letter = await mailbox.next_letter(address)
        one.kill()

    assert page.status_code == 303
    assert letter["To"] == address


async def test_row_45_a_page_of_another_version_is_told_to_reload(cluster: Cluster) -> None:
    one, _ = await cluster.workers(2)
    async with asked(cluster, *counting(3), at=one) as story, story.person.connection(story.thread_id) as old:
        await old.send('{"type": "hello", "v": 2, "cursor": "", "rev": 0}')

        assert await close_code(old) == 4506


async def test_row_46_a_thread_is_deleted_in_mid_answer_and_nothing_of_it_comes_back(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=one, tabs=[one, two]) as story:
        await story.until_text(50)
        await cluster.model.open(until=1)
        await cluster.rows("DELETE FROM chat_thread WHERE id = $1", story.thread_id)
        for tab in story.tabs:
            await asyncio.wait_for(gone(tab), 15)
        streams = await cluster.model.open(until=0)

        assert [tab.ended for tab in story.tabs] == [4505, 4505]
        assert streams == 0
        assert not await cluster.rows("SELECT id FROM generation WHERE thread_id = $1", story.thread_id)


async def test_row_46_an_account_is_deleted_in_mid_answer_and_nothing_of_it_comes_back(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with asked(cluster, *counting(2000), at=two, tabs=[one, two]) as story:
        await story.until_text(50)
        await cluster.model.open(until=1)
        [user] = await cluster.rows("SELECT id FROM users WHERE email = $1", story.person.email)
        generation_id = (await story.row())["generation_id"]
        story.person.http.base_url = one.url  # which is not the owner
        story.person.http.headers["Origin"] = one.url
        began = time.monotonic()
        deleted = await story.person.http.post("/accounts/delete/", data={"password": PASSWORD})
        for tab in story.tabs:
            await asyncio.wait_for(gone(tab), 15)
        took = time.monotonic() - began
        streams = await cluster.model.open(until=0)

        async def booked() -> list[dict[str, Any]]:
            return await cluster.rows("SELECT * FROM llm_call_log WHERE call_id = $1", generation_id)

        [call] = await eventually(booked, seconds=10)
        await asyncio.sleep(4)  # a heartbeat and the look for lost replies: whatever could write has had its chance
        keys = [key for word in (story.thread_id, user["id"]) for key in await cluster.redis("KEYS", f"*{word}*")]

        assert deleted.status_code == 303
        assert [tab.ended for tab in story.tabs] == [4505, 4505]
        assert took < 3
        assert (streams, keys) == (0, [])
        assert (call["user_id"], call["generation_id"]) == (None, None)
        assert call["output_tokens"] > 0
        for table in ("users WHERE id", "chat_thread WHERE user_id", "auth_session WHERE user_id"):
            assert not await cluster.rows(f"SELECT 1 FROM {table} = $1", user["id"])
        assert not await cluster.rows("SELECT 1 FROM generation WHERE id = $1", generation_id)


async def gone(tab: Oracle) -> None:
    while not tab.ended:
        await asyncio.sleep(0.05)


async def test_row_47_two_releases_migrate_at_once_and_both_end_well(cluster: Cluster) -> None:
    before_it = await cluster.rows("SELECT version FROM aerich")
    both = [cluster.launch("migrate") for _ in range(2)]

    assert [await one.end() for one in both] == [0, 0]
    assert await cluster.rows("SELECT version FROM aerich") == before_it


# Leaving


async def test_row_7_and_8_a_worker_is_asked_to_leave_twice_and_a_client_never_closes(cluster: Cluster) -> None:
    two, leaving = await asyncio.gather(cluster.workers(1), leaving_worker(cluster))
    async with asked(cluster, *counting(400, 10), at=leaving, tabs=[[leaving.url]] * 3) as story:
        await story.until_text(50)
        async with never_closing(story.person, story.thread_id):
            for tab in story.tabs:
                tab.urls = [two[0].url]
            began = time.monotonic()
            leaving.process.terminate()
            leaving.process.terminate()
            row = await story.over(20)
            code = await leaving.end(seconds=25)

    assert (code, row["status"]) == (0, "final")
    assert time.monotonic() - began < 25
    assert [tab.codes for tab in story.tabs] == [[1012]] * 3
    assert [(tab.store.syncs, tab.shrunk) for tab in story.tabs] == [(0, 0)] * 3


async def leaving_worker(cluster: Cluster) -> Worker:
    worker = cluster.launch("serve", "none", DRAIN_SECONDS="18")
    await worker.until_ready()
    return worker
