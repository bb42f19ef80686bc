"""The fault table of docs/llm.md is true, cell by cell, and complete."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from chat.llm import errors
from chat.llm.advice import ADVICE
from chat.llm.call import CallEvent, Options
from chat.llm.client import LLMClient
from chat.llm.events import FAILURES, Code, TextDelta
from chat.llm.journal import CallLog
from chat.llm.tools import tool
from tests.support.llm import PRICES, MemoryJournal, call_events
from tests.support.offline import OfflineServer
from tests.support.ports import free_port
from tests.support.waiting import eventually

DOCUMENT = (Path(__file__).parents[2] / "docs" / "llm.md").read_text()
SAID = "say one two three four five six seven ten"
STOP_SECONDS = 20
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
# Script words that make faults in a stream; the others are of resumes and controls, or belong to tests of the model.
FAULT_WORDS = {
    *("status", "html", "times", "retry_after", "code", "delay", "delay_first", "cut", "eof", "silence", "badjson"),
    *("midutf8", "error", "failed", "incomplete", "filter", "surrogates", "nul", "refusal", "empty", "unknown"),
    *("nousage", "chat", "noend", "text_in", "capped", "notjson", "invalid", "tool", "also", "loop", "pace"),
}


@tool(idempotent=True)
def echo() -> str:
    """Say it again."""
    return "again"


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    script: str
    gets: str
    status: str
    estimated: str
    uncertain: str
    cost: str
    attempts: str
    creates: str

    @property
    def words(self) -> str:
        found = re.search(r"`([^`]+)`", self.script)
        return found[1] if found else ""

    @property
    def options(self) -> Options:
        seconds = re.search(r"`timeout_seconds=([\d.]+)`", self.script)
        options: Options = {"tools": [echo]}
        if seconds:
            options["timeout_seconds"] = float(seconds[1])
        if self.script.startswith("structured"):
            options["schema"] = SCHEMA
        return options

    @property
    def said(self) -> str:
        kind = "offline-structured" if self.script.startswith("structured") else "offline"
        return f"{SAID} [{kind}: {self.words}]" if self.words else SAID


def tables(heading: str) -> list[list[str]]:
    """The cells of all rows below a heading, without the table's header row."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


ROWS = [Row(*cells[1:]) for cells in tables("Faults")]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.script.replace("`", ""))
async def test_a_row_is_true(
    llm: LLMClient,
    hasty_llm: LLMClient,
    journal: MemoryJournal,
    offline: OfflineServer,
    caplog: pytest.LogCaptureFixture,
    row: Row,
) -> None:
    client = hasty_llm if re.search("silence|delay_first", row.words) else llm
    generation_id = str(uuid4())
    options: Any = {**row.options, "metadata": {"generation_id": generation_id}}
    if row.script == "connection refused":
        gets = await call_nobody(journal)
    elif row.script == "budget refusal":
        journal.refusing["begin"] = errors.BudgetExceeded("No money.", resets_on=date(2030, 1, 1))
        gets = await outcome(llm, row.said, options)
    elif row.script.endswith("stop"):
        with caplog.at_level(logging.DEBUG, "chat.llm"):
            reached = partial(stop_is_due, row, offline, caplog)
            gets = await stopped(client, row.said, options, reached)
    else:
        gets = await outcome(client, row.said, options)

    told = as_told(journal.logs[-1]) if journal.logs else ("none",) * 5
    assert Row(row.script, gets, *told, str(await offline.creates(generation_id))) == row
    assert await offline.open(until=0) == 0


def as_told(log: CallLog) -> tuple[str, str, str, str, str]:
    assert log.cost is not None
    assert bool(log.cost) is bool(log.usage.total_tokens)
    answers = {True: "yes", False: "no"}
    cost = "known" if log.cost else "0"
    return f"`{log.status}`", answers[log.estimated], answers[log.uncertain], cost, str(log.attempts)


async def outcome(llm: LLMClient, said: str, options: Any) -> str:
    try:
        await call_events(llm, said, **options)
    except errors.CallFailed as failure:
        assert str(failure).endswith(".")
        return f"`{type(failure).__name__}` `{failure.code}`"
    return "`Result`"


async def call_nobody(journal: MemoryJournal) -> str:
    async with LLMClient(
        api_key="x", base_url=f"http://127.0.0.1:{free_port()}/v1", prices=PRICES, journal=journal
    ) as llm:
        return await outcome(llm, SAID, {})


async def stop_is_due(row: Row, offline: OfflineServer, caplog: pytest.LogCaptureFixture, text: str) -> bool:
    match row.words.partition("=")[0]:
        case "delay":
            return await offline.open(until=1) == 1
        case "silence":
            return text != ""
        case _:
            return "retried in" in caplog.text


async def stopped(llm: LLMClient, said: str, options: Any, due: Callable[[str], Awaitable[bool]]) -> str:
    seen: list[str] = []

    async def read() -> None:
        async with aclosing(llm.stream(said, **options)) as events:
            async for event in events:
                seen.append(event.text if isinstance(event, TextDelta) else "")

    reading = asyncio.create_task(read())
    await eventually(lambda: due("".join(seen)), seconds=STOP_SECONDS)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    return "`CancelledError`" if reading.cancelled() else "nothing"


def test_every_fault_is_in_the_table() -> None:
    words = {word.partition("=")[0] for row in ROWS for word in row.words.split()}
    assert words >= FAULT_WORDS
    statuses = {row.words.partition(" ")[0] for row in ROWS}
    assert statuses >= {f"status={one}" for one in (400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504, 529)}


def test_every_code_and_every_exception_is_in_the_table() -> None:
    gets = {name for row in ROWS for name in re.findall(r"`([^`]+)`", row.gets)}
    assert gets >= {str(code) for code in Code}
    assert gets >= {kind.__name__ for kind in errors.CallFailed.__subclasses__()}


def test_every_code_has_its_sentences_in_the_document() -> None:
    assert tables("Failures") == [[f"`{code}`", FAILURES[code].message, ADVICE[code]] for code in Code]


def test_every_option_is_described() -> None:
    assert [cells[0].strip("`") for cells in tables("Options")] == list(Options.__annotations__)


def test_every_event_is_described() -> None:
    assert {cells[0].strip("`") for cells in tables("Events")} == {kind.__name__ for kind in CallEvent.__args__}
    assert TextDelta in CallEvent.__args__
