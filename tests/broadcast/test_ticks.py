"""Answers publish at the same moments, and less often the more of them there are."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from chat.broadcast.ticks import Ticks


@pytest.mark.parametrize(
    ("answers", "least", "seconds"),
    [
        (0, 0.05, 0.05),
        (1, 0.05, 0.05),
        (50, 0.05, 0.05),
        (100, 0.05, 0.1),
        (200, 0.05, 0.2),
        (1000, 0.05, 0.2),
        (1000, 0.5, 0.5),
        (100, 0.005, 0.01),
    ],
)
def test_ticks_are_further_apart_the_more_answers_publish(answers: int, least: float, seconds: float) -> None:
    ticks = Ticks()
    with ExitStack() as stack:
        for _ in range(answers):
            stack.enter_context(ticks.publishing())
        assert ticks.seconds(least) == pytest.approx(seconds)
    assert ticks.seconds(least) == least


async def test_answers_that_wait_are_woken_at_the_same_tick() -> None:
    ticks, tick = Ticks(), asyncio.Event()
    ticks.set_at_next(tick, 0.5)
    await tick.wait()  # so that the next one is not in the middle of what follows
    events = [asyncio.Event() for _ in range(5)]
    for event in events:
        ticks.set_at_next(event, 0.5)
        await asyncio.sleep(0)
    assert len(ticks._waiting) == 1  # one timer for all of them
    await events[0].wait()
    assert all(event.is_set() for event in events)
    assert ticks._waiting == {}
