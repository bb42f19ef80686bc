"""Run the offline model as a child process."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chat.devservices.offline_model.key import KEY_VARIABLE
from chat.devservices.program import Program

GREETING = "offline model on "


@contextlib.contextmanager
def offline_model_server(*arguments: str, log: Path | None = None, key: str = "") -> Iterator[str]:
    """Run the offline model on a free port; yields its base URL. `arguments` are for its command line.

    It requires the key, or accepts any key if `key` is empty.
    """
    with contextlib.ExitStack() as stack:
        output = log or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-")), "model.log")
        command = [sys.executable, "-u", "-m", "chat.devservices.offline_model", "--port", "0", *arguments]
        command += [] if key else ["--any-key"]
        environment = {**os.environ, KEY_VARIABLE: key}  # other users can read a command line, but no environment
        program = Program(name="The offline model", command=command, folder=Path.cwd(), environment=environment)
        child = stack.enter_context(program.running(output))
        yield child.wait_for(lambda: _announced_address(output))


def _announced_address(output: Path) -> str | None:
    """The address in the offline model's first line, once the line is complete."""
    lines = output.read_text(errors="replace").splitlines(keepends=True)
    found = [line for line in lines if line.startswith(GREETING) and line.endswith("\n")]
    return found[0].removeprefix(GREETING).strip() if found else None
