"""The usage page shows the remaining budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from chat.models import BudgetReservation, User, UserMonthlyUsage
from chat.services.usage.months import this_month
from tests.support.cast import Person
from tests.support.page import Page


async def usage(person: Person) -> Page:
    return Page((await person.http.get("/usage/")).text)


async def test_the_budget_shows_what_is_left_and_reserved(alice: Person) -> None:
    assert "Budget No limit" in (await usage(alice)).text
    await User.filter(email=alice.email).update(monthly_budget=Decimal(2))
    user, soon = await User.get(email=alice.email), datetime.now(UTC) + timedelta(minutes=1)
    await UserMonthlyUsage.create(user=user, month=this_month(), cost=Decimal("0.5"), calls=1)
    await BudgetReservation.create(id=user.id, user=user, amount=Decimal("0.25"), expires_at=soon)
    page = await usage(alice)

    assert "Budget left $1.2500 of $2.00" in page.text
    assert "$0.2500 reserved for answers in progress" in page.text
    await User.filter(email=alice.email).update(monthly_budget=Decimal("0.1"))
    assert "Budget left $0.0000" in (await usage(alice)).text
