"""Streamed answers: what one costs, how late it is shown, and how many run at once before it is too late."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.load.figures import Figures, percentiles
from bench.load.meters import Quiet
from bench.load.people import Person, fresh
from bench.load.servers import Server
from bench.load.tabs import Desk, FloorTab, ProductTab, Shown, Tab, Wrong

STEPS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 100, 125, 150, 175, 200, 250, 300)
LATE_MS, FIRST_LATE_MS = 250, 1000  # the limits of p99 for the largest number of answers
PATIENCE_SECONDS = 30.0  # beyond the time that the model takes
SETTLE_SECONDS = 0.3  # after the last frame, what ends an answer is still at work
PAUSE_SECONDS = 1.1  # between two questions of one person, who may ask one a second


@dataclass(frozen=True, slots=True)
class Pace:
    """How much the model writes for an answer, and how fast."""

    deltas: int
    rate: int  # deltas a second

    @property
    def seconds(self) -> float:
        """How long an answer takes."""
        return self.deltas / self.rate


@dataclass(slots=True)
class Run:
    """Some answers, and what they took."""

    shown: list[Shown] = field(default_factory=list)  # in every tab
    answers: int = 0
    failures: list[str] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    noise: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def failed(self) -> Figures:
        """How many failed, and why the first one did."""
        return {"failures": len(self.failures), **({"first failure": self.failures[0]} if self.failures else {})}

    def delays(self, *, after: float = 0.0, before: float = float("inf")) -> Figures:
        """From the model to the tab: of each delta, and of the first one from the question."""
        within = [one for one in self.shown if after <= one.asked_at < before]
        late = [delay for one in within for delay in one.delays]
        first = [one.first_at - one.asked_at for one in within]
        return {**percentiles("delay", late), **percentiles("first", first)}


@asynccontextmanager
async def desks(server: Server, users: int, tabs: int) -> AsyncIterator[list[Desk]]:
    """Open this many tabs for each of this many people."""
    opened = [Desk([]) for _ in range(users)]
    crowd = await fresh(server, users) if server.database_url else []
    try:
        for number, desk in enumerate(opened):
            for _ in range(tabs):
                desk.tabs.append(await _opened(server, crowd[number] if crowd else None, number))
        yield opened
    finally:
        for desk in opened:
            desk.close()


async def _opened(server: Server, person: Person | None, number: int) -> Tab:
    if person is None:
        floor_tab = FloorTab()
        await floor_tab.connect(server.port, number)
        return floor_tab
    tab = ProductTab()
    await tab.connect(server.port, person)
    await asyncio.wait_for(tab.welcomed, PATIENCE_SECONDS)
    return tab


async def run(server: Server, opened: list[Desk], quiet: Quiet, *, pace: Pace, asks: int, stagger: float) -> Run:
    """Let each person ask this many questions one after the other; the first ones are spread over `stagger` seconds."""
    done = Run()
    before = server.cpu()
    look = quiet.look(sum(before.values()))
    await asyncio.gather(
        *(
            _person(desk, done, stagger * number / len(opened), pace=pace, asks=asks)
            for number, desk in enumerate(opened)
        )
    )
    await asyncio.sleep(SETTLE_SECONDS)
    after = server.cpu()
    done.cpu = {part: after[part] - before[part] for part in after}
    done.noise = quiet.foreign_percent(look, sum(after.values()))
    return done


async def _person(desk: Desk, done: Run, wait: float, *, pace: Pace, asks: int) -> None:
    await asyncio.sleep(wait)
    began = -math.inf
    for _ in range(asks):
        await asyncio.sleep(max(0.0, began + PAUSE_SECONDS - time.monotonic()))
        began = time.monotonic()
        try:
            done.shown += await desk.answer(pace.deltas, pace.rate, seconds=PATIENCE_SECONDS)
            done.answers += 1
        except (Wrong, ValueError, KeyError, TimeoutError) as error:
            done.failures.append(f"{type(error).__name__}: {error}")


async def costs(server: Server, *, quiet: Quiet, pace: Pace, users: int, tabs: int) -> Figures:
    """CPU milliseconds of an answer without its deltas, and of each delta; how late the deltas are shown."""
    short_pace = Pace(1, pace.rate)
    async with desks(server, users, tabs) as opened:
        await run(server, opened, quiet, pace=short_pace, asks=1, stagger=PAUSE_SECONDS)  # what is slow only once
        short = await run(server, opened, quiet, pace=short_pace, asks=2, stagger=PAUSE_SECONDS)
        long = await run(server, opened, quiet, pace=pace, asks=2, stagger=pace.seconds)
    figures = Run(failures=short.failures + long.failures).failed()
    for part in server.pids:
        one, many = (found.cpu[part] / max(found.answers, 1) for found in (short, long))
        each = (many - one) / (pace.deltas - 1)
        figures |= {f"delta ms, {part}": 1000 * each, f"answer ms, {part}": 1000 * (one - each)}
    return figures | long.delays() | _noise(max(pair) for pair in zip(short.noise, long.noise, strict=True))


def _noise(percent: Iterable[float]) -> Figures:
    return dict(zip(("foreign %", "stolen %", "load core %"), percent, strict=True))


async def at_once(server: Server, *, quiet: Quiet, pace: Pace, users: int) -> Figures:
    """Everyone asks in the same moment."""
    async with desks(server, users, 1) as opened:
        done = await run(server, opened, quiet, pace=pace, asks=1, stagger=0)
    return {**done.failed(), **done.delays(), **_noise(done.noise)}


async def lone(server: Server, *, quiet: Quiet, asks: int, rate: int) -> tuple[Figures, dict[str, float]]:
    """One question at a time: how long until its first delta, and what the stores are asked for it."""
    done, look = Run(), quiet.look()
    async with desks(server, asks + 1, 1) as opened:
        await _person(opened.pop(), Run(), 0, pace=Pace(1, rate), asks=1)  # what is slow only once
        before = await server.counts()
        for desk in opened:
            await _person(desk, done, 0, pace=Pace(1, rate), asks=1)
        counts = (await server.counts()).since(before)
    after_model = [one.first_at - one.first_sent_at for one in done.shown]
    figures: Figures = {**done.failed(), **done.delays(), **percentiles("after the model", after_model)}
    if server.database_url:
        figures |= counts.figures(asks)
    figures["stolen %"] = quiet.foreign_percent(look)[1]
    return figures, {text: calls / asks for text, calls in counts.statements.items()}


async def largest(server: Server, *, quiet: Quiet, pace: Pace, tabs: int, most: int) -> Figures:
    """The largest number of answers at once that are all whole and shown in time; for it, how late they are."""
    steps = [step for step in STEPS if step <= most]
    low, high, kept = -1, len(steps), Figures()
    while high - low > 1:
        middle = (low + high) // 2
        figures = await _step(server, quiet, pace, users=steps[middle], tabs=tabs)
        if figures.pop("in time"):
            low, kept = middle, figures
        else:
            high = middle
    return {"largest S": steps[low] if low >= 0 else 0, **kept}


async def _step(server: Server, quiet: Quiet, pace: Pace, *, users: int, tabs: int) -> Figures:
    """Everyone asks three times; the questions count that are asked while everyone has an answer running."""
    async with desks(server, users, tabs) as opened:
        began = time.monotonic()
        done = await run(server, opened, quiet, pace=pace, asks=3, stagger=pace.seconds)
    figures = done.delays(after=began + pace.seconds, before=began + 2 * pace.seconds)
    late, first = (figures.get(f"{name} p99", math.inf) for name in ("delay", "first"))
    in_time = not done.failures and late <= LATE_MS and first <= FIRST_LATE_MS
    return {**figures, **_noise(done.noise), **done.failed(), "in time": in_time}
