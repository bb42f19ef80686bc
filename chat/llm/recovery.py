"""How a call continues if a round failed before any output: with a shorter input, or with another model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chat.llm.call import Call, InputShortened, ModelReplaced
from chat.llm.catalogue import Catalogue
from chat.llm.events import Code, Failed
from chat.llm.items import InputItem, sendable
from chat.llm.round import Round
from chat.text import storable_json

MAX_SHORTENINGS = 3  # of one call
MAX_RESULT_CHARACTERS = 2000  # of a tool's result, if the results are what does not fit
CUT = "… [The rest was left out because it is longer than the model can read.]"
# The request never ran there, and the same model would fail again: after its retries, or at all.
REPLACEABLE = frozenset(
    {
        Code.RATE_LIMITED,
        Code.OVERLOADED,
        Code.UNREACHABLE,
        Code.PROVIDER_ERROR,
        Code.QUOTA_EXCEEDED,
        Code.UNAUTHORIZED,
        Code.FORBIDDEN,
        Code.MODEL_NOT_FOUND,
        Code.WRONG_API,
    }
)
RETRIES_BEFORE_ANOTHER = 1  # another model answers sooner than this one recovers


@dataclass(frozen=True, slots=True)
class Recovered:
    """How the call continues."""

    call: Call
    so_far: tuple[InputItem, ...]
    event: InputShortened | ModelReplaced


class Recovery:
    """The shortenings and fallbacks that one call has left."""

    def __init__(self, call: Call, catalogue: Catalogue) -> None:
        self._first = call.model.name
        self._fallbacks = [catalogue.named(name) for name in call.model.fallback]
        self._shortenings = 0

    def limited(self, call: Call) -> Call:
        """The call with few retries, if another model can answer instead."""
        if not self._fallbacks or call.retries is not None:
            return call
        return replace(call, retries=RETRIES_BEFORE_ANOTHER)

    async def after(self, failed_round: Round, call: Call, so_far: tuple[InputItem, ...]) -> Recovered | None:
        """How to continue after this round; None if the call fails with it."""
        failed = failed_round.ended
        if not isinstance(failed, Failed) or failed_round.text or failed_round.tools.calls:
            return None
        if failed.code is Code.CONTEXT_TOO_LONG:
            return await self._shortened(failed, call, so_far)
        if failed.code in REPLACEABLE and not failed.uncertain and not failed_round.began:
            return self._replaced(failed, call, so_far)
        return None

    async def _shortened(self, failed: Failed, call: Call, so_far: tuple[InputItem, ...]) -> Recovered | None:
        """With less of the conversation, or else with shorter tool results of this call."""
        self._shortenings += 1
        if self._shortenings > MAX_SHORTENINGS:
            return None
        shorter = await call.shorten(failed) if call.shorten else None
        if shorter is not None:
            said = tuple(storable_json(list(shorter)))
            if call.model.name != self._first:
                said = without_reasoning(said)
            return Recovered(replace(call, input=said), so_far, InputShortened("messages"))
        results = tuple(map(_with_short_result, so_far))
        if results == so_far:
            return None
        return Recovered(call, results, InputShortened("results"))

    def _replaced(self, failed: Failed, call: Call, so_far: tuple[InputItem, ...]) -> Recovered | None:
        if not self._fallbacks:
            return None
        other = self._fallbacks.pop(0)
        event = ModelReplaced(call.model.name, other.name, failed.code)
        theirs = replace(call, model=other, input=without_reasoning(call.input))
        return Recovered(theirs, without_reasoning(so_far), event)


def without_reasoning(items: tuple[InputItem, ...]) -> tuple[InputItem, ...]:
    """Reasoning belongs to the model that wrote it: others refuse it."""
    return sendable(item for item in items if item.get("type") != "reasoning")


def _with_short_result(item: InputItem) -> InputItem:
    output = item.get("output") if item.get("type") == "function_call_output" else ""
    if not isinstance(output, str) or len(output) <= MAX_RESULT_CHARACTERS:
        return item
    return {**item, "output": output[: MAX_RESULT_CHARACTERS - len(CUT)] + CUT}
