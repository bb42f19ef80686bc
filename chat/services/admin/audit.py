"""What administrators do is recorded, in the transaction that does it: no change without its entry, nor the reverse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chat.models import EMAIL_MAX_LENGTH, AuditEntry, User
from chat.models.ids import NO_ID

USER_AGENT_MAX_LENGTH, IP_MAX_LENGTH = 255, 45  # what the columns hold


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Whoever runs the `chat` command on the server itself, by the name of the system's user."""

    email: str
    id: UUID = field(default=NO_ID, init=False)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done to an object: who, why and from where. `value` is what was typed for it.

    `session_id` is the administrator's session, which has to be alive when it is done.
    """

    by: User | CommandLine
    object_id: UUID | None
    session_id: UUID | None = None
    reason: str = ""
    value: str = ""
    ip: str = ""
    user_agent: str = ""


async def record(order: Order, action: str, *, before: Any = None, after: Any = None) -> None:
    """Add the entry, in the caller's transaction. `before` and `after` are the fields that change, never a secret."""
    await AuditEntry.create(
        actor_id=order.by.id,
        actor_email=order.by.email[:EMAIL_MAX_LENGTH],
        action=action,
        object_id=str(order.object_id or ""),
        reason=order.reason,
        before=before,
        after=after,
        ip=order.ip[:IP_MAX_LENGTH],
        user_agent=order.user_agent[:USER_AGENT_MAX_LENGTH],
    )
