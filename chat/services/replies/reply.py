"""One reply from prompt to finish: requested, streamed to every tab, stored. One owner, one model call per round."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from chat.broadcast import Publish, control_channel
from chat.database import DatabaseUnavailable
from chat.events import Released
from chat.llm import tokens
from chat.llm.call import InputShortened, ModelReplaced, Options, RoundFinished, TextCorrected, ToolCallFinished
from chat.llm.errors import CallFailed
from chat.llm.events import ReasoningDelta, RefusalDelta, TextDelta, ToolCall, ToolCallStarted
from chat.llm.items import InputItem, message_item, text_of
from chat.llm.provider.request import Resumption
from chat.metrics import TOOL_CALLS
from chat.services.deps import Deps
from chat.services.replies import answer_log, finish, lease, prompt
from chat.services.replies.finish import Outcome
from chat.services.replies.history import allowance
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import NOTHING, AnswerSoFar, Claim, Fenced
from chat.services.replies.live_text import LiveText
from chat.services.replies.recovered import Recovered
from chat.services.replies.tool_calls import ToolCalls

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0
CHECKPOINT_CHARACTERS_PER_SECOND = 20_000  # each checkpoint writes the whole text, so long ones are rarer


async def model_input(claim: Claim, deps: Deps) -> tuple[list[InputItem], Options]:
    """The conversation and the options that the model is called with."""
    settings = deps.settings
    model = deps.llm.model(claim.model)
    allowed = await allowance(model, settings, deps.tools, context=deps.llm.context_of(model.name))
    turns = await conversation(claim, allowed.history, model.name)
    return turns, {
        "model": model.name,
        "instructions": prompt.instructions(site_name=settings.site_name, tools=allowed.tools),
        "tools": deps.tools if allowed.tools else (),
        "reasoning_effort": settings.llm_reasoning_effort,
        "reasoning_summary": True,
        "keep_reasoning": True,
        "user": claim.user_id,
        "caller": "chat",
        "call_id": claim.generation_id,
        "metadata": {"generation_id": str(claim.generation_id)},
        "prompt_cache_key": prompt.cache_key(claim.thread_id),
        "background": settings.llm_background,
    }


async def conversation(claim: Claim, max_tokens: int, model: str) -> list[InputItem]:
    """The newest part of the chat that fits in `max_tokens`, as this model can read it."""
    turns = await prompt.turns(claim.parent_id, max_tokens=max_tokens, model=model)
    return [*turns[:-1], *_asking_for_more(turns[-1])] if claim.continues and turns else turns


def _asking_for_more(last: InputItem) -> list[InputItem]:
    """The last item, and the request to continue; if the answer has nothing yet, it is a part of the question."""
    match last:
        case {"role": "user"}:
            return [message_item("user", text_of(last), prompt.instructions("answer_now"))]
        case {"type": "function_call_output"}:
            return [last, message_item("user", prompt.instructions("answer_now"))]
    return [last, message_item("user", prompt.instructions("continue"))]


@dataclass(frozen=True, slots=True)
class Resumed:
    """An answer that another worker began; the provider will send what the claim's checkpoint lacks again."""

    so_far: AnswerSoFar
    at: Resumption


class Reply:
    """One answer that this worker owns; `run` it once, `end` it early from outside."""

    def __init__(self, claim: Claim, deps: Deps, resumed: Resumed | None = None) -> None:
        self.claim = claim
        self._deps = deps
        self._resumed = resumed
        self.live_text = LiveText(
            claim,
            broadcast=deps.broadcast,
            flush_seconds=deps.settings.stream_flush_ms / 1000,
            so_far=resumed.so_far if resumed else NOTHING,
            repeats=resumed is not None,
        )
        self._journal = ReplyJournal(claim, self.live_text, deps)
        self._reading: asyncio.Task[Outcome] | None = None
        self._ending: Outcome | None = None
        self._abandoned = False
        self._handed_over = False

    def end(self, outcome: Outcome) -> None:
        """Stop the model now; the text so far is kept."""
        self._ending = self._ending or outcome
        if self._reading:
            self._reading.cancel()

    def abandon(self) -> None:
        """Stop at once and store nothing: the lease was lost."""
        self._abandoned = True
        if self._reading:
            self._reading.cancel()

    def hand_over(self) -> bool:
        """Leave it to another worker to resume. False if the provider's run would end with our connection."""
        if not self._outlives_us():
            return False
        self._handed_over = True
        if self._reading:
            self._reading.cancel()
        return True

    async def run(self) -> None:
        """From the first event to the stored answer; stops quietly if another worker took the lease."""
        tokens.prepare()  # they are counted at the end
        try:
            await self.live_text.announce()
            outcome = await self._stream()
            if outcome is None:
                await self._release()
                return
            await finish.finish(self.claim, self.live_text, outcome, self._journal, broadcast=self._deps.broadcast)
        except Fenced:
            if not await finish.settle_deleted(self.claim, self._journal, broadcast=self._deps.broadcast):
                logger.warning("Generation %s now belongs to another worker", self.claim.generation_id)
                return
            outcome = finish.STOPPED
        answer_log.ended(self.claim, self.live_text, outcome, self._journal, self._deps)
        if outcome is finish.STOPPED and self._outlives_us():
            await self._deps.llm.cancel(self._journal.response_id or "", model=self._journal.model)

    def _outlives_us(self) -> bool:
        return self._deps.settings.llm_background and self._journal.response_id is not None

    async def _release(self) -> None:
        await lease.retry(lambda: lease.checkpoint(self.claim, self.live_text.checkpoint()))
        await lease.retry(lambda: lease.release(self.claim))
        await self._deps.broadcast.announce(Publish(control_channel(), Released(self.claim.generation_id)))

    async def _stream(self) -> Outcome | None:
        """How the reply ended; None if it is left to another worker."""
        if self._ending:
            return self._ending
        self._reading = asyncio.create_task(self._read_model())
        beside = [asyncio.create_task(self.live_text.publish_always()), asyncio.create_task(self._keep_checkpoints())]
        try:
            done, _ = await asyncio.wait((self._reading, *beside), return_when=asyncio.FIRST_COMPLETED)
            for task in done - {self._reading}:
                task.result()  # these end only by an error: Fenced
            if self._abandoned:
                raise Fenced(self.claim.generation_id)
            if self._reading.cancelled() and (self._ending or self._handed_over):
                return self._ending
            return self._reading.result()
        finally:
            for task in (self._reading, *beside):
                task.cancel()
            await asyncio.gather(self._reading, *beside, return_exceptions=True)

    async def _read_model(self) -> Outcome:
        model = self._deps.llm.model(self.claim.model).name
        recovered = Recovered(partial(self._conversation, model), self._deps.settings.catalogue)
        try:
            await self._call_model(recovered)
        except CallFailed as failure:
            thought = self.live_text.so_far.reasoning_ms is not None
            return recovered.told_failure(failure, finish.outcome_of(failure, thought=thought))
        except Fenced:
            raise
        except DatabaseUnavailable:  # nothing of it is shown: a worker starts it again
            if not self.live_text.so_far.text:
                raise
            return finish.OUTAGE
        except Exception:
            logger.exception("A reply failed, generation %s", self.claim.generation_id)
            return finish.BROKEN
        return recovered.told(finish.ANSWERED)

    async def _conversation(self, model: str, max_tokens: int) -> list[InputItem]:
        return await lease.while_leased(lambda: conversation(self.claim, max_tokens, model))

    async def _call_model(self, recovered: Recovered) -> None:
        """Call the model and show the tabs its text. Raises CallFailed."""
        recovered.turns, options = await lease.while_leased(lambda: model_input(self.claim, self._deps))
        if options["tools"]:
            options["tools"] = ToolCalls(self.claim, self.live_text, self._deps.tools, self._journal)
        options |= {"journal": self._journal, "resume": self._resumed.at if self._resumed else None}
        options |= {"shorten": recovered.shorten, "pace": self.live_text.next_tick}
        async with aclosing(self._deps.llm.stream(recovered.turns, **options)) as events:
            async for event in events:
                match event:
                    case TextDelta() | RefusalDelta():
                        self.live_text.add(event.text, sequence=event.sequence)
                    case ReasoningDelta():
                        self.live_text.think(event.text, sequence=event.sequence)
                    case ToolCallFinished():
                        self._count_tool(event)
                    case ToolCallStarted() | ToolCall() | RoundFinished():
                        self.live_text.stop_thinking()
                    case InputShortened() | ModelReplaced():
                        recovered.note(event)
                    case TextCorrected():
                        self.live_text.correct(self._journal.round_start, event.text)

    def _count_tool(self, event: ToolCallFinished) -> None:
        """A model can call a tool that does not exist."""
        known = {schema["name"] for schema in self._deps.tools.schemas()}
        outcome = "ok" if event.ok else "failed"
        self._deps.metrics.count(TOOL_CALLS, event.name if event.name in known else "unknown", outcome)

    async def _keep_checkpoints(self) -> None:
        kept = self.live_text.checkpoint()
        while True:
            length = kept.length + len(kept.answer.reasoning)
            await asyncio.sleep(max(CHECKPOINT_SECONDS, length / CHECKPOINT_CHARACTERS_PER_SECOND))
            now = self.live_text.checkpoint()
            if now == kept:
                continue
            try:
                await lease.checkpoint(self.claim, now)
            except Fenced:
                raise
            except DatabaseUnavailable:  # the next checkpoint tries again; what must be stored says that it is kept
                continue
            except Exception as error:  # noqa: BLE001 - the next one tries again
                logger.warning("A checkpoint was not stored: %r", error)
            else:
                kept = now
