"""Calendar months (UTC), each by its first day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

OLDEST_YEAR = 2000
MONTH = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")


def month_from(text: str) -> date | None:
    """The month of a text like 2026-10; None if it is invalid or in the future."""
    if not MONTH.fullmatch(text):
        return None
    month = date.fromisoformat(f"{text}-01")
    return month if month.year >= OLDEST_YEAR and month <= this_month() else None


def this_month() -> date:
    """The first day of the current month (UTC)."""
    return datetime.now(UTC).date().replace(day=1)


def first_of_next_month(today: date) -> date:
    return date(today.year + today.month // 12, today.month % 12 + 1, 1)
