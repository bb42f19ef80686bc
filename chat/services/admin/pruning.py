"""Deleting what is over: sessions, mailed links, and old calls. What administrators did is never touched.

In batches, each a transaction of its own with its entry in the audit log: nobody waits for a lock, what was interrupted
goes on the next time, and what is gone is recorded whatever interrupts it. Without an order it is only counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tortoise.transactions import in_transaction

from chat.database import query
from chat.services.accounts.sessions import expired_sql
from chat.services.admin import audit
from chat.services.admin.audit import Order

BATCH = 2000
SHORTEST_DAYS = 31  # the administrators' page shows thirty
LONGEST_DAYS = 36_500  # dates have an end

EXPIRED_SESSIONS = f"SELECT s.id FROM auth_session s JOIN users u ON u.id = s.user_id WHERE {expired_sql()}"  # noqa: S608
EXPIRED_LINKS = "SELECT id FROM {table} WHERE expires_at < now()"
OLD_CALLS = "SELECT id FROM llm_call_log WHERE created_at < $1"


@dataclass(frozen=True, slots=True)
class Pruned:
    """So many rows of a kind, in words."""

    count: int
    what: str


async def sessions(order: Order | None) -> list[Pruned]:
    """Logins that would not be taken any more."""
    count = await _prune(order, "sessions", "auth_session", EXPIRED_SESSIONS)
    return [Pruned(count, "sessions that were over")]


async def tokens(order: Order | None) -> list[Pruned]:
    """Mailed links that do not work any more."""
    kinds = {
        "email_verification_token": "links that confirm an address",
        "password_reset_token": "links for a password",
    }
    return [
        Pruned(await _prune(order, "tokens", table, EXPIRED_LINKS.format(table=table)), f"expired {what}")
        for table, what in kinds.items()
    ]


async def logs(order: Order | None, older_than_days: int) -> list[Pruned]:
    """Calls of the model, with their text. The sums of the months stay, and so do budgets and bills."""
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    count = await _prune(order, "logs", "llm_call_log", OLD_CALLS, before, older_than_days=older_than_days)
    return [Pruned(count, f"calls from before {before:%Y-%m-%d %H:%M} UTC, with their text; the sums of months stay")]


async def _prune(order: Order | None, name: str, table: str, chosen: str, *values: Any, **what: int) -> int:
    if order is None:
        count: int = (await query(f"SELECT count(*) AS count FROM ({chosen}) c", *values))[0]["count"]  # noqa: S608
        return count
    deleted, batch = 0, f"DELETE FROM {table} WHERE id IN ({chosen} LIMIT {BATCH}) RETURNING id"  # noqa: S608 - constants
    while True:
        async with in_transaction():
            rows = len(await query(batch, *values))
            if not rows:
                return deleted
            await audit.record(order, f"prune.{name}", after={"rows": rows, "table": table, **what})
        deleted += rows
