"""What a reply cost: one row for each round with the provider, and the month's sum, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from chat.database import query
from chat.llm.events import Usage
from chat.llm.tokens import count_tokens
from chat.models.ids import uuid7

RECORD = """
INSERT INTO llm_call_log (id, generation_id, user_id, round, response_id, request_id, caller, model_asked, model,
    status, error, input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, total_tokens,
    estimated, uncertain, attempts, duration_ms, first_event_ms, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 'chat', $7, $8, $9, $10, $11, $12, 0, $13, $14, $15, $16, $17, 1, $18, $19, now())
ON CONFLICT DO NOTHING RETURNING id
"""
ADD_TO_MONTH = """
INSERT INTO user_monthly_usage (id, user_id, month, calls, input_tokens, output_tokens, total_tokens, cost)
VALUES ($1, $2, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 1, $3, $4, $5, 0)
ON CONFLICT (user_id, month) DO UPDATE SET calls = user_monthly_usage.calls + 1,
    input_tokens = user_monthly_usage.input_tokens + excluded.input_tokens,
    output_tokens = user_monthly_usage.output_tokens + excluded.output_tokens,
    total_tokens = user_monthly_usage.total_tokens + excluded.total_tokens
"""


@dataclass(frozen=True, slots=True)
class Round:
    """One call of the provider, as it went. `usage` is None where the provider did not report any.

    `sent` and `received` are the texts, by which the tokens of such a call are estimated.
    """

    number: int
    model_asked: str
    model: str
    response_id: str | None
    request_id: str
    status: str
    error: str
    usage: Usage | None
    uncertain: bool
    duration_ms: int
    first_event_ms: int | None
    sent: str = ""
    received: str = ""
    counted: Usage | None = None

    @property
    def estimated(self) -> bool:
        """It ran, or may have run, and nobody says what it took."""
        return self.usage is None and (self.response_id is not None or self.uncertain)


async def with_estimates(rounds: list[Round]) -> list[Round]:
    """The same, with the tokens counted here where a call ended without a report: after Stop, or a cut."""
    return [replace(one, counted=await _counted(one)) if one.estimated else one for one in rounds]


async def _counted(one: Round) -> Usage:
    sent, received = await count_tokens([one.sent, one.received])
    return Usage(input_tokens=sent, output_tokens=received, total_tokens=sent + received)


async def record(rounds: list[Round], *, user_id: UUID, generation_id: UUID) -> UUID | None:
    """Store each round once, count it into the user's month (UTC), and return the id of the last one."""
    last = None
    for one in rounds:
        last = await _record(one, user_id, generation_id) or last
    return last


async def _record(one: Round, user_id: UUID, generation_id: UUID) -> UUID | None:
    used = one.usage or one.counted or Usage()
    rows = await query(
        RECORD,
        uuid7(),
        generation_id,
        user_id,
        one.number,
        one.response_id,
        one.request_id,
        one.model_asked,
        one.model,
        one.status,
        one.error,
        used.input_tokens,
        used.cached_tokens,
        used.output_tokens,
        used.reasoning_tokens,
        used.total_tokens,
        one.estimated,
        one.uncertain,
        one.duration_ms,
        one.first_event_ms,
    )
    if not rows:
        return None
    await query(ADD_TO_MONTH, uuid7(), user_id, used.input_tokens, used.output_tokens, used.total_tokens)
    recorded: UUID = rows[0]["id"]
    return recorded
