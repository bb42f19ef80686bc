"""One round with the provider: its events, tool results, outcome and log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from decimal import Decimal
from io import StringIO
from itertools import chain
from typing import Any

import msgspec
from msgspec.structs import replace

from chat.llm import errors
from chat.llm.call import Call, TextCorrected, ToolCallFinished
from chat.llm.events import (
    Code,
    Completed,
    Created,
    Event,
    Failed,
    ReasoningDelta,
    ReasoningItem,
    RefusalDelta,
    TextDelta,
    ToolCall,
    ToolCallArguments,
    ToolCallStarted,
    Usage,
)
from chat.llm.items import InputItem, call_item, message_item
from chat.llm.journal import CallLog, Plan
from chat.llm.pricing import Prices
from chat.llm.provider.provider import Provider
from chat.llm.provider.request import Resumption
from chat.llm.provider.retries import Retries
from chat.llm.tokens import count_tokens
from chat.llm.tool_runs import ToolRuns
from chat.text import depth

MAX_ERROR_CHARACTERS = 1000
MAX_REASONING_ITEM_BYTES = 256 * 1024  # as JSON; providers document no limit, and every later round sends it
MAX_REASONING_BYTES = 1024 * 1024  # of one round
MAX_REASONING_DEPTH = 50  # of lists and objects; at 600, no later request of the chat could be written

logger = logging.getLogger(__name__)


def _text(start: str = "") -> StringIO:
    text = StringIO()
    text.write(start)
    return text


class Round:
    """One request, its answer, and the tools that the answer calls. Close it."""

    def __init__(self, call: Call, plan: Plan, provider: Provider, prices: Prices, resume: Resumption | None) -> None:
        self._plan = plan
        self.tools = ToolRuns(call.toolbox)
        self.text = ""
        self.parsed: Any = None
        self.failure: errors.CallFailed | None = None
        self.call_log: CallLog | None = None  # once it is over
        self._call = call
        self._prices = prices
        self._retries = Retries(
            provider, plan.request, most=call.retries, resume=resume, user=call.user, pace=call.pace
        )
        self._stream = self._retries.events()
        self._upcoming: asyncio.Task[Event | None] | None = None
        self._created = Created(resume.response_id, "", resume.sequence) if resume else None
        self.ended: Completed | Failed | None = None
        self._received = _text(resume.text if resume else "")  # a list of millions of pieces would need 50 times more
        self._thoughts = _text()
        self._placed: list[tuple[int, InputItem]] = []  # reasoning and calls, with the characters of text before them
        self._called: dict[str, list[str]] = {}  # what the model has written of each call
        self._began = time.monotonic()
        self._first_event_ms: int | None = None

    @property
    def began(self) -> bool:
        """Whether an event came, other than that the round failed."""
        return self._first_event_ms is not None

    @property
    def plan(self) -> Plan:
        """With the request as it was sent last."""
        return replace(self._plan, request=self._retries.request)

    async def events(self) -> AsyncGenerator[Event | TextCorrected | ToolCallFinished, None]:
        """The round's events, until the provider and all tools have finished. Raises what the toolbox raises."""
        stream, running = self._stream, self.tools.running
        while event := await (self._merge() if running or self._upcoming else anext(stream, None)):
            self._record(event)
            match event:
                case TextDelta():  # nearly every event
                    pass
                case ToolCall() if self.tools.knows(event):  # a resumed stream repeats it at its end
                    continue
                case ToolCall():
                    self.tools.start(event)  # it runs while the rest of the round still streams
                case Completed() if self._lost_text(event):
                    self._received = _text(event.text)
                    yield TextCorrected(event.text)
            yield event

    async def _merge(self) -> Event | ToolCallFinished | None:
        """The provider's next event or a tool's result, whichever comes first."""
        if not (self._upcoming or self.ended):
            self._upcoming = asyncio.create_task(self._next_of_stream())
        waiting = {*self.tools.running, *([self._upcoming] if self._upcoming else [])}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finished = self.tools.finished()
        if finished or not self._upcoming:
            return finished
        event, self._upcoming = self._upcoming.result(), None
        return event

    async def _next_of_stream(self) -> Event | None:
        return await anext(self._stream, None)

    async def close(self) -> None:
        """Hang up, and cancel the tools that still run."""
        left = [*self.tools.running, *([self._upcoming] if self._upcoming else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._stream.aclose()

    @property
    def response_id(self) -> str | None:
        """The provider's id of the response, once it is known."""
        known = self._created or self.ended
        return (known.response_id or None) if isinstance(known, Created | Completed) else None

    def items(self) -> tuple[InputItem, ...]:
        """What the model put out in this round, and the results of its tools, as input for the next round."""
        return (*self._output(), *self.tools.outputs())

    def _output(self) -> tuple[InputItem, ...]:
        """Reasoning, text and calls in the order in which the model began them, but no text after a call.

        Templates of local models accept a call's result right behind the call only.
        """
        items: list[InputItem] = []
        said = 0
        for place, item in sorted(self._placed, key=lambda placed: placed[0]):
            items += _message(self.text[said:place])
            items.append(item)
            said = max(said, place)
        return _calls_last([*items, *_message(self.text[said:])])

    async def log(self) -> CallLog:
        """Record the round's end in the journal."""
        self._judge()
        self.call_log = log = await self._summed_up()
        await self._call.journal.end(log)
        return log

    def _lost_text(self, ended: Completed) -> bool:
        """A resumed stream can leave something out, and some servers send the text at the end only."""
        return bool(ended.text) and not ended.refused and ended.text != self._received.getvalue()

    def _record(self, event: Event | ToolCallFinished) -> None:
        if self._first_event_ms is None and not isinstance(event, Failed):
            self._first_event_ms = self._elapsed_ms()
        match event:
            case TextDelta() | RefusalDelta():
                self._received.write(event.text)
            case ReasoningDelta():
                self._thoughts.write(event.text)
            case ReasoningItem():
                self._keep_reasoning(event)
            case Created():
                self._created = event
            case ToolCallStarted():
                self._called[event.call_id] = [event.name]
            case ToolCallArguments():
                self._called[event.call_id].append(event.delta)
            case ToolCall():
                self._called[event.call_id] = [event.name, event.arguments]
                if not self.tools.knows(event):
                    self._placed.append((self._said(), call_item(event.call_id, event.name, event.arguments)))
            case Completed() | Failed():
                self.ended = event

    def _keep_reasoning(self, event: ReasoningItem) -> None:
        """Some servers finish an item late, so it says where it began; a resumed stream does not know."""
        if event.item in (item for _, item in self._placed):  # a resumed stream repeats it at its end
            return
        size = len(msgspec.json.encode(event.item))
        kept = sum(len(msgspec.json.encode(item)) for _, item in self._placed if item.get("type") == "reasoning")
        too_large = size > MAX_REASONING_ITEM_BYTES or kept + size > MAX_REASONING_BYTES
        if too_large or depth(event.item, MAX_REASONING_DEPTH) > MAX_REASONING_DEPTH:
            told = "A reasoning item of %d bytes is not sent back to the model: it is too large or too deep"
            logger.warning(told, size)
            return
        place = self._said() if self.plan.request.background else event.place
        self._placed.append((place, event.item))

    def _said(self) -> int:
        """Characters of text so far."""
        return self._received.tell()

    def _judge(self) -> None:
        """What the end of the round means for the caller."""
        self.text = self._received.getvalue()
        match self.ended:
            case Failed():
                self.failure = errors.ProviderFailed(self.ended)
            case Completed() if not self.tools.calls:
                self.text = self.ended.text
                self.failure = self._fault_of_answer(self.ended)

    def _fault_of_answer(self, ended: Completed) -> errors.CallFailed | None:
        if ended.refused:
            told = f"its explanation has {len(ended.text)} characters"  # which are private, as all of its words
            return errors.OutputRefused("The model refused to answer.", detail=told)
        if ended.incomplete_reason:
            return errors.OutputIncomplete(ended.incomplete_reason)
        if not ended.text.strip():
            return errors.OutputEmpty("The model gave an empty answer. Please try again.")
        if self._call.output_schema:
            try:
                self.parsed = self._call.output_schema.parsed(ended.text)
            except ValueError as error:
                sentence = "The model's answer does not match the requested format."
                return errors.OutputInvalid(sentence, detail=str(error))
        return None

    async def _summed_up(self) -> CallLog:
        """The round's log; tokens are counted here if the provider reported none."""
        ended = self.ended
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
            response_id=self.response_id,
            request_id=ended.request_id if ended else "",
            status=self._status(),
            error=self.failure.detail[:MAX_ERROR_CHARACTERS] if self.failure else "",
            usage=usage or Usage(),
            estimated=estimated,
            uncertain=uncertain,
            cost=self._cost(model, usage) if usage else Decimal(0),
            attempts=self._retries.attempts,
            duration_ms=duration_ms,
            first_event_ms=self._first_event_ms,
            output=self.text,
            items=self._output(),
            service_tier=ended.service_tier if isinstance(ended, Completed) else "",
        )

    def _status(self) -> str:
        if self.failure:
            return str(self.failure.code)
        if not isinstance(self.ended, Completed):
            return "stopped"
        return "incomplete" if self.ended.incomplete_reason else "completed"

    def _ran(self) -> bool:
        broke_off = isinstance(self.ended, Failed) and self.ended.code is Code.CUT
        return broke_off or self._created is not None or self._first_event_ms is not None

    def _is_uncertain(self) -> bool:
        """Whether the request may have run although no event arrived."""
        maybe = self.ended.uncertain if isinstance(self.ended, Failed) else self._retries.in_flight
        return maybe and not self._ran()

    async def _counted(self) -> Usage:
        called = chain.from_iterable(self._called.values())
        received = (self._received.getvalue(), self._thoughts.getvalue(), *called)
        input_tokens, output_tokens = await count_tokens([self.plan.sent_text, "".join(received)])
        return Usage(input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=input_tokens + output_tokens)

    def _cost(self, model: str, usage: Usage) -> Decimal | None:
        return self._prices.cost(self.plan.model, usage, answered=model)

    def _model(self) -> str:
        """The model that answered; empty if the server did not name it."""
        told = self.ended if isinstance(self.ended, Completed) else self._created
        return told.model if told else ""

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)


def _message(text: str) -> tuple[InputItem, ...]:
    return (message_item("assistant", text),) if text.strip() else ()


def _calls_last(items: list[InputItem]) -> tuple[InputItem, ...]:
    """The items with all messages before the first call, and before the reasoning that belongs to it."""
    first = next((place for place, item in enumerate(items) if item.get("type") == "function_call"), len(items))
    while first and items[first - 1].get("type") == "reasoning":
        first -= 1
    late = [item for item in items[first:] if item.get("type") == "message"]
    return (*items[:first], *late, *(item for item in items[first:] if item.get("type") != "message"))
