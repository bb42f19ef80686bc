"""The log as JSON lines, while a block runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chat.logs import JsonFormatter

CLIENTS = ("httpx", "websockets")  # of the tests, which log in the same process


class LogLines(logging.Handler):
    """Keeps what the process would write."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.addFilter(lambda record: not record.name.startswith(CLIENTS))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Called by logging, in the task that logs."""
        self.lines.append(self.format(record))

    def of(self, message: str, **fields: Any) -> list[dict[str, Any]]:
        """The records with this message and these fields."""
        found = [json.loads(line) for line in self.lines]
        return [one for one in found if one["message"] == message and fields.items() <= one.items()]


@contextmanager
def log_lines(level: int = logging.INFO) -> Iterator[LogLines]:
    """Every record of this process from this level on."""
    handler, root = LogLines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield handler
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
