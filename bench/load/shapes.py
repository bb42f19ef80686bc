"""The shapes of load, each measured with every server in turn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bench.load import idle, meters, pages, stream
from bench.load.figures import NOISY_PERCENT, Figures, Report
from bench.load.meters import Quiet
from bench.load.people import fresh, lengthen
from bench.load.servers import Server
from bench.load.soak import soak

Calls = dict[str, float]  # of each statement, by the number of answers or pages

LONE = 10  # questions that are asked one at a time
SHORT = 50  # messages of the short chat
ARRIVAL_SECONDS = 60.0  # after which a tab has not arrived
LISTED = 0.4  # calls of a statement for each answer or page; fewer are of the loops that run anyway
LISTED_CHARACTERS = 160


@dataclass
class Bench:
    """What is measured, with which servers."""

    options: argparse.Namespace
    servers: list[Server]
    quiet: Quiet
    report: Report

    @property
    def products(self) -> list[Server]:
        """All but the floor."""
        return [server for server in self.servers if server.database_url]

    async def each(self, what: str, among: list[Server], measure: Callable[[Server], Awaitable[Figures]]) -> None:
        """Measure the servers in turn, and that again as often as asked."""
        for _ in range(self.options.rounds):
            for server in among:
                say(f"{what}: {server.name}")
                figures = await measure(server)
                self.report.add(what, server.name, figures)
                for kind in ("foreign %", "stolen %"):
                    if figures.get(kind, 0) > NOISY_PERCENT:
                        say(f"  The machine was not quiet: {kind} {figures[kind]:.0f}")


async def measure_stream(bench: Bench) -> None:
    """What answers cost, and how late they are."""
    options, quiet = bench.options, bench.quiet
    pace = stream.Pace(options.deltas, options.rate)
    for server in bench.servers:
        app = server.pids["app"]
        below = sum(meters.resident_mib(child) for child in meters.children(app))
        bench.report.add("At rest", server.name, {"app MiB": meters.resident_mib(app), "its children MiB": below})
    for tabs in options.tabs:
        what = f"{options.users} answers at once, tabs of each: {tabs}"
        await bench.each(
            what, bench.servers, partial(stream.costs, quiet=quiet, pace=pace, users=options.users, tabs=tabs)
        )
        add_ratios(bench.report, what)
    what = f"{options.burst} people ask in the same moment"
    await bench.each(what, bench.servers, partial(stream.at_once, quiet=quiet, pace=pace, users=options.burst))
    lone = partial(stream.lone, quiet=quiet, asks=LONE, rate=options.rate)
    await each_with_statements(bench, "One question at a time", bench.servers, lone)


def add_ratios(report: Report, what: str) -> None:
    """Compare the app's CPU time for a delta with the floor's."""
    rows = [(server, figures) for one, server, figures in report.rows if one == what]
    floors = sorted(figures["delta ms, app"] for server, figures in rows if server == "floor")
    if floors and floors[len(floors) // 2] > 0:
        for _, figures in rows:
            figures["delta, times the floor"] = figures["delta ms, app"] / floors[len(floors) // 2]


async def each_with_statements(
    bench: Bench, what: str, among: list[Server], measure: Callable[[Server], Awaitable[tuple[Figures, Calls]]]
) -> None:
    """Like `Bench.each`, and list which statements PostgreSQL got, if asked."""
    statements: dict[str, Calls] = {}

    async def counted(server: Server) -> Figures:
        figures, statements[server.name] = await measure(server)
        return figures

    await bench.each(what, among, counted)
    for server, calls in statements.items() if bench.options.statements else ():
        say(f"\nStatements, {what.lower()}, {server}:")
        for text, each in sorted(calls.items(), key=lambda item: -item[1]):
            if each > LISTED:
                say(f"{each:6.1f}  {' '.join(text.split())[:LISTED_CHARACTERS]}")


async def measure_largest(bench: Bench) -> None:
    """How many answers run at once before they are too late."""
    options = bench.options
    pace = stream.Pace(options.deltas, options.rate)
    for tabs in options.tabs:
        what = f"Most answers at once, tabs of each: {tabs}"
        search = partial(stream.largest, quiet=bench.quiet, pace=pace, tabs=tabs, most=options.most)
        await bench.each(what, bench.products, search)


async def measure_idle(bench: Bench) -> None:
    """Tabs that stay open."""
    tabs, seconds = bench.options.open, bench.options.seconds
    opening = partial(idle.open_tabs, quiet=bench.quiet, tabs=tabs, seconds=seconds)
    await bench.each(f"{tabs} open tabs", bench.products, opening)


async def measure_arrivals(bench: Bench) -> None:
    """Tabs that arrive at once."""
    tabs = bench.options.arriving
    arriving = partial(idle.arrivals, quiet=bench.quiet, tabs=tabs, seconds=ARRIVAL_SECONDS)
    await bench.each(f"{tabs} tabs arrive at once", bench.products, arriving)


async def measure_pages(bench: Bench) -> None:
    """The page of a short chat and of a long one."""
    for messages in (SHORT, bench.options.messages):

        async def page(server: Server, messages: int = messages) -> tuple[Figures, Calls]:
            [reader] = await fresh(server, 1)
            await lengthen(server, reader, messages)
            return await pages.page(server, bench.quiet, reader, seconds=bench.options.seconds / 2)

        await each_with_statements(bench, f"The page of a chat with {messages} messages", bench.products, page)


async def measure_soak(bench: Bench) -> None:
    """Minutes of answers."""
    options = bench.options
    what = f"{options.minutes:g} minutes of {options.users} answers at once"
    soaking = partial(soak, quiet=bench.quiet, minutes=options.minutes, users=options.users, say=say)
    await bench.each(what, bench.products, soaking)


SHAPES = {
    "stream": measure_stream,
    "largest": measure_largest,
    "idle": measure_idle,
    "arrivals": measure_arrivals,
    "pages": measure_pages,
    "soak": measure_soak,
}
USUAL = ("stream", "largest", "idle", "arrivals", "pages")


def say(line: str) -> None:
    """Tell people; the tables go to stdout."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
