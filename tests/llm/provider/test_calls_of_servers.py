"""Tool calls are read once, complete and under an id of their own, however a server tells them."""

from __future__ import annotations

from typing import Any

import pytest

from chat.llm.events import Completed, Event, ToolCall, ToolCallArguments, ToolCallStarted
from tests.support.provider_streams import added, call, calls_of, completed, delta, done, end_of, read_all, sse

ADD = ("call_1", "add", '{"a": 1}')


def piece(text: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": text, **fields}


def arguments_done(arguments: Any, **fields: Any) -> dict[str, Any]:
    fields = {"item_id": "fc_1", **fields}
    return {"type": "response.function_call_arguments.done", "arguments": arguments, **fields}


ANNOUNCED = added(call(""))
PIECES = [piece('{"a"'), piece(": 1}")]
WAYS: dict[str, list[Any]] = {
    "all of them": [ANNOUNCED, *PIECES, arguments_done(ADD[2]), done(call(ADD[2])), completed(call(ADD[2]))],
    "item done": [done(call(ADD[2])), completed()],
    "the last event": [completed(call(ADD[2]))],
    "pieces": [ANNOUNCED, *PIECES, completed()],
    "pieces, and an empty item": [ANNOUNCED, *PIECES, done(call("")), completed()],
    "pieces, and arguments that are null": [ANNOUNCED, *PIECES, done(call(None)), completed(call(None))],
    "arguments done": [ANNOUNCED, arguments_done(ADD[2]), completed()],
    "arguments done with a name": [arguments_done(ADD[2], name="add", item_id="call_1"), completed()],
    "arguments done, and an empty item": [ANNOUNCED, arguments_done(ADD[2]), done(call("")), completed()],
    "an object": [ANNOUNCED, done(call({"a": 1})), completed(call({"a": 1}))],
    "an object when they are done": [ANNOUNCED, arguments_done({"a": 1}), completed()],
    "the announcement": [added(call(ADD[2])), completed()],
    "twice": [ANNOUNCED, ANNOUNCED, *PIECES, done(call(ADD[2])), done(call(ADD[2])), completed(call(ADD[2]))],
    "name when it is done": [added(call("", name="")), *PIECES, done(call(ADD[2])), completed()],
    "name null until it is done": [added(call("", name=None)), *PIECES, done(call(ADD[2])), completed()],
    "name only in the announcement": [ANNOUNCED, done(call(ADD[2], name=None)), completed()],
    "other item ids": [ANNOUNCED, done(call(ADD[2], id="x")), completed(call(ADD[2], id="y"))],
    "call id when it is done": [added(call("", call_id="")), done(call(ADD[2], call_id="")), completed()],
    "pieces by call id": [ANNOUNCED, piece(ADD[2], item_id="call_1"), completed()],
    "pieces by place": [
        added(call(""), output_index=0),
        piece(ADD[2], item_id="x", output_index=0),
        done(call("", id="x"), output_index=0),
        completed(),
    ],
    "pieces by nothing": [ANNOUNCED, piece(ADD[2], item_id=None), completed()],
    "other call ids at the end": [ANNOUNCED, done(call(ADD[2])), completed(call(ADD[2], id="z", call_id="other"))],
}
CALL_IDS = {"call id when it is done": "call_2", "arguments done with a name": "call_2"}


@pytest.mark.parametrize("way", WAYS)
def test_a_call_comes_once_and_complete(way: str) -> None:
    events = read_all(sse(*WAYS[way]))
    call_id = CALL_IDS.get(way, "call_1")
    assert calls_of(events) == [(call_id, "add", ADD[2])]
    assert isinstance(end_of(events), Completed)
    assert_told_in_order(events, ADD[2])


def assert_told_in_order(events: list[Event], arguments: str) -> None:
    """First the start with the name, then pieces of the arguments, then the whole call."""
    told = [event for event in events if isinstance(event, ToolCallStarted | ToolCallArguments | ToolCall)]
    assert isinstance(told[0], ToolCallStarted)
    assert told[0].name == "add"
    assert isinstance(told[-1], ToolCall)
    pieces = [event.delta for event in told[1:-1] if isinstance(event, ToolCallArguments)]
    assert len(pieces) == len(told) - 2
    assert "".join(pieces) in ("", arguments)


@pytest.mark.parametrize(
    ("arguments", "told"), [("", ""), ("{", "{"), ('"text"', '"text"'), ([1], "[1]"), (7, ""), (None, "")]
)
def test_arguments_are_told_as_the_model_wrote_them(arguments: Any, told: str) -> None:
    assert calls_of(read_all(sse(done(call(arguments)), completed()))) == [("call_1", "add", told)]


TWO: dict[str, list[Any]] = {
    "one call id": [done(call("1", id="a")), done(call("2", id="b"))],
    "one item id": [done(call("1", call_id="x")), done(call("2", call_id="y"))],
    "one id, two places": [
        added(call(""), output_index=0),
        added(call(""), output_index=1),
        done(call("1"), output_index=0),
        done(call("2"), output_index=1),
    ],
    "no ids": [done(call("1", id=None, call_id=None)), done(call("2", id=None, call_id=None))],
    "no ids, and pieces by place": [
        added(call("", id=None, call_id=None), output_index=0),
        added(call("", id=None, call_id=None), output_index=1),
        piece("2", item_id=None, output_index=1),
        piece("1", item_id=None, output_index=0),
    ],
    "interleaved": [
        added(call("", id="a", call_id="x")),
        added(call("", id="b", call_id="y")),
        piece("2", item_id="b"),
        piece("1", item_id="a"),
        done(call("2", id="b", call_id="y")),
        done(call("1", id="a", call_id="x")),
    ],
}


@pytest.mark.parametrize("way", TWO)
def test_two_calls_are_distinguished(way: str) -> None:
    output = [event["item"] for event in TWO[way] if event["type"] == "response.output_item.done"]
    for last in (completed(), completed(*output)):
        calls = calls_of(read_all(sse(*TWO[way], last)))
        assert sorted(arguments for _, _, arguments in calls) == ["1", "2"]
        assert len({call_id for call_id, _, _ in calls}) == 2


def test_a_long_id_is_shortened_and_stays_unique() -> None:
    first, second = call("1", id="a", call_id="c" * 500), call("2", id="b", call_id="c" * 500)
    calls = calls_of(read_all(sse(done(first), done(second), completed(first, second))))
    [one, two] = [call_id for call_id, _, _ in calls]
    assert one != two
    assert (len(one), len(two)) == (64, 64)
    again = calls_of(read_all(sse(done(first), completed()), taken=[one]))
    assert again[0][0] != one


def test_a_call_that_was_cut_off_is_dropped() -> None:
    cut = call('{"a', status="incomplete")
    last = {**completed(cut, status="incomplete"), "type": "response.incomplete"}
    for events in ([ANNOUNCED, piece('{"a'), done(cut)], [ANNOUNCED, piece('{"a')]):
        assert calls_of(read_all(sse(*events, last))) == []


def test_markup_of_a_call_in_the_text_is_text() -> None:
    text = '<tool_call>{"name": "add", "arguments": {}}</tool_call>'
    end = end_of(read_all(sse(delta(text[:9]), delta(text[9:]), completed())))
    assert isinstance(end, Completed)
    assert end.text == text


def test_arguments_without_end_end() -> None:
    events = read_all(sse(ANNOUNCED, *[piece("x" * 2**20) for _ in range(10)], completed()))
    assert getattr(end_of(events), "detail", "") == "the arguments are too long"
