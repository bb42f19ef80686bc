"""Monthly budgets: the highest possible cost of a call is reserved before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.database import query
from chat.llm.errors import BudgetExceeded
from chat.llm.journal import Plan
from chat.llm.pricing import Prices
from chat.llm.tokens import count_tokens
from chat.models import CURRENT_MONTH_SQL
from chat.services.errors import Refused
from chat.services.usage.months import first_of_next_month

# Longer than any call; it matters only if a worker dies with a reservation.
RESERVATION = "90 minutes"
LARGEST = Decimal(100_000_000)  # the column's limit

BUDGET = "SELECT coalesce(monthly_budget, $2) AS budget FROM users WHERE id = $1"
# One statement, so a call that ends meanwhile counts either as reserved or as spent.
COMMITTED = f"""
SELECT coalesce((SELECT cost FROM user_monthly_usage
                 WHERE user_id = $1 AND month = {CURRENT_MONTH_SQL}), 0)
     + coalesce((SELECT sum(amount) FROM budget_reservation
                 WHERE user_id = $1 AND expires_at > now() AND id <> $2), 0) AS committed
"""  # noqa: S608 - a constant
STATUS = f"""
SELECT coalesce(u.monthly_budget, $2) AS budget,
       coalesce((SELECT cost FROM user_monthly_usage
                 WHERE user_id = u.id AND month = {CURRENT_MONTH_SQL}), 0) AS spent,
       coalesce((SELECT sum(amount) FROM budget_reservation WHERE user_id = u.id AND expires_at > now()), 0) AS reserved
FROM users u WHERE u.id = $1
"""  # noqa: S608 - a constant
RESERVE = f"""
INSERT INTO budget_reservation (id, user_id, amount, expires_at) VALUES ($1, $2, $3, now() + interval '{RESERVATION}')
ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, expires_at = excluded.expires_at
"""  # noqa: S608 - the interval is a constant
RELEASE = "DELETE FROM budget_reservation WHERE id = $1 OR (user_id = $2 AND expires_at < now())"
DROP = "DELETE FROM budget_reservation WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """A user's budget this month and its use, in USD; `reserved` is for running calls."""

    budget: Decimal | None  # None: no limit
    spent: Decimal
    reserved: Decimal

    @property
    def left(self) -> Decimal | None:
        """The remaining budget; None if there is no limit."""
        return None if self.budget is None else max(self.budget - self.spent - self.reserved, Decimal(0))


def parse_amount(text: str) -> Decimal | None:
    """An amount in USD, or None for `none`. Raises Refused."""
    if text.lower() == "none":
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 <= amount < LARGEST and amount == round(amount, 4)):
        sentence = f"{text!r} is not an amount. Enter one in USD, such as 12.50, or none for the site's default."
        raise Refused("invalid", sentence, field="value")
    return amount


async def status(user_id: UUID, *, default: Decimal | None) -> BudgetStatus:
    """The user's budget and its use; `default` is the site's budget for users without their own."""
    return BudgetStatus(**(await query(STATUS, user_id, default))[0])


async def has_budget(user_id: UUID | None, *, default: Decimal | None) -> bool:
    """Whether the user's calls must be reserved."""
    return user_id is not None and await _budget(user_id, default) is not None


async def reserve(plan: Plan, *, default: Decimal | None, prices: Prices) -> None:
    """Reserve the highest possible cost of this round. Raises BudgetExceeded. Users without a budget cost one query."""
    if plan.user is None or not await has_budget(plan.user, default=default):
        return
    [input_tokens] = await count_tokens([plan.sent_text])
    await reserve_tokens(
        plan.user,
        plan.call_id,
        plan.model,
        input_tokens,
        plan.request.max_output_tokens,
        default=default,
        prices=prices,
    )


async def reserve_tokens(
    user_id: UUID,
    call_id: UUID,
    model: str,
    input_tokens: int,
    max_output_tokens: int,
    *,
    default: Decimal | None,
    prices: Prices,
) -> None:
    """Reserve for a call of which only the token counts are known; replaces an earlier reservation for the same call.

    Raises BudgetExceeded.
    """
    async with in_transaction():
        budget = await _budget(user_id, default, lock=True)
        if budget is None:
            return
        amount = prices.highest_cost(model, input_tokens=input_tokens, max_output_tokens=max_output_tokens)
        if amount is None:
            raise _without_price(model)
        committed: Decimal = (await query(COMMITTED, user_id, call_id))[0]["committed"]
        if committed + amount > budget:
            raise _exceeded(budget)
        await query(RESERVE, call_id, user_id, amount)


async def release(call_id: UUID, user_id: UUID | None) -> None:
    """Delete the reservation of a call that ended, in the transaction that records its cost."""
    await query(RELEASE, call_id, user_id)


async def drop(call_ids: list[UUID]) -> None:
    """Delete the reservations of calls that are never sent, in the transaction that decides so."""
    if call_ids:
        await query(DROP, call_ids)


async def _budget(user_id: UUID, default: Decimal | None, *, lock: bool = False) -> Decimal | None:
    """The limit; None if none. With the lock, reservations of one user wait for each other, but for no one else."""
    rows: list[dict[str, Any]] = await query(BUDGET + (" FOR NO KEY UPDATE" if lock else ""), user_id, default)
    budget: Decimal | None = rows[0]["budget"] if rows else None
    return budget


def _exceeded(budget: Decimal) -> BudgetExceeded:
    day = first_of_next_month(datetime.now(UTC).date())
    sentence = (
        f"You don't have enough of your ${budget:,.2f} monthly budget left for another answer. "
        f"It resets on {day.day} {day:%B %Y}."
    )
    return BudgetExceeded(sentence, resets_on=day)


def _without_price(model: str) -> BudgetExceeded:
    sentence = f"The price of {model} is unknown, so your budget can't be checked. Please tell your administrator."
    return BudgetExceeded(sentence, resets_on=first_of_next_month(datetime.now(UTC).date()))
