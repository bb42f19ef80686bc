"""The text of an answer is read from wherever a server puts it, once."""

from __future__ import annotations

from typing import Any

import pytest

from chat.llm.events import Code, Completed, Created, Failed, RefusalDelta, TextDelta, Usage
from chat.llm.provider.reader import ResponseReader
from tests.support.provider_streams import (
    CREATED,
    added,
    call,
    completed,
    delta,
    done,
    end_of,
    message,
    read_all,
    sse,
    text_done,
    text_of,
)

T = "Hello, all is well."
PIECES = [delta(T[:5]), delta(T[5:])]
PART_DONE = {"type": "response.content_part.done", "part": {"type": "output_text", "text": T}}
PLAIN_END = completed(status="completed")


def answered(*events: Any, **options: Any) -> tuple[str, Completed]:
    """The text that came in pieces, and the end."""
    read = read_all(sse(*events), **options)
    end = end_of(read)
    assert isinstance(end, Completed), end
    return text_of(read), end


PLACES: dict[str, list[Any]] = {
    "pieces": [*PIECES, completed()],
    "pieces, and the output is null": [*PIECES, completed(output=None)],
    "all of them": [added(message("")), *PIECES, text_done(T), PART_DONE, done(message(T)), completed(message(T))],
    "an item without content": [*PIECES, done(message("", content=None)), completed()],
    "text done": [text_done(T), completed()],
    "text done twice": [text_done(T), text_done(T), completed()],
    "part done": [PART_DONE, completed()],
    "text and part done": [text_done(T), PART_DONE, completed()],
    "item done": [done(message(T)), completed()],
    "item done twice": [done(message(T)), done(message(T)), completed()],
    "item done, then its part": [done(message(T)), text_done(T), PART_DONE, completed()],
    "the last event": [completed(message(T))],
    "done in every way, without pieces": [text_done(T), PART_DONE, done(message(T)), completed(message(T))],
    "a piece, and the rest when it is done": [PIECES[0], text_done(T), done(message(T)), completed(message(T))],
    "a piece, and the rest in the item": [PIECES[0], done(message(T)), completed()],
    "an item without a type": [done(message(T, type=None)), completed()],
    "content as text": [done(message("", content=T)), completed()],
    "parts as text": [done(message("", content=[T[:5], None, T[5:]])), completed()],
    "parts of an unknown type": [done(message("", content=[{"type": "text", "text": T}])), completed()],
    "two parts": [
        *PIECES[:1], text_done(T[:5]), *PIECES[1:], text_done(T[5:], content_index=1), done(message(T)), completed(),
    ],
    "two equal parts that come complete": [
        text_done("ab"), text_done("ab", content_index=1), done(message("abab")), completed(),
    ],
    "a repeated announcement": [added(message("")), PIECES[0], added(message("")), PIECES[1], completed()],
}  # fmt: skip
WHOLE = {"two equal parts that come complete": "abab"}


@pytest.mark.parametrize("place", PLACES)
def test_the_text_comes_once_from_wherever_it_is(place: str) -> None:
    text = WHOLE.get(place, T)
    told, end = answered(CREATED, *PLACES[place])
    assert (told, end.text) == (text, text)


def test_the_end_corrects_what_the_pieces_lost() -> None:
    for last in ([text_done(T), completed()], [done(message(T)), completed()], [completed(message(T))]):
        told, end = answered(CREATED, PIECES[1], *last)
        assert (told, end.text) == (T[5:], T)


def test_an_output_with_fewer_messages_takes_nothing_away() -> None:
    events = [done(message("One.", id="a")), done(message("Two.", id="b")), completed(message("Two."))]
    assert answered(*events)[1].text == "One.\n\nTwo."


@pytest.mark.parametrize(
    "events",
    [
        [added(message("", id="a")), delta("One."), added(message("", id="b")), delta("Two."), completed()],
        [delta("One."), done(message("One.", id="a")), delta("Two."), done(message("Two.", id="b")), completed()],
        [done(message("One.", id="a")), done(message("Two.", id="b")), completed()],
        [completed(message("One."), message("Two."))],
        [done(message("One.")), completed(message("One."), message(""), message("Two."))],
    ],
)
def test_two_messages_are_two_paragraphs(events: list[Any]) -> None:
    told, end = answered(*events)
    assert end.text == "One.\n\nTwo."
    assert end.text.startswith(told)


def test_two_equal_messages_are_both_told() -> None:
    events = [done(message("Yes.", id="a")), done(message("Yes.", id="b")), completed()]
    assert answered(*events) == ("Yes.\n\nYes.", answered(*events)[1])


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "response.refusal.delta", "delta": "No."}, {"type": "response.refusal.done", "refusal": "No."}],
        [{"type": "response.refusal.done", "refusal": "No."}],
        [{"type": "response.content_part.done", "part": {"type": "refusal", "refusal": "No."}}],
        [done(message("", content=[{"type": "refusal", "refusal": "No."}]))],
    ],
)
def test_a_refusal_is_one_from_wherever_it_comes(events: list[Any]) -> None:
    read = read_all(sse(*events, completed()))
    assert [event for event in read if isinstance(event, RefusalDelta | TextDelta)] == [RefusalDelta("No.", 0)]
    end = end_of(read)
    assert isinstance(end, Completed)
    assert (end.refused, end.text) == (True, "No.")


NULLS: dict[str, Any] = {
    "delta": delta(None),
    "delta of another type": delta({"text": "x"}),
    "delta missing": {"type": "response.output_text.delta"},
    "item null": added(None),  # type: ignore[arg-type]
    "item of another type": done("message"),  # type: ignore[arg-type]
    "item without fields": done({}),
    "part null": {"type": "response.content_part.done", "part": None},
    "response null": {"type": "response.in_progress", "response": None},
    "response of another type": {"type": "response.queued", "response": "r"},
    "id and model null": {"type": "response.created", "response": {"id": None, "model": None}},
    "id and model of another type": {"type": "response.created", "response": {"id": 7, "model": ["m"]}},
    "text null": text_done(None),
    "number null": {**delta(""), "sequence_number": None},
    "number as text": {**delta(""), "sequence_number": "one"},
    "number too large": {**delta(""), "sequence_number": 10**30},
    "negative number": {**delta(""), "sequence_number": -4},
    "arguments": {"type": "response.function_call_arguments.done", "item_id": None, "arguments": None},
    "index": {"type": "response.reasoning_text.delta", "delta": "", "content_index": "first"},
    "vendor's": {"type": "acme:progress", "progress": 0.5, "error": None},
    "annotation": {"type": "response.output_text.annotation.added", "annotation": {"type": "url_citation"}},
    "no type": {"object": "heartbeat"},
    "tool of the provider": done({"type": "web_search_call", "id": "ws_1", "error": "x"}),
    "error of a tool": {"type": "response.mcp_call.failed", "error": {"message": "x", "code": 500}},
}


@pytest.mark.parametrize("odd", NULLS)
def test_what_is_null_or_odd_counts_as_absent(odd: str) -> None:
    told, end = answered(CREATED, PIECES[0], NULLS[odd], PIECES[1], completed(message(T)))
    assert (told, end.text) == (T, T)


@pytest.mark.parametrize("field", ["id", "model", "status", "output", "usage", "error", "incomplete_details"])
@pytest.mark.parametrize("value", [None, 7, "x", [], [None], {}, {"x": [1]}])
def test_any_field_of_the_response_can_be_anything(field: str, value: Any) -> None:
    read = read_all(sse(CREATED, *PIECES, completed(**{field: value})))
    assert text_of(read) == T
    end = end_of(read)
    failed = field == "error" and value
    assert isinstance(end, Failed if failed else Completed)


def test_what_the_last_event_does_not_say_is_known_from_the_first() -> None:
    _, end = answered(CREATED, *PIECES, {"type": "response.completed", "response": None})
    assert (end.response_id, end.model) == ("r", "m")


def test_usage_counts_as_numbers_only() -> None:
    usage = {"input_tokens": 10.0, "output_tokens": 5.0, "total_tokens": "15"}
    assert answered(*PIECES, completed(usage=usage))[1].usage == Usage(10, 0, 0, 5, 0, 15)
    assert answered(*PIECES, completed(usage="15"))[1].usage is None
    last = {"type": "response.completed", "response": {}, "usage": {"input_tokens": 10, "output_tokens": 5}}
    assert answered(*PIECES, last)[1].usage == Usage(10, 0, 0, 5, 0, 15)


@pytest.mark.parametrize("numbers", [[0, 0, 0, 0], [7, 7, 7, 7], [9, 5, 1, 3], [None, 2, None, 1]])
def test_numbers_need_not_increase(numbers: list[int | None]) -> None:
    events = [CREATED, *PIECES, completed(message(T))]
    numbered = [{**event, "sequence_number": number} for event, number in zip(events, numbers, strict=True)]
    assert answered(*numbered)[0] == T


def test_only_a_resumed_stream_leaves_out_what_was_read() -> None:
    events = [{**delta(str(number)), "sequence_number": number} for number in range(1, 6)]
    assert answered(*events, completed(), sequence=3)[0] == "45"


@pytest.mark.parametrize("length", [1, 64, 5000])
def test_ids_have_any_length(length: int) -> None:
    response_id = "r" * length
    last = completed(id=response_id)
    read = read_all(sse({"type": "response.created", "response": {"id": response_id}}, *PIECES, last))
    assert read[0] == Created(response_id, "", 0)
    end = end_of(read)
    assert isinstance(end, Completed)
    assert end.response_id == response_id


# Lines


def named(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


STREAM = sse(CREATED, *PIECES, completed(message(T)))
LINES: dict[str, bytes] = {
    "CRLF": STREAM.replace(b"\n", b"\r\n"),
    "CR": STREAM.replace(b"\n", b"\r"),
    "byte order mark": b"\xef\xbb\xbf" + STREAM,
    "no space": STREAM.replace(b"data: ", b"data:"),
    "comments": STREAM.replace(b"data: ", b": ping\n\n:\n\ndata: "),
    "DONE": STREAM + b"data: [DONE]\n\n",
    "no blank line at the end": STREAM[:-1],
    "no newline at the end": STREAM[:-2],
    "no blank lines": STREAM.replace(b"\n\n", b"\n"),
    "no blank lines, and DONE": STREAM.replace(b"\n\n", b"\n") + b"data: [DONE]\n",
    "names only": (
        named("response.created", '{"response": {"id": "r"}}')
        + named("response.output_text.delta", f'{{"delta": "{T}"}}')
        + named("response.completed", '{"response": {"id": "r"}}')
    ),
    "a type that is null": named("response.output_text.delta", f'{{"type": null, "delta": "{T}"}}') + sse(completed()),
    "a raw newline in a string": sse(
        b'{"type": "response.output_text.delta", "delta": "Hello,\tall is well."}'
    ).replace(b"\t", b" ")
    + sse(completed()),
}


@pytest.mark.parametrize("size", [1, 5, 0])
@pytest.mark.parametrize("lines", LINES)
def test_lines_of_any_form_are_read(lines: str, size: int) -> None:
    read = read_all(LINES[lines], size=size)
    assert text_of(read) == T
    assert isinstance(end_of(read), Completed)


# Ends


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([*PIECES, text_done(T)], T),
        ([*PIECES, text_done(T), done(message(T))], T),
        ([added(message("")), *PIECES, done(message(T))], T),
        ([done(message(T))], T),
        ([done(call())], ""),
        ([*PIECES, done(message(T)), done(call())], T),
        ([*PIECES, b"[DONE]"], T),
    ],
)
def test_a_stream_that_ends_after_its_items_is_complete(
    events: list[Any], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    told, end = answered(CREATED, *events)
    assert (told, end.text, end.usage) == (text, text, None)
    assert "without its terminal event" in caplog.text
    for options in ({"resumable": True}, {"resumable": True, "sequence": 0}):
        assert getattr(end_of(read_all(sse(CREATED, *events), **options)), "code", None) is Code.CUT


@pytest.mark.parametrize(
    "events",
    [
        PIECES,
        [added(message("")), *PIECES],
        [*PIECES, done(message(T)), delta("And")],
        [*PIECES, done(message(T)), added(message("", id="b"))],
        [*PIECES, done(message(T)), added(call(""))],
        [
            added(call("")),
            {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "{"},
            b"[DONE]",
        ],
        [added({"type": "reasoning", "id": "rs_1"}), b"[DONE]"],
        [*PIECES, b'{"type": "response.output_text.do'],
    ],
)
def test_a_stream_that_ends_within_an_item_is_cut(events: list[Any]) -> None:
    end = end_of(read_all(sse(CREATED, *events)[:-2]))
    assert isinstance(end, Failed)
    assert end.code is Code.CUT


def test_a_broken_connection_behind_the_last_event_costs_nothing() -> None:
    reader = ResponseReader()
    broken = ResponseReader().broken("ReadError")
    events = reader.feed(STREAM[:-1]) + reader.lost(broken)
    assert isinstance(end_of(events), Completed)
    reader = ResponseReader()
    assert end_of(reader.feed(sse(*PIECES)) + reader.lost(broken)) is broken


STATUSES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"status": "incomplete"}, "unknown"),
    ({}, {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
    ({}, {"status": "completed", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
    ({}, {"status": "completed", "incomplete_details": {"reason": "length"}}, "max_output_tokens"),
    ({}, {"status": "completed", "output": [message(T, status="incomplete")]}, "unknown"),
    ({"type": "response.incomplete"}, {"status": "completed"}, "unknown"),
    ({"type": "response.incomplete"}, {"incomplete_details": {"reason": "max_tokens"}}, "max_output_tokens"),
    ({}, {"status": "completed", "incomplete_details": {"reason": "stop"}}, ""),
    ({}, {"status": "done", "incomplete_details": {}}, ""),
    ({"type": "response.done"}, {"status": "completed"}, ""),
    ({"type": "response.done"}, {"status": "incomplete"}, "unknown"),
]


@pytest.mark.parametrize(("event", "response", "reason"), STATUSES)
def test_the_status_says_whether_an_answer_was_cut(
    event: dict[str, Any], response: dict[str, Any], reason: str
) -> None:
    _, end = answered(*PIECES, {**completed(**response), **event})
    assert (end.text, end.incomplete_reason or "") == (T, reason)


@pytest.mark.parametrize(("limit", "tokens", "cut"), [(40, 40, True), (40, 41, True), (40, 39, False), (0, 40, False)])
def test_an_answer_as_long_as_the_limit_was_cut(limit: int, tokens: int, cut: bool) -> None:
    last = completed(status="completed", usage={"input_tokens": 1, "output_tokens": tokens})
    _, end = answered(*PIECES, last, max_output_tokens=limit)
    assert end.incomplete_reason == ("max_output_tokens" if cut else None)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_that_is_called_complete_can_have_failed(status: str) -> None:
    usage = {"input_tokens": 1, "output_tokens": 2}
    end = end_of(read_all(sse(*PIECES, completed(status=status, usage=usage))))
    assert isinstance(end, Failed)
    assert (end.code, end.usage) == (Code.PROVIDER_ERROR, Usage(1, 0, 0, 2, 0, 3))


@pytest.mark.parametrize("finished", [True, False])
def test_a_second_response_in_the_stream_ends_the_first(finished: bool) -> None:
    other = {"type": "response.created", "response": {"id": "other", "model": "m"}}
    first = [CREATED, *PIECES, *([done(message(T))] if finished else [])]
    read = read_all(sse(*first, other, delta("Foreign."), completed(message("Foreign."), id="other")))
    assert text_of(read) == T
    end = end_of(read)
    assert end.text == T if isinstance(end, Completed) else end.code is Code.CUT
    assert isinstance(end, Completed) is finished


def test_a_response_that_is_announced_again_is_the_same() -> None:
    other = {"type": "response.created", "response": {"id": "other", "model": "m"}}
    assert answered(CREATED, other, *PIECES, CREATED, completed(id="r"))[0] == T


# Bounds


def test_an_endless_answer_ends() -> None:
    reader = ResponseReader()
    chunk = sse(delta("x" * 2**20))
    events = [event for _ in range(10) for event in reader.feed(chunk) if not reader.finished or event]
    end = end_of(events[: [isinstance(event, Failed) for event in events].index(True) + 1])
    assert isinstance(end, Failed)
    assert (end.code, end.detail) == (Code.CUT, "the answer is longer than 8388608 characters")


def test_a_flood_of_messages_ends() -> None:
    events = [done(message("x", id=f"msg_{number}")) for number in range(1100)]
    assert isinstance(end_of(read_all(sse(*events))), Failed)
