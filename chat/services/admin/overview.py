"""The figures of the administrators' overview: the last thirty days, today and now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from chat import database
from chat.database import query
from chat.models import ALIVE_SQL, FINE
from chat.services.accounts.approval import waiting_count
from chat.settings import Settings

DAYS = 30  # including today

# Day by day (UTC) from $1. Each day is read from the index and aggregated separately: one GROUP BY day would convert
# the time of each row and sort all rows.
DAY_BY_DAY = """
FROM generate_series($1::timestamptz, now(), interval '24 hours') AS midnight, LATERAL (SELECT {figures}
    FROM llm_call_log WHERE created_at >= midnight AND created_at < midnight + interval '24 hours' {calls}) AS one
"""
# A reply is counted at its first round; further rounds, and titles, count only as requests.
TOTALS = """
status, count(*) AS calls, count(*) FILTER (WHERE caller = 'chat' AND round = 1) AS replies,
sum(total_tokens)::bigint AS tokens, coalesce(sum(cost), 0) AS cost,
coalesce(sum(cost) FILTER (WHERE estimated), 0) AS estimated_cost, count(*) - count(cost) AS unpriced
"""
BY_DAY = "SELECT midnight, one.* " + DAY_BY_DAY.format(figures=TOTALS, calls="GROUP BY status")
# Exact percentiles of completed requests; one that ended early doesn't show how long an answer takes.
PERCENTILES = """
percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY first_event_ms) AS first_token,
percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_ms) AS duration
"""
LATENCIES = "SELECT midnight, one.* " + DAY_BY_DAY.format(figures=PERCENTILES, calls="AND status = 'completed'")
LATENCY = f"SELECT {PERCENTILES} FROM llm_call_log WHERE created_at >= $1 AND status = 'completed'"  # noqa: S608
NOW = f"""
SELECT count(*) AS users, count(*) FILTER (WHERE last_seen_at >= $1) AS active,
       count(*) FILTER (WHERE last_seen_at >= $2) AS active_today,
       (SELECT count(*) FROM generation WHERE state IN {ALIVE_SQL}) AS running
FROM users
"""  # noqa: S608
# By id, which begins with the time and has an index.
RECENT_USERS = """
SELECT id, email, email_verified, is_staff, created_at, last_seen_at,
    EXISTS (SELECT FROM second_factor WHERE user_id = users.id AND confirmed_at IS NOT NULL) AS has_second_factor
FROM users ORDER BY id DESC LIMIT $1
"""
RECENT = 20


@dataclass(slots=True)
class RequestTotals:
    """Totals of some requests. `cost` is the known cost in USD; it leaves out `unpriced` requests."""

    calls: int = 0
    replies: int = 0
    errors: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    estimated_cost: Decimal = Decimal(0)
    unpriced: int = 0
    kinds: dict[str, int] = field(default_factory=dict)  # errors by status

    @property
    def error_rate(self) -> float:
        """The share of requests that failed, from 0 to 1."""
        return self.errors / self.calls if self.calls else 0.0

    def add(self, row: Mapping[str, Any]) -> None:
        """Add the requests of one day and status."""
        for name in ("calls", "replies", "tokens", "cost", "estimated_cost", "unpriced"):
            setattr(self, name, getattr(self, name) + row[name])
        if row["status"] not in FINE:
            self.errors += row["calls"]
            self.kinds[row["status"]] = self.kinds.get(row["status"], 0) + row["calls"]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles in milliseconds; None without requests."""

    p50: int | None = None
    p95: int | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    first_token: Percentiles = Percentiles()
    duration: Percentiles = Percentiles()


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that comes from PostgreSQL. The days are in order; the last is today (UTC)."""

    days: list[date]
    totals: list[RequestTotals]
    latencies: list[Latency]
    total: RequestTotals
    latency: Latency
    users: int
    active: int
    active_today: int
    running: int
    waiting: int


async def overview(settings: Settings) -> Overview:
    """The current figures. The queries run in parallel: each reads all requests of the thirty days."""
    today = (await database.now()).astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    start, midnight = (datetime.combine(day, time(), UTC) for day in (days[0], today))
    by_day, latencies, [latency], [now], waiting = await asyncio.gather(
        query(BY_DAY, start),
        query(LATENCIES, start),
        query(LATENCY, start),
        query(NOW, start, midnight),
        waiting_count(settings),
    )
    totals, total = {day: RequestTotals() for day in days}, RequestTotals()
    for row in by_day:
        for part in (totals.setdefault(row["midnight"].date(), RequestTotals()), total):
            part.add(row)
    latency_of = {row["midnight"].date(): _latency(row) for row in latencies}
    return Overview(
        days=days,
        totals=[totals[day] for day in days],
        latencies=[latency_of.get(day, Latency()) for day in days],
        total=total,
        latency=_latency(latency),
        waiting=waiting,
        **now,
    )


def _latency(row: Mapping[str, Any]) -> Latency:
    """Without requests PostgreSQL returns NULL instead of two percentiles."""
    return Latency(*(Percentiles(*(row[name] or ())) for name in ("first_token", "duration")))


async def recent_users() -> list[dict[str, Any]]:
    """The last users who signed up."""
    return await query(RECENT_USERS, RECENT)
