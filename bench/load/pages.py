"""A chat's page: with few messages and with many."""

from __future__ import annotations

import asyncio
import time

import httpx

from bench.load.figures import Figures, percentiles
from bench.load.meters import Quiet
from bench.load.people import Person
from bench.load.servers import Server

AT_ONCE = 4
OK = 200


async def page(server: Server, quiet: Quiet, person: Person, *, seconds: float) -> tuple[Figures, dict[str, float]]:
    """As many requests as the server answers, on a few connections."""
    path, spent = f"/chat/{person.thread_id}/", []
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, headers=person.headers, timeout=30) as http:

        async def reader(until: float) -> None:
            while (began := time.monotonic()) < until:
                answer = await http.get(path)
                if answer.status_code != OK:
                    raise SystemExit(f"{path} answered {answer.status_code}")
                spent.append(time.monotonic() - began)

        await reader(time.monotonic() + 0.5)  # what is slow only once
        spent.clear()
        before, counted = server.cpu(), await server.counts()
        look, began = quiet.look(sum(before.values())), time.monotonic()
        await asyncio.gather(*(reader(began + seconds) for _ in range(AT_ONCE)))
        took, cpu = time.monotonic() - began, server.cpu()
    foreign, stolen, load = quiet.foreign_percent(look, sum(cpu.values()))
    counts = (await server.counts()).since(counted)
    figures: Figures = {
        "a second": len(spent) / took,
        **percentiles("page", spent),
        **{f"{part} ms": 1000 * (cpu[part] - before[part]) / len(spent) for part in cpu},
        **counts.figures(len(spent)),
        "foreign %": foreign, "stolen %": stolen, "load core %": load,
    }  # fmt: skip
    return figures, {text: calls / len(spent) for text, calls in counts.statements.items()}
