"""The two formats of a record: a line to read, and a line of JSON. No text from outside can start a line of either."""

from __future__ import annotations

import json
import logging
import re
import socket
from datetime import UTC, datetime
from typing import Any

from chat.logs.about import known
from chat.text import REPLACEMENT, printable

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
INDENT = "    "  # of the lines of a traceback, which can quote text as well
LINE_MAX = 4_000  # characters
TRACEBACK_MAX = 32_000  # characters of the end of a traceback in JSON
HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs, which strict parsers of JSON refuse
BARE = re.compile(r"[^\s\"=]+")


class LineFormatter(logging.Formatter):
    """A record's message and ids on one line, with control characters as escapes; its traceback is indented below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in logging
        """The message with its time, level and ids, on one line."""
        pairs = [f" {name}={_word(value)}" for name, value in details(record).items()]
        return _cut(printable(super().formatMessage(record))) + "".join(pairs)

    def format(self, record: logging.LogRecord) -> str:
        """The whole record."""
        message, *rest = super().format(record).split("\n")
        return "\n".join((message, *(INDENT + _cut(printable(line)) for line in rest)))


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON in ASCII: every other character is an escape."""

    def __init__(self) -> None:
        super().__init__()
        self._host = socket.gethostname()[:40]

    def format(self, record: logging.LogRecord) -> str:
        """The whole record; a traceback is one of its fields."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _cut(_message(record)),
            "worker": f"{self._host}:{record.process}",
            **details(record),
        }
        if traceback := self._traceback(record):
            fields["traceback"] = traceback[-TRACEBACK_MAX:]
        return json.dumps({name: _storable(value) for name, value in fields.items()})

    def _traceback(self, record: logging.LogRecord) -> str:
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        return "\n".join(part for part in (record.exc_text, stack) if part)


def details(record: logging.LogRecord) -> dict[str, Any]:
    """The ids of the task that logs, and the record's own fields: `extra={"fields": {…}}`."""
    return known() | getattr(record, "fields", {})


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a mistake in the call must not cost the record
        return f"{record.msg} {record.args!r}"


def _storable(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return HALVES.sub(REPLACEMENT, value if isinstance(value, str) else str(value))


def _word(value: Any) -> str:
    text = _cut(printable(str(value)))
    return text if BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= LINE_MAX else f"{text[:LINE_MAX]}… ({len(text):,} characters)"
