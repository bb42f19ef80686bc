"""Months end with the day before the next one begins, also at the end of a year."""

from __future__ import annotations

from datetime import date

import pytest

from chat.services.usage.months import first_of_next_month


@pytest.mark.parametrize(
    ("day", "resets_on"), [(date(2026, 1, 31), date(2026, 2, 1)), (date(2026, 12, 31), date(2027, 1, 1))]
)
def test_the_next_month_begins_with_its_first_day(day: date, resets_on: date) -> None:
    assert first_of_next_month(day) == resets_on
