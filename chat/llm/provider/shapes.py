"""The shapes of the provider's events, as far as we use them.

They are those of openai 3.54, types/responses/response_*_event.py, and of the Open Responses specification (both read
on 2026-11-29).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from chat.llm.events import RefusalDelta, TextDelta, Usage

TOKEN_LIMIT, CONTENT_FILTER = "max_output_tokens", "content_filter"  # why an answer was cut off
MAX_COUNT = 10**9  # of tokens in one call: more is nonsense, and would not fit the column


class MalformedEventError(Exception):
    """The data of an event is not what the API promises."""


class WrongApiError(MalformedEventError):
    """The server answers in the format of another API."""

    def __init__(self) -> None:
        super().__init__("the server or the base URL speaks Chat Completions, not the Responses API")


class Shape(msgspec.Struct, tag_field="type", rename={"sequence": "sequence_number"}):
    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = (
        0  # servers that do not number their events leave it out
    )


class TextDone(Shape, tag="response.output_text.done"):
    text: str = ""


class RefusalDone(Shape, tag="response.refusal.done"):
    refusal: str = ""


class ThoughtDelta(Shape):
    """A piece of a summary or of raw thinking; `source` says which, as servers can send both."""

    source: ClassVar[str]
    index: int = 0  # of the part
    delta: str = ""


class ThoughtDone(Shape):
    source: ClassVar[str]
    index: int = 0
    text: str = ""


class ReasoningTextDelta(ThoughtDelta, tag="response.reasoning_text.delta"):
    source = "reasoning_text"
    index: int = msgspec.field(default=0, name="content_index")


class ReasoningTextDone(ThoughtDone, tag="response.reasoning_text.done"):
    source = "reasoning_text"
    index: int = msgspec.field(default=0, name="content_index")


class RawReasoningDelta(ThoughtDelta, tag="response.reasoning.delta"):
    source = "reasoning"
    index: int = msgspec.field(default=0, name="content_index")


class RawReasoningDone(ThoughtDone, tag="response.reasoning.done"):
    source = "reasoning"
    index: int = msgspec.field(default=0, name="content_index")


class SummaryDelta(ThoughtDelta, tag="response.reasoning_summary_text.delta"):
    source = "summary_text"
    index: int = msgspec.field(default=0, name="summary_index")


class SummaryDone(ThoughtDone, tag="response.reasoning_summary_text.done"):
    source = "summary_text"
    index: int = msgspec.field(default=0, name="summary_index")


class SummaryPartAdded(Shape, tag="response.reasoning_summary_part.added"):
    pass


class PartDone(Shape, tag="response.content_part.done"):
    index: int = msgspec.field(default=0, name="content_index")
    part: dict[str, Any] = {}


class SummaryPartDone(Shape, tag="response.reasoning_summary_part.done"):
    index: int = msgspec.field(default=0, name="summary_index")
    part: dict[str, Any] = {}


class ItemAdded(Shape, tag="response.output_item.added"):
    output_index: int | None = None
    item: dict[str, Any] = {}


class ItemDone(Shape, tag="response.output_item.done"):
    output_index: int | None = None
    item: dict[str, Any] = {}


class ArgumentsDelta(Shape, tag="response.function_call_arguments.delta"):
    item_id: str = ""
    output_index: int | None = None
    delta: str = ""


class ArgumentsDone(Shape, tag="response.function_call_arguments.done"):
    item_id: str = ""
    output_index: int | None = None
    name: str = ""
    arguments: Any = None


class Response(msgspec.Struct):
    """A response, as far as we use it; free-form parts are checked where they are read."""

    id: str = ""
    model: str = ""
    status: str = ""
    service_tier: str = ""
    output: Any = None
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None


class WithResponse(Shape):
    response: Response = msgspec.field(default_factory=Response)
    usage: Any = None  # some servers put these beside the response
    error: Any = None


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
    """`error` is the error, in any shape: servers put it in many places."""

    code: Any = None
    message: Any = None
    error: Any = None

    @property
    def whole(self) -> Any:
        told = {"code": self.code, "message": self.message, "error": self.error}
        given = {name: value for name, value in told.items() if value is not None}
        return self.error if len(given) == 1 and self.error else given


class Ignored(Shape, tag="ignored"):
    """Any other event."""


Known = (
    TextDelta
    | RefusalDelta
    | TextDone
    | RefusalDone
    | PartDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | RawReasoningDelta
    | RawReasoningDone
    | SummaryDelta
    | SummaryDone
    | SummaryPartAdded
    | SummaryPartDone
    | ItemAdded
    | ItemDone
    | ArgumentsDelta
    | ArgumentsDone
    | ResponseCreated
    | ResponseInProgress
    | ResponseQueued
    | ResponseCompleted
    | ResponseIncomplete
    | ResponseFailed
    | ErrorEvent
    | Ignored
)
TYPES: dict[str, Any] = {str(part.__struct_config__.tag): part for part in Known.__args__} | {
    "response.done": ResponseCompleted,  # OpenRouter
    "response.error": ErrorEvent,
}


def string(value: object) -> str:
    return value if isinstance(value, str) else ""


def objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def part_texts(content: object) -> list[str]:
    """The texts and refusals of a content, in whatever form."""
    parts = content if isinstance(content, list) else [content]
    return [
        string(part.get("text")) or string(part.get("refusal")) if isinstance(part, dict) else string(part)
        for part in parts
    ]


def is_message(item: dict[str, Any]) -> bool:
    return item.get("type") == "message" or (not item.get("type") and item.get("role") == "assistant")


def message_text(item: dict[str, Any]) -> str:
    return "".join(part_texts(item.get("content")))


def messages(output: object) -> list[str]:
    """The text of each message."""
    return [message_text(item) for item in objects(output) if is_message(item)]


def refused(output: object) -> bool:
    parts = (part for item in objects(output) for part in objects(item.get("content")))
    return any(part.get("type") == "refusal" for part in parts)


def has_failed(event: WithResponse) -> bool:
    """Whether the response failed, also by an event that says it is complete."""
    status = event.response.status
    by_error = bool(event.response.error or event.error) and status in ("", "failed")
    return isinstance(event, ResponseFailed) or status in ("failed", "cancelled") or by_error


def incomplete_reason(event: WithResponse) -> str | None:
    """Why the response was cut off, if it was; some servers say so in an event that says it is complete."""
    details = event.response.incomplete_details
    reason = string(details.get("reason")) if isinstance(details, dict) else string(details)
    reason = TOKEN_LIMIT if reason in ("length", "max_tokens") else reason
    cut = isinstance(event, ResponseIncomplete) or event.response.status == "incomplete"
    last = objects(event.response.output)[-1:]
    cut = cut or any(item.get("status") == "incomplete" for item in last)
    return (reason or "unknown") if cut or reason in (TOKEN_LIMIT, CONTENT_FILTER) else None


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
    """A number of tokens, also like 7.0; 0 for anything else."""
    number = value.get(key) if isinstance(value, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= MAX_COUNT:
        return 0
    return int(number) if number == int(number) else 0
