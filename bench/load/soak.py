"""Minutes of answers: memory, descriptors and tasks must not grow."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

from bench.load import meters
from bench.load.figures import Figures
from bench.load.meters import Quiet
from bench.load.serve import TASKS
from bench.load.servers import Server
from bench.load.stream import Pace, Run, desks, run

EVERY_SECONDS = 10.0
TELL_SECONDS = 0.5  # for the line with the number of tasks
TABS, PACE, ASKS = 2, Pace(200, 50), 4


async def soak(server: Server, *, quiet: Quiet, minutes: float, users: int, say: Callable[[str], None]) -> Figures:
    """Answers to this many people without a pause; the second half must not be higher than the first."""
    seen: list[tuple[float, int, int]] = []
    until, total = time.monotonic() + 60 * minutes, Run()
    async with desks(server, users, TABS) as opened:
        watching = asyncio.create_task(_watch(server, seen, say))
        while time.monotonic() < until:
            done = await run(server, opened, quiet, pace=PACE, asks=ASKS, stagger=PACE.seconds)
            total.answers += done.answers
            total.failures += done.failures
        watching.cancel()
    figures: Figures = {"answers": total.answers, **total.failed()}
    for at, name in enumerate(("MiB", "descriptors", "tasks")):
        values = [one[at] for one in seen]
        middle = len(values) // 2
        for half, part in (("first", values[:middle]), ("second", values[middle:])):
            figures[f"{name}, highest of the {half} half"] = max(part, default=0)
    return figures


async def _watch(server: Server, seen: list[tuple[float, int, int]], say: Callable[[str], None]) -> None:
    """Until cancelled."""
    app = server.pids["app"]
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        os.kill(app, signal.SIGUSR1)
        await asyncio.sleep(TELL_SECONDS)
        seen.append((meters.resident_mib(app), meters.descriptors([app]), _told_tasks(server)))
        say("  {:.1f} MiB, {} descriptors, {} tasks".format(*seen[-1]))


def _told_tasks(server: Server) -> int:
    lines = server.log.read_text().splitlines() if server.log else []
    told = [line.removeprefix(TASKS) for line in lines if line.startswith(TASKS)]
    return int(told[-1]) if told else 0
