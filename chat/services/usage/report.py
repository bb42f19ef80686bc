"""Usage reports: a user's month by day, model and chat; the month of all users; all users with their costs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import UUID

from chat.database import query
from chat.models import ALIVE_SQL, CURRENT_MONTH_SQL, User
from chat.services.usage.months import first_of_next_month, this_month

LISTED_THREADS = 50

SUMS = """count(*) AS calls, coalesce(sum(total_tokens), 0)::bigint AS tokens, coalesce(sum(cost), 0) AS cost,
       coalesce(sum(cost) FILTER (WHERE estimated), 0) AS estimated_cost, count(*) - count(cost) AS unpriced"""
ROWS = "llm_call_log l WHERE l.user_id = $1 AND l.created_at >= $2 AND l.created_at < $3"
BY_DAY = f"SELECT (created_at AT TIME ZONE 'UTC')::date AS day, {SUMS} FROM {ROWS} GROUP BY 1"  # noqa: S608
# By the names that users choose from: two providers may use the same model id, and an id changes with its version.
BY_MODEL = f"SELECT model_asked AS name, {SUMS} FROM {ROWS} GROUP BY 1 ORDER BY cost DESC, name"  # noqa: S608
# The thread is also looked up through its user. Calls without one belong to deleted chats, or made titles.
BY_THREAD = f"""
SELECT t.id AS thread_id, coalesce(t.title, CASE l.caller WHEN 'chat' THEN 'Deleted chats' WHEN 'title' THEN
       'Chat titles' ELSE 'Other requests' END) AS name, {SUMS}
FROM (SELECT * FROM {ROWS}) l LEFT JOIN generation g ON g.id = l.generation_id
LEFT JOIN chat_thread t ON t.id = g.thread_id AND t.user_id = $1 AND t.deleted_at IS NULL
GROUP BY 1, 2 ORDER BY t.id IS NULL, cost DESC, calls DESC, 1
"""  # noqa: S608 - constants
# A generation that was sent has rows, unless they were pruned; then its chat cost more than the rows say.
THREAD_COSTS = f"""
SELECT g.thread_id, coalesce(sum(l.cost), 0) AS cost, count(l.id) - count(l.cost) AS unpriced,
       count(*) FILTER (WHERE l.id IS NULL AND g.request_at IS NOT NULL AND g.state NOT IN {ALIVE_SQL})
       AS missing
FROM generation g LEFT JOIN llm_call_log l ON l.generation_id = g.id
WHERE g.thread_id = ANY($1::uuid[]) GROUP BY 1
"""  # noqa: S608
MONTH_TOTALS = """
SELECT calls, total_tokens AS tokens, cost, unpriced_calls AS unpriced FROM user_monthly_usage
WHERE user_id = $1 AND month = $2
"""
PREVIOUS_MONTH = "SELECT max(month) AS month FROM user_monthly_usage WHERE user_id = $1 AND month < $2"
MONTH_OF_ALL_USERS = """
SELECT coalesce(u.email, '') AS email, m.calls, m.unpriced_calls, m.input_tokens, m.output_tokens, m.total_tokens,
       m.cost
FROM user_monthly_usage m LEFT JOIN users u ON u.id = m.user_id WHERE m.month = $1 ORDER BY m.cost DESC, email, m.id
"""
USERS_AT_ONCE = 1000  # rows per query
USERS = f"""
SELECT u.email, u.email_verified, u.is_staff, u.is_active, u.last_seen_at,
       coalesce(m.cost, 0) AS cost, coalesce(m.unpriced_calls, 0) AS unpriced_calls
FROM users u LEFT JOIN user_monthly_usage m
    ON m.user_id = u.id AND m.month = {CURRENT_MONTH_SQL}
WHERE position($1 in u.email) > 0 AND u.email > $2 ORDER BY u.email LIMIT $3
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotals:
    """Totals of some calls. `cost` is the known cost in USD; it leaves out `unpriced` calls."""

    name: str = ""
    thread_id: UUID | None = None
    calls: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    estimated_cost: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: UsageTotals) -> UsageTotals:
        return UsageTotals(
            name=self.name,
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
            estimated_cost=self.estimated_cost + other.estimated_cost,
            unpriced=self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class ThreadCost:
    """The cost of a chat in all months; `at_least` if some of its calls have no known cost or were pruned."""

    cost: Decimal
    at_least: bool


@dataclass(frozen=True, slots=True)
class MonthReport:
    """A user's month. `total` is the stored total, which is kept permanently; `pruned` calls have no rows now."""

    month: date
    before: date | None  # the previous month with calls
    after: date | None
    total: UsageTotals
    pruned: int
    days: list[date]
    by_day: dict[date, UsageTotals]
    by_model: list[UsageTotals]
    by_thread: list[UsageTotals]
    prices: dict[UUID, ThreadCost]


async def month_report(user: User, month: date) -> MonthReport:
    """The user's calls in this month."""
    end, now = first_of_next_month(month), this_month()
    start_at, end_at = (datetime.combine(day, time(), UTC) for day in (month, end))
    by_day = {row.pop("day"): UsageTotals(**row) for row in await query(BY_DAY, user.id, start_at, end_at)}
    by_model = [UsageTotals(**row) for row in await query(BY_MODEL, user.id, start_at, end_at)]
    by_thread = _shortened([UsageTotals(**row) for row in await query(BY_THREAD, user.id, start_at, end_at)])
    rows = sum(by_day.values(), UsageTotals())
    total = await _month_totals(user, month, rows)
    return MonthReport(
        month=month,
        before=(await query(PREVIOUS_MONTH, user.id, month))[0]["month"],
        after=end if end <= now else None,
        total=total,
        pruned=total.calls - rows.calls,
        days=[month + timedelta(days=day) for day in range((end - month).days)],
        by_day=by_day,
        by_model=by_model,
        by_thread=by_thread,
        prices=await _thread_costs([part.thread_id for part in by_thread if part.thread_id]),
    )


async def month_of_all_users(month: date) -> list[dict[str, Any]]:
    """A row for each user with calls in the month, by descending cost; rows of deleted users have no address."""
    return await query(MONTH_OF_ALL_USERS, month)


async def users(search: str = "") -> AsyncIterator[dict[str, Any]]:
    """Users whose email address contains `search`, by address; `cost` is this month's known cost in USD."""
    last = ""
    while rows := await query(USERS, search.strip().lower(), last, USERS_AT_ONCE):
        last = rows[-1]["email"]
        for row in rows:
            yield row


async def _month_totals(user: User, month: date, rows: UsageTotals) -> UsageTotals:
    """The stored totals, which outlive the rows; the estimated part is known only from the rows."""
    totals = await query(MONTH_TOTALS, user.id, month)
    return UsageTotals(**totals[0], estimated_cost=rows.estimated_cost) if totals else rows


def _shortened(parts: Sequence[UsageTotals]) -> list[UsageTotals]:
    """The chats with the highest cost, the others in one line, and then the calls without a chat."""
    threads = [part for part in parts if part.thread_id]
    others = [part for part in parts if not part.thread_id]
    rest = list(islice(threads, LISTED_THREADS, None))
    more = [sum(rest, UsageTotals(name=f"{len(rest)} other chats"))] if rest else []
    return threads[:LISTED_THREADS] + more + others


async def _thread_costs(thread_ids: list[UUID]) -> dict[UUID, ThreadCost]:
    rows = await query(THREAD_COSTS, thread_ids) if thread_ids else []
    return {row["thread_id"]: ThreadCost(row["cost"], bool(row["unpriced"] or row["missing"])) for row in rows}
