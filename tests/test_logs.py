"""The log: text that a record quotes can't start a line or control a terminal."""

from __future__ import annotations

import contextvars
import io
import json
import logging
import re
import sys
import unicodedata
import uuid
from datetime import UTC, datetime

import msgspec
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
def log() -> tuple[logging.Logger, io.StringIO]:
    """A logger that writes as the process does."""
    # Known to no one: pytest would collect the attacks, and cannot send all of them between its processes.
    stream, logger = io.StringIO(), logging.Logger("attacked")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.LineFormatter(logs.FORMAT))
    logger.addHandler(handler)
    return logger, stream


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


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self) -> bool:
        return True


def new_root(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """A root logger that no one has set up; pytest sets up that of a fixture."""
    root = logging.RootLogger(logging.WARNING)
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "root", root)
    return root


@pytest.mark.parametrize(
    ("stream", "log_format", "is_text"),
    [(Terminal(), "", True), (io.StringIO(), "", False), (io.StringIO(), "text", True), (Terminal(), "json", False)],
)
def test_a_terminal_gets_text_and_anything_else_json_unless_the_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, log_format: str, is_text: bool
) -> None:
    root = new_root(monkeypatch)
    monkeypatch.setattr(sys, "stderr", stream)

    logs.start("INFO", log_format)
    root.info("a\nb")

    if is_text:
        assert stream.getvalue().endswith(" INFO root: a\\nb\n")
    else:
        assert json.loads(stream.getvalue())["message"] == "a\nb"


@pytest.mark.parametrize("access", [True, False])
def test_the_access_log_can_be_off(monkeypatch: pytest.MonkeyPatch, access: bool) -> None:
    root = new_root(monkeypatch)
    its_logger = logging.getLogger(logs.ACCESS)
    before, its_logger.parent = (its_logger.parent, its_logger.level), root
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    try:
        logs.start("INFO", access=access)
        its_logger.info("Request")
    finally:
        its_logger.parent = before[0]
        its_logger.setLevel(before[1])

    assert bool(stream.getvalue()) is access


@pytest.fixture
def lines(log: tuple[logging.Logger, io.StringIO]) -> tuple[logging.Logger, io.StringIO]:
    """A logger that writes JSON."""
    logger, stream = log
    logger.handlers[0].setFormatter(logs.JsonFormatter())
    return logger, stream


@pytest.mark.parametrize("attack", [*ATTACKS, "\ud800\udc00\udfff", '"}\n{"level": "CRITICAL', "\x7f"], ids=ascii)
def test_a_record_is_one_line_of_json_in_ascii_whatever_its_text(
    lines: tuple[logging.Logger, io.StringIO], attack: str
) -> None:
    logger, stream = lines
    cause = ValueError(attack)

    logger.error("GET %s", attack, exc_info=ExceptionGroup(attack, [cause]), extra={"fields": {"model": attack}})

    written = stream.getvalue()
    [line] = written.splitlines()
    assert written.endswith("\n") and line.isascii() and line.isprintable()
    record = msgspec.json.decode(line)  # stricter than json
    kept = re.sub("[\ud800-\udfff]", "\ufffd", attack)
    assert (record["message"], record["model"], record["level"]) == (f"GET {kept}", kept, "ERROR")
    assert record["logger"] == "attacked" and "ValueError" in record["traceback"]
    assert datetime.fromisoformat(record["time"]).tzinfo is UTC


def test_a_record_has_the_ids_of_its_task(lines: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = lines
    logger.setLevel(logging.INFO)
    user, generation = uuid.uuid4(), uuid.uuid4()

    def serve() -> None:
        request = logs.begin_request("0123456789abcdef")
        inside = contextvars.copy_context()
        inside.run(answer)
        request.user = user
        logger.info("the request")

    def answer() -> None:
        logs.begin(generation=generation, round=2)
        logger.info("the answer")

    contextvars.copy_context().run(serve)
    logger.error("the process")

    answer_line, request_line, process_line = map(json.loads, stream.getvalue().splitlines())
    assert (answer_line["request"], answer_line["generation"], answer_line["round"]) == (
        "0123456789abcdef", str(generation), 2,
    )  # fmt: skip
    assert (request_line["request"], request_line["user"]) == ("0123456789abcdef", str(user))
    assert "generation" not in request_line
    assert not {"request", "user", "generation"} & process_line.keys()


def test_a_line_to_read_ends_with_the_ids(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log

    def serve() -> None:
        logs.begin_request("0123456789abcdef")
        logger.error("x", extra={"fields": {"reason": 'a "b"=c\n', "count": 2}})

    contextvars.copy_context().run(serve)

    assert stream.getvalue().endswith(r'attacked: x request=0123456789abcdef reason="a \"b\"=c\\n" count=2' + "\n")


def test_a_mistake_in_a_call_does_not_cost_its_record() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 1, "%d of %s", ("one",), None)

    assert json.loads(logs.JsonFormatter().format(record))["message"] == "%d of %s ('one',)"


@settings(deadline=None)
@given(st.text())
def test_printable_text_is_one_line_and_keeps_what_can_be_seen(text: str) -> None:
    shown = printable(text)

    assert "\n" not in shown
    assert all(one.isprintable() or one == "\t" for one in shown)
    assert (shown == text) is all(one.isprintable() or one == "\t" for one in text)
