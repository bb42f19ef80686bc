"""Replies whose owner went away in the middle: an honest end, with everything that was shown kept."""

from __future__ import annotations

import asyncio
import logging
import time

from chat.broadcast import Append, Unavailable
from chat.database import query
from chat.events import ResponseStarted
from chat.llm.events import Usage
from chat.llm.journal import CallLog
from chat.llm.provider.provider import Resumption
from chat.llm.tokens import count_tokens
from chat.models import ToolState
from chat.services.deps import Deps
from chat.services.replies import finish, prompt
from chat.services.replies.finish import Outcome
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import PAUSE_SECONDS, Claim, Fenced
from chat.services.replies.live_text import LiveText
from chat.services.replies.reply import Resumed, question
from chat.services.replies.snapshot import text_so_far
from chat.text import from_utf16, up_to_utf16, utf16_length

logger = logging.getLogger(__name__)

SALVAGE_SECONDS = 4.0  # a third of the lease, which nobody renews meanwhile
MAX_TAKEOVERS = 3  # a reply that takes its workers down is not taken over for ever

SO_FAR = """
SELECT round, call_id, name, arguments, output, state FROM tool_call WHERE generation_id = $1 ORDER BY created_at, id
"""
LOST = """
SELECT response_id, (SELECT count(*) + 1 FROM llm_call_log WHERE generation_id = g.id) AS round
FROM generation g WHERE id = $1
"""


async def resumed(claim: Claim, deps: Deps) -> Resumed | None:
    """Where a claimed reply can go on; None if its run ended with its worker, or must not be gone on with."""
    if await _why_it_ends(claim, deps):
        return None
    text = await _salvaged(claim, deps)
    number = (await query(LOST, claim.generation_id))[0]["round"]
    calls = [call for call in await query(SO_FAR, claim.generation_id) if call["round"] < number]
    at = Resumption(
        response_id=claim.response_id or "",
        sequence=claim.checkpoint.sequence,
        number=number,
        text=from_utf16(claim.checkpoint.text, claim.round_start),
        so_far=prompt.items_of(calls),
    )
    return Resumed(text, max(0, utf16_length(text) - claim.checkpoint.length), at)


async def end_lost(claim: Claim, deps: Deps) -> None:
    """End a claimed reply that another worker left in the middle: salvage its text, store it, tell the tabs."""
    outcome = await _why_it_ends(claim, deps) or finish.LOST
    text = await _salvaged(claim, deps)
    live_text = LiveText(claim, text=text, broadcast=deps.broadcast, flush_seconds=0)
    journal = ReplyJournal(claim, live_text, settings=deps.settings, prices=deps.llm.prices)
    if claim.asked:
        await journal.end(await _lost_round(claim, text, deps))
    try:
        await live_text.announce()
        await finish.finish(claim, live_text, outcome, journal, broadcast=deps.broadcast)
    except Fenced:
        logger.warning("Generation %s is somebody else's now", claim.generation_id)
        return
    if claim.background and claim.response_id:  # nobody will read it
        await deps.llm.cancel(claim.response_id)


async def _why_it_ends(claim: Claim, deps: Deps) -> Outcome | None:
    """None: it goes on by itself at the provider, and so can we."""
    if claim.cancelled:
        return finish.STOPPED
    if not (claim.background and claim.response_id):
        return finish.LOST
    if claim.takeovers >= MAX_TAKEOVERS:
        return finish.CRASH_LOOP
    calls = await query(SO_FAR, claim.generation_id)
    if any(call["state"] == ToolState.RUNNING and not deps.tools.is_idempotent(call["name"]) for call in calls):
        return finish.TOOL_UNKNOWN
    return None


async def _salvaged(claim: Claim, deps: Deps) -> str:
    """What tabs have seen. Redis is given a while: who died may have taken its word with it, or Redis is slow.

    The log is closed to the owner before, who may only have stood still: what it adds after this look would be shown
    and taken back.
    """
    ours = Append(claim.thread_id, ResponseStarted(claim.rev, claim.answer_id), fence=claim.fence)
    kept, deadline = claim.checkpoint, time.monotonic() + SALVAGE_SECONDS
    while True:
        try:
            await deps.broadcast.log.append(ours)
            return await text_so_far(claim.thread_id, claim.answer_id, kept.text, kept.position, deps.broadcast)
        except Unavailable:
            if time.monotonic() > deadline:
                logger.warning("Redis is away: what tabs saw after the last checkpoint is lost")
                return kept.text
        await asyncio.sleep(PAUSE_SECONDS)


async def _lost_round(claim: Claim, text: str, deps: Deps) -> CallLog:
    """What it cost is estimated; without a response id it is not even known whether it ran."""
    found = (await query(LOST, claim.generation_id))[0]
    turns, options = await question(claim, deps)
    calls = [call for call in await query(SO_FAR, claim.generation_id) if call["round"] < found["round"]]
    before, written = up_to_utf16(text, claim.round_start), from_utf16(text, claim.round_start)
    said = [{"role": "assistant", "content": before}] if before else []
    plan = deps.llm.plan([*turns, *said, *prompt.items_of(calls)], number=found["round"], **options)
    sent, received = await count_tokens([plan.sent_text, written])
    used = Usage(input_tokens=sent, output_tokens=received, total_tokens=sent + received)
    return CallLog(
        plan=plan,
        model="",
        response_id=found["response_id"],
        request_id="",
        status="lost",
        error="the worker went away",
        usage=used,
        estimated=True,
        uncertain=found["response_id"] is None,
        cost=deps.llm.prices.cost(plan.request.model, used),
        attempts=1,
        duration_ms=0,
        first_event_ms=None,
        output=written,
    )
