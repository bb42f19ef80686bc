"""One request to a provider, the point from which a lost one continues, and the body that is sent."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import msgspec

# What a server may refuse or ignore, so that it is left out of a request: the words of `ModelRequest.leave_out`.
TOOLS = "tools"
REASONING = "reasoning"  # the whole object
REASONING_SUMMARY = "reasoning.summary"
REASONING_EFFORT = "reasoning.effort"
INCLUDE = "include"
TEXT_FORMAT = "text.format"
PROMPT_CACHE_KEY = "prompt_cache_key"
METADATA = "metadata"
STORE = "store"
MAX_OUTPUT_TOKENS = "max_output_tokens"
PREVIOUS_RESPONSE_ID = "previous_response_id"  # then the whole input is sent
HISTORY_TOOLS = "history.tools"  # tool calls and results of earlier turns
HISTORY_REASONING = "history.reasoning"  # reasoning items
LEAVABLE = frozenset(
    {
        TOOLS,
        REASONING,
        REASONING_SUMMARY,
        REASONING_EFFORT,
        INCLUDE,
        TEXT_FORMAT,
        PROMPT_CACHE_KEY,
        METADATA,
        STORE,
        MAX_OUTPUT_TOKENS,
        PREVIOUS_RESPONSE_ID,
        HISTORY_TOOLS,
        HISTORY_REASONING,
    }
)

ENCRYPTED_REASONING = "reasoning.encrypted_content"
MAX_METADATA_KEYS = 16  # OpenAI's limits of metadata and of a cache key, in characters
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 512
MAX_CACHE_KEY = 64
_TOOL_ITEMS = ("function_call", "function_call_output")


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request; `input` and `tools` are in the format of the Responses API."""

    model: str
    input: tuple[dict[str, Any], ...]
    max_output_tokens: int
    instructions: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    output_format: dict[str, Any] | None = None  # the JSON schema of the answer, as in `text.format`
    reasoning_effort: str = ""
    reasoning_summary: bool = False  # ask for one that people may read
    keep_reasoning: bool = False  # ask for reasoning items that can be sent back; not of a background run
    metadata: dict[str, str] = {}
    prompt_cache_key: str = ""
    background: bool = False
    previous_response_id: str = ""  # the round before, of a background run
    timeout_seconds: float = 0  # of this request; 0: the provider's limit
    leave_out: frozenset[str] = frozenset()  # words of LEAVABLE
    client_request_id: str = ""  # ours, for the provider's log; not a part of the body

    @property
    def calls(self) -> set[str]:
        """The ids of the tool calls in the input."""
        return {str(item.get("call_id")) for item in self.input if item.get("type") == "function_call"}


class Resumption(msgspec.Struct, frozen=True, kw_only=True):
    """Where to continue a call that another process started: in round `number`, after event `sequence` of its run."""

    response_id: str
    sequence: int  # of the last event that was read
    number: int = 1
    text: str = ""  # of the round up to that event
    so_far: tuple[dict[str, Any], ...] = ()  # the items of the rounds before it


def body_of(request: ModelRequest) -> dict[str, Any]:
    """The body. Empty fields are left out: some servers refuse an empty string, list or object.

    The provider stores nothing unless the run is in the background, which requires it. The fields are those of
    openai 3.54, types/responses/response_create_params.py.
    """
    left_out = request.leave_out
    fields: dict[str, Any] = {
        "max_output_tokens": request.max_output_tokens,
        "instructions": request.instructions,
        "tools": list(request.tools),
        "text": {"format": request.output_format} if request.output_format and TEXT_FORMAT not in left_out else None,
        "reasoning": _reasoning(request),
        "include": [ENCRYPTED_REASONING] if request.keep_reasoning and not request.background else None,
        "metadata": _metadata(request.metadata),
        "prompt_cache_key": request.prompt_cache_key[:MAX_CACHE_KEY],
        "background": request.background,
        "previous_response_id": request.previous_response_id,
    }
    kept = {name: value for name, value in fields.items() if value and name not in left_out}
    sent = {"model": request.model, "input": _input(request), "stream": True, **kept}
    return sent if STORE in left_out else {**sent, "store": request.background}


def _can_be_read_again(item: dict[str, Any]) -> bool:
    """Whether a reasoning item holds its reasoning: the provider has not stored it, and refuses the item alone."""
    return bool(item.get("encrypted_content") or item.get("content"))


def _reasoning(request: ModelRequest) -> dict[str, str]:
    asked = {
        REASONING_EFFORT: ("effort", request.reasoning_effort),
        REASONING_SUMMARY: ("summary", "auto" if request.reasoning_summary else ""),
    }
    return dict(pair for word, pair in asked.items() if pair[1] and word not in request.leave_out)


def _metadata(metadata: dict[str, str]) -> dict[str, str]:
    pairs = list(metadata.items())[:MAX_METADATA_KEYS]
    return {name[:MAX_METADATA_KEY]: value[:MAX_METADATA_VALUE] for name, value in pairs}


def _input(request: ModelRequest) -> list[dict[str, Any]]:
    if request.previous_response_id and PREVIOUS_RESPONSE_ID not in request.leave_out:
        return _results_at_the_end(request.input)  # the provider has everything before them
    items = [item for item in request.input if item.get("type") != "reasoning" or _can_be_read_again(item)]
    if HISTORY_REASONING in request.leave_out:
        items = [item for item in items if item.get("type") != "reasoning"]
    if HISTORY_TOOLS in request.leave_out:
        turn = max((place for place, item in enumerate(items) if item.get("role") == "user"), default=0)
        items = [item for item in items[:turn] if item.get("type") not in _TOOL_ITEMS] + items[turn:]
    return items


def _results_at_the_end(items: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    results = takewhile(lambda item: item.get("type") == "function_call_output", reversed(items))
    return list(results)[::-1]
