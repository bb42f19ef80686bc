"""The shapes of the provider's events, as far as we use them, and their decoder.

They are those of openai 3.54, types/responses/response_*_event.py (read 2026-11-29).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from chat.llm.events import RefusalDelta, TextDelta, Usage
from chat.text import storable, storable_json

MAX_COUNT = 10**9  # of tokens in one call: more is nonsense, and would not fit the column


class Shape(msgspec.Struct, tag_field="type", rename={"sequence": "sequence_number"}):
    sequence: int = 0  # servers that do not number their events leave it out


class ReasoningSummaryDelta(Shape, tag="response.reasoning_summary_text.delta"):
    delta: str = ""


class ReasoningTextDelta(Shape, tag="response.reasoning_text.delta"):
    delta: str = ""


class ItemAdded(Shape, tag="response.output_item.added"):
    item: dict[str, Any] = {}


class ItemDone(Shape, tag="response.output_item.done"):
    item: dict[str, Any] = {}


class Response(msgspec.Struct):
    """A response, as far as we use it; free-form parts are checked where they are read."""

    id: str = ""
    model: str = ""
    output: Any = None
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None
    service_tier: Any = None


class WithResponse(Shape):
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


class ErrorEvent(Shape, tag="error"):
    code: Any = None
    message: Any = None
    error: Any = None


class ArgumentsDelta(Shape, tag="response.function_call_arguments.delta"):
    item_id: str = ""
    delta: str = ""


class Ignored(Shape, tag="ignored"):
    """Any other event."""


Known = (
    TextDelta
    | RefusalDelta
    | ReasoningSummaryDelta
    | ReasoningTextDelta
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
    | Ignored
)
_decode = msgspec.json.Decoder(Known).decode
_KNOWN_TYPES = frozenset(str(part.__struct_config__.tag) for part in Known.__args__)
_TEXT_TYPES = frozenset(str(part.__struct_config__.tag) for part in (TextDelta, RefusalDelta))
_IGNORED = Ignored()
_NUL = b"\\u0000"


class MalformedEventError(Exception):
    """The data of an event is not what the API promises."""


class EventDecoder:
    """Decodes the events of one response, and makes all of their text storable.

    No other code of the stream has to. A surrogate pair that is split between two pieces of text is joined.
    """

    def __init__(self) -> None:
        self._half = ""

    def decode(self, data: bytes) -> Known:
        """Raises MalformedEventError."""
        if self._half or _NUL in data:
            return self._decode_leniently(data)
        try:
            known: Known = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._decode_leniently(data)
        return known

    def flush(self) -> str:
        """The rest at the end of the text: U+FFFD for a half whose other half never came."""
        text, self._half = storable(self._half), ""
        return text

    def _decode_leniently(self, data: bytes) -> Known:
        """Decode unknown types, and lone surrogates, broken UTF-8 and nulls, which msgspec refuses."""
        try:
            return self._known(json.loads(data.decode("utf-8", "replace")))
        except (ValueError, RecursionError, msgspec.ValidationError) as error:
            raise MalformedEventError(f"{error}: {data[:200]!r}") from None

    def _known(self, body: Any) -> Known:
        if not isinstance(body, dict):
            raise ValueError("not an object")  # noqa: TRY004 - like JSON that cannot be parsed
        if "type" not in body and body.get("error"):
            return ErrorEvent(error=storable_json(body["error"]))
        kind = string(body.get("type"))
        if kind not in _KNOWN_TYPES:
            return _IGNORED
        if kind in _TEXT_TYPES:
            body["delta"] = self._joined(body.get("delta"))
        given = {name: value for name, value in storable_json(body).items() if value is not None}
        known: Known = msgspec.convert(given, Known)
        return known

    def _joined(self, piece: Any) -> Any:
        if not isinstance(piece, str):
            return piece
        text = self._half + piece
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return text[:-1] if self._half else text


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def output_text(output: object) -> str:
    parts = (part for item in objects(output) if item.get("type") == "message" for part in objects(item.get("content")))
    return "".join(string(part.get("text")) or string(part.get("refusal")) for part in parts)


def refused(output: object) -> bool:
    parts = (part for item in objects(output) for part in objects(item.get("content")))
    return any(part.get("type") == "refusal" for part in parts)


def incomplete_reason(event: WithResponse) -> str | None:
    if not isinstance(event, ResponseIncomplete):
        return None
    details = event.response.incomplete_details
    return (string(details.get("reason")) if isinstance(details, dict) else "") or "unknown"


def token_usage(usage: object) -> Usage | None:
    """The reported usage; None if the server does not report any."""
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
