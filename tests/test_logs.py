"""The log: text that a record quotes can't start a line or control a terminal."""

from __future__ import annotations

import io
import logging
import re
import sys
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat import logs
from chat.text import printable

HEAD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ERROR attacked: ")
FORGED = "2026-11-29 12:00:00,000 CRITICAL chat.server: The database is gone"
ATTACKS = (
    f"/\n{FORGED}",
    f"/\r\n{FORGED}",
    f"/\r{FORGED}",
    f"/\v\f\x1c\x1d\x1e{FORGED}",
    f"/\x85{FORGED}",
    f"/\u2028{FORGED}\u2029{FORGED}",
    "\x1b[2J\x1b]0;title\x07\x1b[31mred",
    "\x9b31mred\x9d0;title\x9c",
    "a\bb\x7f\x00",
    "a\u202egol\u202c\u2066x\u2069\u200f",
    "\u200b\ufeff\U000e0041",
)


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger that writes as the process does."""
    stream, logger = io.StringIO(), logging.getLogger("attacked")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.LineFormatter(logs.FORMAT))
    logger.addHandler(handler)
    logger.propagate = False  # pytest would collect the attacks, and cannot send all of them between its processes
    yield logger, stream
    logger.propagate = True
    logger.removeHandler(handler)


def _controls(text: str) -> list[str]:
    return [one for one in text if one not in "\n\t" and unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_a_message_stays_one_line_of_what_can_be_seen(log: tuple[logging.Logger, io.StringIO], attack: str) -> None:
    logger, stream = log

    logger.error("GET %s failed: %r", attack, ValueError(attack))

    written = stream.getvalue()
    assert written.count("\n") == 1 and written.endswith("\n")
    assert HEAD.match(written)
    assert not _controls(written)


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_a_traceback_begins_no_line(log: tuple[logging.Logger, io.StringIO], attack: str) -> None:
    logger, stream = log
    cause = ValueError(attack)
    cause.add_note(attack)

    error = ExceptionGroup(attack, [cause])
    logger.error("GET %s failed", attack, exc_info=error, stack_info=True)

    first, *rest = stream.getvalue().removesuffix("\n").split("\n")
    assert HEAD.match(first)
    assert len(rest) > 5
    assert all(line.startswith(logs.INDENT) for line in rest)
    assert not _controls(stream.getvalue())


def test_what_another_handler_made_of_a_traceback_is_escaped_too(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    record = logger.makeRecord("attacked", logging.ERROR, "", 1, "x", (), None)
    record.exc_text = f"Traceback\n{FORGED}\x1b[2J"  # logging keeps the text of the handler that came first

    logger.handle(record)

    assert stream.getvalue().split("\n")[1:] == [f"{logs.INDENT}Traceback", f"{logs.INDENT}{FORGED}\\x1b[2J", ""]


def test_half_a_surrogate_pair_is_escaped() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 1, "a%sb", (chr(0xD800),), None)

    assert logs.LineFormatter().format(record) == "a\\ud800b"


def test_a_very_long_line_is_cut(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log

    logger.error("x" * 1_000_000)

    assert len(stream.getvalue()) < logs.LINE_MAX + 100


def test_the_process_uses_this_formatter(monkeypatch: pytest.MonkeyPatch) -> None:
    root, stream = logging.RootLogger(logging.WARNING), io.StringIO()
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "root", root)
    monkeypatch.setattr(sys, "stderr", stream)

    logs.start("INFO")
    root.info("a\nb")

    assert stream.getvalue().endswith(" INFO root: a\\nb\n")


@settings(deadline=None)
@given(st.text())
def test_printable_text_is_one_line_and_keeps_what_can_be_seen(text: str) -> None:
    shown = printable(text)

    assert "\n" not in shown
    assert all(one.isprintable() or one == "\t" for one in shown)
    assert (shown == text) is all(one.isprintable() or one == "\t" for one in text)
