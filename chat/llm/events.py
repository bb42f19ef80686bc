"""The events of a model's stream: pieces of text, tool calls, and one terminal event."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Code(StrEnum):
    """Why a request failed; `FAILURES` says what each code means for the caller."""

    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    PROVIDER_ERROR = "provider_error"
    BAD_REQUEST = "bad_request"
    CONTEXT_TOO_LONG = "context_too_long"
    OUTPUT_LIMIT = "output_limit"
    TOOLS_UNSUPPORTED = "tools_unsupported"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    MODEL_NOT_FOUND = "model_not_found"
    WRONG_API = "wrong_api"
    MODERATED = "moderated"
    CONTENT_FILTER = "content_filter"
    AMBIGUOUS = "ambiguous"
    CUT = "cut"


class Meaning(msgspec.Struct, frozen=True):
    """`retryable`: the same request may succeed later. `uncertain`: it may have run and be billed."""

    retryable: bool
    uncertain: bool
    message: str


# A request may be sent again automatically only if it is retryable, not uncertain, and before the first event.
# Statuses: OpenAI's guide "Error codes"; 529 and most 4xx come from compatible servers.
FAILURES: dict[Code, Meaning] = {
    # 429
    Code.RATE_LIMITED: Meaning(True, False, "The model is receiving too many requests. Try again in a minute."),
    # 402, or a code or sentence about quota, credit, balance or billing: waiting does not help
    Code.QUOTA_EXCEEDED: Meaning(
        False, False, "The site has run out of credit with its model provider. Tell the administrator to top it up."
    ),
    # 503 and 529, or a code or sentence that says so, also while a model is still being loaded
    Code.OVERLOADED: Meaning(True, False, "The model is overloaded or still starting. Try again in a minute."),
    # unknown host, connection refused or timed out, or the request could not be written: it never ran
    Code.UNREACHABLE: Meaning(
        True, False, "The model can't be reached. Try again, and tell the administrator if it happens again."
    ),
    # 500, 408, 409, an `error` event or response.failed: it is known to have failed
    Code.PROVIDER_ERROR: Meaning(True, False, "The model ran into an error. Try again."),
    # 400 and any other 4xx
    Code.BAD_REQUEST: Meaning(
        False, False, "The model did not accept this request. Choose another model, or tell the administrator."
    ),
    # 413, or a code or sentence about the context
    Code.CONTEXT_TOO_LONG: Meaning(
        False, False, "This chat is too long for the model. Start a new chat, or choose a model with a larger context."
    ),
    # max_output_tokens is larger than the model allows, also when shortened to what the server told
    Code.OUTPUT_LIMIT: Meaning(
        False,
        False,
        "The site's limit on answer length is too high for this model. Tell the administrator to lower it.",
    ),
    # the request had tools and the model has none, also when sent without them
    Code.TOOLS_UNSUPPORTED: Meaning(
        False, False, "This model can't use the site's tools. Choose another model, or tell the administrator."
    ),
    # 401, or a sentence about the key
    Code.UNAUTHORIZED: Meaning(False, False, "The model's server rejected the site's API key. Tell the administrator."),
    # 403, or a sentence about permissions
    Code.FORBIDDEN: Meaning(
        False, False, "The site's API key has no access to this model. Choose another model, or tell the administrator."
    ),
    # a code or sentence about the model, or 404 with one
    Code.MODEL_NOT_FOUND: Meaning(
        False, False, "This model is not available. Choose another model, or tell the administrator."
    ),
    # any other 404, 405, 501, a redirect, a page, or an answer of another API: the address is wrong
    Code.WRONG_API: Meaning(
        False, False, "The model's address doesn't lead to a Responses API server. Tell the administrator."
    ),
    # a code or sentence about a content filter, before the answer began
    Code.MODERATED: Meaning(
        False, False, "The model's content filter blocked your message. Change your message, or start a new chat."
    ),
    # response.incomplete with the reason content_filter, or an event with a code that says so
    Code.CONTENT_FILTER: Meaning(
        False, False, "The model's content filter stopped this answer. Change your message and try again."
    ),
    # sent, but no answer: 502, 504, other 5xx, silence or a lost connection before the first event, an empty stream
    Code.AMBIGUOUS: Meaning(True, True, "The model's answer was lost. Try again."),
    # the stream began, then broke, fell silent, took too long, was malformed, or ended without a terminal event
    Code.CUT: Meaning(True, True, "The connection to the model was lost. Try again."),
}


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one call, 0 if not reported. Input includes cached tokens, output includes reasoning tokens."""

    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Usage(*(mine + others for mine, others in pairs))


# The events of a provider's stream, in the order in which they can come.


class Created(msgspec.Struct, frozen=True):
    """The provider accepted the request. At most once, before all other events."""

    response_id: str
    model: str
    sequence: int


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """The model is thinking. `text` is the next piece of what people may read of it, often empty."""

    text: str
    sequence: int


class ReasoningItem(msgspec.Struct, frozen=True):
    """A finished output item of the type `reasoning`, raw and storable: the next request can send it back unchanged.

    `place` is how many characters of the round's text came before the item began. Some servers finish it after the text
    that follows it (llama.cpp, observed on 2026-11-29).
    """

    item: dict[str, Any]
    sequence: int
    place: int = 0


# Nearly every event is a piece of text, so the provider's JSON is decoded straight into these two, without a copy.
_AS_SENT = {"text": "delta", "sequence": "sequence_number"}


class TextDelta(
    msgspec.Struct, frozen=True, gc=False, rename=_AS_SENT, tag_field="type", tag="response.output_text.delta"
):
    """The next piece of the answer; never empty, and PostgreSQL can store it."""

    text: str = ""
    sequence: int = 0  # the provider's number of the event


class RefusalDelta(
    msgspec.Struct, frozen=True, gc=False, rename=_AS_SENT, tag_field="type", tag="response.refusal.delta"
):
    """The next piece of the model's refusal."""

    text: str = ""
    sequence: int = 0


class ToolCallStarted(msgspec.Struct, frozen=True):
    """The model begins to call a tool."""

    call_id: str
    name: str


class ToolCallArguments(msgspec.Struct, frozen=True):
    """The next piece of the arguments' JSON."""

    call_id: str
    delta: str


class ToolCall(msgspec.Struct, frozen=True):
    """A complete tool call; `arguments` is JSON text, which may be invalid."""

    call_id: str
    name: str
    arguments: str
    sequence: int


class Completed(msgspec.Struct, frozen=True):
    """The last event of a successful request.

    `text` is the whole answer, or the refusal if `refused`; `incomplete_reason` says why it was cut off, if it was.
    `usage` is None if the server does not report it.
    """

    response_id: str
    model: str
    text: str
    usage: Usage | None
    sequence: int
    refused: bool = False
    incomplete_reason: str | None = None
    request_id: str = ""
    service_tier: str = ""  # the tier that served it, if the provider has tiers


class Failed(msgspec.Struct, frozen=True):
    """The last event of a failed request; `message` is for users, `detail` for our log only.

    `status` is the HTTP status if the request failed with one; then no event had come. `limit` is in tokens: of the
    context, or of the output if the code is OUTPUT_LIMIT. `part` is what the server refused: a word of
    `ModelRequest.leave_out`. `outage`: the provider as a whole seems to be down.
    """

    code: Code
    message: str
    retryable: bool
    uncertain: bool
    detail: str
    status: int | None = None
    retry_after_seconds: float | None = None
    usage: Usage | None = None
    request_id: str = ""
    limit: int | None = None
    prompt_tokens: int | None = None  # of this request, if the server told
    part: str = ""
    outage: bool = False


Progress = (
    Created | ReasoningDelta | ReasoningItem | TextDelta | RefusalDelta | ToolCallStarted | ToolCallArguments | ToolCall
)
Event = Progress | Completed | Failed
