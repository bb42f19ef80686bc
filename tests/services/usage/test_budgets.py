"""A monthly budget cannot be exceeded, even by concurrent calls; its refusal says when it resets."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chat.llm.client import LLMClient
from chat.llm.errors import BudgetExceeded
from chat.llm.events import TextDelta, Usage
from chat.llm.journal import Plan
from chat.llm.tokens import count_tokens
from chat.models import BudgetReservation, Generation, LLMCallLog, State, User, UserMonthlyUsage
from chat.services.errors import Refused
from chat.services.usage import budgets
from chat.services.usage.ledger import UsageJournal, model_client
from chat.settings import Settings, SettingsError
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.production import PRODUCTION
from tests.support.site import Site
from tests.support.waiting import eventually

MODEL, MAX_OUTPUT_TOKENS = "gpt-5", 1000  # a cent for the output


@pytest.fixture
async def llm(site: Site) -> AsyncIterator[LLMClient]:
    async with model_client(site.resources.settings) as client:
        yield client


@pytest.fixture
def run_id() -> str:
    return str(uuid.uuid4())


async def with_budget(budget: Decimal | None) -> User:
    return await User.create(email=f"{uuid.uuid4().hex}@example.com", password_hash="x", monthly_budget=budget)


async def spend(user: User, cost: Decimal, month: date | None = None) -> None:
    month = month or datetime.now(UTC).date().replace(day=1)
    await UserMonthlyUsage.create(user_id=user.id, month=month, cost=cost)


def options(user: User, run_id: str = "", **more: Any) -> Any:
    metadata = {"generation_id": run_id} if run_id else {}
    return {"model": MODEL, "max_output_tokens": MAX_OUTPUT_TOKENS, "user": user.id, "metadata": metadata, **more}


class AllAtOnce(UsageJournal):
    """Holds all calls back until each has requested its reservation."""

    def __init__(self, site: Site, llm: LLMClient, count: int) -> None:
        super().__init__(site.resources.settings, llm.prices)
        self._missing = count
        self._complete = asyncio.Event()

    async def begin(self, plan: Plan) -> None:
        try:
            await super().begin(plan)
        finally:
            self._missing -= 1
            if not self._missing:
                self._complete.set()
        await self._complete.wait()


async def test_only_the_affordable_ones_of_a_hundred_concurrent_calls_run(
    llm: LLMClient, model: OfflineServer, site: Site, run_id: str
) -> None:
    said = "say hi"
    amount = await _reserved(llm, said)
    user = await with_budget((amount * 10).quantize(Decimal("0.0001"), rounding="ROUND_UP"))
    journal = AllAtOnce(site, llm, 100)

    async def one() -> bool:
        try:
            await llm.call(said, **options(user, run_id, journal=journal))
        except BudgetExceeded:
            return False
        return True

    ran = await asyncio.gather(*(one() for _ in range(100)))

    assert sum(ran) == 10
    assert await model.creates(run_id) == 10
    assert await LLMCallLog.filter(user_id=user.id).count() == 10
    assert not await BudgetReservation.filter(user_id=user.id).exists()


async def _reserved(llm: LLMClient, said: str) -> Decimal:
    """The reservation of such a call, read while it runs."""
    user = await with_budget(Decimal(1000))
    call = asyncio.create_task(llm.call(f"{said} [offline: delay=60]", **options(user)))
    found = await eventually(lambda: BudgetReservation.filter(user_id=user.id))
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    amount: Decimal = found[0].amount
    return amount


async def test_the_reservation_is_for_the_counted_input_and_the_maximal_output(llm: LLMClient) -> None:
    amount = await _reserved(llm, "say hi")

    assert Decimal("0.01") < amount < Decimal("0.0101")


async def test_a_refusal_says_when_the_budget_resets_and_nothing_is_sent(
    llm: LLMClient, model: OfflineServer, run_id: str
) -> None:
    user = await with_budget(Decimal("0.005"))
    with pytest.raises(BudgetExceeded) as refused:
        await llm.call("say hi", **options(user, run_id))

    today = datetime.now(UTC).date()
    assert refused.value.resets_on == (today.replace(day=28) + timedelta(days=5)).replace(day=1)
    assert f"It resets on 1 {refused.value.resets_on:%B %Y}" in str(refused.value)
    assert refused.value.calls == ()
    assert await model.creates(run_id) == 0
    assert not await LLMCallLog.filter(user_id=user.id).exists()


async def test_what_was_spent_this_month_counts_and_what_was_spent_before_does_not(llm: LLMClient) -> None:
    user, saver = await with_budget(Decimal(5)), await with_budget(Decimal(5))
    await spend(user, Decimal("4.995"))
    await spend(saver, Decimal("4.995"), month=date(2020, 1, 1))

    await llm.call("say hi", **options(saver))
    with pytest.raises(BudgetExceeded):
        await llm.call("say hi", **options(user))


async def test_the_user_s_own_limit_goes_before_the_site_s(environment: dict[str, str], site: Site) -> None:
    settings = Settings.from_environment({**environment, "LLM_MONTHLY_BUDGET": "0.001"})
    rich, other = await with_budget(Decimal(1)), await with_budget(None)
    async with model_client(settings) as llm:
        await llm.call("say hi", **options(rich))
        with pytest.raises(BudgetExceeded):
            await llm.call("say hi", **options(other))


async def test_a_budget_of_nothing_allows_nothing_and_no_budget_allows_all(llm: LLMClient) -> None:
    with pytest.raises(BudgetExceeded):
        await llm.call("say hi", **options(await with_budget(Decimal(0))))
    await llm.call("say hi", **options(await with_budget(None)))


async def test_with_a_budget_a_model_has_to_have_a_price(llm: LLMClient, model: OfflineServer, run_id: str) -> None:
    with pytest.raises(BudgetExceeded, match="price of house-brand is unknown"):
        await llm.call("say hi", **options(await with_budget(Decimal(5)), run_id, model="house-brand"))

    assert await model.creates(run_id) == 0


@pytest.mark.parametrize("script", ["status=400", "status=502", "cut=2", "failed", "error=1"])
async def test_a_failed_call_releases_its_reservation(llm: LLMClient, script: str) -> None:
    user = await with_budget(Decimal(5))
    with pytest.raises(Exception, match=r"."):
        await llm.call(f"say one two three [offline: {script}]", **options(user))

    assert not await BudgetReservation.filter(user_id=user.id).exists()


async def test_an_abandoned_call_releases_its_reservation(llm: LLMClient) -> None:
    user = await with_budget(Decimal(5))
    async with aclosing(llm.stream("say one two three", **options(user))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                assert await BudgetReservation.filter(user_id=user.id).exists()
                break

    assert not await BudgetReservation.filter(user_id=user.id).exists()
    assert (await LLMCallLog.get(user_id=user.id)).estimated


async def test_a_reservation_of_a_dead_worker_expires(llm: LLMClient) -> None:
    user = await with_budget(Decimal("0.02"))
    now = datetime.now(UTC)
    held = BudgetReservation(id=uuid.uuid4(), user_id=user.id, amount=Decimal("0.02"), expires_at=now + timedelta(1))
    await held.save()
    with pytest.raises(BudgetExceeded):
        await llm.call("say hi", **options(user))
    await BudgetReservation.filter(user_id=user.id).update(expires_at=now - timedelta(seconds=1))

    await llm.call("say hi", **options(user))
    assert not await BudgetReservation.filter(user_id=user.id).exists()


async def test_each_round_of_a_call_is_within_the_budget(
    llm: LLMClient, site: Site, model: OfflineServer, run_id: str
) -> None:
    said, more = "What is 12 * 7?", {"tools": site.resources.tools, "instructions": "word " * 500}
    [tokens] = await count_tokens([llm.plan(said, model=MODEL, **more).sent_text])
    first_round = llm.prices.cost(MODEL, Usage(input_tokens=tokens, output_tokens=MAX_OUTPUT_TOKENS))
    assert first_round is not None
    user = await with_budget(first_round.quantize(Decimal("0.0001"), rounding="ROUND_UP"))
    with pytest.raises(BudgetExceeded) as refused:
        await llm.call(said, **more, **options(user, run_id))

    assert await model.creates(run_id) == 1
    assert [log.status for log in refused.value.calls] == ["completed"]
    assert not await BudgetReservation.filter(user_id=user.id).exists()


@pytest.mark.parametrize("text", ["", "much", "-1", "1e9", "NaN", "Infinity", "0.00001"])
def test_an_invalid_amount_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"12\.50"):
        budgets.parse_amount(text)


async def test_a_round_is_not_sent_on_the_budget_of_the_previous_round(alice: Person, model: OfflineServer) -> None:
    """Each round costs $0.0008 of input and reserves $0.0058; the budget allows that once."""
    posted = await alice.ask("a " * 15_900 + "[offline: pace=0]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        spent = await UserMonthlyUsage.get(user__email=alice.email)
        budget = (spent.cost + Decimal("0.0061")).quantize(Decimal("0.0001"))
        await User.filter(email=alice.email).update(monthly_budget=budget)
        posted = await alice.ask("[offline: tool=calculate]", posted["thread_id"])
        await tab.until_finished(posted["reply_id"])

    generation = await Generation.get(answer_id=posted["reply_id"])
    [call] = await LLMCallLog.filter(generation_id=generation.id)
    assert await model.creates(str(generation.id)) == 1
    assert (generation.state, generation.reason) == (State.FAILED, "budget_exceeded")
    assert (await UserMonthlyUsage.get(user__email=alice.email)).cost == spent.cost + call.cost
    assert not await BudgetReservation.filter(user__email=alice.email).exists()


@pytest.mark.parametrize("text", ["ten", "-1", "NaN", "Infinity"])
def test_a_budget_is_a_number_of_dollars(text: str) -> None:
    with pytest.raises(SettingsError, match="LLM_MONTHLY_BUDGET"):
        Settings.from_environment({**PRODUCTION, "LLM_MONTHLY_BUDGET": text})
