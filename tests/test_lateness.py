"""Time limits on a loop that is late."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest
import uvloop

from chat.lateness import EXTENSIONS, Limit, time_limit
from tests.support.waiting import eventually

CHAT = Path(__file__).parents[1] / "chat"


async def test_a_limit_ends_what_gets_no_answer() -> None:
    with pytest.raises(TimeoutError):
        async with time_limit(0.05):
            await asyncio.Event().wait()


async def test_an_answer_that_arrived_while_the_loop_was_busy_is_in_time() -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    with theirs:
        async with time_limit(0.1):
            answer = asyncio.create_task(reader.readexactly(6))
            await asyncio.sleep(0)
            theirs.sendall(b"answer")
            time.sleep(0.4)  # noqa: ASYNC251 - the loop is busy for longer than the limit
            assert await answer == b"answer"
    writer.close()


async def test_a_loop_that_is_always_late_does_not_wait_forever() -> None:
    ended = asyncio.Event()
    rings = 0

    class Counted(Limit):
        def _ring(self) -> None:
            nonlocal rings
            rings += 1
            super()._ring()

    Counted(0.01, ended.set)
    await eventually(lambda: time.sleep(0.1) or ended.is_set())  # each step blocks the loop

    assert rings <= EXTENSIONS + 1


async def test_a_limit_that_was_cancelled_ends_nothing() -> None:
    ended = asyncio.Event()
    Limit(0.0, ended.set).cancel()
    await asyncio.sleep(0.01)  # its time is over

    assert not ended.is_set()


def test_no_timer_is_asked_for_its_time() -> None:
    """The handle of what is due already has no `when` in uvloop, which serves the site."""
    loop = uvloop.new_event_loop()
    due = loop.call_at(loop.time(), list)
    loop.close()

    assert not hasattr(due, "when")
    assert [path.name for path in CHAT.rglob("*.py") if ".when()" in path.read_text()] == []
