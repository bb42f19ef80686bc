"""An error in a stream is one wherever a server puts it, and keeps what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.llm.events import Code, Failed
from tests.support.provider_streams import CREATED, completed, delta, end_of, read_all, sse, text_of


def named(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


SLOW = {"code": "rate_limit_exceeded", "message": "slow down"}
FAILED = {"type": "response.failed", "response": {"id": "r", "status": "failed"}}
ERRORS: dict[str, tuple[bytes, Code, str]] = {
    "event": (sse({"type": "error", **SLOW}), Code.RATE_LIMITED, "slow down"),
    "event with an error": (sse({"type": "error", "error": SLOW}), Code.RATE_LIMITED, "slow down"),
    "event with a number as code": (
        sse({"type": "error", "code": 429, "message": "slow down"}),
        Code.RATE_LIMITED,
        "slow down",
    ),
    "event with null as code": (
        sse({"type": "error", "error": {"type": "server_error", "code": None, "message": "hm"}}),
        Code.PROVIDER_ERROR,
        "hm",
    ),
    "event with text": (sse({"type": "error", "error": "it broke"}), Code.PROVIDER_ERROR, "it broke"),
    "event with nothing": (sse({"type": "error"}), Code.PROVIDER_ERROR, "no error says why"),
    "event with a list": (sse({"type": "error", "error": [SLOW]}), Code.RATE_LIMITED, "slow down"),
    "another event": (sse({"type": "response.error", "error": SLOW}), Code.RATE_LIMITED, "slow down"),
    "named": (named("error", json.dumps(SLOW)), Code.RATE_LIMITED, "slow down"),
    "named, only a message": (named("error", '{"message": "it broke"}'), Code.PROVIDER_ERROR, "it broke"),
    "named, plain text": (named("error", "it broke"), Code.PROVIDER_ERROR, "it broke"),
    "no type": (sse({"error": SLOW}), Code.RATE_LIMITED, "slow down"),
    "no type, text": (sse({"error": "Internal error"}), Code.PROVIDER_ERROR, "Internal error"),
    "no type, detail": (sse({"detail": "it broke"}), Code.PROVIDER_ERROR, "it broke"),
    "no type, details": (
        sse({"detail": [{"loc": ["body"], "msg": "it broke", "type": "x"}]}),
        Code.PROVIDER_ERROR,
        "it broke",
    ),
    "no type, top level": (sse({"code": 503, "message": "loading"}), Code.OVERLOADED, "loading"),
    "an object": (
        sse({"object": "error", "message": "it broke", "type": "InternalServerError", "code": 500}),
        Code.PROVIDER_ERROR,
        "it broke",
    ),
    "the error's type": (
        sse({"type": "overloaded_error", "message": "it is full"}),
        Code.OVERLOADED,
        "it is full",
    ),
    "failed": (sse({**FAILED, "response": {"error": SLOW}}), Code.RATE_LIMITED, "slow down"),
    "failed, and null": (sse({**FAILED, "response": {"error": None}}), Code.PROVIDER_ERROR, "no error says why"),
    "failed, no response": (sse({**FAILED, "response": None}), Code.PROVIDER_ERROR, "no error says why"),
    "failed, the error beside it": (sse({**FAILED, "error": SLOW}), Code.RATE_LIMITED, "slow down"),
    "failed, text": (sse({**FAILED, "response": {"error": "it broke"}}), Code.PROVIDER_ERROR, "it broke"),
    "failed, called complete": (
        sse(completed(status="failed", error=SLOW)),
        Code.RATE_LIMITED,
        "slow down",
    ),
    "complete, with an error": (sse(completed(status="", error=SLOW)), Code.RATE_LIMITED, "slow down"),
}


@pytest.mark.parametrize("first", [True, False], ids=["first", "in the text"])
@pytest.mark.parametrize("shape", ERRORS)
def test_an_error_of_any_shape_ends_the_stream(shape: str, first: bool) -> None:
    sent, code, detail = ERRORS[shape]
    before = b"" if first else sse(CREATED, delta("Hello"))
    events = read_all(before + sent + sse(delta("more"), completed()))
    end = end_of(events)
    assert isinstance(end, Failed), end
    assert end.code is code, end
    assert detail in end.detail
    assert detail not in end.message
    assert text_of(events) == ("" if first else "Hello")


CHUNK: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hi"}}]}


@pytest.mark.parametrize("chunk", [CHUNK, {**CHUNK, "type": "x"}, {"choices": [], "usage": {}}])
def test_another_api_is_named(chunk: dict[str, Any]) -> None:
    end = end_of(read_all(sse(chunk, chunk, b"[DONE]")))
    assert isinstance(end, Failed)
    assert (end.code, end.uncertain) == (Code.WRONG_API, True)
    assert "speaks Chat Completions, not the Responses API" in end.detail
