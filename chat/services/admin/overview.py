"""The site in figures, for administrators: the last thirty days, today, and what there is now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from chat.database import query
from chat.models import FINE

DAYS = 30  # today among them

# Day by day (UTC) from an instant on. Each day is read by the index and summed up by itself: one GROUP BY day would
# convert the time of each row, and sort them all.
DAY_BY_DAY = """
FROM generate_series($1::timestamptz, now(), interval '24 hours') AS midnight, LATERAL (SELECT {figures}
    FROM llm_call_log WHERE created_at >= midnight AND created_at < midnight + interval '24 hours' {calls}) AS one
"""
# A reply is counted at its first round; the other rounds, and titles, are calls beside it.
SUMS = """
status, count(*) AS calls, count(*) FILTER (WHERE caller = 'chat' AND round = 1) AS replies,
sum(total_tokens)::bigint AS tokens, coalesce(sum(cost), 0) AS cost,
coalesce(sum(cost) FILTER (WHERE estimated), 0) AS estimated_cost, count(*) - count(cost) AS unpriced
"""
BY_DAY = "SELECT midnight, one.* " + DAY_BY_DAY.format(figures=SUMS, calls="GROUP BY status")
# Exact, of calls that came to their end: those that were left early say nothing about how long an answer takes.
PERCENTILES = """
percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY first_event_ms) AS first,
percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ms) AS whole
"""
WAITS = "SELECT midnight, one.* " + DAY_BY_DAY.format(figures=PERCENTILES, calls="AND status = 'completed'")
ALL_WAITS = f"SELECT {PERCENTILES} FROM llm_call_log WHERE created_at >= $1 AND status = 'completed'"  # noqa: S608
NOW = """
SELECT count(*) AS users, count(*) FILTER (WHERE last_seen_at >= $1) AS active,
       count(*) FILTER (WHERE last_seen_at >= $2) AS active_today,
       (SELECT count(*) FROM generation WHERE state IN ('queued', 'running')) AS running
FROM users
"""
# By the id, which begins with the time: it has an index.
RECENT_USERS = """
SELECT id, email, email_verified, is_staff, created_at, last_seen_at,
    EXISTS (SELECT FROM second_factor WHERE user_id = users.id AND confirmed_at IS NOT NULL) AS has_second_factor
FROM users ORDER BY id DESC LIMIT $1
"""
RECENT = 20


@dataclass(slots=True)
class Sums:
    """Of some calls; `cost` is what is known of it, in USD, and `unpriced` counts the calls that it leaves out."""

    calls: int = 0
    replies: int = 0
    errors: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    estimated_cost: Decimal = Decimal(0)
    unpriced: int = 0
    kinds: dict[str, int] = field(default_factory=dict)  # of errors

    def add(self, row: Mapping[str, Any]) -> None:
        """Calls of one day that ended in one way."""
        for name in ("calls", "replies", "tokens", "cost", "estimated_cost", "unpriced"):
            setattr(self, name, getattr(self, name) + row[name])
        if row["status"] not in FINE:
            self.errors += row["calls"]
            self.kinds[row["status"]] = self.kinds.get(row["status"], 0) + row["calls"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Milliseconds that half of the calls, and 95 of 100, stay under; None where there were none."""

    median: int | None = None
    most: int | None = None  # the 95th percentile


@dataclass(frozen=True, slots=True)
class Waits:
    """Until the first token, and until the end."""

    first: Wait = Wait()
    whole: Wait = Wait()


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that PostgreSQL knows of it. The days are in order, and the last one is today (UTC)."""

    days: list[date]
    sums: list[Sums]
    waits: list[Waits]
    all_sums: Sums
    all_waits: Waits
    users: int
    active: int
    active_today: int
    running: int


async def overview() -> Overview:
    """The figures of now. The queries go side by side: each reads all calls of the thirty days."""
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    start, midnight = (datetime.combine(day, time(), UTC) for day in (days[0], today))
    by_day, waits, [all_waits], [now] = await asyncio.gather(
        query(BY_DAY, start), query(WAITS, start), query(ALL_WAITS, start), query(NOW, start, midnight)
    )
    sums, all_sums = {day: Sums() for day in days}, Sums()
    for row in by_day:
        for part in (sums.setdefault(row["midnight"].date(), Sums()), all_sums):
            part.add(row)
    waits_of = {row["midnight"].date(): _waits(row) for row in waits}
    return Overview(
        days=days,
        sums=[sums[day] for day in days],
        waits=[waits_of.get(day, Waits()) for day in days],
        all_sums=all_sums,
        all_waits=_waits(all_waits),
        **now,
    )


def _waits(row: Mapping[str, Any]) -> Waits:
    """Without any call there is nothing instead of two percentiles."""
    return Waits(*(Wait(*(row[name] or ())) for name in ("first", "whole")))


async def recent_users() -> list[dict[str, Any]]:
    """Who signed up last."""
    return await query(RECENT_USERS, RECENT)
