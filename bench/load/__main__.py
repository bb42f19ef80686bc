"""Measure the site under load, beside a floor: `make bench`, or `python -m bench.load`.

The server and its stores have one core, the model and the load another. docs/performance.md explains the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.load import servers
from bench.load.figures import NOISY_PERCENT, Report
from bench.load.meters import Quiet
from bench.load.people import populate
from bench.load.shapes import SHAPES, USUAL, Bench, say
from bench.processes import PROJECT

DESCRIPTORS = 16_384  # each of thousands of tabs is one, in two processes


def main() -> None:
    """The command."""
    if sys.platform != "linux":
        raise SystemExit("This measures processes, and puts them on cores, in a way that only Linux knows.")
    options = arguments()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    with started(options) as bench:
        asyncio.run(measure(bench))
    about = {
        "command": " ".join(sys.argv[1:]),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "commit": revision(PROJECT),
    }
    bench.report.write(options.json, about)
    print(bench.report.table())  # noqa: T201
    say(f"\nAs JSON: {options.json}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    for name, kind, default, meaning in (
        ("rounds", int, 1, "how often everything is measured; the median is shown"),
        ("users", int, 25, "answers at once"),
        ("deltas", int, 200, "deltas of an answer"),
        ("rate", int, 50, "deltas a second"),
        ("burst", int, 50, "people who ask in the same moment"),
        ("most", int, 200, "answers at once that are tried, at most"),
        ("open", int, 500, "tabs that stay open"),
        ("arriving", int, 2000, "tabs that arrive at once"),
        ("messages", int, 10_000, "messages of the long chat"),
        ("seconds", float, 10, "how long open tabs are watched; pages for half of that"),
        ("minutes", float, 10, "how long a soak lasts"),
        ("json", Path, PROJECT / "var" / "bench.json", "where the figures are written, too"),
    ):
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{meaning} ({default})")
    parser.add_argument("shapes", nargs="*", help=f"of {', '.join(SHAPES)}; all but soak if none is named")
    parser.add_argument("--tabs", type=int, nargs="+", default=[1, 3], help="tabs of each user (1 3)")
    parser.add_argument("--trees", type=Path, nargs="+", help="one checkout, or an old one and a new one, in turn")
    parser.add_argument("--statements", action="store_true", help="list the statements of an answer and of a page")
    options = parser.parse_args()
    if unknown := set(options.shapes) - set(SHAPES):
        parser.error(f"there is no shape {', '.join(unknown)}")
    return options


@contextmanager
def started(options: argparse.Namespace) -> Iterator[Bench]:
    """All servers, on their cores."""
    allowed = sorted(os.sched_getaffinity(0))
    quiet = Quiet((allowed[0], allowed[-1]))
    warn(quiet)
    trees = {"now": PROJECT} if not options.trees else dict(zip(("before", "after"), options.trees, strict=False))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user below it
        os.sched_setaffinity(0, {allowed[-1]})
        model_port = stack.enter_context(servers.model(folder))
        with servers.on_core(allowed[0]):
            running = [stack.enter_context(servers.floor(folder, model_port))]
            for name, tree in trees.items():
                say(f"{name}: {tree}, {revision(tree)}")
                running.append(stack.enter_context(servers.product(name, tree.resolve(), folder / name, model_port)))
        yield Bench(options, running, quiet, Report())


def warn(quiet: Quiet) -> None:
    """Look at the machine before anything is started."""
    look = quiet.look()
    time.sleep(1)
    first, stolen, last = quiet.foreign_percent(look)
    if len(os.sched_getaffinity(0)) == 1:
        say("There is only one core: the load takes what it needs from the server.")
    if max(first, stolen, last) > NOISY_PERCENT:
        say(f"The machine is not quiet: {first:.0f} % and {last:.0f} % of its cores are in use, {stolen:.0f} % stolen.")


def revision(checkout: Path) -> str:
    """The commit of a checkout."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"  # noqa: S603


async def measure(bench: Bench) -> None:
    """Everything that was asked for."""
    for server in bench.products:
        await populate(server)
    for shape in bench.options.shapes or USUAL:
        await SHAPES[shape](bench)


if __name__ == "__main__":
    main()
