"""The objects and events of the Responses API, in the provider's own shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from chat.llm.offline.conversation import CreateRequest

if TYPE_CHECKING:
    from chat.llm.offline.run import Run

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_ITEM = 4
_PIECE = re.compile(r"\s?\S{1,4}|\s{1,4}")
_encode = msgspec.json.Encoder().encode


def tokens(characters: int) -> int:
    """The documented rule: one for each four characters, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def input_tokens(request: CreateRequest) -> int:
    items = request.input if isinstance(request.input, list) else [request.input]
    characters = len(request.instructions or "") + sum(_characters(item) for item in items)
    return tokens(characters) + TOKENS_PER_ITEM * len(items)


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_characters(value.get(key)) for key in ("content", "text", "name", "arguments", "output"))
    return sum(_characters(part) for part in value) if isinstance(value, list) else 0


def usage(input_count: int, output_count: int) -> dict[str, Any]:
    return {
        "input_tokens": input_count,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_count,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_count + output_count,
    }


def pieces(text: str) -> tuple[str, ...]:
    """The text in pieces of a few characters, as tokens are."""
    return tuple(_PIECE.findall(text))


def fitting(parts: tuple[str, ...], limit: int | None) -> int:
    """How many of the pieces fit into so many tokens."""
    sizes = accumulate(len(part) for part in parts)
    return len(parts) if limit is None else sum(1 for size in sizes if tokens(size) <= limit)


def encoded(value: Any) -> bytes:
    """JSON, also of text with lone surrogates, which come out as escapes."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def frame(event: dict[str, Any], sequence: int) -> bytes:
    kind = event["type"]
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encoded({"type": kind, "sequence_number": sequence, **event}))


def response(run: Run) -> dict[str, Any]:
    request = run.request
    over = run.status in ("completed", "incomplete", "failed", "cancelled")
    return {
        "id": run.id,
        "object": "response",
        "created_at": run.created_at,
        "status": run.status,
        "background": bool(request.background),
        "error": run.error,
        "incomplete_details": {"reason": run.incomplete_reason} if run.status == "incomplete" else None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "metadata": request.metadata or {},
        "model": request.model,
        "output": run.output if over else [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": request.store is not False,
        "temperature": 1.0,
        "text": {"format": msgspec.to_builtins(request.text.format) if request.text else {"type": "text"}},
        "tool_choice": request.tool_choice,
        "tools": msgspec.to_builtins(request.tools or []),
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": run.usage() if over else None,
        "user": None,
    }


def message(item_id: str, *, refusal: bool) -> dict[str, Any]:
    part = {"type": "refusal", "refusal": ""} if refusal else {"type": "output_text", "text": "", "annotations": []}
    return {"id": item_id, "type": "message", "status": "in_progress", "role": "assistant", "content": [part]}


def message_opened(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}}
    yield {"type": "response.content_part.added", **_place(item), "part": item["content"][0]}


def message_delta(item: dict[str, Any], piece: str) -> dict[str, Any]:
    part = item["content"][0]
    if part["type"] == "refusal":
        part["refusal"] += piece
        return {"type": "response.refusal.delta", **_place(item), "delta": piece}
    part["text"] += piece
    return {"type": "response.output_text.delta", **_place(item), "delta": piece, "logprobs": []}


def message_closed(item: dict[str, Any], *, complete: bool) -> Iterator[dict[str, Any]]:
    part = item["content"][0]
    if part["type"] == "refusal":
        yield {"type": "response.refusal.done", **_place(item), "refusal": part["refusal"]}
    else:
        yield {"type": "response.output_text.done", **_place(item), "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **_place(item), "part": part}
    item["status"] = "completed" if complete else "incomplete"
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}


def _place(item: dict[str, Any]) -> dict[str, Any]:
    return {"item_id": item["id"], "output_index": 0, "content_index": 0}


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
    return {"type": "error", **failure(code), "param": None}


def failure(code: str) -> dict[str, Any]:
    return {"code": code or "server_error", "message": "The offline model was told to fail."}


def problem(status: int, message: str, *, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The body of an error answer."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status) or ("server_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
