"""A child program that ends with its parent, even after kill -9, and whose log is shown if it does not start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from chat.devservices.private import private_file

Answer = TypeVar("Answer")

START_LIMIT_SECONDS = 30.0
STOP_LIMIT_SECONDS = 10.0
POLL_SECONDS = 0.01
SHOWN_LOG_LINES = 8
LAUNCHER = Path(__file__).with_name("launcher.py")
PLAIN_ENVIRONMENT = {"LC_ALL": "C"}


class ServiceError(Exception):
    """A service cannot be started; the message is for people and says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a program runs as, if not our own."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, in which folder, as which account, and which signal asks it to end."""

    name: str
    command: list[str]
    folder: Path
    last_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: PLAIN_ENVIRONMENT)

    @contextlib.contextmanager
    def running(self, log: Path) -> Iterator[Child]:
        """Start the program, and stop it after the block. From the main thread only."""
        child = Child(self.name, self.start(log), log)
        try:
            yield child
        finally:
            child.stop(self.last_signal)

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        with private_file(log) as output:
            return subprocess.Popen(  # noqa: S603
                [*self._launcher(), *self.command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                umask=0o077,  # what it writes is private too
                start_new_session=True,  # hides a terminal's Ctrl-C: the server drains first, then this ends
            )

    def _launcher(self) -> list[str]:
        if threading.current_thread() is not threading.main_thread():
            # Linux signals the death of a parent when the *thread* that started the child ends.
            raise RuntimeError("services must be started from the main thread")
        account = f"{self.account.uid}:{self.account.gid}" if self.account else "-"
        return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(self.last_signal)), account]


@dataclass(frozen=True, slots=True)
class Child:
    """A started program and its log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, ask: Callable[[], Answer | None]) -> Answer:
        """Poll `ask` until it answers. Raises ServiceError if the program ends first or START_LIMIT_SECONDS pass."""
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            if answer := ask():
                return answer
            time.sleep(POLL_SECONDS)
        raise ServiceError(f"{self.name} did not start. The last lines of {self.log}:\n{last_lines(self.log)}")

    def stop(self, last_signal: signal.Signals) -> None:
        self.process.send_signal(last_signal)
        try:
            self.process.wait(STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_for_predecessor(pid_file: Path) -> None:
    """After kill -9 the previous service is still closing its files; it removes its pid file last."""
    deadline = time.monotonic() + STOP_LIMIT_SECONDS
    with contextlib.suppress(OSError, ValueError, IndexError):  # no such file, an empty file, or no such process
        while time.monotonic() < deadline:
            os.kill(int(pid_file.read_text().split()[0]), 0)
            time.sleep(POLL_SECONDS)


def last_lines(log: Path) -> str:
    """The end of a log, to show when a program did not start."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:])
