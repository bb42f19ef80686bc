"""Replies whose owner went away in the middle: an honest end, with everything that was shown kept."""

from __future__ import annotations

import logging

from chat.database import query
from chat.llm.events import Usage
from chat.llm.journal import CallLog
from chat.llm.tokens import count_tokens
from chat.services import outcomes
from chat.services.answers import LiveAnswer
from chat.services.journals import ReplyJournal
from chat.services.live import Place, text_so_far
from chat.services.ownership import Claim, Fenced
from chat.services.replies import Collaborators, question

logger = logging.getLogger(__name__)

LOST = """
SELECT response_id, (SELECT count(*) + 1 FROM llm_call_log WHERE generation_id = g.id) AS round
FROM generation g WHERE id = $1
"""


async def end_lost(mine: Claim, work_with: Collaborators) -> None:
    """End a claimed reply that another worker left in the middle: salvage its text, store it, tell the tabs."""
    text = await text_so_far(
        mine.thread_id, mine.answer_id, mine.partial, Place(mine.ckpt_epoch, mine.ckpt_s), work_with.broadcast
    )
    live = LiveAnswer(mine, text=text, broadcast=work_with.broadcast, flush_seconds=0)
    outcome = outcomes.STOPPED if mine.cancelled else outcomes.LOST
    journal = ReplyJournal(mine, live, settings=work_with.settings, prices=work_with.llm.prices)
    if mine.asked:
        await journal.end(await _lost_round(mine, text, work_with))
    try:
        await live.announce()
        await outcomes.finish(mine, live, outcome, journal, broadcast=work_with.broadcast)
    except Fenced:
        logger.warning("Generation %s is somebody else's now", mine.generation_id)


async def _lost_round(mine: Claim, text: str, work_with: Collaborators) -> CallLog:
    """What it cost is estimated; without a response id it is not even known whether it ran."""
    found = (await query(LOST, mine.generation_id))[0]
    turns, options = await question(mine, work_with)
    plan = work_with.llm.plan(turns, number=found["round"], **options)
    sent, received = await count_tokens([plan.sent_text, text])
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
        output=text,
    )
