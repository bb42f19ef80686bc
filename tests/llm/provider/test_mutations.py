"""Whatever is wrong with a stream, it ends once, without an exception, and all of it can be stored."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.llm.events import Completed, Event, Failed
from chat.text import storable_json
from tests.support.provider_streams import (
    CREATED,
    added,
    call,
    completed,
    delta,
    done,
    message,
    read_all,
    reasoning,
    sse,
    text_done,
)

PART = {"type": "output_text", "text": "Hello", "annotations": []}
VALID: list[dict[str, Any]] = [
    CREATED,
    {"type": "response.in_progress", "response": {"id": "r", "model": "m", "status": "in_progress"}},
    added(reasoning(), output_index=0),
    {"type": "response.reasoning_summary_part.added", "summary_index": 0, "part": {"type": "summary_text", "text": ""}},
    {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "summary_index": 0, "delta": "Hm."},
    {"type": "response.reasoning_summary_text.done", "item_id": "rs_1", "summary_index": 0, "text": "Hm."},
    done(reasoning("Hm."), output_index=0),
    added(message(""), output_index=1),
    delta("<think>Hm.</think>Hel", item_id="msg_1", output_index=1, content_index=0),
    delta("lo", item_id="msg_1", output_index=1, content_index=0),
    text_done("<think>Hm.</think>Hello", item_id="msg_1", output_index=1, content_index=0),
    {"type": "response.content_part.done", "output_index": 1, "content_index": 0, "part": PART},
    done(message("Hello"), output_index=1),
    added(call(""), output_index=2),
    {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 2, "delta": "{}"},
    {"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 2, "arguments": "{}"},
    done(call(), output_index=2),
    completed(
        reasoning("Hm."),
        message("Hello"),
        call(),
        status="completed",
        usage={"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5},
        incomplete_details=None,
        error=None,
        service_tier="default",
    ),
]
ODD = st.one_of(
    st.sampled_from(["a\x00", "\ud800", None]),
    st.sampled_from([None, "", 0, -1, 1.5, 10**30, True, [], {}, [None], {"a": None}, "\x00", "\ud800", "x" * 300]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=5,
    ),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in inner for found in places(part, (*path, key)))]


PLACES = [path for path in places(VALID) if path]


def mutated(events: list[Any], path: tuple[Any, ...], odd: Any, *, drop: bool) -> None:
    place: Any = events
    try:
        for step in path[:-1]:
            place = place[step]
        if drop:
            del place[path[-1]]
        else:
            place[path[-1]] = deepcopy(odd)  # a later mutation may change it
    except (KeyError, IndexError, TypeError):
        pass  # an earlier mutation took it away


def assert_ends_once(events: list[Event]) -> None:
    assert [isinstance(event, Completed | Failed) for event in events] == [False] * (len(events) - 1) + [True]
    told = msgspec.to_builtins(events)
    json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
    assert storable_json(told) == told


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PLACES), ODD, st.booleans()), min_size=1, max_size=4),
    st.sampled_from([1, 50, 0]),
    st.sampled_from([{}, {"resumable": True}, {"sequence": 2, "resumable": True}, {"max_output_tokens": 5}]),
)
def test_any_mutation_ends_once(
    mutations: list[tuple[tuple[Any, ...], Any, bool]], size: int, options: dict[str, Any]
) -> None:
    events: list[Any] = deepcopy(VALID)
    for path, odd, drop in mutations:
        mutated(events, path, odd, drop=drop)
    assert_ends_once(read_all(sse(*events), size=size, **options))


@settings(max_examples=60, deadline=None)
@given(st.permutations(VALID), st.integers(0, len(VALID)), st.booleans())
def test_any_order_and_any_loss_ends_once(events: list[Any], kept: int, twice: bool) -> None:
    assert_ends_once(read_all(sse(*events[:kept], *(events if twice else ()))))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage_of_the_bytes_ends_once(data: st.DataObject) -> None:
    stream = bytearray(sse(*VALID))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    assert_ends_once(read_all(bytes(stream)))


def test_the_valid_stream_is_read() -> None:
    end = read_all(sse(*VALID))[-1]
    assert isinstance(end, Completed)
    assert end.text == "Hello"
