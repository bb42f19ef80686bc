"""The life of a reply: asked for, streamed to every tab, kept, finished. One owner, one model call a round."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from chat.broadcast import Broadcast
from chat.database import query
from chat.events import ToolCallChanged
from chat.llm import events as llm_events
from chat.llm.client import LLMClient, ModelRequest
from chat.llm.tools import Registry, ToolResult
from chat.models import ToolState
from chat.models.ids import uuid7
from chat.services import outcomes, ownership, prompts
from chat.services.answers import LiveAnswer
from chat.services.outcomes import Outcome
from chat.services.ownership import Claim, Fenced
from chat.services.usage import Round
from chat.settings import Settings

logger = logging.getLogger(__name__)

MAX_ROUNDS = 8
CHECKPOINT_SECONDS = 1.0
CHECKPOINT_CHARACTERS_PER_SECOND = 20_000  # a long answer is written as a whole each time, so less often
TOOL_PREVIEW = 2_000  # characters of a tool's arguments and output that tabs are shown

TOOL_STARTED = """
INSERT INTO tool_call (id, generation_id, call_id, name, arguments, output, state, created_at)
VALUES ($1, $2, $3, $4, $5, '', 'running', now()) ON CONFLICT (generation_id, call_id) DO NOTHING
"""
TOOL_ENDED = """
UPDATE tool_call SET output = $3, state = $4, finished_at = now() WHERE generation_id = $1 AND call_id = $2
"""


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What a reply works with."""

    settings: Settings
    broadcast: Broadcast
    llm: LLMClient
    tools: Registry


class Reply:
    """One owned answer; `run` it once, `end` it early from outside."""

    def __init__(self, mine: Claim, work_with: Collaborators) -> None:
        self._mine = mine
        self._with = work_with
        self.live = LiveAnswer(
            mine, broadcast=work_with.broadcast, flush_seconds=work_with.settings.stream_flush_ms / 1000
        )
        self._rounds: list[Round] = []
        self._reading: asyncio.Task[Outcome] | None = None
        self._ending: Outcome | None = None
        self._abandoned = False

    def end(self, outcome: Outcome) -> None:
        """Stop asking the model now; what has come stays."""
        self._ending = self._ending or outcome
        if self._reading:
            self._reading.cancel()

    def abandon(self) -> None:
        """Stop at once and store nothing: the lease is lost."""
        self._abandoned = True
        if self._reading:
            self._reading.cancel()

    async def run(self) -> None:
        """From the first event to the stored answer; ends silently when the lease went to somebody else."""
        try:
            await self.live.announce()
            outcome = await self._stream()
            await outcomes.finish(self._mine, self.live, outcome, self._rounds, broadcast=self._with.broadcast)
        except Fenced:
            logger.warning("Generation %s is somebody else's now", self._mine.generation_id)

    async def _stream(self) -> Outcome:
        if self._ending:
            return self._ending
        self._reading = asyncio.create_task(self._read_model())
        beside = [asyncio.create_task(self.live.publish_always()), asyncio.create_task(self._keep_checkpoints())]
        try:
            done, _ = await asyncio.wait((self._reading, *beside), return_when=asyncio.FIRST_COMPLETED)
            for task in done - {self._reading}:
                task.result()  # these end by an error only: Fenced
            if self._abandoned:
                raise Fenced(self._mine.generation_id)
            return self._ending if self._reading.cancelled() and self._ending else self._reading.result()
        finally:
            for task in (self._reading, *beside):
                task.cancel()
            await asyncio.gather(self._reading, *beside, return_exceptions=True)

    async def _read_model(self) -> Outcome:
        try:
            return await self._ask_until_answered()
        except Fenced:
            raise
        except Exception:
            logger.exception("A reply failed, generation %s", self._mine.generation_id)
            return outcomes.BROKEN

    async def _ask_until_answered(self) -> Outcome:
        mine, settings = self._mine, self._with.settings
        conversation = await prompts.turns(
            mine.thread_id, up_to=mine.question_number, max_tokens=settings.chat_history_tokens
        )
        for number in range(1, MAX_ROUNDS + 1):
            await ownership.asking(mine)
            calls, ended = await self._ask(number, conversation)
            if isinstance(ended, llm_events.Failed) or not calls:
                return outcomes.outcome_of(ended)
            conversation += await self._run_tools(calls)
        return outcomes.TOO_MANY_ROUNDS

    async def _ask(
        self, number: int, conversation: list[dict[str, Any]]
    ) -> tuple[list[llm_events.ToolCall], llm_events.Completed | llm_events.Failed]:
        """One call of the model: its text goes to the tabs, its tool calls and its last word come back."""
        request = self._request(conversation)
        watch = _RoundWatch(number, request)
        calls: list[llm_events.ToolCall] = []
        try:
            async with aclosing(self._with.llm.stream(request)) as events:
                async for event in events:
                    watch.saw(event)
                    match event:
                        case llm_events.Created():
                            self.live.at_round(event.sequence)
                            await ownership.response_created(self._mine, event.response_id, event.sequence)
                        case llm_events.TextDelta():
                            self.live.add(event.text, up_seq=event.sequence)
                        case llm_events.ToolCall():
                            calls.append(event)
                        case llm_events.Completed() | llm_events.Failed():
                            return calls, event
            raise RuntimeError("the model's stream ended without its last event")
        finally:
            self._rounds.append(watch.record())

    def _request(self, conversation: list[dict[str, Any]]) -> ModelRequest:
        settings = self._with.settings
        return ModelRequest(
            model=settings.llm_model,
            instructions=prompts.INSTRUCTIONS,
            input=tuple(conversation),
            tools=self._with.tools.schemas(),
            max_output_tokens=settings.llm_max_output_tokens,
            metadata={"generation_id": str(self._mine.generation_id)},
        )

    async def _run_tools(self, calls: list[llm_events.ToolCall]) -> list[dict[str, Any]]:
        """Run the calls together; returns what the next round is told of them."""
        results = await asyncio.gather(*(self._run_tool(call) for call in calls))
        asked = [
            {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
            for call in calls
        ]
        answered = [
            {"type": "function_call_output", "call_id": call.call_id, "output": result.output}
            for call, result in zip(calls, results, strict=True)
        ]
        return asked + answered

    async def _run_tool(self, call: llm_events.ToolCall) -> ToolResult:
        generation_id = self._mine.generation_id
        await query(TOOL_STARTED, uuid7(), generation_id, call.call_id, call.name[:64], call.arguments)
        await self._tell_tool(call, ToolState.RUNNING, "")
        result = await self._with.tools.dispatch(call.name, call.arguments)
        state = ToolState.DONE if result.ok else ToolState.FAILED
        await query(TOOL_ENDED, generation_id, call.call_id, result.output, state)
        await self._tell_tool(call, state, result.output)
        return result

    async def _tell_tool(self, call: llm_events.ToolCall, state: ToolState, output: str) -> None:
        arguments, output = call.arguments[:TOOL_PREVIEW], output[:TOOL_PREVIEW]
        await self.live.tell(
            ToolCallChanged(self._mine.answer_id, call.call_id, call.name[:64], state, arguments, output)
        )

    async def _keep_checkpoints(self) -> None:
        kept = self.live.checkpoint()
        while True:
            await asyncio.sleep(max(CHECKPOINT_SECONDS, kept.length / CHECKPOINT_CHARACTERS_PER_SECOND))
            now = self.live.checkpoint()
            if now == kept:
                continue
            try:
                await ownership.checkpoint(self._mine, now)
            except Fenced:
                raise
            except Exception as error:  # noqa: BLE001 - the next one tries again; without heartbeats the lease ends it
                logger.warning("A checkpoint was not stored: %r", error)
            else:
                kept = now


class _RoundWatch:
    """Watches one round, and says in the end how it went."""

    def __init__(self, number: int, request: ModelRequest) -> None:
        self._number, self._request = number, request
        self._pieces: list[str] = []
        self._began = time.monotonic()
        self._first_ms: int | None = None
        self._created: llm_events.Created | None = None
        self._ended: llm_events.Completed | llm_events.Failed | None = None

    def saw(self, event: llm_events.Event) -> None:
        """An event of the stream."""
        if self._first_ms is None:
            self._first_ms = self._elapsed_ms()
        match event:
            case llm_events.Created():
                self._created = event
            case llm_events.TextDelta():
                self._pieces.append(event.text)
            case llm_events.Completed() | llm_events.Failed():
                self._ended = event

    def record(self) -> Round:
        """What is logged; a round that was left in the middle has no usage."""
        ended = self._ended
        failed = ended if isinstance(ended, llm_events.Failed) else None
        completed = ended if isinstance(ended, llm_events.Completed) else None
        return Round(
            number=self._number,
            model_asked=self._request.model,
            model=(completed or self._created or llm_events.Created("", "", 0)).model,
            response_id=self._created.response_id if self._created else None,
            request_id=completed.request_id if completed else "",
            status="completed" if completed else failed.code if failed else "stopped",
            error=failed.detail if failed else "",
            usage=ended.usage if ended else None,
            uncertain=failed.uncertain if failed else False,
            duration_ms=self._elapsed_ms(),
            first_event_ms=self._first_ms,
            sent=_text_of(self._request),
            received="".join(self._pieces),
        )

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)


def _text_of(request: ModelRequest) -> str:
    """What the model is given to read, without its wrapping."""
    items = (item.get("content") or item.get("output") or item.get("arguments") or "" for item in request.input)
    return "\n".join((request.instructions, *items))
