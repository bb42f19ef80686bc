"""Whatever a server sends, a request ends in one clear failure or answer, with bounded memory and without the key."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib

import pytest

from chat.llm.events import Code, Completed, Failed
from chat.llm.provider.provider import Provider, ProviderLimits
from tests.support import patches
from tests.support.llm import asking, events_of
from tests.support.raw_server import (
    CHUNKED,
    EVENT_STREAM,
    Answer,
    chunked,
    events_of_text,
    responds,
    serving,
    writes,
)

KEY = "sk-proj-0123456789abcdefghij"
ANSWER = events_of_text("hello")
RESPONSE = json.loads(ANSWER.split(b"data: ")[-1])["response"]
MEGABYTE = 2**20
BOMB = gzip.compress(b"a" * 100 * MEGABYTE)


async def last_event(answer: Answer, **limits: float) -> Completed | Failed:
    """The only terminal event of a request that gets this answer."""
    async with serving(answer) as server:
        provider = Provider(api_key=KEY, base_url=server.url, limits=ProviderLimits(**limits) if limits else None)
        events = await events_of(provider, asking("hello"))
        await provider.close()
    assert [isinstance(event, Completed | Failed) for event in events].count(True) == 1
    assert len(server.requests) == 1
    assert isinstance(events[-1], Completed | Failed)
    return events[-1]


def chat_chunk(text: str) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body></body></html>"
CHAT = {"id": "c", "object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": "hi"}}]}
FAILURES: list[tuple[str, Answer, Code, bool]] = [
    ("page", responds(PAGE, kind="text/html"), Code.WRONG_API, False),
    ("page as a stream", responds(PAGE, kind="text/event-stream"), Code.WRONG_API, False),
    ("page with 400", responds(PAGE, 400, kind="text/html"), Code.WRONG_API, False),
    ("redirect", responds(b"", 302, location="https://login.example/?next=x"), Code.WRONG_API, False),
    ("redirect to nowhere", responds(b"", 307), Code.WRONG_API, False),
    ("chat completion", responds(CHAT), Code.WRONG_API, True),
    ("chat chunks", responds(chat_chunk("a") + b"data: [DONE]\n\n", kind="text/event-stream"), Code.WRONG_API, True),
    ("other JSON", responds({"status": "ok"}), Code.WRONG_API, False),
    ("list", responds([1, 2]), Code.WRONG_API, False),
    ("cut JSON", responds(b'{"id": "resp_1", "output": ['), Code.WRONG_API, False),
    ("error in 200", responds({"error": {"message": "No capacity", "code": 503}}), Code.OVERLOADED, False),
    ("error text in 200", responds({"error": "it broke"}), Code.PROVIDER_ERROR, False),
    ("empty", responds(b"", kind="text/event-stream"), Code.AMBIGUOUS, True),
    ("text", responds(b"hello", kind="text/plain"), Code.AMBIGUOUS, True),
    ("UTF-16 page", responds(PAGE.decode().encode("utf-16"), kind="text/html"), Code.WRONG_API, False),
    ("UTF-16 stream", responds(ANSWER.decode().encode("utf-16"), kind="text/event-stream"), Code.WRONG_API, False),
    ("unknown coding", responds(ANSWER, content_encoding="gzip"), Code.AMBIGUOUS, True),
    ("no HTTP", writes(b"SSH-2.0-OpenSSH_9.6\r\n"), Code.AMBIGUOUS, True),
    ("nothing", writes(b""), Code.AMBIGUOUS, True),
    ("half of the head", writes(b"HTTP/1.1 200 OK\r\ncontent-ty"), Code.AMBIGUOUS, True),
    ("length too large", writes(EVENT_STREAM + b"content-length: 99999\r\n\r\n" + ANSWER[:200]), Code.CUT, True),
    ("length too small", writes(EVENT_STREAM + b"content-length: 200\r\n\r\n" + ANSWER), Code.CUT, True),
    ("bad chunk", writes(CHUNKED + b"zz\r\n" + ANSWER), Code.AMBIGUOUS, True),
    ("negative length", writes(EVENT_STREAM + b"content-length: -5\r\n\r\n"), Code.AMBIGUOUS, True),
]


@pytest.mark.parametrize(
    ("answer", "code", "uncertain"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
async def test_a_bad_answer_ends_clearly(answer: Answer, code: Code, uncertain: bool) -> None:
    end = await last_event(answer)
    assert isinstance(end, Failed), end
    assert (end.code, end.uncertain) == (code, uncertain), end
    assert end.detail


ANSWERS: list[tuple[str, Answer]] = [
    ("JSON", responds(RESPONSE)),
    ("JSON after spaces", responds(b"\n\n " + json.dumps(RESPONSE).encode())),
    ("other type", responds(ANSWER, kind="text/plain")),
    ("gzip", responds(gzip.compress(ANSWER), kind="text/event-stream", content_encoding="gzip")),
    ("deflate", responds(zlib.compress(ANSWER), kind="text/event-stream", content_encoding="deflate")),
    ("mark", responds(b"\xef\xbb\xbf" + ANSWER, kind="text/event-stream")),
    ("length too large", writes(EVENT_STREAM + b"content-length: 99999\r\n\r\n" + ANSWER)),
    ("no length", writes(EVENT_STREAM + b"connection: close\r\n\r\n" + ANSWER)),
    ("two answers", responds(ANSWER + events_of_text("foreign"), kind="text/event-stream")),
    ("two responses", writes(chunked(ANSWER) + chunked(events_of_text("foreign")))),
]


@pytest.mark.parametrize("answer", [row[1] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
async def test_an_odd_answer_is_an_answer(answer: Answer) -> None:
    end = await last_event(answer)
    assert isinstance(end, Completed), end
    assert end.text == "hello"


def endless(start: bytes, piece: bytes, written: list[int]) -> Answer:
    """Writes the piece until the client hangs up."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            written.append(len(piece))

    return answer


HUGE: list[tuple[str, bytes, bytes, Code]] = [
    ("error", b"HTTP/1.1 400 X\r\n\r\n", b"a" * 65536, Code.BAD_REQUEST),
    ("page", b"HTTP/1.1 502 X\r\ncontent-type: text/html\r\n\r\n<html>", b"a" * 65536, Code.AMBIGUOUS),
    (
        "headers",
        b"HTTP/1.1 200 OK\r\n",
        b"x-more: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 1000,
        Code.AMBIGUOUS,
    ),
    ("JSON", b'HTTP/1.1 200 OK\r\n\r\n{"a": "', b"a" * 65536, Code.WRONG_API),
    ("event", EVENT_STREAM + b"\r\ndata: ", b"a" * 65536, Code.AMBIGUOUS),
]


@pytest.mark.parametrize(("start", "piece", "code"), [row[1:] for row in HUGE], ids=[row[0] for row in HUGE])
async def test_an_endless_answer_is_left(start: bytes, piece: bytes, code: Code) -> None:
    written: list[int] = []
    tracemalloc.start()
    end = await last_event(endless(start, piece, written))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(end, Failed)
    assert end.code is code, end
    assert sum(written) < 64 * MEGABYTE  # what the sockets held, and the largest event
    assert peak < 64 * MEGABYTE


@pytest.mark.parametrize(
    ("status", "code"), [(500, Code.PROVIDER_ERROR), (200, Code.AMBIGUOUS)], ids=["an error", "a stream"]
)
async def test_a_bomb_is_not_unpacked(status: int, code: Code) -> None:
    tracemalloc.start()
    end = await last_event(responds(BOMB, status, kind="text/event-stream", content_encoding="gzip"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(end, Failed)
    assert end.code is code, end
    assert peak < 64 * MEGABYTE


async def test_an_error_that_drips_is_left_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    patches.ERROR_SECONDS.replace(monkeypatch, 0.05)

    async def drips(writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 429 X\r\nretry-after: 7\r\ncontent-length: 100000\r\n\r\n{"error":')
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)  # the server is slow on purpose

    end = await last_event(drips)
    assert isinstance(end, Failed)
    assert (end.code, end.retry_after_seconds) == (Code.RATE_LIMITED, 7)


async def test_a_stream_of_comments_ends_at_the_limit() -> None:
    end = await last_event(endless(EVENT_STREAM + b"\r\n", b": still here\n\n", []), total_seconds=0.3)
    assert isinstance(end, Failed)
    assert end.code is Code.AMBIGUOUS
    assert "took more than 0.3 s" in end.detail


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(EVENT_STREAM + b"transfer-encoding: chunked\r\n\r\n5;extension=", id="extension of a chunk"),
        pytest.param(EVENT_STREAM + b"content-encoding: gzip\r\n\r\n\x1f\x8b\x08\x08" + bytes(6), id="name in gzip"),
    ],
)
async def test_bytes_that_never_become_a_chunk_end_at_the_limit(start: bytes) -> None:
    async def drips(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)  # the server is slow on purpose

    end = await last_event(drips, total_seconds=0.5, silence_seconds=0.3)
    assert isinstance(end, Failed)
    assert "took more than 0.5 s" in end.detail


async def test_comments_are_signs_of_life() -> None:
    """Silence is longer than the limit, but not without a byte."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(EVENT_STREAM + b"\r\n")
        for _ in range(30):
            writer.write(b": thinking\n\n")
            await writer.drain()
            await asyncio.sleep(0.1)  # the server is slow on purpose
        writer.write(ANSWER)

    assert isinstance(await last_event(slow, silence_seconds=2), Completed)


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async with serving(responds(RESPONSE)) as other:
        end = await last_event(responds(b"", 307, location=f"{other.url}/responses?token=x"))
    assert isinstance(end, Failed)
    assert end.detail == f"HTTP 307: the server redirects to {other.url}/responses"
    assert other.requests == []


@pytest.mark.parametrize("at", [0, 900, 975, 985, 990])
@pytest.mark.parametrize("status", [400, 200])
async def test_the_key_is_in_no_failure(at: int, status: int) -> None:
    """Also if the text is cut in the middle of the key, or the key is masked."""
    message = f"{'x' * at} Bearer {KEY} or {KEY[:14]}***{KEY[-2:]}"
    body = {"error": {"message": message, "code": "invalid_request_error"}}
    stream = b"data: " + json.dumps({"type": "error", **body}).encode() + b"\n\n"
    end = await last_event(responds(stream if status == 200 else body, status, kind="text/event-stream"))
    assert isinstance(end, Failed)
    assert KEY[:14] not in end.detail
    assert "[the key]" in end.detail or at > 900
