"""The process's log on stderr: text from outside can't start a line of it, or control a terminal that shows it."""

from __future__ import annotations

import logging

from chat.text import printable

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
INDENT = "    "  # of the lines of a traceback, which can quote text as well
LINE_MAX = 4_000  # characters
LOUD = ("httpx2", "tortoise")  # they log every request and every shutdown


class LineFormatter(logging.Formatter):
    """A record's message on one line, with control characters as escapes, and its traceback indented below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in logging
        """The message with its time and level, on one line."""
        return _line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """The whole record."""
        message, *rest = super().format(record).split("\n")
        return "\n".join((message, *(INDENT + _line(line) for line in rest)))


def start(level: str) -> None:
    """Log to stderr, once for the process: the loggers of libraries end up here too."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)


def _line(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= LINE_MAX else f"{shown[:LINE_MAX]}… ({len(text):,} characters)"
