"""What administrators do is recorded, in the transaction that does it: no change without its entry, nor the reverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat.models import AuditEntry, User

USER_AGENT_MAX_LENGTH, IP_MAX_LENGTH = 255, 45  # what the columns hold


@dataclass(frozen=True, slots=True)
class Order:
    """What an administrator wants done to an object: who, why and from where. `value` is what was typed for it."""

    by: User
    object_id: UUID
    reason: str = ""
    value: str = ""
    ip: str = ""
    user_agent: str = ""


async def record(order: Order, action: str, *, before: Any = None, after: Any = None) -> None:
    """Add the entry, in the caller's transaction. `before` and `after` are the fields that change, never a secret."""
    await AuditEntry.create(
        actor_id=order.by.id,
        actor_email=order.by.email,
        action=action,
        object_id=str(order.object_id),
        reason=order.reason,
        before=before,
        after=after,
        ip=order.ip[:IP_MAX_LENGTH],
        user_agent=order.user_agent[:USER_AGENT_MAX_LENGTH],
    )
