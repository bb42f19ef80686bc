"""How a reply can end, and storing the end: one transaction, then the word to every tab."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Unavailable, user_channel
from chat.database import query
from chat.events import Final, Frame, ResponseError, ThreadUpdated
from chat.llm.events import Code, Completed, Failed
from chat.models import State, Status
from chat.services import ownership, usage
from chat.services.answers import LiveAnswer
from chat.services.ownership import Claim
from chat.services.usage import Round
from chat.text import sha8, utf16_length

logger = logging.getLogger(__name__)

END_THREAD = """
UPDATE chat_thread SET rev = rev + 1, log_epoch = $2, log_s = $3 WHERE id = $1 RETURNING rev, title, last_message_at
"""
END_TOOLS = """
UPDATE tool_call SET state = 'failed', output = 'It was not finished.', finished_at = now()
WHERE generation_id = $1 AND state = 'running'
"""
END_ANSWER = "UPDATE chat_message SET content = $2, status = $3, error = $4 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a reply. `sentence` is for people; a `code` makes it an error."""

    status: Status
    state: State
    reason: str = ""
    sentence: str = ""
    code: str = ""
    retryable: bool = False


STOPPED = Outcome(Status.STOPPED, State.CANCELLED, "stopped")
RESTARTED = Outcome(
    Status.INTERRUPTED, State.INTERRUPTED, "restart", "The server was restarted while this was being written."
)
LOST = Outcome(
    Status.INTERRUPTED, State.INTERRUPTED, "lost", "The server that wrote this went away in the middle of it."
)
BROKEN = Outcome(
    Status.ERROR, State.FAILED, "internal", "Something went wrong here while answering. You can try again.", "internal",
    retryable=True,
)  # fmt: skip
TOO_MANY_ROUNDS = Outcome(
    Status.ERROR, State.FAILED, "tool_rounds", "The model called tools again and again, without an answer.",
    "tool_rounds",
    retryable=True,
)  # fmt: skip
CUT_SHORT = "The answer ends here because it reached its greatest length."


def outcome_of(ended: Completed | Failed) -> Outcome:
    """What the provider's last word means for the answer."""
    match ended:
        case Completed(incomplete_reason=None):
            return Outcome(Status.FINAL, State.COMPLETED)
        case Completed():
            return Outcome(Status.FINAL, State.COMPLETED, str(ended.incomplete_reason), CUT_SHORT)
        case Failed(code=Code.CUT):
            return Outcome(Status.INTERRUPTED, State.INTERRUPTED, ended.code, ended.message)
        case Failed():
            return Outcome(
                Status.ERROR, State.FAILED, ended.code, ended.message, code=ended.code, retryable=ended.retryable
            )


async def finish(mine: Claim, live: LiveAnswer, outcome: Outcome, rounds: list[Round], *, broadcast: Broadcast) -> None:
    """Store the answer, the calls and the month's usage, then publish the end. Raises Fenced with nothing stored."""
    text = live.text
    rounds = await usage.with_estimates(rounds)
    async with in_transaction():
        # The thread first, everywhere: see ownership.py.
        thread = (await query(END_THREAD, mine.thread_id, *live.position))[0]
        await ownership.finish(mine, outcome.state, reason=outcome.reason)
        await query(END_TOOLS, mine.generation_id)
        await query(END_ANSWER, mine.answer_id, text, outcome.status, outcome.sentence)
        call_log_id = await usage.record(rounds, user_id=mine.user_id, generation_id=mine.generation_id)
    await live.tell(_last_event(mine, outcome, text, thread["rev"], rounds, call_log_id), terminal=True)
    updated = ThreadUpdated(mine.thread_id, thread["title"], thread["last_message_at"], running=False)
    try:
        await broadcast.channels.publish(user_channel(mine.user_id), updated)
    except Unavailable as error:
        logger.warning("Redis is away, sidebars learn of the end later: %s", error)


def _last_event(
    mine: Claim, outcome: Outcome, text: str, rev: int, rounds: list[Round], call_log_id: UUID | None
) -> Frame:
    if outcome.code:
        return ResponseError(rev, mine.answer_id, outcome.code, outcome.sentence, outcome.retryable)
    return Final(
        rev=rev,
        message_id=mine.answer_id,
        status=outcome.status,
        content_length=utf16_length(text),
        content_sha8=sha8(text),
        usage=_sum(rounds),
        call_log_id=call_log_id,
        message=outcome.sentence,
    )


def _sum(rounds: list[Round]) -> dict[str, Any] | None:
    reported = [one.usage for one in rounds if one.usage]
    if not reported:
        return None
    return {
        "input_tokens": sum(used.input_tokens for used in reported),
        "output_tokens": sum(used.output_tokens for used in reported),
        "total_tokens": sum(used.total_tokens for used in reported),
    }
