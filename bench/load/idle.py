"""Tabs that only stay open, and tabs that all arrive in the same moment."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

from bench.load import meters
from bench.load.figures import Figures, percentiles
from bench.load.meters import Quiet
from bench.load.people import Person, fresh
from bench.load.servers import Server
from bench.load.socket_client import Refused
from bench.load.stream import desks
from bench.load.tabs import ProductTab, Wrong

TABS_EACH = 20  # as many as one person may have
COME_BACK_SECONDS = 5.0  # after a close with 1013: up to twice as long, as static/src/chat/reconnect.js does
SETTLE_SECONDS = 1.0  # after the last tab, the server is still at work
GIVE_UP_SECONDS = 10.0  # without a welcome


async def open_tabs(server: Server, *, quiet: Quiet, tabs: int, seconds: float) -> Figures:
    """What tabs cost that stay open and show nothing new."""
    before = meters.resident_mib(server.pids["app"])
    async with desks(server, tabs // min(tabs, TABS_EACH), min(tabs, TABS_EACH)):
        await asyncio.sleep(SETTLE_SECONDS)
        begun, look = server.cpu(), quiet.look()
        await asyncio.sleep(seconds)
        cpu, held = server.cpu(), meters.resident_mib(server.pids["app"])
    used = {f"{part} % of a core": 100 * (cpu[part] - begun[part]) / seconds for part in cpu}
    _, stolen, _ = quiet.foreign_percent(look)
    return {"MiB before": before, "KiB a tab": 1024 * (held - before) / tabs, **used, "stolen %": stolen}


@dataclass(slots=True)
class Arrival:
    """One tab on its way in."""

    began: float
    served_at: float = 0.0
    refused: int = 0

    async def serve(self, server: Server, person: Person) -> ProductTab:
        """Come back until the chat is shown."""
        while True:
            tab = ProductTab()
            try:
                await tab.connect(server.port, person)
                await asyncio.wait_for(tab.welcomed, GIVE_UP_SECONDS)
            except (OSError, TimeoutError, Refused, Wrong):
                pass
            else:
                self.served_at = time.monotonic()
                return tab
            if tab.socket:
                tab.socket.close()
            self.refused += 1
            await asyncio.sleep(COME_BACK_SECONDS * (1 + random.random()))  # noqa: S311


async def arrivals(server: Server, *, quiet: Quiet, tabs: int, seconds: float) -> Figures:
    """All of them connect at once, as after a restart."""
    crowd = await fresh(server, -(-tabs // TABS_EACH))
    before, began = server.cpu(), time.monotonic()
    coming = [Arrival(began) for _ in range(tabs)]
    tasks = [asyncio.create_task(one.serve(server, crowd[at // TABS_EACH])) for at, one in enumerate(coming)]
    look = quiet.look(sum(before.values()))
    done, late = await asyncio.wait(tasks, timeout=seconds)
    cpu = server.cpu()
    foreign, stolen, load = quiet.foreign_percent(look, sum(cpu.values()))
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        if socket := task.result().socket:
            socket.close()
    await asyncio.sleep(SETTLE_SECONDS)  # until the server has noticed
    times = [one.served_at - began for one in coming if one.served_at]
    return {
        "served": len(times),
        **percentiles("served", times),
        "all served s": max(times, default=0.0),
        "refused once": sum(one.refused == 1 for one in coming),
        "refused more often": sum(one.refused > 1 for one in coming),
        **{f"{part} ms a tab": 1000 * (cpu[part] - before[part]) / tabs for part in cpu},
        "foreign %": foreign, "stolen %": stolen, "load core %": load,
    }  # fmt: skip
