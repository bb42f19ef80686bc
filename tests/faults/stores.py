"""PostgreSQL and Valkey of these tests: each behind a proxy, and it can be stopped, frozen and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from redis.asyncio import Redis

from chat.devservices import embedded_postgres, embedded_valkey
from tests.faults.proxy import ChaosProxy


class Store:
    """A server in a folder; clients reach it at `proxy`, even if it restarts on another port."""

    def __init__(self, folder: Path, run: Callable[[Path], AbstractContextManager[str]]) -> None:
        self._folder = folder
        self._run = run
        self._running = contextlib.ExitStack()
        self.url = ""
        self.proxy = ChaosProxy(Path())

    @property
    def is_up(self) -> bool:
        """Whether the server was started and not stopped."""
        return bool(self.url)

    @property
    def pid(self) -> int:
        """The pid of the parent process."""
        [file] = self._folder.glob("*.pid")
        return int(file.read_text().split()[0])

    def start(self) -> None:
        """Start the server; returns when it answers."""
        self.url = self._running.enter_context(self._run(self._folder))
        self.proxy.target = self._socket(self.url)

    def stop(self, number: signal.Signals | None = None) -> None:
        """Stop the server properly, or kill it by this signal; returns when the process has ended."""
        if number and self.is_up:
            os.kill(self.pid, number)
        self.url = ""
        self._running.close()

    def back_up(self) -> Path:
        """Copy the data of the stopped server, and start it again."""
        copy = self._folder.with_name(f"{self._folder.name}.backup")
        shutil.rmtree(copy, ignore_errors=True)
        self.stop()
        _copy(self._folder, copy)
        self.start()
        return copy

    def restore(self, backup: Path) -> None:
        """Replace the data by that of a backup."""
        self.stop()
        shutil.rmtree(self._folder)
        _copy(backup, self._folder)
        self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server: it keeps every connection and does nothing."""
        pids = [self.pid, *children(self.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _socket(self, url: str) -> Path:
        if url.startswith("unix://"):
            return Path(unquote(url.removeprefix("unix://")))
        return Path(unquote(url.partition("host=")[2]), ".s.PGSQL.5432")


def postgres(folder: Path) -> Store:
    """PostgreSQL: loses nothing when it is killed, and everything with the machine."""
    return Store(folder, lambda data: embedded_postgres(data, durable=False))


def valkey(folder: Path) -> Store:
    """Valkey: restarts empty."""
    return Store(folder, lambda data: embedded_valkey(data, durable=False))


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)  # with its owner


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


async def command(store: Store, *words: str | int) -> Any:
    """One Redis command on a new connection."""
    redis = Redis.from_url(store.url)
    try:
        return await redis.execute_command(*words)
    finally:
        await redis.aclose()
