"""The usage page: the user's own costs, exactly as the rows have them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from chat.database import query
from chat.models import ChatThread, Generation, LLMCallLog, User, UserMonthlyUsage
from chat.services.usage.months import this_month
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.sums import overview_beside_sums

LAST_MONTH = (this_month() - timedelta(days=1)).replace(day=1)


async def usage(person: Person, month: str = "") -> Page:
    answer = await person.http.get("/usage/", params={"month": month} if month else {})
    assert answer.status_code == 200
    return Page(answer.text)


async def call(person: Person, cost: str | None, **more: Any) -> LLMCallLog:
    """Add a row, and its month."""
    user = await User.get(email=person.email)
    known = None if cost is None else Decimal(cost)
    row = {"status": "completed", "model_asked": "gpt-6-luna", "model": "gpt-6-luna", "total_tokens": 10, "cost": known}
    log = await LLMCallLog.create(user=user, **(row | more))
    month, _ = await UserMonthlyUsage.get_or_create(user=user, month=this_month())
    month.calls, month.total_tokens = month.calls + 1, month.total_tokens + 10
    month.cost, month.unpriced_calls = month.cost + (known or 0), month.unpriced_calls + (known is None)
    await month.save()
    return log


async def answered(person: Person, text: str) -> str:
    """A thread with a real answer; returns its id."""
    posted = await person.ask(text)
    async with person.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    return posted["thread_id"]


async def test_every_page_has_the_same_sums(alice: Person, bob: Person, root: Person) -> None:
    await answered(alice, "say hello")
    await answered(alice, "say something longer than that")
    await answered(bob, "say nothing of this to alice")
    total = Decimal((await usage(alice)).find("data", id="total")["value"])
    user = await User.get(email=alice.email)
    [mine] = await query("SELECT sum(cost) AS cost, count(*) AS calls FROM llm_call_log WHERE user_id = $1", user.id)
    overview, today = await overview_beside_sums(root)
    file = csv.DictReader(StringIO((await root.http.post("/admin/calls/csv/", data={"user": str(user.id)})).text))

    assert total == mine["cost"] == (await UserMonthlyUsage.get(user=user)).cost > 0
    assert sum(Decimal(row["Cost"]) for row in file) == total
    assert Decimal(overview.all("data")[0]["value"]) == today["cost"]
    assert "say nothing of this" not in (await usage(alice)).text


async def test_chats_are_linked_and_deleted_ones_are_one_line(alice: Person) -> None:
    kept, deleted = await answered(alice, "say hello"), await answered(alice, "say goodbye")
    await call(alice, "0.5", caller="title")
    await ChatThread.filter(id=deleted).delete()
    page = await usage(alice)
    names = [element.text.strip() for element in page.all("span", data_chat="")]

    assert page.all("a", href=f"/chat/{kept}/")
    assert not page.all("a", href=f"/chat/{deleted}/")
    assert names == ["say hello", "Chat titles", "Deleted chats"]
    assert "$0.5000" in page.text


async def test_a_chat_with_pruned_requests_cost_at_least_the_known_sum(alice: Person) -> None:
    thread_id = await answered(alice, "say hello")
    posted = await alice.ask("say more", thread_id)
    async with alice.tab(thread_id) as tab:
        await tab.until_finished(posted["reply_id"])
    assert "at least" not in (await usage(alice)).text
    first = await Generation.filter(thread_id=thread_id).order_by("id").first()
    assert first
    await LLMCallLog.filter(generation_id=first.id).delete()
    page = await usage(alice)

    assert "at least $" in page.text
    assert "The details of 1 request are no longer stored" in page.text
    assert Decimal(page.find("data", id="total")["value"]) == (await UserMonthlyUsage.get(user__email=alice.email)).cost


async def test_exact_estimated_and_unknown_costs_are_distinguished(alice: Person) -> None:
    await call(alice, "0.30")
    await call(alice, "0.20", estimated=True)
    await call(alice, None, model_asked="house-brand")
    page = await usage(alice)

    assert "Cost $0.5000 $0.2000 of it estimated + 1 request of unknown cost" in page.text
    assert "house-brand" in page.text
    assert "$0.0000 + 1 unknown" in page.text
    assert page.text.count("$0.5000 $0.2000 estimated") == 2, "by model and by chat"
    assert "Reported by the provider: $0.3000 total" in page.find("desc", id="days-summary").text
    assert "Estimated: $0.2000 total" in page.find("desc", id="days-summary").text


async def test_earlier_months_can_be_opened(alice: Person) -> None:
    then = datetime(LAST_MONTH.year, LAST_MONTH.month, 28, 23, 59, tzinfo=UTC)
    old = await call(alice, "0.7")
    await LLMCallLog.filter(id=old.id).update(created_at=then)
    await UserMonthlyUsage.filter(user__email=alice.email).update(month=LAST_MONTH)
    now, before = await usage(alice), await usage(alice, f"{LAST_MONTH:%Y-%m}")

    assert now.all("a", href=f"/usage/?month={LAST_MONTH:%Y-%m}")
    assert Decimal(now.find("data", id="total")["value"]) == 0
    assert before.find("h1").text == f"Usage in {LAST_MONTH:%B %Y}"
    assert Decimal(before.find("data", id="total")["value"]) == Decimal("0.7")
    assert before.all("a", href=f"/usage/?month={this_month():%Y-%m}")
    assert "budget" not in before.text


@pytest.mark.parametrize(
    "month", ["2026-13", "0001-01", "9999-12", "2026-1", "\uff12026-10", "'; --", "x" * 2000, "2026-10-01"]
)
async def test_an_invalid_month_shows_the_current_one(alice: Person, month: str) -> None:
    assert (await usage(alice, month)).find("h1").text == f"Usage in {this_month():%B %Y}"


async def test_a_visitor_is_sent_to_the_login(nobody: Person) -> None:
    assert (await nobody.http.get("/usage/")).headers["Location"] == "/accounts/login/?next=/usage/"
