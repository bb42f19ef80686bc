"""Counting tokens in another process, which is started when it is first needed and ends when it is idle.

A process that has loaded the table, or was forked from one that has, counts by itself.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from threading import Timer
from typing import Any

from chat.llm import token_table

PROGRAM = [sys.executable, "-P", token_table.__file__]
MAX_SECONDS = 30.0  # for an answer, loading included

logger = logging.getLogger(__name__)


async def count_tokens(texts: list[str]) -> list[int]:
    """The tokens of each text. The event loop does not wait: a long text takes long."""
    if not any(texts):
        return [0] * len(texts)
    if token_table.is_loaded():
        return await asyncio.to_thread(token_table.counted, texts)
    return await asyncio.wrap_future(_thread().submit(_count_elsewhere, texts))


def prepare() -> Future[None] | None:
    """Start the process, so that it is ready when an answer ends."""
    return None if token_table.is_loaded() else _thread().submit(_counter().start)


def token_ids(texts: list[str]) -> list[list[tuple[int, int]]]:
    """For each text the number of each token, which is its rank by frequency, and its length in bytes; in a second."""
    if token_table.is_loaded():
        return list(map(token_table.token_ids, texts))
    request = json.dumps({"ids": texts}).encode() + b"\n"
    try:
        told = subprocess.run(PROGRAM, input=request, stdout=subprocess.PIPE, check=True, timeout=MAX_SECONDS)  # noqa: S603
        return [[(token, length) for token, length in tokens] for tokens in json.loads(told.stdout)]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.warning("Tokens are read in this process, which takes 80 MB: %r", error)
        return list(map(token_table.token_ids, texts))


def most_tokens(text: str) -> int:
    """A cheap upper bound: no text has more tokens than bytes."""
    return len(text.encode())


class Counter:
    """The other process. Its input ends with this process, however that ends, and then it ends too."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603

    def stop(self) -> None:
        """End it at once."""
        if self._process:
            self._process.kill()
            with suppress(OSError), self._process:  # closes the pipes, even one with an unsent request, and waits
                self._process = None

    def count(self, texts: list[str]) -> list[int]:
        """The tokens of each text. Raises OSError, ValueError."""
        self.start()
        process: Any = self._process
        watchdog = Timer(MAX_SECONDS, process.kill)
        watchdog.start()
        try:
            process.stdin.write(json.dumps({"count": texts}).encode() + b"\n")
            process.stdin.flush()
            counts: list[int] = json.loads(process.stdout.readline())
        finally:
            watchdog.cancel()
        return counts


@cache
def _counter() -> Counter:
    counter = Counter()
    atexit.register(counter.stop)
    return counter


@cache
def _thread() -> ThreadPoolExecutor:
    """One thread, which waits for the other process; the threads of everyone else stay free."""
    return ThreadPoolExecutor(1, "tokens")


def _count_elsewhere(texts: list[str]) -> list[int]:
    """Twice, since it may just have ended; then here, since a count must not fail."""
    for _ in range(2):
        try:
            return _counter().count(texts)
        except (OSError, ValueError) as error:
            _counter().stop()
            logger.info("The process that counts tokens has ended: %r", error)
    logger.warning("Tokens are counted in this process from now on, which takes 80 MB: no other could be started")
    return token_table.counted(texts)
