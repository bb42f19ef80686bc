"""The objects and events of the Responses API, in the provider's own shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from chat.devservices.offline_model.usage import pieces

UNKNOWN_TYPE = "response.offline_unknown"
RAW = "response.reasoning"  # the specification's name of reasoning as the model wrote it
RAW_TEXT = "response.reasoning_text"  # and the one that most servers use
_encode = msgspec.json.Encoder().encode


def encoded(value: Any) -> bytes:
    """JSON; lone surrogates in text become escapes."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def frame(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), encoded(event))


def unknown_event() -> dict[str, Any]:
    """An event of an unknown type with unknown fields."""
    return {"type": UNKNOWN_TYPE, "delta": {"unknown": "field"}, "item": None}


def reasoning(suffix: str) -> dict[str, Any]:
    return {"id": f"rs_{suffix}", "type": "reasoning", "summary": []}


def thoughts(count: int) -> list[str]:
    return [f"**Thought {number + 1}** by the rules. " for number in range(count)]


def think_pieces(count: int) -> tuple[str, ...]:
    """Reasoning in the text, with its tags split over deltas."""
    return ("<th", "ink>\n", *thoughts(count), "</thi", "nk>", "\n\n") if count else ()


def summary_events(item: dict[str, Any], index: int, said: list[str]) -> Iterator[dict[str, Any]]:
    place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    whole = "".join(said)
    part = {"type": "summary_text", "text": whole}
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "summary": []}}
    yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
    for thought in said:
        yield {"type": "response.reasoning_summary_text.delta", **place, "delta": thought}
    yield {"type": "response.reasoning_summary_text.done", **place, "text": whole}
    yield {"type": "response.reasoning_summary_part.done", **place, "part": part}
    item["summary"] = [part]
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def raw_reasoning_events(item: dict[str, Any], index: int, said: list[str], kind: str) -> Iterator[dict[str, Any]]:
    """Reasoning as the model wrote it; `kind` is how the server names its events."""
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    whole = "".join(said)
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "content": []}}
    for thought in said:
        yield {"type": f"{kind}.delta", **place, "delta": thought}
    yield {"type": f"{kind}.done", **place, "text": whole}
    item["content"] = [{"type": "reasoning_text", "text": whole}]
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def message(suffix: str, output: list[dict[str, Any]], *, refusal: bool) -> dict[str, Any]:
    """A new message; the second one of an output has another id."""
    number = sum(item["type"] == "message" for item in output)
    part = {"type": "refusal", "refusal": ""} if refusal else {"type": "output_text", "text": "", "annotations": []}
    return {
        "id": f"msg_{suffix}{f'_{number}' if number else ''}",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [part],
    }


def message_opened(item: dict[str, Any], index: int) -> Iterator[dict[str, Any]]:
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "content": []}}
    yield {"type": "response.content_part.added", **_place(item, index), "part": item["content"][0]}


def message_delta(item: dict[str, Any], index: int, piece: str) -> dict[str, Any]:
    part = item["content"][0]
    if part["type"] == "refusal":
        part["refusal"] += piece
        return {"type": "response.refusal.delta", **_place(item, index), "delta": piece}
    part["text"] += piece
    return {"type": "response.output_text.delta", **_place(item, index), "delta": piece, "logprobs": []}


def message_closed(item: dict[str, Any], index: int, *, complete: bool) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    if part["type"] == "refusal":
        yield {"type": "response.refusal.done", **_place(item, index), "refusal": part["refusal"]}
    else:
        yield {"type": "response.output_text.done", **_place(item, index), "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **_place(item, index), "part": part}
    item["status"] = "completed" if complete else "incomplete"
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _place(item: dict[str, Any], index: int) -> dict[str, Any]:
    return {"item_id": item["id"], "output_index": index, "content_index": 0}


def function_call(suffix: str, name: str) -> dict[str, Any]:
    return {
        "id": f"fc_{suffix}",
        "type": "function_call",
        "status": "in_progress",
        "call_id": f"call_{suffix}",
        "name": name,
        "arguments": "",
    }


def function_call_events(item: dict[str, Any], index: int, arguments: str) -> Iterator[dict[str, Any]]:
    place = {"item_id": item["id"], "output_index": index}
    yield {"type": "response.output_item.added", "output_index": index, "item": dict(item)}
    for piece in pieces(arguments):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
    yield {"type": "response.function_call_arguments.done", **place, "name": item["name"], "arguments": arguments}
    item.update(status="completed", arguments=arguments)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def error_event(code: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "server_error", "param": None, **failure(code)}}


def failure(code: str) -> dict[str, Any]:
    return {"code": code or "server_error", "message": "The offline model was told to fail."}


def problem(status: int, message: str, *, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The body of an error answer."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status) or ("server_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
