"""A request in the form that a server accepts: what it refused is left out, and remembered for an hour.

Only parts that a server named are remembered, and only when it has accepted the request without them. Items of earlier
rounds and turns belong to one chat, so they are left out of its request only.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from chat.llm.events import Code, Failed
from chat.llm.provider.request import (
    HISTORY_REASONING,
    HISTORY_TOOLS,
    PREVIOUS_RESPONSE_ID,
    TOOLS,
    ModelRequest,
    body_of,
)

REMEMBERED_SECONDS = 60 * 60
MAX_MODELS = 500  # remembered per provider
MAX_ADAPTATIONS = 6  # of one request
MIN_OUTPUT_TOKENS = 16  # OpenAI's minimum
HISTORY = frozenset({HISTORY_REASONING, HISTORY_TOOLS})
OF_ONE_CALL = HISTORY | {PREVIOUS_RESPONSE_ID}  # left out of its next rounds, and not remembered for others


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's server has refused. Limits are in tokens, None if unknown."""

    leave_out: frozenset[str] = frozenset()
    max_output: int | None = None
    context: int | None = None
    until: float = 0


class Memory:
    """What a provider's models have refused within the last hour, by model id."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._learned: dict[str, Learned] = {}

    def of(self, model: str) -> Learned:
        learned = self._learned.get(model)
        return learned if learned and self._clock() < learned.until else Learned()

    def add(
        self,
        model: str,
        leave_out: frozenset[str] = frozenset(),
        *,
        max_output: int | None = None,
        context: int | None = None,
    ) -> None:
        """The hour begins again with each refusal."""
        known = self.of(model)
        self._learned.pop(model, None)
        if len(self._learned) >= MAX_MODELS:
            self._learned.pop(next(iter(self._learned)))
        self._learned[model] = Learned(
            leave_out=known.leave_out | leave_out,
            max_output=max_output or known.max_output,
            context=context or known.context,
            until=self._clock() + REMEMBERED_SECONDS,
        )

    def applied(self, request: ModelRequest) -> ModelRequest:
        """The request without what is known to be refused."""
        learned = self.of(request.model)
        if not (learned.leave_out or learned.max_output):
            return request
        return replace(
            request,
            leave_out=request.leave_out | learned.leave_out,
            max_output_tokens=min(request.max_output_tokens, learned.max_output or request.max_output_tokens),
        )


class Adaptation(msgspec.Struct, frozen=True, kw_only=True):
    """The next form of a refused request. `told` is what is different, for the log."""

    request: ModelRequest
    told: str
    leave_out: frozenset[str] = frozenset()  # to remember
    max_output: int | None = None  # to remember


def adapted(request: ModelRequest, refused: Failed) -> Adaptation | None:
    """The request in another form, after it was refused before its first event; None if there is none left to try."""
    match refused.code:
        case Code.TOOLS_UNSUPPORTED:
            return _without(request, TOOLS)
        case Code.OUTPUT_LIMIT:
            return _shorter(request, refused)
        case Code.BAD_REQUEST:
            return (refused.part and _without(request, refused.part)) or _without(request, *HISTORY)
    return None


def _without(request: ModelRequest, *words: str) -> Adaptation | None:
    """None if the request has none of these parts."""
    added = frozenset(words)
    candidate = replace(request, leave_out=request.leave_out | added)
    if body_of(candidate) == body_of(request):
        return None
    return Adaptation(request=candidate, told=f"without {', '.join(sorted(words))}", leave_out=added - OF_ONE_CALL)


def _shorter(request: ModelRequest, refused: Failed) -> Adaptation | None:
    """With the limit that the server told; otherwise with half of what was asked for."""
    asked = request.max_output_tokens
    limit = refused.limit if refused.limit and refused.limit < asked else asked // 2
    if limit < MIN_OUTPUT_TOKENS:
        return None
    is_of_model = limit == refused.limit and refused.prompt_tokens is None  # else it is what this prompt leaves free
    return Adaptation(
        request=replace(request, max_output_tokens=limit),
        told=f"with max_output_tokens {limit} instead of {asked}",
        max_output=limit if is_of_model else None,
    )
