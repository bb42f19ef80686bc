"""Who orders something, and from where, as the request says."""

from __future__ import annotations

from uuid import UUID

from quart import request

from chat.models import User
from chat.services.admin.audit import Order
from chat.web.auth import current_session


async def order_of(user: User, object_id: UUID | None, reason: str = "", *, value: str = "") -> Order:
    """For this administrator, whose session has to be alive when it is done."""
    session = await current_session()
    return Order(
        by=user,
        object_id=object_id,
        session_id=session.id if session else None,
        reason=reason,
        value=value,
        ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
    )
