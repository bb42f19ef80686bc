"""A flag that one task waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chat.flag import Flag


async def waiting(flag: Flag) -> asyncio.Task[None]:
    task = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    assert not task.done()
    return task


@pytest.mark.parametrize("change", [Flag.set, Flag.clear])
async def test_a_waiter_continues_whatever_happens_before_its_turn(change: Callable[[Flag], None]) -> None:
    flag = Flag()
    task = await waiting(flag)
    flag.set()
    change(flag)

    await task


async def test_a_flag_stays_set_until_it_is_cleared() -> None:
    flag = Flag()
    flag.set()
    await flag.wait()
    await flag.wait()
    assert flag.is_set()

    flag.clear()
    assert not flag.is_set()
    task = await waiting(flag)
    flag.set()
    await task


async def test_another_waits_after_one_that_was_cancelled() -> None:
    flag = Flag()
    for _ in range(2):
        task = await waiting(flag)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    flag.set()

    await flag.wait()


async def test_a_second_waiter_is_refused_rather_than_forgotten() -> None:
    flag = Flag()
    task = await waiting(flag)
    with pytest.raises(RuntimeError):
        await flag.wait()
    flag.set()

    await task
