"""The lease on a running answer: claim, renew and checkpoint, each one statement, by the database's clock.

Every write is conditional on the fence and on the generation being alive. If no row matches, the lease was lost to
another worker: Fenced is raised, and the worker stops at once.

Rows are locked in the order of docs/architecture.md, "The order of locks": another order can deadlock.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from chat.broadcast import LogPosition
from chat.database import query, retried, urgent
from chat.models import ALIVE_SQL

LEASE = "12 seconds"
SELF_FENCE_SECONDS = 9.0  # shorter than the lease: this worker stops before another can begin
RETRY_SECONDS = 30.0  # to claim a generation
PAUSE_SECONDS = 0.5
MAX_REASON = 40  # characters

Stored = TypeVar("Stored")

CLAIM = f"""
WITH thread AS (
    SELECT t.id FROM chat_thread t JOIN generation g ON g.thread_id = t.id WHERE g.id = $1 FOR UPDATE OF t
), claim AS (
    SELECT id, thread_id, user_message_id, state, request_at FROM generation
    WHERE id = $1 AND thread_id = (SELECT id FROM thread) AND state IN {ALIVE_SQL}
        AND (owner IS NULL OR lease_until < now() OR owner = $2)
    FOR UPDATE
), fenced AS (
    UPDATE chat_thread t SET fence = t.fence + 2 FROM claim WHERE t.id = claim.thread_id
    RETURNING t.id, t.user_id, t.fence, t.rev
)
UPDATE generation g
SET owner = $2, fence = fenced.fence, state = 'running', lease_until = now() + interval '{LEASE}',
    takeovers = g.takeovers + (claim.state = 'running' AND g.owner IS DISTINCT FROM $2)::int
FROM claim, fenced, chat_message question, chat_message answer
WHERE g.id = claim.id AND question.id = claim.user_message_id AND answer.id = g.answer_id
RETURNING g.id AS generation_id, g.thread_id, g.answer_id, g.fence, g.ckpt_epoch, g.ckpt_s,
    g.partial, g.partial_reasoning, g.partial_reasoning_ms, g.partial_thinking,
    g.cancel_at IS NOT NULL AS cancelled, claim.request_at IS NOT NULL AS asked, fenced.user_id, fenced.rev,
    g.user_message_id AS question_id, answer.parent_id, question.parent_id IS NULL AS is_first, g.continues, g.model,
    g.takeovers,
    g.response_id, g.background, g.round_start, g.up_seq, g.partial_len
"""  # noqa: S608 - the lease is a constant
OWNED = f"id = $1 AND fence = $2 AND state IN {ALIVE_SQL}"
ASKING = f"""
UPDATE generation SET request_at = now(), response_id = NULL, background = $3, partial = $4, partial_len = $5,
    round_start = $5, up_seq = -1, ckpt_epoch = $6, ckpt_s = $7, partial_reasoning = $8, partial_reasoning_ms = $9,
    partial_thinking = $10, model = $11
WHERE {OWNED} RETURNING id
"""  # noqa: S608
CREATED = f"UPDATE generation SET response_id = $3, up_seq = $4 WHERE {OWNED} RETURNING id"  # noqa: S608
CHECKPOINT = f"""
UPDATE generation SET partial = $3, partial_len = $4, up_seq = $5, ckpt_epoch = $6, ckpt_s = $7,
    partial_reasoning = $8, partial_reasoning_ms = $9, partial_thinking = $10
WHERE {OWNED} RETURNING id
"""  # noqa: S608
RELEASE = f"UPDATE generation SET owner = NULL, lease_until = now() WHERE {OWNED} RETURNING id"  # noqa: S608
IS_OWNED = f"SELECT 1 FROM generation WHERE {OWNED}"  # noqa: S608
# A locked row, usually by its own checkpoint or end, must not delay the other leases.
RENEW = f"""
WITH mine AS (
    SELECT id FROM generation WHERE owner = $1 AND state = 'running' AND id = ANY($2::uuid[])
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE generation g SET lease_until = now() + interval '{LEASE}' FROM mine WHERE g.id = mine.id
RETURNING g.id, g.cancel_at IS NOT NULL AS cancelled
"""  # noqa: S608
FENCES = "SELECT id, fence FROM generation WHERE id = ANY($1::uuid[])"
# After an outage every lease has expired, and its owner may still have the answer's text. This statement proves that
# PostgreSQL accepts writes again, and gives the owner time for another heartbeat. Workers look every 2 to 4 seconds:
# a lease that expired more than 6 seconds ago expired during an outage, and a heartbeat that began then can take 9 s.
# $2: whether this worker has just met the outage itself.
SPARE = """
UPDATE generation
SET lease_until = now() + CASE WHEN $2 OR lease_until < now() - interval '6 seconds' THEN interval '9 seconds'
    ELSE interval '1.5 seconds' END
WHERE id = $1 AND state = 'running' AND owner IS NOT NULL AND lease_until < now()
RETURNING extract(epoch FROM lease_until - now())::float8 AS seconds
"""
EXPIRED = """
SELECT id FROM generation
WHERE (state = 'running' AND lease_until < now())
   OR (state = 'queued' AND owner IS NULL AND created_at < now() - interval '3 seconds')
ORDER BY created_at LIMIT 20
"""
REQUEST_STOP = f"""
UPDATE generation g SET cancel_at = coalesce(g.cancel_at, now()) FROM chat_thread t
WHERE t.id = g.thread_id AND t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND g.answer_id = $3
    AND g.state IN {ALIVE_SQL}
RETURNING g.id
"""  # noqa: S608


class Fenced(Exception):
    """Another worker owns the generation, or it has ended: write nothing more."""


@dataclass(frozen=True, slots=True)
class AnswerSoFar:
    """What a running answer has at one moment."""

    text: str = ""
    reasoning: str = ""
    reasoning_ms: int | None = None  # thinking time so far; None: the model never began to think
    thinking: bool = False

    @classmethod
    def stored(cls, row: dict[str, Any]) -> AnswerSoFar:
        """Take it out of a row of `generation`."""
        columns = ("partial", "partial_reasoning", "partial_reasoning_ms", "partial_thinking")
        return cls(*(row.pop(column) for column in columns))


NOTHING = AnswerSoFar()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An answer at one moment, the provider's number of its last event, and the position in the thread's log."""

    answer: AnswerSoFar
    length: int  # of the text in UTF-16 code units
    sequence: int
    position: LogPosition

    def columns(self) -> tuple[object, ...]:
        """The position and the reasoning, its time and state, as the statements above take them."""
        answer = self.answer
        return self.position.epoch, self.position.offset, answer.reasoning, answer.reasoning_ms, answer.thinking


@dataclass(slots=True)
class Lease:
    """How long this worker may act as the owner, by the monotonic time before the statement that renewed it."""

    renewed_at: float = field(default_factory=time.monotonic)
    is_over: bool = False  # the end is stored, so that no other worker will own the generation

    @property
    def is_current(self) -> bool:
        """Whether no other worker can own the generation: otherwise nothing may be published."""
        return self.is_over or self.seconds_old < SELF_FENCE_SECONDS

    @property
    def seconds_old(self) -> float:
        """Seconds since the renewal."""
        return time.monotonic() - self.renewed_at


@dataclass(frozen=True, slots=True)
class Claim:
    """A generation that this worker owns, as it was when claimed."""

    generation_id: UUID
    thread_id: UUID
    user_id: UUID
    answer_id: UUID
    question_id: UUID
    parent_id: UUID  # the question, or the answer that this one continues
    is_first: bool  # the question begins the chat
    continues: bool  # an answer that was cut off
    model: str
    fence: int
    rev: int
    asked: bool  # a request may have reached the provider before
    cancelled: bool
    takeovers: int
    response_id: str | None
    background: bool  # the provider finishes the last request without us
    round_start: int  # UTF-16 code units of the answer before the current round
    checkpoint: Checkpoint
    lease: Lease = field(default_factory=Lease, compare=False)
    has_budget: bool = True  # False: its first call needs no reservation


async def claim(generation_id: UUID, *, owner: str) -> Claim | None:
    """Own a generation; None if another worker owns it or it has ended. One of two concurrent claims wins.

    A new answer is claimed as it is stored; if nothing is known of that COMMIT, its worker claims the answer again.
    """
    lease = Lease()
    rows = await query(CLAIM, generation_id, owner)
    if not rows:
        return None
    row = rows[0]
    position = LogPosition(row.pop("ckpt_epoch"), row.pop("ckpt_s"))
    kept = Checkpoint(AnswerSoFar.stored(row), row.pop("partial_len"), row.pop("up_seq"), position)
    return Claim(**row, checkpoint=kept, lease=lease)


async def asking(claim: Claim, at: Checkpoint, *, model: str, background: bool) -> None:
    """Committed before the request: from now on this round is never sent a second time."""
    await _fenced(ASKING, claim, background, at.answer.text, at.length, *at.columns(), model)


async def response_created(claim: Claim, response_id: str, sequence: int) -> None:
    """Committed before any text of the response is shown."""
    await while_leased(lambda: _fenced(CREATED, claim, response_id, sequence))


async def checkpoint(claim: Claim, at: Checkpoint) -> None:
    """Store what was received, so that a killed worker loses little."""
    await _fenced(CHECKPOINT, claim, at.answer.text, at.length, at.sequence, *at.columns())


async def release(claim: Claim) -> None:
    """Give up the lease, so that another worker can claim at once."""
    await _fenced(RELEASE, claim)


async def is_owned(claim: Claim) -> bool:
    """Whether this worker still owns the generation."""
    return bool(await query(IS_OWNED, claim.generation_id, claim.fence))


async def renew(owner: str, generation_ids: list[UUID]) -> dict[UUID, bool]:
    """Renew a worker's leases; returns those it still has, each with whether the user asked to stop.

    Urgent: under load every other statement can wait, but answers whose leases expire are lost.
    """
    return {row["id"]: row["cancelled"] for row in await urgent(RENEW, owner, generation_ids)}


async def fences(generation_ids: list[UUID]) -> dict[UUID, int]:
    """The fences of these generations; those of deleted ones are missing."""
    return {row["id"]: row["fence"] for row in await urgent(FENCES, generation_ids)}


async def spare(generation_id: UUID, *, after_outage: bool) -> float:
    """Let the owner of an expired lease renew it, if it is still there; returns for how many seconds."""
    rows = await query(SPARE, generation_id, after_outage)
    return rows[0]["seconds"] if rows else 0.0


async def expired() -> list[UUID]:
    """Generations whose lease has expired, or that no worker ever claimed."""
    return [row["id"] for row in await query(EXPIRED)]


async def request_stop(user_id: UUID, thread_id: UUID, answer_id: UUID) -> UUID | None:
    """Mark the generation of the user's answer to be stopped; None if none is running."""
    rows = await query(REQUEST_STOP, user_id, thread_id, answer_id)
    return rows[0]["id"] if rows else None


async def while_leased(work: Callable[[], Awaitable[Stored]]) -> Stored:
    """Retry while PostgreSQL is unavailable or too busy, through a long outage: no other worker can claim meanwhile.

    A lost lease cancels the caller, or the fence raises Fenced.
    """
    return await retried(work)


async def retry(store: Callable[[], Awaitable[Stored]]) -> Stored:
    """Retry while PostgreSQL is unavailable, for as long as a claim may take. `store` may run twice."""
    return await retried(store, seconds=RETRY_SECONDS)


async def _fenced(sql: str, claim: Claim, *values: object) -> None:
    if not await query(sql, claim.generation_id, claim.fence, *values):
        raise Fenced(claim.generation_id)
