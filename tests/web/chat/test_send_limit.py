"""A tab that reads nothing is left in time, and no one else's cancellation is lost by that."""

from __future__ import annotations

import asyncio

import pytest

from chat.web.chat.send_limit import SendLimit


async def test_a_send_that_gets_stuck_is_ended() -> None:
    limit = SendLimit(0.05)
    for _ in range(2):
        with limit:
            await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(TimeoutError), limit:
            await asyncio.Event().wait()
    await asyncio.sleep(0)  # the task itself was not cancelled


async def test_time_between_sends_does_not_count() -> None:
    limit = SendLimit(0.2)
    for _ in range(4):
        with limit:
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)  # the tab is idle


async def test_each_send_has_its_own_time() -> None:
    limit = SendLimit(2)
    for _ in range(3):
        with limit:
            await asyncio.sleep(0.8)  # slow, but not too slow


async def test_an_error_of_the_send_is_the_senders() -> None:
    limit = SendLimit(1)
    with pytest.raises(ConnectionError), limit:
        raise ConnectionError
    limit.close()


@pytest.mark.parametrize("seconds", [60, 0.0])
async def test_a_cancellation_from_elsewhere_ends_the_task(seconds: float) -> None:
    """Also one that comes together with the end of the time."""
    limit = SendLimit(seconds)
    began = asyncio.Event()

    async def send() -> None:
        with limit:
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(send())
    await began.wait()
    if not seconds:
        limit._check()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    limit.close()
