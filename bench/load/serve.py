"""`chat serve` of the checkout in the working folder, which can be asked how many tasks it has: SIGUSR1."""

from __future__ import annotations

import asyncio
import signal
import sys

from chat import cli

TASKS = "tasks: "


def tell_tasks(_number: int, _frame: object) -> None:
    """Print a line; between two steps of the event loop, in the main thread."""
    print(f"{TASKS}{len(asyncio.all_tasks())}", flush=True)  # noqa: T201


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell_tasks)
    sys.argv = ["chat", "serve"]
    cli.main()
