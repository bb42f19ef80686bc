"""The reader understands what compatible servers send, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.llm.events import (
    Code,
    Completed,
    Created,
    Event,
    Failed,
    ReasoningDelta,
    ReasoningItem,
    TextDelta,
    ToolCall,
    ToolCallArguments,
    ToolCallStarted,
    Usage,
)
from chat.llm.provider.reader import ResponseReader

HELLO = {"type": "response.output_text.delta", "delta": "Hello", "sequence_number": 3}


def sse(*events: Any) -> bytes:
    parts = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return b"".join(b"data: " + part + b"\n\n" for part in parts)


def read(*events: Any) -> list[Event]:
    return ResponseReader().feed(sse(*events))


def completed(**response: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": "r", "model": "m", **response}}


def test_unknown_events_are_ignored() -> None:
    events = read({"type": "response.audio.delta", "delta": [1]}, {"type": "keepalive"}, {"type": 7}, {}, HELLO)
    assert events == [TextDelta("Hello", 3)]


def test_the_text_comes_from_the_deltas_if_the_last_event_has_none() -> None:
    assert read(HELLO, completed()) == [
        TextDelta("Hello", 3),
        Completed(response_id="r", model="m", text="Hello", usage=None, sequence=3),
    ]


def test_the_last_event_takes_precedence_over_the_deltas() -> None:
    output = [{"type": "reasoning"}, {"type": "message", "content": [{"type": "output_text", "text": "Hello, you"}]}]
    last = read(HELLO, completed(output=output))[-1]
    assert isinstance(last, Completed)
    assert last.text == "Hello, you"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "many",
        {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6},
        {"input_tokens": 4, "input_tokens_details": None, "output_tokens": 2, "total_tokens": 6},
        {"input_tokens": 4, "input_tokens_details": {"cached_tokens": None}, "output_tokens": 2, "total_tokens": 6},
    ],
)
def test_missing_details_of_usage_are_zero(usage: Any) -> None:
    last = read(completed(usage=usage))[-1]
    assert isinstance(last, Completed)
    assert last.usage == (Usage(input_tokens=4, output_tokens=2, total_tokens=6) if isinstance(usage, dict) else None)


def test_usage_has_its_details() -> None:
    usage = {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 14,
    }
    last = read(completed(usage=usage))[-1]
    assert isinstance(last, Completed)
    assert last.usage == Usage(9, 4, 2, 5, 3, 14)


def test_a_response_is_created_once() -> None:
    kinds = ("response.created", "response.queued", "response.in_progress")
    assert read(*({"type": kind, "response": {"id": "r", "model": "m"}} for kind in kinds)) == [Created("r", "m", 0)]


def test_a_tool_call_comes_once_even_if_only_the_last_event_has_it() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
    for events in (
        read({"type": "response.output_item.done", "item": item}, completed(output=[item])),
        read(completed(output=[item])),
    ):
        assert [event for event in events if isinstance(event, ToolCall)] == [ToolCall("c", "n", "{}", 0)]
        assert isinstance(events[-1], Completed)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow"},
        {"type": "error", "error": {"type": "rate_limit_exceeded", "message": "slow"}},
        {"error": {"code": "rate_limit_exceeded", "message": "slow"}},
        {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "slow"}}},
    ],
)
def test_an_error_of_any_shape_ends_the_stream(event: dict[str, Any]) -> None:
    events = read(HELLO, event, HELLO, completed())
    assert [type(event) for event in events] == [TextDelta, Failed]
    assert isinstance(events[-1], Failed)
    assert events[-1].code is Code.RATE_LIMITED
    assert "slow" in events[-1].detail
    assert "slow" not in events[-1].message


@pytest.mark.parametrize(
    "data",
    [b"{", b"[1]", b"null", b'"text"', b"<p>", b"[" * 100_000],
)
def test_nonsense_cuts_the_stream_and_keeps_what_came_before(data: bytes) -> None:
    events = read(HELLO, data, HELLO)
    assert events[0] == TextDelta("Hello", 3)
    assert [event.code for event in events[1:] if isinstance(event, Failed)] == [Code.CUT]


def test_nonsense_before_any_event_is_ambiguous() -> None:
    [failure] = read(b"{")
    assert isinstance(failure, Failed)
    assert failure.code is Code.AMBIGUOUS


def test_broken_utf8_is_replaced() -> None:
    assert read(b'{"type":"response.output_text.delta","delta":"a\xffb"}') == [TextDelta("a\ufffdb", 0)]


@pytest.mark.parametrize(
    ("deltas", "text"),
    [
        (["\ud83d", "\ude00"], "😀"),
        (["a\ud83d", "", "\ude00b"], "a😀b"),
        (["\ud83d", "x"], "\ufffdx"),
        (["\ude00", "x"], "\ufffdx"),
        (["\ud83d\ud83d", "\ude00"], "\ufffd😀"),
        (["x\ud83d"], "x\ufffd"),
        (["a\x00", "é\x00"], "a\ufffdé\ufffd"),
        (["é", "ø🎉"], "éø🎉"),
    ],
)
def test_halves_of_characters_are_joined_or_replaced(deltas: list[str], text: str) -> None:
    pieces = [{"type": "response.output_text.delta", "delta": delta} for delta in deltas]
    *events, last = read(*pieces, completed())
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text
    assert isinstance(last, Completed)
    assert last.text == text


def test_a_half_waits_for_the_next_piece_of_text() -> None:
    first, second = ({"type": "response.output_text.delta", "delta": half} for half in ("\ud83d", "\ude00"))
    assert read(first, {"type": "keepalive"}, {"type": "response.in_progress"}, second) == [TextDelta("😀", 0)]


def test_null_counts_as_absent() -> None:
    assert read({**HELLO, "sequence_number": None}) == [TextDelta("Hello", 0)]
    [last] = read({"type": "response.completed", "sequence_number": None, "response": {"id": "r", "usage": None}})
    assert isinstance(last, Completed)


def test_an_escaped_nul_inside_arguments_stays_as_the_model_wrote_it() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "n", "arguments": r'{"text":"\u0000"}'}
    assert read({"type": "response.output_item.done", "item": item})[-1] == ToolCall("c", "n", item["arguments"], 0)


def test_no_text_that_cannot_be_stored_comes_out_anywhere() -> None:
    item = {"type": "function_call", "call_id": "c\x00", "name": "n\ud800", "arguments": '"\x00\udfff"'}
    output = [{"type": "message", "content": [{"type": "output_text", "text": "x\x00\ud800"}]}]
    events = read(
        {"type": "response.created", "response": {"id": "r\x00", "model": "m\ud800"}},
        {"type": "response.output_item.done", "item": item},
        completed(output=output),
    )
    events += read({"type": "error", "code": "x\x00", "message": "\ud800"})
    values = [getattr(event, field) for event in events for field in event.__struct_fields__]
    texts = [value for value in values if isinstance(value, str)]
    assert len(texts) > 8
    assert not any("\x00" in text for text in texts)
    "".join(texts).encode()


def test_a_stream_that_ends_early_says_so() -> None:
    reader = ResponseReader()
    assert [event.code for event in reader.ended()] == [Code.AMBIGUOUS]
    reader = ResponseReader()
    reader.feed(sse(HELLO))
    assert [event.code for event in reader.ended()] == [Code.CUT]


def test_a_call_is_started_grows_and_completes() -> None:
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": ""}
    events = read(
        {"type": "response.output_item.added", "item": item},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": '{"a"'},
        {"type": "response.function_call_arguments.delta", "item_id": "another", "delta": "?"},
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": ": 1}"},
        {"type": "response.output_item.done", "item": {**item, "arguments": '{"a": 1}'}},
    )
    assert events == [
        ToolCallStarted("call_1", "add"),
        ToolCallArguments("call_1", '{"a"'),
        ToolCallArguments("call_1", ": 1}"),
        ToolCall("call_1", "add", '{"a": 1}', 0),
    ]


def test_a_call_that_was_not_announced_begins_when_it_is_complete() -> None:
    item = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": "{}"}
    assert read({"type": "response.output_item.done", "item": item}) == [
        ToolCallStarted("call_1", "add"),
        ToolCall("call_1", "add", "{}", 0),
    ]


@pytest.mark.parametrize(
    "event",
    [
        '{"type":"error","error":{"message":"m","more":%s}}',
        '{"type":"response.output_item.done","item":{"type":"reasoning","id":"r","content":%s}}',
        '{"type":"response.output_item.done","item":{"type":"function_call","call_id":"c","name":"n","arguments":%s}}',
    ],
)
def test_json_of_any_depth_ends_the_stream_once(event: str) -> None:
    for depth in range(100, 1100):  # some are read, and can't be written
        deep = '{"a":' * depth + "1" + "}" * depth
        events = read((event % deep).encode(), completed())
        assert [isinstance(event, Completed | Failed) for event in events].count(True) == 1


@pytest.mark.parametrize("number", [-1, -(10**30), 2**31, 10**30])
def test_a_sequence_number_that_cannot_be_one_loses_no_text(number: int) -> None:
    last = read({**HELLO, "sequence_number": number}, completed())[-1]
    assert isinstance(last, Completed)
    assert (last.text, last.sequence) == ("Hello", 0)


def test_calls_with_one_id_are_distinguished_and_a_flood_of_them_ends_the_stream() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}
    done = [{"type": "response.output_item.done", "item": {**item, "id": f"fc_{number}"}} for number in range(129)]
    events = read(*done[:3], done[0], completed(output=[item] * 3))
    assert [event.call_id for event in events if isinstance(event, ToolCall)] == ["c", "c_2", "c_3"]
    assert isinstance(events[-1], Completed)
    last = read(*done)[-1]
    assert isinstance(last, Failed)
    assert last.detail == "there are more than 128 calls"


def test_reasoning_is_distinguished_from_the_answer() -> None:
    events = read(
        {"type": "response.output_item.added", "item": {"type": "reasoning"}},
        {"type": "response.reasoning_summary_text.delta", "delta": "Hm"},
        HELLO,
    )
    assert events == [ReasoningDelta("", 0), ReasoningDelta("Hm", 0), TextDelta("Hello", 3)]


def test_a_finished_reasoning_item_comes_out_once_and_unchanged() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA", "vendor": {"x": [None]}}
    done = {"type": "response.output_item.done", "item": item, "sequence_number": 2}
    for events in (read(done, HELLO, completed(output=[item])), read(completed(output=[item]))):
        [found] = [event for event in events if isinstance(event, ReasoningItem)]
        assert found.item == item
        assert found.place == 0
