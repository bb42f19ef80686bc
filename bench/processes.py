"""The processes that a measurement starts, and ends with its block."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[1]
CHAT = "from chat.cli import main; main()"


@contextmanager
def process(*command: str, said: str = "", **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Python with these arguments; `said` is its whole input, after which it is waited for."""
    running = subprocess.Popen(  # noqa: S603
        [sys.executable, *command],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        if said:
            running.communicate(said)
        yield running
    finally:
        running.terminate()
        running.wait()
