"""Rows 39, 40 and 42: tabs that read slowly or not at all, slow connections, and hundreds that arrive at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, Worker
from tests.faults.proxy import ChaosProxy
from tests.faults.scale import SOCKETS
from tests.faults.story import asked, counting
from tests.faults.visitors import HOST, ORIGIN
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(240)
MIB = 1024


def resident_kib(worker: Worker) -> int:
    """The process's current memory."""
    [line] = [line for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines() if "VmRSS" in line]
    return int(line.split()[1])


async def test_row_39_a_slow_tab_is_disconnected_and_delays_no_other(cluster: Cluster) -> None:
    one, two = await cluster.workers(2)
    async with ChaosProxy(("127.0.0.1", one.port)).running() as proxy:
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


async def test_row_39_a_tab_that_reads_nothing_is_closed_after_10_s_and_costs_no_memory(cluster: Cluster) -> None:
    [one] = await cluster.workers(1, "small_buffers")
    long = "x" * 30_000
    async with asked(cluster, f"say {long} [offline: pace=0]", long, at=one, tabs=[one]) as story:
        for _ in range(12):  # a snapshot of a megabyte
            await story.over(20)
            posted = await story.person.ask(f"say {long} [offline: pace=0]", story.thread_id)
            story.reply_id = posted["reply_id"]
        await story.over(20)
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", one.port))
        deaf = await story.person.handshake(story.thread_id, sock=line, max_queue=1)
        before, began = resident_kib(one), time.monotonic()
        await deaf.send('{"type": "hello", "v": 1, "cursor": "", "rev": 0}')
        await eventually(one.says(f"Closing a socket of thread {story.thread_id}: slow"), seconds=15)
        took, grown = time.monotonic() - began, resident_kib(one) - before
        again = await story.tabs[0].post("say I am not delayed [offline: pace=0]")
        await story.tabs[0].until(lambda: again in story.tabs[0].said, seconds=2)
        deaf.transport.abort()

    assert 9 < took < 13
    assert grown < 8 * MIB


async def test_row_40_connections_that_dribble_are_closed_and_pages_stay_fast(cluster: Cluster) -> None:
    [one] = await cluster.workers(1)
    async with cluster.alice(one) as alice:
        all_connected = asyncio.Barrier(501)
        crowd = [asyncio.create_task(dribble(one, all_connected)) for _ in range(500)]
        body = asyncio.create_task(never_send_the_body(one))
        await all_connected.wait()
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


async def dribble(worker: Worker, all_connected: asyncio.Barrier) -> float:
    """One byte of a header a second; the seconds until the server has enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
    await all_connected.wait()
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
    lines = ["POST /accounts/login/ HTTP/1.1", f"Host: {HOST}", f"Origin: {ORIGIN}", "X-Forwarded-Proto: https"]
    form = ["Content-Type: application/x-www-form-urlencoded", "Content-Length: 100", "", "email="]
    writer.write("\r\n".join(lines + form).encode())
    status = await reader.readline()
    writer.close()
    return status, time.monotonic() - began


async def test_row_42_a_crowd_of_sockets_reconnects_within_15_s_when_its_worker_dies(
    cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    one, two = await cluster.workers(2)
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(cluster.balanced(one))
        crowd = [site.url] * 20  # as many as a user can have
        stories = [
            await stack.enter_async_context(asked(cluster, *counting(3), at=one, tabs=crowd))
            for _ in range(SOCKETS // 20)
        ]
        tabs = [tab for story in stories for tab in story.tabs]
        await asyncio.gather(*(tab.until(lambda tab=tab: tab.connections == 1, seconds=60) for tab in tabs))
        site.workers.append(two.url)
        stories[0].person.site.url = site.url
        one.kill()
        began = time.monotonic()
        back = asyncio.gather(*(tab.until(lambda tab=tab: tab.connections == 2, seconds=15) for tab in tabs))
        pages = [await stories[0].person.http.get("/chat/") for _ in range(5)]
        await back
        took = time.monotonic() - began
    record_property("figure", f"{len(tabs)} sockets were back {took:.1f} s after their worker was killed")

    assert {page.status_code for page in pages} == {200}
    assert site.failed_handshakes == 0
    assert {code for tab in tabs for code in tab.codes} <= {1006, 1013}, "those that have to wait are told so"
