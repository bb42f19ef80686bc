"""How a reply can end, and how its end is stored: one transaction, then an event to every tab."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Publish, Unavailable, user_channel
from chat.database import query
from chat.events import Final, Frame, QueueChanged, ResponseError
from chat.llm.call import total_cost, total_usage
from chat.llm.errors import CallFailed, OutputEmpty, OutputIncomplete, OutputRefused, ProviderFailed
from chat.llm.events import Code
from chat.llm.journal import CallLog
from chat.llm.tokens import count_tokens
from chat.models import LISTED_SQL, State, Status
from chat.services.replies import lease, queue, thread_list
from chat.services.replies.endings import CUT_OFF, can_continue
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import AnswerSoFar, Claim, Fenced
from chat.services.replies.live_text import LiveText
from chat.text import sha8, utf16_length

logger = logging.getLogger(__name__)

UNFINISHED = "It did not finish."  # the output of a tool that was still running at the end; tabs show the same
# One statement, which locks the thread first: see lease.py. Without the fence nothing changes but the thread, and the
# transaction is rolled back.
END = f"""
WITH thread AS (
    UPDATE chat_thread t SET rev = t.rev + 1, log_epoch = $4, log_s = $5,
        answered_number = greatest(t.answered_number, (SELECT number FROM chat_message WHERE id = $9))
    WHERE t.id = $3
    RETURNING t.id, t.deleted_at IS NOT NULL AS is_deleted, {LISTED_SQL}
), ended AS (
    UPDATE generation SET state = $6, reason = $7, finished_at = now(), lease_until = NULL, partial = '',
        partial_len = 0, partial_reasoning = '', partial_reasoning_ms = NULL, partial_thinking = false
    WHERE {lease.OWNED} AND thread_id = (SELECT id FROM thread) RETURNING id, cancel_at IS NOT NULL AS was_stopped
), tools AS (
    UPDATE tool_call SET state = 'failed', output = $8, finished_at = now()
    WHERE generation_id = (SELECT id FROM ended) AND state = 'running'
), answer AS (
    UPDATE chat_message SET content = $10, status = $11, error = $12, token_count = $13, reasoning = $14,
        reasoning_ms = $15
    WHERE id = $9 AND EXISTS (SELECT FROM ended)
), question AS (
    UPDATE chat_message SET token_count = $17
    WHERE id = $16 AND token_count IS NULL AND EXISTS (SELECT FROM ended)
)
SELECT thread.*, ended.was_stopped FROM thread, ended
"""  # noqa: S608 - a constant
LEFT = """
SELECT EXISTS (SELECT 1 FROM generation WHERE id = $1) AS generation,
    EXISTS (SELECT 1 FROM chat_thread WHERE id = $2) AS thread
"""
# With this fence only this worker can have ended the generation.
ENDED = f"""
SELECT {LISTED_SQL}, t.deleted_at IS NOT NULL AS is_deleted,
    (SELECT id FROM llm_call_log WHERE generation_id = g.id ORDER BY round DESC LIMIT 1) AS call_log_id
FROM generation g JOIN chat_thread t ON t.id = g.thread_id
WHERE g.id = $1 AND g.fence = $2 AND g.state = $3 AND g.reason = $4
"""  # noqa: S608 - a constant
QUESTION = "SELECT content FROM chat_message WHERE id = $1"


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
    Status.INTERRUPTED, State.INTERRUPTED, "restart", "The server restarted while this answer was being written."
)
LOST = Outcome(Status.INTERRUPTED, State.INTERRUPTED, "lost", "The server stopped while this answer was being written.")
TOOL_UNKNOWN = Outcome(
    Status.INTERRUPTED,
    State.INTERRUPTED,
    "tool",
    "The server stopped while a tool was running. We can't tell whether the tool finished.",
)
CRASH_LOOP = Outcome(
    Status.ERROR,
    State.FAILED,
    "crash_loop",
    "This answer failed repeatedly because the server kept restarting.",
    "crash_loop",
    retryable=True,
)
OUTAGE = Outcome(
    Status.INTERRUPTED,
    State.INTERRUPTED,
    "outage",
    "The service was temporarily unavailable while this answer was being written.",
)
BROKEN = Outcome(
    Status.ERROR,
    State.FAILED,
    "internal",
    "Something went wrong while writing this answer. Try again.",
    "internal",
    retryable=True,
)
ONLY_THOUGHT = "The model stopped thinking before its answer began. Continue it, or try again."
ANSWERED = Outcome(Status.FINAL, State.COMPLETED)


def outcome_of(failure: CallFailed, *, thought: bool = False) -> Outcome:
    """How the answer ends if a call had no result. A refusal is an answer, and so is what reached its limit.

    `thought`: the model has been thinking, so it may have used all of its length for that.
    """
    match failure:
        case OutputRefused():
            return replace(ANSWERED, reason="refused")
        case OutputIncomplete() | OutputEmpty() if thought and not failure.text.strip():
            return replace(ANSWERED, reason=CUT_OFF, sentence=ONLY_THOUGHT)
        case OutputIncomplete() if failure.text:
            return replace(ANSWERED, reason=CUT_OFF, sentence=str(failure))
        case ProviderFailed(code=Code.CUT):
            return Outcome(Status.INTERRUPTED, State.INTERRUPTED, failure.code, str(failure))
        case _:
            return Outcome(
                Status.ERROR, State.FAILED, failure.code, str(failure), code=failure.code, retryable=failure.retryable
            )


async def finish(
    claim: Claim, live_text: LiveText, outcome: Outcome, journal: ReplyJournal, *, broadcast: Broadcast
) -> None:
    """Store the answer, the calls and the month's usage, then publish the end. Raises Fenced with nothing stored."""
    live_text.stop_thinking()
    answer = live_text.so_far
    with suppress(Unavailable):  # before the transaction: if the worker dies in it, the log has all of the text
        await live_text.flush()
    thread, call_log_id, paused = await lease.while_leased(lambda: _store(claim, live_text, outcome, answer, journal))
    claim.lease.is_over = True
    await live_text.tell(_last_event(claim, outcome, answer, thread["rev"], journal.logs, call_log_id), terminal=True)
    told: list[Append | Publish] = [Append(claim.thread_id, paused)] if paused else []
    if not thread["is_deleted"]:  # no list has it any more
        updated = thread_list.updated(claim.thread_id, thread, running=False)
        told.append(Publish(user_channel(claim.user_id), updated))
    await broadcast.announce(*told)


async def settle_deleted(claim: Claim, journal: ReplyJournal, *, broadcast: Broadcast) -> bool:
    """After Fenced: record the cost if the thread or this version was deleted. False if the answer still exists."""
    [left] = await lease.while_leased(lambda: query(LEFT, claim.generation_id, claim.thread_id))
    if left["generation"]:
        return False
    await lease.while_leased(lambda: _settle(journal))
    if not left["thread"]:
        with suppress(Unavailable):  # events published after the deletion
            await broadcast.log.forget([claim.thread_id])
    return True


async def _settle(journal: ReplyJournal) -> None:
    async with in_transaction():
        await journal.settle()


async def _store(
    claim: Claim, live_text: LiveText, outcome: Outcome, answer: AnswerSoFar, journal: ReplyJournal
) -> tuple[dict[str, Any], UUID | None, QueueChanged | None]:
    """Returns the thread's new row, the id of the last call's row, and the queue if it is paused now.

    After a lost reply to COMMIT it runs twice.
    """
    try:
        return await _store_end(claim, live_text, outcome, answer, journal)
    except Fenced:
        ended = await query(ENDED, claim.generation_id, claim.fence, outcome.state, outcome.reason[: lease.MAX_REASON])
        if not ended:
            raise
        return ended[0], ended[0]["call_log_id"], None


async def _store_end(
    claim: Claim, live_text: LiveText, outcome: Outcome, answer: AnswerSoFar, journal: ReplyJournal
) -> tuple[dict[str, Any], UUID | None, QueueChanged | None]:
    asked = await query(QUESTION, claim.question_id)
    if not asked:  # it was deleted
        raise Fenced(claim.generation_id)
    counts = await count_tokens([asked[0]["content"], answer.text])
    ended = (outcome.state, outcome.reason[: lease.MAX_REASON], UNFINISHED)
    stored = (answer.text, outcome.status, outcome.sentence, counts[1], answer.reasoning, answer.reasoning_ms)
    async with in_transaction():
        threads = await query(
            END, claim.generation_id, claim.fence, claim.thread_id, live_text.position.epoch, live_text.position.offset,
            *ended, claim.answer_id, *stored, claim.question_id, counts[0],
        )  # fmt: skip
        if not threads:
            raise Fenced(claim.generation_id)
        call_log_id = await journal.settle()
        state = State.CANCELLED if threads[0]["was_stopped"] else outcome.state  # the stop may have come too late
        return threads[0], call_log_id, await queue.pause_after(claim.thread_id, state)


def _last_event(
    claim: Claim, outcome: Outcome, answer: AnswerSoFar, rev: int, logs: list[CallLog], call_log_id: UUID | None
) -> Frame:
    thought = utf16_length(answer.reasoning), answer.reasoning_ms
    if outcome.code:
        return ResponseError(rev, claim.answer_id, outcome.code, outcome.sentence, outcome.retryable, *thought)
    return Final(
        rev=rev,
        message_id=claim.answer_id,
        status=outcome.status,
        content_length=utf16_length(answer.text),
        content_sha8=sha8(answer.text),
        usage=_figures(logs),
        call_log_id=call_log_id,
        message=outcome.sentence,
        reasoning_length=thought[0],
        reasoning_ms=thought[1],
        can_continue=can_continue(outcome.status, outcome.reason),
    )


def _figures(logs: list[CallLog]) -> dict[str, Any] | None:
    """The usage of all rounds; `cost` is in USD as a decimal string, null if unknown."""
    if not logs:
        return None
    used, cost = total_usage(logs), total_cost(logs)
    return {
        "model": logs[-1].model or logs[-1].plan.model,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "total_tokens": used.total_tokens,
        "cost": None if cost is None else f"{cost:f}",
        "estimated": any(log.estimated for log in logs),
    }
