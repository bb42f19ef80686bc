"""The audit context of a request."""

from __future__ import annotations

from uuid import UUID

from quart import request

from chat.models import User
from chat.services.admin.audit import AuditContext
from chat.web.auth import current_session


async def audit_context(user: User, object_id: UUID | None, reason: str = "", *, value: str = "") -> AuditContext:
    """For a change by this administrator, whose session must still be alive when it is made."""
    session = await current_session()
    return AuditContext(
        actor=user,
        object_id=object_id,
        session_id=session.id if session else None,
        reason=reason,
        value=value,
        ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
    )
