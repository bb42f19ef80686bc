"""All users, a line each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from chat.database import query

PAGE = 1000  # rows that are read at once
USERS = """
SELECT u.email, u.email_verified, u.is_staff, u.is_active, u.last_seen_at,
       coalesce(m.cost, 0) AS cost, coalesce(m.unpriced_calls, 0) AS unpriced_calls
FROM users u LEFT JOIN user_monthly_usage m
    ON m.user_id = u.id AND m.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date
WHERE position($1 in u.email) > 0 AND u.email > $2 ORDER BY u.email LIMIT $3
"""


async def users(search: str = "") -> AsyncIterator[dict[str, Any]]:
    """Those whose address has these letters in it, by address; `cost` is what is known of this month, in USD."""
    last = ""
    while rows := await query(USERS, search.strip().lower(), last, PAGE):
        last = rows[-1]["email"]
        for row in rows:
            yield row
