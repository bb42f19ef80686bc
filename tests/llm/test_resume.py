"""A background run is read to its end, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from chat.llm.call import CallEvent, CallFinished, TextCorrected
from chat.llm.client import LLMClient
from chat.llm.errors import ProviderFailed
from chat.llm.events import Code, Created, TextDelta, ToolCall
from chat.llm.provider.request import Resumption
from chat.llm.tools import tool
from chat.tools import load
from tests.support import patches
from tests.support.llm import MemoryJournal
from tests.support.offline import OfflineServer

WORDS = " ".join(f"word{number}" for number in range(30))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    patches.RESUME_PAUSES.replace(monkeypatch, (0.01,) * 5)


async def events_of(llm: LLMClient, said: str, **options: Any) -> list[CallEvent]:
    async with aclosing(llm.stream(said, background=True, **options)) as events:
        return [event async for event in events]


def text_of(events: list[CallEvent]) -> str:
    """The text that a reader shows at the end."""
    text = ""
    for event in events:
        match event:
            case TextDelta():
                text += event.text
            case TextCorrected():
                text = event.text
    return text


@pytest.mark.parametrize("fault", ["cut", "eof", "midutf8", "badjson"])
@pytest.mark.parametrize("at", [1, 7, 50])
async def test_a_stream_that_breaks_is_resumed_where_it_was(
    llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str, fault: str, at: int
) -> None:
    metadata = {"generation_id": generation_id}
    events = await events_of(llm, f"say {WORDS} [offline: {fault}={at}]", metadata=metadata)

    assert text_of(events) == WORDS
    assert isinstance(events[-1], CallFinished)
    assert events[-1].result.text == WORDS
    assert [isinstance(event, Created) for event in events].count(True) == 1
    assert await offline.creates(generation_id) == 1
    assert (journal.log.status, journal.log.estimated, journal.log.output) == ("completed", False, WORDS)


async def test_a_stream_that_falls_silent_is_resumed_too(
    hasty_llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str
) -> None:
    silent = [f"say {WORDS} [offline: silence={at}]" for at in (1, 7, 50)]
    answers = await asyncio.gather(
        *(events_of(hasty_llm, said, metadata={"generation_id": generation_id}) for said in silent)
    )

    assert [text_of(events) for events in answers] == [WORDS] * 3
    assert await offline.creates(generation_id) == 3
    assert [(log.status, log.estimated) for log in journal.logs] == [("completed", False)] * 3


@pytest.mark.parametrize("times", [2, 5])
async def test_a_background_run_is_resumed_five_times(llm: LLMClient, times: int) -> None:
    assert text_of(await events_of(llm, f"say {WORDS} [offline: cut=3 times={times}]")) == WORDS


async def test_a_stream_is_read_at_the_callers_pace_before_and_after_a_resume(llm: LLMClient) -> None:
    events: list[CallEvent] = []
    read: list[str] = []

    async def pace() -> None:
        read.append(text_of(events))

    said = f"say {WORDS} [offline: cut=12 pace=5]"
    async with aclosing(llm.stream(said, background=True, pace=pace)) as stream:
        async for event in stream:
            events.append(event)

    before_the_cut = WORDS[: WORDS.index("word12")]
    assert text_of(events) == WORDS
    assert any(0 < len(text) < len(before_the_cut) for text in read)
    assert any(len(before_the_cut) < len(text) < len(WORDS) for text in read)


async def test_a_stream_that_keeps_breaking_fails(llm: LLMClient, journal: MemoryJournal) -> None:
    with pytest.raises(ProviderFailed) as failed:
        await events_of(llm, f"say {WORDS} [offline: cut=3 times=9]")

    assert failed.value.code == Code.CUT
    assert WORDS.startswith(failed.value.text)
    assert (journal.log.status, journal.log.estimated) == ("cut", True)


async def test_a_run_that_is_gone_fails_at_once(llm: LLMClient) -> None:
    with pytest.raises(ProviderFailed) as failed:
        await events_of(llm, f"say {WORDS} [offline: cut=3 expire]")

    assert failed.value.code == Code.CUT


async def test_repeated_events_are_dropped(llm: LLMClient) -> None:
    events = await events_of(llm, f"say {WORDS} [offline: cut=5 repeat]")

    assert text_of(events) == WORDS
    assert not [event for event in events if isinstance(event, TextCorrected)]


async def test_events_missing_from_a_resumed_stream_are_taken_from_its_end(
    llm: LLMClient, journal: MemoryJournal
) -> None:
    events = await events_of(llm, f"say {WORDS} [offline: cut=5 skip]")

    assert text_of(events) == WORDS == journal.log.output
    assert [event for event in events if isinstance(event, TextCorrected)] == [TextCorrected(WORDS)]


async def test_without_background_nothing_is_resumed(llm: LLMClient) -> None:
    with pytest.raises(ProviderFailed) as failed:
        await llm.call(f"say {WORDS} [offline: cut=5]")

    assert failed.value.code == Code.CUT


async def test_another_client_continues_where_the_first_was(
    llm: LLMClient, offline: OfflineServer, generation_id: str
) -> None:
    metadata, first = {"generation_id": generation_id}, []
    async with aclosing(llm.stream(f"say {WORDS} [offline: pace=5]", background=True, metadata=metadata)) as events:
        async for event in events:
            first.append(event)
            if isinstance(event, TextDelta) and len(first) > 12:
                break
    created, last = first[0], first[-1]
    assert isinstance(created, Created)
    assert isinstance(last, TextDelta)
    resume = Resumption(response_id=created.response_id, sequence=last.sequence, text=text_of(first))
    journal = MemoryJournal()
    rest = await events_of(llm, "whatever", resume=resume, journal=journal)

    assert text_of(first) + text_of(rest) == WORDS
    assert isinstance(rest[-1], CallFinished)
    assert rest[-1].result.text == WORDS
    assert not [event for event in rest if isinstance(event, Created)]
    assert await offline.creates(generation_id) == 1
    assert journal.planned == []
    assert (journal.log.response_id, journal.log.output) == (created.response_id, WORDS)


async def test_a_run_that_ended_meanwhile_is_read_from_the_beginning(llm: LLMClient) -> None:
    created = (await events_of(llm, f"say {WORDS}"))[0]
    assert isinstance(created, Created)
    resume, journal = Resumption(response_id=created.response_id, sequence=-1), MemoryJournal()
    rest = await events_of(llm, "whatever", resume=resume, journal=journal)

    assert text_of(rest) == WORDS
    assert (journal.log.status, journal.log.estimated) == ("completed", False)


async def test_a_resumed_round_runs_its_tools_and_the_next_round_follows(
    llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str
) -> None:
    registry = load()
    answer = await llm.call("What is the secret number?", background=True, tools=registry)
    response_id = journal.logs[0].response_id
    assert response_id
    again = MemoryJournal()
    rest = await events_of(
        llm, "What is the secret number?", tools=registry, journal=again,
        resume=Resumption(response_id=response_id, sequence=-1), metadata={"generation_id": generation_id},
    )  # fmt: skip

    assert [event.name for event in rest if isinstance(event, ToolCall)] == ["get_secret_number"]
    assert isinstance(rest[-1], CallFinished)
    assert rest[-1].result.text == answer.text
    assert [planned.number for planned in again.planned] == [2]
    assert await offline.creates(generation_id) == 1


async def test_a_tool_runs_once_although_the_resumed_stream_repeats_its_call(
    llm: LLMClient, offline: OfflineServer, generation_id: str
) -> None:
    runs: list[int] = []

    @tool(idempotent=False)
    def pay() -> str:
        """Pay the bill."""
        runs.append(1)
        return "paid"

    said = f"say {WORDS} [offline: tool=pay also cut=3]"
    events = await events_of(llm, said, tools=[pay], metadata={"generation_id": generation_id})

    assert isinstance(events[-1], CallFinished)
    assert runs == [1]
    assert [event.name for event in events if isinstance(event, ToolCall)] == ["pay"]
    assert await offline.creates(generation_id) == 2


async def test_a_cancelled_run_ends_at_the_provider(llm: LLMClient, offline: OfflineServer) -> None:
    async with aclosing(llm.stream(f"say {WORDS} [offline: pace=500]", background=True)) as events:
        created = await anext(events)
    assert isinstance(created, Created)
    for response_id in (created.response_id, created.response_id, "resp_of_nobody"):
        await llm.cancel(response_id)

    assert (await offline.http.get(f"/v1/responses/{created.response_id}")).json()["status"] == "cancelled"
