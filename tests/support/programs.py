"""Programs in separate processes, forked from a process that has imported everything, which saves two seconds each."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory

from chat import cli, development
from chat.llm import token_table

# Not by pytest itself, which has threads and an event loop. Children are children of the process that forks.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.programs", "tests.faults.launch"])
PROMPTLY_SECONDS = 60
token_table.load()


def chat(*words: str) -> None:
    """The command, as it is typed."""
    sys.argv = ["chat", *words]
    cli.main()


def develop(root: str) -> None:
    """`chat dev` for a checkout in this folder."""
    sys.exit(development.run(root=Path(root)))


class Program:
    """A started program; its output is in files. If it still runs at the end of all tests, it is ended."""

    def __init__(
        self,
        main: Callable[..., None],
        *words: str,
        environment: Mapping[str, str],
        folder: Path,
        output: Path,
        errors: Path | None = None,
    ) -> None:
        self._output, self._errors = output, errors or output
        for file in {self._output, self._errors}:
            file.write_bytes(b"")
        given = (main, words, dict(environment), folder, self._output, self._errors)
        self._process = FORKS.Process(target=_run, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, or the signal that ended it as a negative number; None while it runs."""
        return self._process.exitcode

    @property
    def output(self) -> str:
        """Its output so far."""
        return self._output.read_text()

    @property
    def errors(self) -> str:
        """Its stderr so far; the output, if both go into one file."""
        return self._errors.read_text()

    def send_signal(self, number: signal.Signals) -> None:
        """Kill the program if it still runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, number)

    def wait(self, seconds: float = PROMPTLY_SECONDS) -> int:
        """The exit code, after the program ended by itself. Raises TimeoutError."""
        self._process.join(seconds)
        if self.returncode is None:
            raise TimeoutError(f"It did not end within {seconds} s and said:\n{self.errors[-2000:]}")
        return self.returncode

    def wait_until(self, happened: Callable[[], bool], seconds: float = PROMPTLY_SECONDS) -> None:
        """Wait until the condition is true; the program must run until then."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert self.returncode is None, f"It ended early and said:\n{self.errors[-2000:]}"
            assert time.monotonic() < deadline, f"Not within {seconds} s. It said:\n{self.errors[-2000:]}"
            time.sleep(0.01)  # another process: there is nothing to await

    async def end(self, seconds: float = PROMPTLY_SECONDS) -> int:
        """Wait in an event loop."""
        deadline = time.monotonic() + seconds
        while self.returncode is None and time.monotonic() < deadline:
            await asyncio.sleep(0.01)  # not `eventually`, whose error would not show the output
        return self.wait(0)


def _run(
    main: Callable[..., None],
    words: tuple[str, ...],
    environment: dict[str, str],
    folder: Path,
    output: Path,
    errors: Path,
) -> None:
    """Set up what a fork does not inherit, or should not."""
    os.close(forkserver._forkserver._forkserver_alive_fd)  # or the process that forks outlives a pytest that is killed
    for number, file in ((0, Path(os.devnull)), (1, output), (2, errors)):
        os.dup2(os.open(file, os.O_RDWR | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    random.seed()
    main(*words)


async def run_chat(environment: dict[str, str], *words: str) -> tuple[int, str, str]:
    """The exit code, output and errors of one command."""
    with TemporaryDirectory(prefix="chat-") as name:
        folder = Path(name)
        output, errors, variables = (
            folder / "output",
            folder / "errors",
            {**os.environ, "LOGNAME": "somebody-else", **environment},
        )
        program = Program(chat, *words, environment=variables, folder=folder, output=output, errors=errors)
        return await program.end(), program.output, program.errors
