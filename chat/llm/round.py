"""One round with the provider: what was seen of it, what that means, and what the books get."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import Any

from chat.llm import errors
from chat.llm.call import Call, Item, TextCorrected, ToolCallFinished
from chat.llm.events import (
    Code,
    Completed,
    Created,
    Event,
    Failed,
    Reasoning,
    RefusalDelta,
    TextDelta,
    ToolCall,
    ToolCallArguments,
    ToolCallStarted,
    Usage,
)
from chat.llm.journal import CallLog, Plan
from chat.llm.pricing import Prices
from chat.llm.provider.provider import Resumption
from chat.llm.provider.retries import Attempts
from chat.llm.tokens import count_tokens
from chat.llm.toolruns import ToolRuns
from chat.text import storable

MAX_ERROR_CHARACTERS = 1000


@dataclass(slots=True)
class Round:
    """What is known of a round. Close it."""

    plan: Plan
    attempts: Attempts
    tools: ToolRuns
    calls: list[ToolCall] = field(default_factory=list)
    text: str = ""
    parsed: Any = None
    failure: errors.CallFailed | None = None
    logged: bool = False
    _created: Created | None = None
    _ended: Completed | Failed | None = None
    _pieces: list[str] = field(default_factory=list)  # of the text
    _thoughts: list[str] = field(default_factory=list)
    _called: dict[str, list[str]] = field(default_factory=dict)  # what the model wrote for each call, so far
    _began: float = field(default_factory=time.monotonic)
    _first_event_ms: int | None = None

    async def next_event(self) -> Event | TextCorrected | ToolCallFinished | None:
        """What happens next, None after the provider's last event; a tool may still run then."""
        event = await self.tools.or_next(self.attempts.next_event)
        while isinstance(event, ToolCall) and self._knows(event):  # the end of a resumed stream tells it again
            event = await self.tools.or_next(self.attempts.next_event)
        if event is not None:
            self._saw(event)
        if isinstance(event, Completed) and self._lost_text(event):
            self._pieces = [event.text]
            return TextCorrected(event.text)
        return event

    def _knows(self, call: ToolCall) -> bool:
        return any(one.call_id == call.call_id for one in self.calls)

    def resume(self, resume: Resumption) -> None:
        """It began in another process."""
        self._created = Created(resume.response_id, "", resume.after)
        self._pieces = [resume.text]

    def _lost_text(self, ended: Completed) -> bool:
        """A resumed stream can leave something out, and some servers send the text at the end only."""
        return bool(ended.text) and not ended.refused and ended.text != "".join(self._pieces)

    async def close(self) -> None:
        """Hang up, and cancel the tools that still run."""
        await self.tools.close()
        await self.attempts.close()

    def _saw(self, event: Event | ToolCallFinished) -> None:
        if self._first_event_ms is None and not isinstance(event, Failed):
            self._first_event_ms = self._elapsed_ms()
        match event:
            case TextDelta() | RefusalDelta():
                self._pieces.append(event.text)
            case Reasoning():
                self._thoughts.append(event.summary)
            case Created():
                self._created = event
            case ToolCallStarted():
                self._called[event.call_id] = [event.name]
            case ToolCallArguments():
                self._called[event.call_id].append(event.delta)
            case ToolCall():
                self.calls.append(event)
                self._called[event.call_id] = [event.name, event.arguments]
            case Completed() | Failed():
                self._ended = event

    def items(self) -> tuple[Item, ...]:
        """What the next round is told of this one."""
        said = ({"role": "assistant", "content": self.text},) if self.text else ()
        return (*said, *self.tools.items())

    def judge(self, call: Call) -> None:
        """What its end means for the caller."""
        self.text = "".join(self._pieces)
        match self._ended:
            case Failed():
                self.failure = errors.ProviderFailed(self._ended)
            case Completed() if not self.calls:
                self.text = self._ended.text
                self.failure = self._fault_of_answer(self._ended, call)

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

    async def log(self, prices: Prices) -> CallLog:
        """For the books; tokens that nobody reported are counted here."""
        ended = self._ended
        duration_ms = self._elapsed_ms()
        uncertain = self._is_uncertain()
        usage = ended.usage if ended else None
        estimated = usage is None and (uncertain or self._ran())
        if estimated:
            usage = await self._counted()
        model = self._model()
        return CallLog(
            plan=self.plan,
            model=model,
            response_id=self._response_id(),
            request_id=ended.request_id if ended else "",
            status=self._status(),
            error=storable(self.failure.detail[:MAX_ERROR_CHARACTERS]) if self.failure else "",
            usage=usage or Usage(),
            estimated=estimated,
            uncertain=uncertain,
            cost=self._cost(prices, model, usage) if usage else Decimal(0),
            attempts=self.attempts.count,
            duration_ms=duration_ms,
            first_event_ms=self._first_event_ms,
            output=self.text,
        )

    def _status(self) -> str:
        if self.failure:
            return str(self.failure.code)
        if not isinstance(self._ended, Completed):
            return "stopped"
        return "incomplete" if self._ended.incomplete_reason else "completed"

    def _ran(self) -> bool:
        broke_off = isinstance(self._ended, Failed) and self._ended.code is Code.CUT
        return broke_off or self._created is not None or self._first_event_ms is not None

    def _is_uncertain(self) -> bool:
        """Nothing of it has come, and yet it may have run."""
        maybe = self._ended.uncertain if isinstance(self._ended, Failed) else self.attempts.in_flight
        return maybe and not self._ran()

    async def _counted(self) -> Usage:
        received = (*self._pieces, *self._thoughts, *chain.from_iterable(self._called.values()))
        input_tokens, output_tokens = await count_tokens([self.plan.sent_text, "".join(received)])
        return Usage(input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=input_tokens + output_tokens)

    def _cost(self, prices: Prices, model: str, usage: Usage) -> Decimal | None:
        """At the price of the model that answered, or else of the one that was asked: some servers rename them."""
        cost = prices.cost(model, usage) if model else None
        return prices.cost(self.plan.request.model, usage) if cost is None else cost

    def _model(self) -> str:
        """That answered; empty if nothing said so."""
        told = self._ended if isinstance(self._ended, Completed) else self._created
        return told.model if told else ""

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    def _response_id(self) -> str | None:
        known = self._created or self._ended
        return (known.response_id or None) if isinstance(known, Created | Completed) else None
