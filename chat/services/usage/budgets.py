"""What a user may spend in a month: the most that a call can cost is kept back before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.database import query
from chat.llm.errors import BudgetExceeded
from chat.llm.events import Usage
from chat.llm.journal import Plan
from chat.llm.pricing import Prices
from chat.llm.tokens import count_tokens

# Longer than any call; it only matters where a worker died with one.
RESERVATION = "30 minutes"
LARGEST = Decimal(100_000_000)  # what the column holds

BUDGET = "SELECT coalesce(monthly_budget, $2) AS budget FROM users WHERE id = $1"
# One statement, so that a call which ends meanwhile counts either as kept back or as spent.
COMMITTED = """
SELECT coalesce((SELECT cost FROM user_monthly_usage
                 WHERE user_id = $1 AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date), 0)
     + coalesce((SELECT sum(amount) FROM budget_reservation
                 WHERE user_id = $1 AND expires_at > now() AND id <> $2), 0) AS committed
"""
STANDING = """
SELECT coalesce(u.monthly_budget, $2) AS budget,
       coalesce((SELECT cost FROM user_monthly_usage
                 WHERE user_id = u.id AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date), 0) AS spent,
       coalesce((SELECT sum(amount) FROM budget_reservation WHERE user_id = u.id AND expires_at > now()), 0) AS reserved
FROM users u WHERE u.id = $1
"""
RESERVE = f"""
INSERT INTO budget_reservation (id, user_id, amount, expires_at) VALUES ($1, $2, $3, now() + interval '{RESERVATION}')
ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, expires_at = excluded.expires_at
"""  # noqa: S608 - the interval is a constant
RELEASE = "DELETE FROM budget_reservation WHERE id = $1 OR (user_id = $2 AND expires_at < now())"


@dataclass(frozen=True, slots=True)
class Standing:
    """A user's budget this month and what is gone of it, in USD; `reserved` is kept back for running calls."""

    budget: Decimal | None  # None: no limit
    spent: Decimal
    reserved: Decimal

    @property
    def left(self) -> Decimal | None:
        """What another call may cost."""
        return None if self.budget is None else max(self.budget - self.spent - self.reserved, Decimal(0))


class CannotSet(Exception):
    """A budget was not set; the sentence says why."""


def parsed(text: str) -> Decimal | None:
    """An amount in USD as an administrator writes it, or None for `none`. Raises CannotSet."""
    if text.lower() == "none":
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 <= amount < LARGEST and amount == round(amount, 4)):
        raise CannotSet(f"{text!r} is no budget: write an amount in USD like 12.50, or none for the site's limit.")
    return amount


async def standing(user_id: UUID, *, default: Decimal | None) -> Standing:
    """Where the user stands; `default` is the site's limit."""
    return Standing(**(await query(STANDING, user_id, default))[0])


async def reserve(plan: Plan, *, default: Decimal | None, prices: Prices) -> None:
    """Keep back the most that this round can cost, or raise BudgetExceeded. Users without a budget cost one query."""
    if plan.user is None or await _budget(plan.user, default) is None:
        return
    [input_tokens] = await count_tokens([plan.sent_text])
    await keep_back(
        plan.user,
        plan.call_id,
        plan.request.model,
        input_tokens,
        plan.request.max_output_tokens,
        default=default,
        prices=prices,
    )


async def keep_back(
    user_id: UUID,
    call_id: UUID,
    model: str,
    input_tokens: int,
    max_output_tokens: int,
    *,
    default: Decimal | None,
    prices: Prices,
) -> None:
    """The same for a call of which only the counts are known; a second time for one call replaces the first."""
    async with in_transaction():
        budget = await _budget(user_id, default, lock=True)
        if budget is None:
            return
        amount = prices.cost(model, Usage(input_tokens=input_tokens, output_tokens=max_output_tokens))
        if amount is None:
            raise _without_price(model)
        committed: Decimal = (await query(COMMITTED, user_id, call_id))[0]["committed"]
        if committed + amount > budget:
            raise _exceeded(budget)
        await query(RESERVE, call_id, user_id, amount)


async def release(call_id: UUID, user_id: UUID | None) -> None:
    """The call is over; belongs into the transaction that counts what it cost."""
    await query(RELEASE, call_id, user_id)


def first_of_next_month(today: date) -> date:
    """When a budget is renewed."""
    return date(today.year + today.month // 12, today.month % 12 + 1, 1)


async def _budget(user_id: UUID, default: Decimal | None, *, lock: bool = False) -> Decimal | None:
    """None: no limit. The lock makes the reservations of one user wait for each other, and nobody else."""
    rows: list[dict[str, Any]] = await query(BUDGET + (" FOR NO KEY UPDATE" if lock else ""), user_id, default)
    budget: Decimal | None = rows[0]["budget"] if rows else None
    return budget


def _exceeded(budget: Decimal) -> BudgetExceeded:
    day = first_of_next_month(datetime.now(UTC).date())
    sentence = (
        f"Your budget for this month (${budget:.2f}) does not bear another answer. It is renewed on {day:%d %B %Y}."
    )
    return BudgetExceeded(sentence, resets_on=day)


def _without_price(model: str) -> BudgetExceeded:
    sentence = f"You have a budget, and the price of {model} is not known. Please tell the administrator."
    return BudgetExceeded(sentence, resets_on=first_of_next_month(datetime.now(UTC).date()))
