"""A call without a result raises, is recorded in the journal, and keeps the text received."""

from __future__ import annotations

from contextlib import aclosing
from datetime import date
from typing import Any

import pydantic
import pytest

from chat.llm import errors
from chat.llm.call import RoundFinished
from chat.llm.client import LLMClient
from chat.llm.events import (
    Code,
    TextDelta,
)
from tests.support.llm import (
    CITY_SCHEMA,
    PRICES,
    WHOLE,
    City,
    MemoryJournal,
    double,
    failure_of,
)
from tests.support.offline import OfflineServer

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.mark.parametrize(
    ("script", "kind", "code", "detail"),
    [
        ("refusal", errors.OutputRefused, "refused", f"{len(WHOLE)} characters"),
        ("incomplete", errors.OutputIncomplete, "incomplete", "max_output_tokens"),
        ("filter", errors.ProviderFailed, "content_filter", "content_filter"),
        ("empty", errors.OutputEmpty, "empty", ""),
    ],
)
async def test_each_kind_of_unusable_answer_has_its_exception(
    llm: LLMClient, journal: MemoryJournal, script: str, kind: type, code: str, detail: str
) -> None:
    failure = await failure_of(llm, f"say {WHOLE} [offline: {script}]")

    assert type(failure) is kind
    assert failure.code == journal.log.status == code
    assert detail in journal.log.error
    assert failure.calls == (journal.log,)
    assert failure.call_log is failure.calls[-1]
    assert failure.text == journal.log.output
    assert WHOLE.startswith(failure.text)
    assert bool(failure.text) is (script != "empty")
    assert not journal.log.estimated
    assert journal.log.cost > 0


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        ("notjson", errors.OutputInvalid, "invalid"),
        ("invalid", errors.OutputInvalid, "invalid"),
        ("refusal", errors.OutputRefused, "refused"),
        ("incomplete", errors.OutputIncomplete, "incomplete"),
        ("empty", errors.OutputEmpty, "empty"),
    ],
)
@pytest.mark.parametrize("schema", [City, CITY_SCHEMA])
async def test_an_answer_that_does_not_match_its_schema_raises(
    llm: LLMClient, journal: MemoryJournal, script: str, kind: type, code: str, schema: Any
) -> None:
    failure = await failure_of(llm, f"Bergen [offline-structured: {script}]", schema=schema)

    assert type(failure) is kind
    assert failure.code == journal.log.status == code
    assert failure.text == journal.log.output
    assert bool(journal.log.error) is (code != "empty")
    assert "Bergen" not in journal.log.error
    assert journal.log.cost > 0


async def test_a_failing_validator_does_not_keep_the_round_from_the_journal(
    llm: LLMClient, journal: MemoryJournal
) -> None:
    class Picky(City):
        @pydantic.field_validator("name")
        @classmethod
        def of_a_capital(cls, name: str) -> str:
            return {"Oslo": name}[name]

    failure = await failure_of(llm, "Bergen", schema=Picky)

    assert isinstance(failure, errors.OutputInvalid)
    assert "KeyError" in failure.detail
    assert journal.log.status == "invalid"


async def test_a_refusal_is_not_in_the_log(llm: LLMClient, journal: MemoryJournal) -> None:
    failure = await failure_of(llm, f"say {WHOLE} [offline: refusal]")

    assert failure.text == journal.log.output == WHOLE
    assert not set(WHOLE.split()) & set(f"{journal.log.error} {failure.detail}".split())


@pytest.mark.parametrize("script", ["nul", "surrogates"])
async def test_a_parsed_answer_can_be_stored(llm: LLMClient, script: str) -> None:
    city = (await llm.call(f"Bergen [offline-structured: {script}]", schema=City)).parsed

    assert "\ufffd" in city.name
    assert "\x00" not in city.name
    assert city.name.encode()


async def test_a_broken_answer_keeps_its_text_and_its_round(llm: LLMClient, journal: MemoryJournal) -> None:
    failure = await failure_of(llm, f"say {WHOLE} [offline: cut=5]")

    assert isinstance(failure, errors.ProviderFailed)
    assert (failure.code, failure.retryable) == (Code.CUT, True)
    assert failure.text == journal.log.output == "one two three four five"[: len(failure.text)] != ""
    assert (journal.log.status, journal.log.estimated, journal.log.uncertain) == ("cut", True, False)
    assert journal.log.usage.output_tokens > 0


async def test_what_a_plain_server_wrote_before_an_error_is_counted(plain_url: str, journal: MemoryJournal) -> None:
    async with LLMClient(api_key="test", base_url=plain_url, prices=PRICES, journal=journal) as llm:
        await failure_of(llm, f"say {WHOLE} [offline: error=5]")
    assert (journal.log.status, journal.log.estimated, journal.log.output != "") == ("provider_error", True, True)
    assert journal.log.usage.output_tokens > 0
    assert journal.log.cost > 0


async def test_a_call_that_takes_too_long_ends(llm: LLMClient, journal: MemoryJournal) -> None:
    failure = await failure_of(llm, "hello [offline: delay=30]", timeout_seconds=0.1)

    assert failure.code == Code.AMBIGUOUS
    assert "0.1 s" in failure.detail
    assert (journal.log.estimated, journal.log.uncertain, journal.log.attempts) == (True, True, 1)


async def test_nothing_is_sent_over_budget(
    llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str
) -> None:
    journal.refusing["begin"] = errors.BudgetExceeded("No money.", resets_on=date(2030, 1, 1))
    failure = await failure_of(llm, "hello", metadata={"generation_id": generation_id})

    assert isinstance(failure, errors.BudgetExceeded)
    assert (failure.calls, failure.call_log, failure.text) == ((), None, "")
    assert journal.logs == []
    assert await offline.creates(generation_id) == 0


async def test_a_budget_that_runs_out_between_rounds_keeps_the_first(llm: LLMClient, journal: MemoryJournal) -> None:
    with pytest.raises(errors.BudgetExceeded) as raised:
        async with aclosing(llm.stream("hello [offline: tool=double]", tools=[double])) as events:
            async for event in events:
                if isinstance(event, RoundFinished):
                    journal.refusing["begin"] = errors.BudgetExceeded("No money.", resets_on=date(2030, 1, 1))
    assert raised.value.calls == (journal.log,)


@pytest.mark.parametrize("where", ["created", "end"])
async def test_a_failing_journal_ends_the_call(llm: LLMClient, journal: MemoryJournal, where: str) -> None:
    journal.refusing[where] = OSError("the disk is full")
    with pytest.raises(OSError, match="the disk is full"):
        await llm.call(f"say {WHOLE}")
    assert journal.log.status == ("stopped" if where == "created" else "completed")
    assert journal.log.usage.total_tokens > 0


async def test_a_failing_journal_does_not_hide_why_a_call_was_left(
    llm: LLMClient, journal: MemoryJournal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.refusing["end"] = OSError("the disk is full")
    async with aclosing(llm.stream(f"say {WHOLE} [offline: silence=3]")) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    assert "did not record a round" in caplog.text
    assert "the disk is full" in caplog.text
