"""What is known of an answer beside its text: model, times, tokens, cost, and the ids to follow it by."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from chat.database import query
from chat.models import User

DETAILS = """
SELECT g.id AS generation_id, g.model AS chosen, g.created_at AS began, g.finished_at AS ended, g.takeovers, m.status,
    c.round, c.model_asked, c.model, c.provider, c.status AS round_status, c.first_event_ms, c.duration_ms,
    c.input_tokens, c.cached_tokens, c.output_tokens, c.reasoning_tokens, c.cost, c.estimated, c.response_id,
    c.request_id
FROM generation g
JOIN chat_thread t ON t.id = g.thread_id
JOIN chat_message m ON m.id = g.answer_id
LEFT JOIN llm_call_log c ON c.generation_id = g.id
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND g.answer_id = $3
ORDER BY c.round
"""


class RoundDetails(msgspec.Struct, frozen=True):
    """One model call of an answer."""

    round: int
    model: str
    provider: str
    status: str
    first_event_ms: int | None
    duration_ms: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: Decimal | None  # in USD; None: unknown
    estimated: bool
    response_id: str
    request_id: str


class AnswerDetails(msgspec.Struct, frozen=True):
    """An answer, with the rounds that are recorded: the last one is when the answer ends."""

    message_id: UUID
    generation_id: UUID
    status: str
    model: str
    began: datetime
    ended: datetime | None
    takeovers: int
    rounds: list[RoundDetails]

    @property
    def seconds(self) -> float | None:
        """From the question to the stored end."""
        return (self.ended - self.began).total_seconds() if self.ended else None

    @property
    def cost(self) -> Decimal | None:
        """In USD; None if any part of it is unknown."""
        costs = [one.cost for one in self.rounds]
        return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))

    @property
    def estimated(self) -> bool:
        """Whether any tokens were counted here, since the provider did not report them."""
        return any(one.estimated for one in self.rounds)

    def total(self, name: str) -> int:
        """The sum of a figure of all rounds."""
        return sum(getattr(one, name) for one in self.rounds)


async def details(user: User, thread_id: UUID, message_id: UUID) -> AnswerDetails | None:
    """The details of an answer of the user's own; None if there is none."""
    rows = await query(DETAILS, user.id, thread_id, message_id)
    if not rows:
        return None
    first, rounds = rows[0], [_round(row) for row in rows if row["round"] is not None]
    return AnswerDetails(
        message_id=message_id,
        generation_id=first["generation_id"],
        status=first["status"],
        model=rounds[-1].model if rounds else first["chosen"],
        began=first["began"],
        ended=first["ended"],
        takeovers=first["takeovers"],
        rounds=rounds,
    )


def _round(row: dict[str, Any]) -> RoundDetails:
    given = {name: row[name] for name in RoundDetails.__struct_fields__ if name in row}
    return RoundDetails(
        **given
        | {
            "model": row["model"] or row["model_asked"],
            "status": row["round_status"],
            "response_id": row["response_id"] or "",
        }
    )
