"""How a reply continues when the chat is too long for its model or the model can't answer, and what users are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from chat.llm.call import InputShortened, ModelReplaced
from chat.llm.catalogue import Catalogue
from chat.llm.errors import CallFailed
from chat.llm.events import Code, Failed
from chat.llm.items import InputItem, text_of
from chat.llm.tokens import count_tokens
from chat.models import Status
from chat.services.replies.finish import Outcome

ITEM_OVERHEAD_TOKENS = 8  # of an item, besides its text
ANSWER_SHARE = 0.25  # of the model's context that stays free for its answer
MARGIN = 0.9  # our counts are estimates: other models have other tokenizers
MIN_TOKENS = 64  # a conversation is not halved below this size

SHORTENED = {
    "messages": "Earlier messages were left out because this chat is longer than the model can read.",
    "results": "Long tool results were shortened because they are longer than the model can read.",
}
MESSAGE_TOO_LONG = "Your message is too long for this model. Shorten it, or choose a model with a larger context."
REPLACED = "{} answered because {} {}."
WHY: dict[Code, str] = {
    Code.RATE_LIMITED: "is receiving too many requests",
    Code.OVERLOADED: "is overloaded",
    Code.UNREACHABLE: "can't be reached",
    Code.PROVIDER_ERROR: "ran into an error",
    Code.QUOTA_EXCEEDED: "is out of credit",
    Code.UNAUTHORIZED: "rejected the site's API key",
    Code.FORBIDDEN: "can't be used with the site's API key",
    Code.MODEL_NOT_FOUND: "is not available",
    Code.WRONG_API: "has the wrong address",
}

Conversation = Callable[[int], Awaitable[list[InputItem]]]  # the chat's newest items within a number of tokens


class Recovered:
    """What happened to one reply's call, and the sentences for it."""

    def __init__(self, conversation: Conversation, catalogue: Catalogue) -> None:
        self.turns: list[InputItem] = []  # as they were sent last
        self._conversation = conversation
        self._catalogue = catalogue
        self._sentences: list[str] = []
        self._is_newest_too_long = False

    async def shorten(self, failed: Failed) -> list[InputItem] | None:
        """The newest part of the chat that may fit; the newest message is always in it. None if nothing is left out."""
        tokens = await _tokens(self.turns)
        target = _target(tokens, failed)
        while target >= MIN_TOKENS:
            shorter = await self._conversation(target)
            if await _tokens(shorter) < tokens:
                self.turns = shorter
                return shorter
            target //= 2
        self._is_newest_too_long = len(self.turns) == 1
        return None

    def note(self, event: InputShortened | ModelReplaced) -> None:
        """Keep the sentence for this event."""
        match event:
            case InputShortened():
                sentence = SHORTENED[event.part]
            case ModelReplaced():
                labels = [self._catalogue.named(name).label for name in (event.model, event.asked)]
                sentence = REPLACED.format(*labels, WHY.get(event.code, "can't answer now"))
        if sentence not in self._sentences:
            self._sentences.append(sentence)

    def told(self, outcome: Outcome) -> Outcome:
        """The outcome of an answer with these sentences before its own."""
        if outcome.status is not Status.FINAL:
            return outcome
        return replace(outcome, sentence=" ".join(filter(None, (*self._sentences, outcome.sentence))))

    def told_failure(self, failure: CallFailed, outcome: Outcome) -> Outcome:
        """The outcome of a call that failed anyway."""
        if failure.code == Code.CONTEXT_TOO_LONG and self._is_newest_too_long:
            return replace(outcome, sentence=MESSAGE_TOO_LONG)
        return self.told(outcome)


async def _tokens(items: list[InputItem]) -> int:
    return sum(await count_tokens([text_of(item) for item in items])) + len(items) * ITEM_OVERHEAD_TOKENS


def _target(tokens: int, failed: Failed) -> int:
    """The conversation's next size in our tokens: half, unless the server reported its limit and its count."""
    if not (failed.limit and failed.prompt_tokens):
        return min(tokens // 2, failed.limit or tokens)
    surplus = failed.prompt_tokens - failed.limit * (1 - ANSWER_SHARE)
    theirs_per_ours = max(failed.prompt_tokens / max(tokens, 1), 1)
    return min(int((tokens - surplus / theirs_per_ours) * MARGIN), tokens - 1)
