"""The site in figures, for administrators."""

from __future__ import annotations

from typing import Any

from chat.database import query

FIGURES = """
SELECT (SELECT count(*) FROM users) AS users,
       (SELECT count(*) FROM chat_thread) AS threads,
       (SELECT count(*) FROM generation WHERE state IN ('queued', 'running')) AS running,
       (SELECT count(*) FROM generation WHERE created_at > now() - interval '24 hours') AS replies_today,
       (SELECT count(*) FROM generation
        WHERE created_at > now() - interval '24 hours' AND state IN ('failed', 'interrupted')) AS failed_today,
       (SELECT coalesce(sum(total_tokens), 0) FROM llm_call_log
        WHERE created_at > now() - interval '24 hours') AS tokens_today,
       (SELECT coalesce(sum(cost), 0) FROM llm_call_log
        WHERE created_at > now() - interval '24 hours') AS cost_today,
       (SELECT count(*) FROM llm_call_log
        WHERE created_at > now() - interval '24 hours' AND cost IS NULL) AS unpriced_today
"""
RECENT_USERS = """
SELECT email, email_verified, is_staff, created_at, last_seen_at,
    EXISTS (SELECT FROM second_factor WHERE user_id = users.id AND confirmed_at IS NOT NULL) AS has_second_factor
FROM users ORDER BY created_at DESC LIMIT $1
"""
RECENT = 20


async def figures() -> dict[str, Any]:
    """Counts of everything and of the last 24 hours; costs are in USD."""
    rows = await query(FIGURES)
    return rows[0]


async def recent_users() -> list[dict[str, Any]]:
    """Who signed up last."""
    return await query(RECENT_USERS, RECENT)
