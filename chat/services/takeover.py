"""Replies whose owner went away in the middle: an honest end, with everything that was shown kept."""

from __future__ import annotations

import logging

from chat.database import query
from chat.services import outcomes
from chat.services.answers import LiveAnswer
from chat.services.live import Place, text_so_far
from chat.services.ownership import Claim, Fenced
from chat.services.replies import Collaborators
from chat.services.usage import Round

logger = logging.getLogger(__name__)

RESPONSE_ID = "SELECT response_id FROM generation WHERE id = $1"


async def end_lost(mine: Claim, work_with: Collaborators) -> None:
    """End a claimed reply that another worker left in the middle: salvage its text, store it, tell the tabs."""
    text = await text_so_far(
        mine.thread_id, mine.answer_id, mine.partial, Place(mine.ckpt_epoch, mine.ckpt_s), work_with.broadcast
    )
    live = LiveAnswer(mine, text=text, broadcast=work_with.broadcast, flush_seconds=0)
    outcome = outcomes.STOPPED if mine.cancelled else outcomes.LOST
    response_id: str | None = (await query(RESPONSE_ID, mine.generation_id))[0]["response_id"]
    lost = _lost_round(work_with.settings.llm_model, response_id, text)
    try:
        await live.announce()
        await outcomes.finish(mine, live, outcome, [lost] if mine.asked else [], broadcast=work_with.broadcast)
    except Fenced:
        logger.warning("Generation %s is somebody else's now", mine.generation_id)


def _lost_round(model: str, response_id: str | None, text: str) -> Round:
    """What it cost is estimated from what came; without a response id it is not even known whether it ran."""
    return Round(
        number=1,
        model_asked=model,
        model="",
        response_id=response_id,
        request_id="",
        status="lost",
        error="the worker went away",
        usage=None,
        uncertain=response_id is None,
        duration_ms=0,
        first_event_ms=None,
        received=text,
    )
