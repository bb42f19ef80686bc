"""Server-sent events are decoded completely, however the bytes are split."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.llm.provider import sse
from chat.llm.provider.sse import DONE, MAX_EVENT_BYTES, Decoder, EventTooLargeError

STREAM = (
    ": a comment\n\n"
    'event: response.output_text.delta\ndata: {"delta":"smørbrød 🎉"}\n\n'
    "data:no space\r\n\r\n"
    "data: first\ndata:  second\ndata\ndata: last\nid: 7\nretry: 10\n\n"
    "data: one\r\ndata: two\r\n\r\n"
    "event: nothing to say\n\n"
    "data: lone returns\r\rdata: after\r\r"
    "\n\n\n"
    "data:\n\n"
    "data: [DONE]\n\n"
    "data: cut off before its blank line\n"
).encode()
EVENTS = [
    '{"delta":"smørbrød 🎉"}'.encode(),
    b"no space",
    b"first\n second\n\nlast",
    b"one\ntwo",
    b"lone returns",
    b"after",
]


def decoded(chunks: list[bytes]) -> list[bytes]:
    decoder = Decoder()
    return [data for chunk in chunks for event in decoder.feed(chunk) if (data := sse.data(event)) not in (b"", DONE)]


def reference(stream: bytes) -> list[bytes]:
    """The rules of the standard, line by line, over the whole stream at once."""
    events, data = [], []
    *lines, _unfinished = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for line in lines:
        if not line:
            if b"\n".join(data) not in (b"", b"[DONE]"):
                events.append(b"\n".join(data))
            data = []
        elif line == b"data" or line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
    return events


def test_a_stream_in_one_piece_gives_its_events() -> None:
    assert decoded([STREAM]) == EVENTS == reference(STREAM)


def test_a_stream_that_comes_byte_by_byte_gives_the_same_events() -> None:
    assert decoded([STREAM[index : index + 1] for index in range(len(STREAM))]) == EVENTS


@pytest.mark.parametrize("split", range(len(STREAM) + 1))
def test_a_split_at_any_byte_changes_nothing(split: int) -> None:
    assert decoded([STREAM[:split], STREAM[split:]]) == EVENTS


@given(st.lists(st.text(alphabet="\r\n :xdaté🎉", max_size=12).map(str.encode), max_size=8))
def test_any_chunks_decode_as_the_standard_says(chunks: list[bytes]) -> None:
    assert decoded(chunks) == reference(b"".join(chunks))


@given(
    st.lists(st.sampled_from([b"data: x", b"data:", b"data", b"\n", b"\r", b"\r\n", b":", b"data:[DONE]"]), max_size=30)
)
def test_any_lines_decode_as_the_standard_says(chunks: list[bytes]) -> None:
    assert decoded(chunks) == reference(b"".join(chunks))


def test_an_empty_chunk_says_nothing() -> None:
    assert decoded([b"data: a\r", b"", b"\n\r", b"", b"\n"]) == [b"a"]


def test_an_event_up_to_the_limit_comes_through_in_pieces() -> None:
    data = b"x" * (MAX_EVENT_BYTES - 100)
    stream = b"data: " + data + b"\n\n"
    assert decoded([stream[index : index + 65536] for index in range(0, len(stream), 65536)]) == [data]


def test_an_endless_event_is_an_error_and_takes_bounded_memory() -> None:
    decoder = Decoder()
    with pytest.raises(EventTooLargeError):
        for _ in range(MAX_EVENT_BYTES // 65536 + 1):
            decoder.feed(b"x" * 65536)


def test_an_event_over_the_limit_in_one_piece_is_an_error() -> None:
    with pytest.raises(EventTooLargeError):
        decoded([b"data: " + b"x" * MAX_EVENT_BYTES + b"\n\n"])


@pytest.mark.parametrize("end", ["", "\n", "\r", "\r\n"])
def test_the_last_event_needs_no_blank_line(end: str) -> None:
    decoder = Decoder()
    assert [sse.data(event) for event in decoder.feed(f"data: a\n\ndata: b{end}".encode())] == [b"a"]
    assert sse.data(decoder.end()) == b"b"


def test_an_event_has_a_name() -> None:
    assert [sse.name(event) for event in (b"event: error\ndata: {}", b"event:a\nevent:  b", b"data: event: x")] == [
        "error",
        " b",
        "",
    ]


def test_decoding_is_cheap() -> None:
    """Target: 3 µs an event at 16 kB chunks; asserted loosely, because machines are busy."""
    stream = (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"abc"}\n\n' * 10_000
    )
    decoder = Decoder()
    started = time.process_time()
    count = sum(
        bool(sse.data(event))
        for index in range(0, len(stream), 16384)
        for event in decoder.feed(stream[index : index + 16384])
    )
    assert count == 10_000
    assert (time.process_time() - started) / count < 30e-6
