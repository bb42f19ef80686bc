"""The provider's events, as much of them as is used, and the one way to decode them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from chat.llm.events import Usage
from chat.text import storable

MAX_COUNT = 10**9  # of tokens in one call: more is nonsense, and would not fit into the books


class Wire(msgspec.Struct, tag_field="type"):
    sequence_number: int | None = None  # some servers do not count


class OutputTextDelta(Wire, tag="response.output_text.delta"):
    delta: str = ""


class RefusalDelta(Wire, tag="response.refusal.delta"):
    delta: str = ""


class ReasoningSummaryDelta(Wire, tag="response.reasoning_summary_text.delta"):
    delta: str = ""


class ItemAdded(Wire, tag="response.output_item.added"):
    item: dict[str, Any] = {}


class ItemDone(Wire, tag="response.output_item.done"):
    item: dict[str, Any] = {}


class Response(msgspec.Struct):
    """As much of a response as is used; what is free-form at the provider is checked where it is read."""

    id: str = ""
    model: str = ""
    output: Any = None
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None


class WithResponse(Wire):
    response: Response = msgspec.field(default_factory=Response)


class ResponseCreated(WithResponse, tag="response.created"):
    pass


class ResponseInProgress(WithResponse, tag="response.in_progress"):
    pass


class ResponseQueued(WithResponse, tag="response.queued"):
    pass


class ResponseCompleted(WithResponse, tag="response.completed"):
    pass


class ResponseIncomplete(WithResponse, tag="response.incomplete"):
    pass


class ResponseFailed(WithResponse, tag="response.failed"):
    pass


class ErrorEvent(Wire, tag="error"):
    code: Any = None
    message: Any = None
    error: Any = None


class ArgumentsDelta(Wire, tag="response.function_call_arguments.delta"):
    item_id: str = ""
    delta: str = ""


class ReasoningTextDelta(Wire, tag="response.reasoning_text.delta"):
    """Ignored, but frequent: being known makes it cheap."""


Known = (
    OutputTextDelta
    | RefusalDelta
    | ReasoningSummaryDelta
    | ItemAdded
    | ItemDone
    | ResponseCreated
    | ResponseInProgress
    | ResponseQueued
    | ResponseCompleted
    | ResponseIncomplete
    | ResponseFailed
    | ErrorEvent
    | ArgumentsDelta
    | ReasoningTextDelta
)
_decode = msgspec.json.Decoder(Known).decode
_KNOWN_TYPES = frozenset(str(part.__struct_config__.tag) for part in Known.__args__)
_IGNORED = ReasoningTextDelta()


class MalformedEventError(Exception):
    """The data of an event is not what the API promises."""


def parsed(data: bytes) -> Known:
    try:
        known: Known = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        known = _parsed_leniently(data)
    return known


def _parsed_leniently(data: bytes) -> Known:
    """For types that we do not know, and for text with lone surrogates or broken UTF-8, which msgspec refuses."""
    try:
        body = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise MalformedEventError(f"not JSON: {data[:200]!r}") from None
    if not isinstance(body, dict):
        raise MalformedEventError(f"not an object: {data[:200]!r}")
    if "type" not in body and body.get("error"):
        return ErrorEvent(error=body["error"])
    if string(body.get("type")) not in _KNOWN_TYPES:
        return _IGNORED
    try:
        known: Known = msgspec.convert(body, Known)
    except msgspec.ValidationError as error:
        raise MalformedEventError(f"{body['type']}: {error}") from None
    return known


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def output_text(output: object) -> str:
    parts = (part for item in objects(output) if item.get("type") == "message" for part in objects(item.get("content")))
    return storable("".join(string(part.get("text")) or string(part.get("refusal")) for part in parts))


def refused(output: object) -> bool:
    parts = (part for item in objects(output) for part in objects(item.get("content")))
    return any(part.get("type") == "refusal" for part in parts)


def incomplete_reason(event: WithResponse) -> str | None:
    if not isinstance(event, ResponseIncomplete):
        return None
    details = event.response.incomplete_details
    return storable(string(details.get("reason")) if isinstance(details, dict) else "") or "unknown"


def token_usage(usage: object) -> Usage | None:
    """None where the server does not report any."""
    if not isinstance(usage, dict) or not (_count(usage, "input_tokens") or _count(usage, "output_tokens")):
        return None
    input_tokens, output_tokens = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=_count(usage.get("input_tokens_details"), "cached_tokens"),
        cache_write_tokens=_count(usage.get("input_tokens_details"), "cache_write_tokens"),
        output_tokens=output_tokens,
        reasoning_tokens=_count(usage.get("output_tokens_details"), "reasoning_tokens"),
        total_tokens=_count(usage, "total_tokens") or input_tokens + output_tokens,
    )


def _count(value: object, key: str) -> int:
    number = value.get(key) if isinstance(value, dict) else None
    return number if type(number) is int and 0 <= number <= MAX_COUNT else 0
