"""One round with the provider: what was seen of it, what that means, and what the books get."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from chat.llm import errors
from chat.llm.calls import Call, Item
from chat.llm.events import Completed, Created, Failed, RefusalDelta, TextDelta, ToolCall, Usage
from chat.llm.journal import CallLog, Plan
from chat.llm.pricing import Prices
from chat.llm.retries import Attempts
from chat.llm.tokens import count_tokens


@dataclass(slots=True)
class Round:
    """What is known of a round."""

    plan: Plan
    calls: list[ToolCall] = field(default_factory=list)
    items: tuple[Item, ...] = ()  # its calls and their results, for the next round
    text: str = ""
    parsed: Any = None
    failure: errors.CallFailed | None = None
    created: Created | None = None
    ended: Completed | Failed | None = None
    pieces: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    first_event_ms: int | None = None

    def saw(self, event: object) -> None:
        """An event came."""
        if self.first_event_ms is None and not isinstance(event, Failed):
            self.first_event_ms = self._elapsed_ms()
        match event:
            case TextDelta() | RefusalDelta():
                self.pieces.append(event.text)
            case Created():
                self.created = event
            case ToolCall():
                self.calls.append(event)
            case Completed() | Failed():
                self.ended = event

    def judge(self, call: Call) -> None:
        """What its end means for the caller."""
        self.text = "".join(self.pieces)
        match self.ended:
            case Failed():
                self.failure = errors.ProviderFailed(self.ended)
            case Completed() if not self.calls:
                self.text = self.ended.text
                self.failure = self._fault_of_answer(self.ended, call)

    def _fault_of_answer(self, ended: Completed, call: Call) -> errors.CallFailed | None:
        if ended.refused:
            return errors.OutputRefused("The model refused to answer.", detail=ended.text)
        if ended.incomplete_reason:
            return errors.OutputIncomplete(ended.incomplete_reason)
        if not ended.text.strip():
            return errors.OutputEmpty("The model gave an empty answer. Please try again.")
        if call.output_schema:
            try:
                self.parsed = call.output_schema.parsed(ended.text)
            except ValueError as error:
                sentence = "The model's answer does not have the form that was asked for."
                return errors.OutputInvalid(sentence, detail=str(error))
        return None

    async def log(self, attempts: Attempts, prices: Prices) -> CallLog:
        """For the books; tokens that nobody reported are counted here."""
        ended = self.ended
        failed = ended if isinstance(ended, Failed) else None
        completed = ended if isinstance(ended, Completed) else None
        uncertain = failed.uncertain if failed else ended is None and attempts.in_flight
        duration_ms = self._elapsed_ms()
        usage = ended.usage if ended else None
        estimated = usage is None and (self.created is not None or uncertain or completed is not None)
        if estimated:
            sent, received = await count_tokens([self.plan.sent_text, self.text])
            usage = Usage(input_tokens=sent, output_tokens=received, total_tokens=sent + received)
        model = completed.model if completed else self.created.model if self.created else ""
        return CallLog(
            plan=self.plan,
            model=model,
            response_id=self._response_id(),
            request_id=ended.request_id if ended else "",
            status=self.failure.code if self.failure else "completed" if completed else "stopped",
            error=self.failure.detail if self.failure else "",
            usage=usage or Usage(),
            estimated=estimated,
            uncertain=uncertain,
            cost=prices.cost(model or self.plan.request.model, usage or Usage()),
            attempts=attempts.count,
            duration_ms=duration_ms,
            first_event_ms=self.first_event_ms,
            output=self.text,
        )

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self.began) * 1000)

    def _response_id(self) -> str | None:
        known = self.created or self.ended
        return (known.response_id or None) if isinstance(known, Created | Completed) else None
