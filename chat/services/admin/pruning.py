"""Deletes expired sessions, expired emailed links, deleted chats and old model requests; never the audit log.

It works in batches, each with its audit entry in one transaction: no lock is held for long, every deletion is recorded
even if the run is interrupted, and the next run continues. Without an audit context it only counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from tortoise.transactions import in_transaction

from chat.database import now, query
from chat.services.accounts.sessions import expired_sql
from chat.services.admin import audit
from chat.services.admin.audit import AuditContext
from chat.services.replies import thread_deletion

BATCH = 2000
SHORTEST_DAYS = 31  # the overview shows thirty
LONGEST_DAYS = 36_500  # a hundred years; `datetime` ends at year 1

EXPIRED_SESSIONS = f"SELECT s.id FROM auth_session s JOIN users u ON u.id = s.user_id WHERE {expired_sql()}"  # noqa: S608
EXPIRED_LINKS = "SELECT id FROM {table} WHERE expires_at < now()"
# An invitation that someone accepted stays, since it says who invited whom.
UNUSED = "AND NOT EXISTS (SELECT FROM users WHERE invitation_id = invitation.id)"
# The workers of a site that runs delete them within seconds.
DELETED_CHATS = "SELECT id FROM chat_thread WHERE deleted_at IS NOT NULL"
OLD_CALLS = "SELECT id FROM llm_call_log WHERE created_at < $1"


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were deleted, or would be, and of what kind."""

    count: int
    what: str


async def sessions(context: AuditContext | None) -> list[Pruned]:
    """Sessions that have expired."""
    count = await _prune(context, "sessions", "auth_session", EXPIRED_SESSIONS)
    return [Pruned(count, "expired sessions")]


async def tokens(context: AuditContext | None) -> list[Pruned]:
    """Emailed links that have expired."""
    kinds = {
        "email_verification_token": "email confirmation links",
        "password_reset_token": "password reset links",
    }
    pruned = [
        Pruned(await _prune(context, "tokens", table, EXPIRED_LINKS.format(table=table)), f"expired {what}")
        for table, what in kinds.items()
    ]
    unused = f"{EXPIRED_LINKS.format(table='invitation')} {UNUSED}"
    count = await _prune(context, "tokens", "invitation", unused)
    return [*pruned, Pruned(count, "expired invitations that no one accepted")]


async def chats(context: AuditContext | None) -> list[Pruned]:
    """Chats that their users have deleted, also those that could still be brought back."""
    count = await _prune_chats(context) if context else await _prune(None, "chats", "chat_thread", DELETED_CHATS)
    return [Pruned(count, "chats that their users had deleted")]


async def logs(context: AuditContext | None, older_than_days: int) -> list[Pruned]:
    """Model requests with their text. Monthly totals stay, and with them budgets and costs."""
    before = (await now()).astimezone(UTC) - timedelta(days=older_than_days)
    count = await _prune(context, "logs", "llm_call_log", OLD_CALLS, before, older_than_days=older_than_days)
    return [Pruned(count, f"model requests before {before:%Y-%m-%d %H:%M} UTC, with their text (monthly totals stay)")]


async def _prune(context: AuditContext | None, name: str, table: str, chosen: str, *values: Any, **what: int) -> int:
    if context is None:
        count: int = (await query(f"SELECT count(*) AS count FROM ({chosen}) c", *values))[0]["count"]  # noqa: S608
        return count
    deleted, batch = 0, f"DELETE FROM {table} WHERE id IN ({chosen} LIMIT {BATCH}) RETURNING id"  # noqa: S608 - constants
    while True:
        async with in_transaction():
            rows = len(await query(batch, *values))
            if not rows:
                return deleted
            await audit.record(context, f"prune.{name}", after={"rows": rows, "table": table, **what})
        deleted += rows


async def _prune_chats(context: AuditContext) -> int:
    """Answers that are still being written record their cost and end, wherever they run."""
    deleted, batch = 0, f"{DELETED_CHATS} ORDER BY id LIMIT {thread_deletion.THREADS_AT_ONCE} FOR UPDATE SKIP LOCKED"
    while True:
        async with in_transaction():
            gone = await thread_deletion.delete_rows([row["id"] for row in await query(batch)])
            if not gone.threads:
                return deleted
            await audit.record(context, "prune.chats", after={"rows": len(gone.threads), "table": "chat_thread"})
        deleted += len(gone.threads)
