"""The audit log: an administrator's change and its entry are one transaction, so neither exists without the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from chat.database import now
from chat.models import EMAIL_MAX_LENGTH, IP_MAX_LENGTH, USER_AGENT_MAX_LENGTH, AuditEntry, User
from chat.models.ids import NO_ID


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The actor of a `chat` command on the server: the operating system's user, who has no account."""

    email: str
    id: UUID = field(default=NO_ID, init=False)


@dataclass(frozen=True, slots=True)
class AuditContext:
    """Who acts on which object, why and from where. `value` is the form's input for the action, if it has one.

    `session_id` is the administrator's session, which must still be alive when the change is made.
    """

    actor: User | CommandLine
    object_id: UUID | None
    session_id: UUID | None = None
    reason: str = ""
    value: str = ""
    ip: str = ""
    user_agent: str = ""


async def record(context: AuditContext, action: str, *, before: Any = None, after: Any = None) -> None:
    """Add the entry, in the caller's transaction. `before` and `after` are the fields that change, never a secret."""
    await AuditEntry.create(
        actor_id=context.actor.id,
        actor_email=context.actor.email[:EMAIL_MAX_LENGTH],
        action=action,
        object_id=str(context.object_id or ""),
        reason=context.reason,
        before=before,
        after=after,
        ip=context.ip[:IP_MAX_LENGTH],
        user_agent=context.user_agent[:USER_AGENT_MAX_LENGTH],
        created_at=await now(),
    )
