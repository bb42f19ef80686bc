"""`call` and `stream` over HTTP: their results, events and journal."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import pytest

from chat.llm import errors
from chat.llm.call import CallEvent, RoundFinished, TextCorrected, ToolCallFinished
from chat.llm.client import LLMClient
from chat.llm.events import (
    Code,
    Created,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCall,
    ToolCallArguments,
)
from chat.llm.items import sendable
from chat.llm.price import parse_price
from chat.llm.provider.shapes import token_usage
from chat.llm.tools import tool
from tests.support.llm import (
    CITY_SCHEMA,
    PRICES,
    WHOLE,
    City,
    MemoryJournal,
    call_events,
    double,
    failure_of,
    replaying,
    result_of,
    sent_requests,
    text_of,
)
from tests.support.offline import OfflineServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_is_left")

BRIEF_SECONDS = 20


def kinds(events: list[CallEvent]) -> list[str]:
    """The events' names, without repetitions."""
    names = [type(event).__name__ for event in events]
    return [name for name, before in zip(names, [None, *names], strict=False) if name != before]


# What a call gives


async def test_a_call_returns_text_usage_and_cost(
    llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str
) -> None:
    result = await llm.call(f"say {WHOLE}", metadata={"generation_id": generation_id})
    [billed] = await offline.billed(generation_id)

    assert (result.text, result.parsed) == (WHOLE, None)
    assert result.usage.total_tokens == billed["total_tokens"] > 0
    assert result.cost == Decimal(billed["cost"]) > 0
    assert result.calls == (journal.log,)
    assert result.call_log == journal.log
    assert (journal.log.status, journal.log.output, journal.log.error) == ("completed", WHOLE, "")
    assert (journal.log.estimated, journal.log.uncertain, journal.log.attempts) == (False, False, 1)
    assert journal.log.model == billed["model"] == "gpt-6-luna-2026-10-15"
    assert journal.log.plan.request.model == "gpt-6-luna"
    assert [journal.log.response_id] == journal.created_ids
    assert journal.log.request_id.startswith("req_")
    assert 0 <= journal.log.first_event_ms <= journal.log.duration_ms


async def test_turns_instructions_and_effort_are_sent(
    llm: LLMClient, offline: OfflineServer, generation_id: str
) -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "say yes"},
    ]
    metadata = {"generation_id": generation_id}
    result = await llm.call(
        turns, instructions="Be brief.", reasoning_effort="low", max_output_tokens=64, metadata=metadata
    )
    [sent] = await sent_requests(offline, generation_id)

    assert result.text == "yes"
    assert sent["input"] == list(sendable(turns))
    assert (sent["instructions"], sent["reasoning"]) == ("Be brief.", {"effort": "low"})
    assert (sent["max_output_tokens"], sent["store"], "tools" in sent) == (64, False, False)


async def test_a_plan_is_what_would_be_sent_and_sends_nothing(llm: LLMClient, journal: MemoryJournal) -> None:
    plan = llm.plan("say yes", instructions="Be brief.", schema=City, caller="titles")

    assert (plan.schema_name, plan.caller, plan.number, len(plan.sent_sha256)) == ("City", "titles", 1, 64)
    assert "say yes" in plan.sent_text
    assert "Be brief." in plan.sent_text
    assert journal.planned == []


async def test_text_that_cannot_be_sent_or_stored_is_replaced_before_sending(
    llm: LLMClient, journal: MemoryJournal
) -> None:
    half = "\ud83d"
    parts = [{"role": "user", "content": [{"type": "input_text", "text": f"say {half}\x00yes"}]}]
    result = await llm.call(parts, instructions=half)

    assert result.text == "\ufffd\ufffdyes"
    assert journal.log.plan.sent_sha256


@pytest.mark.parametrize(("schema", "parsed"), [(City, City), (CITY_SCHEMA, dict)])
async def test_a_structured_answer_is_parsed(llm: LLMClient, journal: MemoryJournal, schema: Any, parsed: type) -> None:
    result = await llm.call("The city of Bergen", schema=schema)

    assert isinstance(result.parsed, parsed)
    assert City.model_validate(result.parsed).inhabitants >= 0
    assert City.model_validate_json(result.text) == City.model_validate(result.parsed)
    assert journal.log.plan.schema_name == ("City" if schema is City else "city")


async def test_unreported_usage_is_counted_here(llm: LLMClient, journal: MemoryJournal) -> None:
    result = await llm.call(f"say {WHOLE} [offline: nousage]")

    assert result.text == WHOLE
    assert journal.log.estimated
    assert result.usage.output_tokens >= 5
    assert result.cost == PRICES.cost("gpt-6-luna", result.usage) > 0


async def test_unreported_details_of_usage_are_zero(offline_url: str, plain_url: str) -> None:
    async with LLMClient(api_key="test", base_url=plain_url, prices=PRICES) as llm:
        result = await llm.call(f"say {WHOLE}")
    assert (result.usage.cached_tokens, result.usage.reasoning_tokens, result.call_log.estimated) == (0, 0, False)
    assert result.usage.total_tokens == result.usage.input_tokens + result.usage.output_tokens > 0


@pytest.mark.parametrize(
    ("reported", "counted"),
    [
        ({"input_tokens": 3, "output_tokens": 4}, (3, 4, 7)),
        ({"input_tokens": 3, "output_tokens": 4, "total_tokens": 9}, (3, 4, 9)),
        ({"input_tokens": 3, "output_tokens": None, "input_tokens_details": None}, (3, 0, 3)),
        ({"input_tokens": 3.0, "output_tokens": 4.0}, (3, 4, 7)),
        ({"input_tokens": 3.5, "output_tokens": float("nan")}, None),
        ({"input_tokens": 10**30, "output_tokens": -1}, None),
        ({"input_tokens": True, "output_tokens": "7"}, None),
        ({"prompt_tokens": 3}, None),
        ([3, 4], None),
        (None, None),
    ],
)
def test_reported_usage_is_plausible_or_ignored(reported: Any, counted: tuple[int, ...] | None) -> None:
    usage = token_usage(reported)
    assert counted == (usage and (usage.input_tokens, usage.output_tokens, usage.total_tokens))


async def test_without_a_price_the_cost_is_unknown_or_zero_if_nothing_ran(llm: LLMClient) -> None:
    assert (await llm.call("say yes", model="somebodys-own")).cost is None
    assert (await failure_of(llm, "hello [offline: status=400]", model="somebodys-own")).call_log.cost == 0


async def test_a_renamed_model_costs_what_the_requested_one_costs(offline_url: str) -> None:
    prices = PRICES.__class__((("gpt-5-m", parse_price("1/1")),), base_url="http://example.com")
    async with LLMClient(api_key="test", base_url=offline_url, prices=prices, model="gpt-5-m") as llm:
        result = await llm.call("say yes")
    assert result.cost == Decimal(result.usage.total_tokens) / 1_000_000


# Events


async def test_a_stream_yields_all_events_in_order(llm: LLMClient, journal: MemoryJournal) -> None:
    script = "[offline: reasoning=2 tool=double arguments=%7B%22number%22:4%7D]"
    events = await call_events(llm, f"hello {script}", tools=[double])

    first, second = [number for number, event in enumerate(events) if isinstance(event, RoundFinished)]
    reasoned = ["Created", "ReasoningDelta", "ReasoningItem"]
    assert kinds(events[:first])[:6] == [*reasoned, "ToolCallStarted", "ToolCallArguments", "ToolCall"]
    assert kinds(events[first + 1 : second])[-4:] == [*reasoned, "TextDelta"]
    assert kinds(events[second:]) == ["RoundFinished", "CallFinished"]
    [finished] = [event for event in events if isinstance(event, ToolCallFinished)]
    [call] = [event for event in events if isinstance(event, ToolCall)]
    assert (finished.call_id, finished.name, finished.arguments) == (call.call_id, "double", '{"number":4}')
    assert (finished.output, finished.ok) == ("8", True)
    assert "".join(e.delta for e in events if isinstance(e, ToolCallArguments)) == call.arguments
    assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)).count("Thought") == 4
    assert [e.call_log for e in events if isinstance(e, RoundFinished)] == journal.logs
    assert [log.plan.number for log in journal.logs] == [1, 2]
    assert len({log.plan.call_id for log in journal.logs}) == 1
    result = result_of(events)
    assert (result.text, result.calls) == (text_of(events), tuple(journal.logs))
    assert result.usage.total_tokens == sum(log.usage.total_tokens for log in journal.logs)
    assert result.cost == sum(log.cost for log in journal.logs)


async def test_no_event_is_lost_or_doubled_while_tools_end_at_random(llm: LLMClient) -> None:
    @tool(idempotent=True)
    async def nap() -> str:
        """Take a nap."""
        await asyncio.sleep(0.002)  # tools that end at different moments are the point
        return "woke"

    said = "something long [offline: tools=nap,nap,nap,nap also pace=0.05]"
    for _ in range(3):
        events = await call_events(llm, said, tools=[nap])
        logs = [event.call_log for event in events if isinstance(event, RoundFinished)]
        assert text_of(events) == logs[0].output + logs[1].output
        assert len(logs[0].output) > 5000
        calls = [event.call_id for event in events if isinstance(event, ToolCall)]
        assert len(set(calls)) == len(calls) == 4
        assert sorted(event.call_id for event in events if isinstance(event, ToolCallFinished)) == sorted(calls)
        sequences = [event.sequence for event in events if isinstance(event, TextDelta | ToolCall | Created)]
        starts = [number for number, event in enumerate(sequences) if event == 0]
        assert sequences[: starts[1]] == sorted(set(sequences[: starts[1]]))


async def test_fifty_calls_at_once_do_not_mix(llm: LLMClient, journal: MemoryJournal) -> None:
    texts = [f"answer number {number} " * 20 for number in range(50)]
    results = await asyncio.gather(*(llm.call(f"say {text}") for text in texts))

    assert [result.text for result in results] == [text.strip() for text in texts]
    assert len({log.response_id for log in journal.logs}) == len(journal.logs) == 50


# Closing, and servers of other kinds


async def test_closing_the_client_breaks_running_calls_and_refuses_new_ones(
    offline_url: str, journal: MemoryJournal
) -> None:
    llm = LLMClient(api_key="test", base_url=offline_url, prices=PRICES, journal=journal)
    reading = asyncio.create_task(llm.call(f"say {WHOLE} [offline: silence=3]"))
    await eventually(lambda: bool(journal.created_ids))
    await asyncio.sleep(0.05)  # until it waits in the silence
    await llm.close()
    with pytest.raises(errors.ProviderFailed) as raised:
        await reading
    assert raised.value.code == journal.log.status == Code.CUT
    with pytest.raises(RuntimeError, match="closed"):
        await llm.call("hello")


@pytest.mark.parametrize("key", ["sk-…", "sk-1\n", "sk\x00"])
def test_a_key_that_cannot_be_sent_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="copy it again"):
        LLMClient(api_key=key)


async def test_an_unknown_option_is_refused_at_once(llm: LLMClient, journal: MemoryJournal) -> None:
    with pytest.raises(TypeError):
        llm.stream("hello", temprature=1)  # type: ignore[call-arg]
    assert journal.planned == []


async def test_a_plain_server_answers_calls_tools_and_uses_schemas(plain_url: str, journal: MemoryJournal) -> None:
    async with LLMClient(api_key="test", base_url=plain_url, prices=PRICES, journal=journal) as llm:
        await llm.warm_up()
        assert (await llm.call(f"say {WHOLE}")).text == WHOLE
        events = await call_events(llm, "hello [offline: tools=double,double also]", tools=[double])
        assert [event.output for event in events if isinstance(event, ToolCallFinished)] == ["42", "42"]
        assert "42" in result_of(events).text
        assert isinstance((await llm.call("Bergen", schema=City)).parsed, City)
        with pytest.raises(errors.OutputRefused):
            await llm.call("hello [offline: refusal]")
    assert [log.status for log in journal.logs] == ["completed"] * 4 + ["refused"]
    assert all(log.cost > 0 for log in journal.logs)


async def test_text_that_comes_only_at_the_end_is_yielded_too(journal: MemoryJournal) -> None:
    completed = (
        '{"type":"response.completed","response":{"id":"r","model":"gpt-6-luna","output":[{"type":"message","content":'
        '[{"type":"output_text","text":"All at once."}]}],"usage":{"input_tokens":3,"output_tokens":3}}}'
    )
    piece = '{"type":"response.output_text.delta","delta":"All"}'
    for before in ([], [piece]):
        async with (
            replaying(*before, completed) as url,
            LLMClient(api_key="x", base_url=url, prices=PRICES, journal=journal) as llm,
        ):
            events = await call_events(llm, "hello")
            async with aclosing(llm.stream("hello")) as left:
                async for event in left:
                    if isinstance(event, TextCorrected):
                        break
        told = [event.text for event in events if isinstance(event, TextDelta | TextCorrected)]
        assert told == (["All", "All at once."] if before else ["All at once."])
        assert result_of(events).text == "All at once."
    assert {(log.status, log.output, log.estimated) for log in journal.logs} == {("completed", "All at once.", False)}


async def test_an_output_that_is_only_the_beginning_takes_no_text_away(journal: MemoryJournal) -> None:
    completed = (
        '{"type":"response.completed","response":{"id":"r","model":"gpt-6-luna","output":[{"type":"message","content":'
        '[{"type":"output_text","text":"All"}]}],"usage":null}}'
    )
    pieces = [f'{{"type":"response.output_text.delta","delta":"{piece}"}}' for piece in ("All", " at", " once.")]
    async with (
        replaying(*pieces, completed) as url,
        LLMClient(api_key="x", base_url=url, prices=PRICES, journal=journal) as llm,
    ):
        events = await call_events(llm, "hello")
    assert not any(isinstance(event, TextCorrected) for event in events)
    assert (result_of(events).text, journal.log.output) == ("All at once.", "All at once.")


async def test_a_refusal_comes_in_pieces(llm: LLMClient) -> None:
    seen: list[CallEvent] = []
    with pytest.raises(errors.OutputRefused):
        async with aclosing(llm.stream(f"say {WHOLE} [offline: refusal]")) as events:
            async for event in events:
                seen.append(event)
    assert kinds(seen) == ["Created", "RefusalDelta", "RoundFinished"]
    assert "".join(event.text for event in seen if isinstance(event, RefusalDelta)) == WHOLE
