"""The process's log on stderr: lines to read on a terminal, lines of JSON for programs."""

from __future__ import annotations

import logging
import sys

from chat.logs.about import about, begin, begin_request, known
from chat.logs.formats import FORMAT, INDENT, LINE_MAX, JsonFormatter, LineFormatter

__all__ = [
    "ACCESS", "FORMAT", "INDENT", "LINE_MAX", "JsonFormatter", "LineFormatter", "about", "begin", "begin_request",
    "known", "start",
]  # fmt: skip

LOUD = ("httpx2", "tortoise")  # they log every request and every shutdown
ACCESS = "chat.access"  # the logger of requests and sockets


def start(level: str, log_format: str = "", *, access: bool = True) -> None:
    """Log to stderr, once for the process: the loggers of libraries end up here too."""
    readable = (log_format or ("text" if sys.stderr.isatty() else "json")) == "text"
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(FORMAT) if readable else JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler])
    for name in LOUD if access else (*LOUD, ACCESS):
        logging.getLogger(name).setLevel(logging.WARNING)
