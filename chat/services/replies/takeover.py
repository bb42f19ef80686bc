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
from chat.services.replies import finish, prompt
from chat.services.replies.finish import Outcome
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import PAUSE_SECONDS, Claim, Fenced
from chat.services.replies.live_text import LiveAnswer
from chat.services.replies.reply import Collaborators, Resumed, question
from chat.services.replies.snapshot import Place, text_so_far
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


async def resumed(mine: Claim, work_with: Collaborators) -> Resumed | None:
    """Where a claimed reply can go on; None if its run ended with its worker, or must not be gone on with."""
    if await _why_it_ends(mine, work_with):
        return None
    text = await _salvaged(mine, work_with)
    number = (await query(LOST, mine.generation_id))[0]["round"]
    calls = [call for call in await query(SO_FAR, mine.generation_id) if call["round"] < number]
    at = Resumption(
        response_id=mine.response_id or "",
        after=mine.up_seq,
        number=number,
        text=from_utf16(mine.partial, mine.round_start),
        so_far=prompt.items_of(calls),
    )
    return Resumed(text, max(0, utf16_length(text) - mine.partial_len), at)


async def end_lost(mine: Claim, work_with: Collaborators) -> None:
    """End a claimed reply that another worker left in the middle: salvage its text, store it, tell the tabs."""
    outcome = await _why_it_ends(mine, work_with) or finish.LOST
    text = await _salvaged(mine, work_with)
    live = LiveAnswer(mine, text=text, broadcast=work_with.broadcast, flush_seconds=0)
    journal = ReplyJournal(mine, live, settings=work_with.settings, prices=work_with.llm.prices)
    if mine.asked:
        await journal.end(await _lost_round(mine, text, work_with))
    try:
        await live.announce()
        await finish.finish(mine, live, outcome, journal, broadcast=work_with.broadcast)
    except Fenced:
        logger.warning("Generation %s is somebody else's now", mine.generation_id)
        return
    if mine.background and mine.response_id:  # nobody will read it
        await work_with.llm.cancel(mine.response_id)


async def _why_it_ends(mine: Claim, work_with: Collaborators) -> Outcome | None:
    """None: it goes on by itself at the provider, and so can we."""
    if mine.cancelled:
        return finish.STOPPED
    if not (mine.background and mine.response_id):
        return finish.LOST
    if mine.takeovers >= MAX_TAKEOVERS:
        return finish.CRASH_LOOP
    calls = await query(SO_FAR, mine.generation_id)
    if any(call["state"] == ToolState.RUNNING and not work_with.tools.is_idempotent(call["name"]) for call in calls):
        return finish.TOOL_UNKNOWN
    return None


async def _salvaged(mine: Claim, work_with: Collaborators) -> str:
    """What tabs have seen. Redis is given a while: who died may have taken its word with it, or Redis is slow.

    The log is closed to the owner before, who may only have stood still: what it adds after this look would be shown
    and taken back.
    """
    ours = Append(mine.thread_id, ResponseStarted(mine.rev, mine.answer_id), fence=mine.fence)
    kept, deadline = Place(mine.ckpt_epoch, mine.ckpt_s), time.monotonic() + SALVAGE_SECONDS
    while True:
        try:
            await work_with.broadcast.log.append(ours)
            return await text_so_far(mine.thread_id, mine.answer_id, mine.partial, kept, work_with.broadcast)
        except Unavailable:
            if time.monotonic() > deadline:
                logger.warning("Redis is away: what tabs saw after the last checkpoint is lost")
                return mine.partial
        await asyncio.sleep(PAUSE_SECONDS)


async def _lost_round(mine: Claim, text: str, work_with: Collaborators) -> CallLog:
    """What it cost is estimated; without a response id it is not even known whether it ran."""
    found = (await query(LOST, mine.generation_id))[0]
    turns, options = await question(mine, work_with)
    calls = [call for call in await query(SO_FAR, mine.generation_id) if call["round"] < found["round"]]
    before, written = up_to_utf16(text, mine.round_start), from_utf16(text, mine.round_start)
    said = [{"role": "assistant", "content": before}] if before else []
    plan = work_with.llm.plan([*turns, *said, *prompt.items_of(calls)], number=found["round"], **options)
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
        cost=work_with.llm.prices.cost(plan.request.model, used),
        attempts=1,
        duration_ms=0,
        first_event_ms=None,
        output=written,
    )
