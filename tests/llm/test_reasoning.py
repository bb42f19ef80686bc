"""Reasoning is kept between the rounds of a call, raw and in its place, and sent to no other model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.llm.call import Call
from chat.llm.catalogue import Catalogue, ModelSpec
from chat.llm.client import LLMClient
from chat.llm.events import Code, Completed, Event, Failed, ReasoningDelta, ReasoningItem, TextDelta, ToolCall, Usage
from chat.llm.items import message_item, text_of
from chat.llm.journal import Plan
from chat.llm.pricing import Prices
from chat.llm.round import MAX_REASONING_ITEM_BYTES, Round
from tests.support.llm import MemoryJournal, call_events, double, result_of, sent_requests
from tests.support.offline import OfflineServer


def thought(identifier: str, **fields: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": identifier, "summary": [], "encrypted_content": "gAAA", **fields}


def kinds(items: Any) -> list[str]:
    return [str(item["type"]) for item in items]


async def round_of(*events: Event, background: bool = False) -> Round:
    """A round whose provider yields these events, read to its end."""
    call = Call.of("Hello", {"tools": double, "background": background}, defaults={"max_output_tokens": 99},
                   catalogue=Catalogue.single(models=("gpt-6-luna",)))  # fmt: skip
    plan: Plan = call.plan(1)
    played = Round(call, plan, None, Prices(), None)  # type: ignore[arg-type]

    async def stream() -> AsyncIterator[Event]:
        for event in events:
            yield event

    played._stream = stream()  # type: ignore[assignment]
    async for _ in played.events():
        pass
    await played.log()
    return played


def completed(text: str = "") -> Completed:
    return Completed("resp", "gpt-6-luna", text, Usage(1, 0, 0, 1, 0, 2), 9)


@pytest.mark.parametrize("script", ["reasoning=3", "reasoning=3 also", "raw=3", "rawtext=2"])
async def test_reasoning_comes_back_before_the_call_that_followed_it(
    llm: LLMClient, offline: OfflineServer, generation_id: str, script: str
) -> None:
    said = f"How much? [offline: {script} reasoning_required tool=double times=1]"
    metadata = {"generation_id": generation_id}
    result = await llm.call(said, tools=[double], metadata=metadata, keep_reasoning=True)
    first, second = await sent_requests(offline, generation_id)

    assert result.text
    assert kinds(second["input"][1:])[-3:] == ["reasoning", "function_call", "function_call_output"]
    assert first["include"] == second["include"] == ["reasoning.encrypted_content"]


async def test_a_background_run_refers_to_the_round_before_it(
    llm: LLMClient, offline: OfflineServer, generation_id: str
) -> None:
    said = "How much? [offline: reasoning=3 reasoning_required tool=double]"
    metadata = {"generation_id": generation_id}
    result = await llm.call(said, tools=[double], metadata=metadata, keep_reasoning=True, background=True)
    _, second = await sent_requests(offline, generation_id)

    assert second["previous_response_id"] == result.calls[0].response_id
    assert kinds(second["input"]) == ["function_call_output"]
    assert "include" not in second


async def test_items_are_kept_in_the_order_in_which_they_began() -> None:
    one, two = thought("rs_1"), thought("rs_2")
    played = await round_of(
        ReasoningItem(one, 1), TextDelta("Let me ", 2), TextDelta("look.", 3), ReasoningItem(two, 4, place=12),
        ToolCall("c1", "double", "{}", 5), completed("Let me look."),
    )  # fmt: skip

    assert kinds(played.items()) == ["reasoning", "message", "reasoning", "function_call", "function_call_output"]
    assert played.items()[0] is one
    assert played.call_log is not None
    assert kinds(played.call_log.items) == ["reasoning", "message", "reasoning", "function_call"]


async def test_an_item_that_is_finished_late_is_sent_in_the_place_where_it_began() -> None:
    played = await round_of(
        TextDelta("Let me look.", 2), ToolCall("c1", "double", "{}", 3), ReasoningItem(thought("rs_1"), 4, place=0),
        completed("Let me look."),
    )  # fmt: skip

    assert kinds(played.items()) == ["reasoning", "message", "function_call", "function_call_output"]


async def test_text_after_a_call_is_sent_before_it_and_before_its_reasoning() -> None:
    played = await round_of(
        TextDelta("One. ", 1), ReasoningItem(thought("rs_1"), 2, place=5), ToolCall("c1", "double", "{}", 3),
        TextDelta("Two.", 4), ToolCall("c2", "double", "{}", 5), completed("One. Two."),
    )  # fmt: skip
    said = [text_of(item) for item in played.items() if item["type"] == "message"]

    assert said == ["One. ", "Two."]
    assert kinds(played.items())[2:] == ["reasoning", *["function_call"] * 2, *["function_call_output"] * 2]


async def test_a_resumed_stream_that_repeats_an_item_at_its_end_doubles_nothing() -> None:
    item = thought("rs_1")
    played = await round_of(
        ReasoningItem(item, 1), ToolCall("c1", "double", "{}", 2), ReasoningItem({**item}, 3), completed(),
        background=True,
    )  # fmt: skip

    assert kinds(played.items()) == ["reasoning", "function_call", "function_call_output"]


@pytest.mark.parametrize("count", [1, 9])
async def test_an_item_that_is_too_large_is_left_out_and_the_log_says_so(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    size = MAX_REASONING_ITEM_BYTES + 1 if count == 1 else MAX_REASONING_ITEM_BYTES // 2
    items = [thought(f"rs_{number}", encrypted_content="x" * size) for number in range(count)]
    played = await round_of(*(ReasoningItem(item, 1) for item in items), ToolCall("c1", "double", "{}", 2), completed())

    assert kinds(played.items()).count("reasoning") == (0 if count == 1 else 7)
    assert "too large" in caplog.text


async def test_an_item_that_is_too_deep_to_be_sent_again_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    items = [thought("rs_1", content=[{"type": "reasoning_text", "text": "plain"}]), thought("rs_2", content=deep)]
    played = await round_of(*(ReasoningItem(item, 1) for item in items), ToolCall("c1", "double", "{}", 2), completed())

    assert [item["id"] for item in played.items() if item["type"] == "reasoning"] == ["rs_1"]
    assert "too deep" in caplog.text


async def test_a_stream_that_breaks_while_the_model_thinks_is_estimated_with_what_it_thought() -> None:
    failed = Failed(Code.CUT, "lost", retryable=True, uncertain=True, detail="")
    played = await round_of(ReasoningDelta("one two three four five six", 1), failed)

    assert played.call_log is not None
    assert played.call_log.estimated
    assert played.call_log.usage.output_tokens >= 6
    assert played.call_log.output == ""


async def test_reasoning_that_is_sent_back_is_counted_and_is_not_in_what_is_logged() -> None:
    encrypted = "gAAAAB" + "k9Qz" * 300
    said = [thought("rs_1", encrypted_content=encrypted), message_item("assistant", "Yes.")]
    call = Call.of(said, {}, defaults={"max_output_tokens": 99},
                   catalogue=Catalogue.single(models=("gpt-6-luna",)))  # fmt: skip
    plan = call.plan(1)

    assert 300 < len(plan.sent_text) < 600
    assert "gAAAAB" not in json.dumps(plan.sent)


@pytest.mark.parametrize(
    ("model", "asks"),
    [
        (ModelSpec(name="a", id="gpt-6-luna", provider="openai", label=""), True),
        (ModelSpec(name="a", id="qwen3:4b", provider="local", label=""), True),
        (ModelSpec(name="a", id="gpt-4.1", provider="openai", label=""), False),
        (ModelSpec(name="a", id="openai/gpt-4o-mini", provider="router", label=""), False),
        (ModelSpec(name="a", id="gpt-5-chat-latest", provider="openai", label=""), False),
        (ModelSpec(name="a", id="gpt-4.1", provider="openai", label="", reasoning=True), True),
        (ModelSpec(name="a", id="gpt-6-luna", provider="openai", label="", reasoning=False), False),
    ],
    ids=lambda value: value.id if isinstance(value, ModelSpec) else "",
)
def test_a_model_that_is_known_not_to_reason_is_not_asked_for_it(model: ModelSpec, asks: bool) -> None:
    given: Any = {"reasoning_summary": True, "keep_reasoning": True}
    call = Call.of(
        "Hello", given, defaults={"max_output_tokens": 9}, catalogue=Catalogue(providers=(), models=(model,))
    )
    request = call.plan(1).request

    assert (request.reasoning_summary, request.keep_reasoning) == (asks, asks)


async def test_the_reasoning_of_a_call_is_streamed_and_counted(llm: LLMClient, journal: MemoryJournal) -> None:
    events = await call_events(llm, "say Hello [offline: reasoning=3]", reasoning_summary=True)

    assert result_of(events).text == "Hello"
    assert len([event for event in events if isinstance(event, ReasoningDelta) and event.text]) == 3
    assert journal.log.usage.reasoning_tokens > 0
