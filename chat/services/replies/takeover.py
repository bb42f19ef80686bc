"""Replies whose worker was lost: resumed where the provider allows it, otherwise ended with all text that was shown."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from chat.broadcast import Append, Unavailable
from chat.database import query
from chat.events import ResponseStarted
from chat.llm.events import Usage
from chat.llm.items import InputItem
from chat.llm.journal import CallLog
from chat.llm.provider.request import Resumption
from chat.llm.tokens import count_tokens
from chat.models import ToolState
from chat.services.deps import Deps
from chat.services.replies import answer_log, finish, round_items
from chat.services.replies.finish import Outcome
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import PAUSE_SECONDS, AnswerSoFar, Claim, Fenced
from chat.services.replies.live_text import LiveText
from chat.services.replies.reply import Resumed, model_input
from chat.services.replies.round_items import Kept
from chat.services.replies.snapshot import answer_so_far
from chat.services.replies.tool_calls import calls_of
from chat.text import from_utf16

logger = logging.getLogger(__name__)

SALVAGE_SECONDS = 4.0  # a third of the lease, which is not renewed meanwhile
MAX_TAKEOVERS = 3  # so that a reply which crashes its workers comes to an end

# Of a reply that is deleted meanwhile, the rounds before are known by their call.
LOST_ROUND = """
SELECT 1 + CASE WHEN EXISTS (SELECT FROM generation WHERE id = $1)
    THEN (SELECT count(*) FROM llm_call_log WHERE generation_id = $1)
    ELSE (SELECT count(*) FROM llm_call_log WHERE user_id = $2 AND call_id = $1) END AS round
"""


async def resumed(claim: Claim, deps: Deps) -> Resumed | None:
    """Where a claimed reply resumes; None if it cannot or must not be resumed."""
    if await _why_it_ends(claim, deps):
        return None
    so_far = await _salvaged(claim, deps)
    number = await _number(claim)
    at = Resumption(
        response_id=claim.response_id or "",
        sequence=claim.checkpoint.sequence,
        number=number,
        text=from_utf16(claim.checkpoint.answer.text, claim.round_start),
        so_far=await _rounds_before(claim, number, await _kept(claim, number), deps),
    )
    return Resumed(so_far, at)


async def end_lost(claim: Claim, deps: Deps) -> None:
    """End a claimed reply of a lost worker: salvage its text, store it, and send the end to tabs."""
    outcome = await _why_it_ends(claim, deps) or finish.LOST
    so_far = await _salvaged(claim, deps)
    live_text = LiveText(claim, so_far=so_far, broadcast=deps.broadcast, flush_seconds=0)
    journal = ReplyJournal(claim, live_text, deps)
    if claim.asked:
        await journal.end(await _lost_round(claim, so_far, deps))
    try:
        await live_text.announce()
        await finish.finish(claim, live_text, outcome, journal, broadcast=deps.broadcast)
    except Fenced:
        if not await finish.settle_deleted(claim, journal, broadcast=deps.broadcast):
            logger.warning("Generation %s now belongs to another worker", claim.generation_id)
            return
    answer_log.ended(claim, live_text, outcome, journal, deps)
    if claim.background and claim.response_id:  # its output is not read any more
        await deps.llm.cancel(claim.response_id, model=claim.model)


async def _why_it_ends(claim: Claim, deps: Deps) -> Outcome | None:
    """None if the provider still runs it, so that it can be resumed."""
    if claim.cancelled:
        return finish.STOPPED
    if not (claim.background and claim.response_id):
        return finish.LOST
    if claim.takeovers >= MAX_TAKEOVERS:
        return finish.CRASH_LOOP
    running = [call["name"] for call in await _calls(claim) if call["state"] == ToolState.RUNNING]
    if not all(deps.tools.is_idempotent(name) for name in running):
        return finish.TOOL_UNKNOWN
    return None


async def _number(claim: Claim) -> int:
    """The number of the lost round."""
    number: int = (await query(LOST_ROUND, claim.generation_id, claim.user_id))[0]["round"]
    return number


async def _calls(claim: Claim) -> list[dict[str, Any]]:
    return (await calls_of([claim.answer_id])).get(claim.answer_id, [])


async def _kept(claim: Claim, number: int) -> list[Kept]:
    """What the model put out in the rounds before this one."""
    kept = (await round_items.kept_of([claim.answer_id])).get(claim.answer_id, [])
    return [one for one in kept if one.round < number]


async def _rounds_before(claim: Claim, number: int, kept: list[Kept], deps: Deps) -> tuple[InputItem, ...]:
    calls = [call for call in await _calls(claim) if call["round"] < number]
    return round_items.rounds(calls, kept, model=deps.llm.model(claim.model).name)


async def _salvaged(claim: Claim, deps: Deps) -> AnswerSoFar:
    """What tabs have seen. Retries for a while, as Redis may be slow or restarting.

    The previous owner is fenced off first: it may be paused rather than dead, and text that it appended after this
    read would be shown and then lost.
    """
    ours = Append(claim.thread_id, ResponseStarted(claim.rev, claim.answer_id, claim.parent_id), fence=claim.fence)
    kept, deadline = claim.checkpoint, time.monotonic() + SALVAGE_SECONDS
    while True:
        try:
            await deps.broadcast.log.append(ours)
            return await answer_so_far(claim.thread_id, claim.answer_id, kept.answer, kept.position, deps.broadcast)
        except Unavailable:
            if time.monotonic() > deadline:
                logger.warning("Redis is unavailable: text shown after the last checkpoint is lost")
                return kept.answer
        await asyncio.sleep(PAUSE_SECONDS)


async def _lost_round(claim: Claim, so_far: AnswerSoFar, deps: Deps) -> CallLog:
    """The lost round with its cost estimated; without a response id it is uncertain whether it ran at all."""
    number = await _number(claim)
    turns, options = await model_input(claim, deps)
    kept = await _kept(claim, number)
    before = await _rounds_before(claim, number, kept, deps)
    written = from_utf16(so_far.text, claim.round_start)
    thought = so_far.reasoning[len(round_items.reasoning_of(kept)) :]
    plan = deps.llm.plan([*turns, *before], number=number, **options)
    sent, received = await count_tokens([plan.sent_text, written + thought])
    used = Usage(input_tokens=sent, output_tokens=received, total_tokens=sent + received)
    return CallLog(
        plan=plan,
        model="",
        response_id=claim.response_id,
        request_id="",
        status="lost",
        error="the worker was lost",
        usage=used,
        estimated=True,
        uncertain=claim.response_id is None,
        cost=deps.llm.prices.cost(plan.model, used),
        attempts=1,
        duration_ms=0,
        first_event_ms=None,
        output=written,
    )
