"""Approving and declining accounts, one or many at once; each user is told by email."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from chat.broadcast import Broadcast
from chat.database import query
from chat.mailer import Mailer
from chat.models import AuthSession
from chat.services.accounts import sessions
from chat.services.accounts.approval import WAITS
from chat.services.admin import audit
from chat.services.admin.audit import AuditContext
from chat.services.admin.commands import as_administrator
from chat.settings import Settings

LISTED = 100
WAITING = f"SELECT id, email, created_at FROM users WHERE {WAITS} ORDER BY id LIMIT {LISTED}"  # noqa: S608 - constants
# A declined account is disabled, and approval enables it again; an account that was disabled separately stays disabled.
APPROVE = """
UPDATE users SET approved_at = now(), declined_at = NULL, is_active = is_active OR declined_at IS NOT NULL
WHERE id = ANY($1::uuid[]) AND approved_at IS NULL RETURNING id, email
"""
DECLINE = """
UPDATE users SET declined_at = now(), is_active = false
WHERE id = ANY($1::uuid[]) AND approved_at IS NULL AND declined_at IS NULL RETURNING id, email
"""


async def waiting(settings: Settings) -> list[dict[str, Any]]:
    """The accounts that have waited longest."""
    return await query(WAITING, settings.email_verification_required)


async def approve_all(context: AuditContext, user_ids: list[UUID], *, mailer: Mailer, settings: Settings) -> int:
    """Let these users in; returns how many had not been approved yet."""
    async with as_administrator(context):
        users = await query(APPROVE, user_ids)
        await _record(context, "users.approve", users, approved=True)
    for user in users:
        mailer.send_later(user["email"], "account_approved", {"url": f"{settings.public_url}/accounts/login/"})
    return len(users)


async def decline_all(context: AuditContext, user_ids: list[UUID], *, mailer: Mailer, broadcast: Broadcast) -> int:
    """Close these users' accounts and log them out; returns how many were waiting."""
    async with as_administrator(context):
        users = await query(DECLINE, user_ids)
        ended = await sessions.delete_sessions(AuthSession.filter(user_id__in=[user["id"] for user in users]))
        await _record(context, "users.decline", users, approved=False)
    await sessions.announce_ended(ended, broadcast=broadcast)
    for user in users:
        mailer.send_later(user["email"], "account_declined", {})
    return len(users)


async def approve(context: AuditContext, *, mailer: Mailer, settings: Settings) -> None:
    """Let this user in."""
    await approve_all(context, _one(context), mailer=mailer, settings=settings)


async def decline(context: AuditContext, *, mailer: Mailer, broadcast: Broadcast) -> None:
    """Close this user's account."""
    await decline_all(context, _one(context), mailer=mailer, broadcast=broadcast)


def _one(context: AuditContext) -> list[UUID]:
    return [context.object_id] if context.object_id else []


async def _record(context: AuditContext, action: str, users: list[dict[str, Any]], *, approved: bool) -> None:
    for user in users:
        one = replace(context, object_id=user["id"])
        await audit.record(one, action, before={"approved": None}, after={"approved": approved})
