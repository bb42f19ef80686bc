"""The usage ledger: a row per round, exact to the last digit, with the month in the same transaction."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tortoise.transactions import in_transaction

from chat import tools
from chat.database import query
from chat.llm.client import LLMClient
from chat.llm.errors import CallFailed
from chat.llm.events import TextDelta
from chat.llm.items import message_item
from chat.models import BudgetReservation, ChatThread, Generation, LLMCallLog, LLMCallText, User, UserMonthlyUsage
from chat.services.usage import budgets
from chat.services.usage.ledger import UsageJournal, model_client, record
from chat.settings import Settings
from tests.support.cast import Person
from tests.support.offline import OfflineServer
from tests.support.rows import past_thread
from tests.support.site import Site
from tests.support.waiting import eventually

CALLS = 200
AT_ONCE = 20
ANIMAL = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
WORDS = [  # calls that end by themselves, so the provider reports their usage
    "",
    "[offline: reasoning=4]",
    "[offline: cached=20]",
    "[offline: cached=7 cache_write=3 reasoning=2]",
    "[offline: incomplete]",
    "[offline: filter]",
    "[offline: refusal]",
    "[offline: failed]",
    "[offline: empty]",
    "[offline: tool=calculate]",
    "[offline: tools=current_time,calculate]",
    "[offline: unknown=2]",
    "[offline: status=429 times=1 retry_after=0.01]",
    "[offline: status=500 times=1]",
    "[offline: status=400]",
    "[offline: status=502]",
    "[offline: nousage]",
    "[offline: cut=3]",
    "[offline: eof=3]",
    "[offline-structured: invalid]",
    "[offline-structured: notjson]",
]

WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


@pytest.fixture
async def llm(site: Site) -> AsyncIterator[LLMClient]:
    """A client with the site's ledger."""
    async with model_client(site.resources.settings) as client:
        yield client


@pytest.fixture
async def user(site: Site) -> User:
    return await User.create(email=f"alice-{uuid.uuid4().hex}@example.com", password_hash="x")


async def month_of(user: User) -> UserMonthlyUsage | None:
    return await UserMonthlyUsage.get_or_none(user_id=user.id, month=datetime.now(UTC).date().replace(day=1))


async def until_a_transaction_waits() -> None:
    """Return when another transaction waits for the caller's."""
    await eventually(lambda: query(WAITING))


async def test_a_structured_call_is_stored_with_all_its_figures(
    llm: LLMClient, user: User, model: OfflineServer
) -> None:
    result = await llm.call("an elk", schema=ANIMAL, schema_name="animal", user=user.id, caller="a test")
    row = await LLMCallLog.get(user_id=user.id)
    bill = (await model.http.get("/control/bill")).json()["responses"][row.response_id]
    month = await month_of(user)

    assert result.parsed == {"name": "An elk"}
    assert (row.caller, row.schema_name, row.status, row.round) == ("a test", "animal", "completed", 1)
    assert (row.model_asked, row.model) == ("gpt-6-luna", "gpt-6-luna-2026-10-15")
    assert (row.input_tokens, row.output_tokens) == (bill["input_tokens"], bill["output_tokens"])
    assert row.cost == Decimal(bill["cost"]) == result.cost
    assert row.request_id.startswith("req_")
    assert row.first_event_ms is not None
    assert (row.attempts, row.estimated, row.uncertain) == (1, False, False)
    assert len(row.input_sha256) == 64
    assert month is not None
    assert (month.calls, month.unpriced_calls, month.cost) == (1, 0, row.cost)
    assert month.total_tokens == row.total_tokens


async def test_a_silent_model_is_left_after_the_time_of_the_settings(environment: dict[str, str]) -> None:
    async with model_client(Settings.from_environment({**environment, "LLM_TIMEOUT_SECONDS": "7"})) as llm:
        [provider] = llm._providers.values()
        assert provider._http.timeout.read == 7


async def test_received_text_is_stored_and_sent_text_only_on_request(
    llm: LLMClient, user: User, site: Site, environment: dict[str, str]
) -> None:
    await llm.call("say hello there", user=user.id)
    async with model_client(Settings.from_environment({**environment, "LLM_LOG_TEXT": "on"})) as talkative:
        await talkative.call("say hello there", instructions="Be brief.", user=user.id)
    quiet, full = await LLMCallText.filter(user_id=user.id).order_by("call_id")

    assert (quiet.output, quiet.input) == ("hello there", None)
    assert full.output == "hello there"
    assert full.input == {
        "instructions": "Be brief.",
        "input": [message_item("user", "say hello there")],
        "format": None,
    }


async def test_texts_are_deleted_with_their_user_and_figures_stay_without_a_name(llm: LLMClient, user: User) -> None:
    await llm.call("say hello", user=user.id)
    row = await LLMCallLog.get(user_id=user.id)
    month = await month_of(user)
    await user.delete()
    left = await LLMCallLog.get(id=row.id).values("user_id", "cost")

    assert left == {"user_id": None, "cost": row.cost}
    assert not await LLMCallText.filter(call_id=row.id).exists()
    assert month is not None
    assert (await UserMonthlyUsage.get(id=month.id).values("user_id", "cost")) == {"user_id": None, "cost": row.cost}


async def test_texts_are_deleted_with_their_thread(alice: Person) -> None:
    posted = await alice.ask("say hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    row = await LLMCallLog.get(generation_id=generation.id)
    assert (await LLMCallText.get(call_id=row.id)).output == "hello"
    await ChatThread.filter(id=posted["thread_id"]).delete()

    assert not await LLMCallText.filter(call_id=row.id).exists()
    assert (await LLMCallLog.get(id=row.id)).cost == row.cost


async def test_a_model_without_a_price_has_an_unknown_cost_and_not_zero(llm: LLMClient, user: User) -> None:
    result = await llm.call("say hello", model="house-brand", user=user.id)
    row, month = await LLMCallLog.get(user_id=user.id), await month_of(user)

    assert result.cost is None
    assert row.cost is None
    assert month is not None
    assert (month.calls, month.unpriced_calls, month.cost) == (1, 1, 0)


async def test_a_round_is_counted_once_however_often_it_is_recorded(llm: LLMClient, user: User) -> None:
    result = await llm.call("say hello", user=user.id)
    again = await asyncio.gather(*(record(result.call_log) for _ in range(5)))
    month = await month_of(user)

    assert again == [None] * 5
    assert month is not None
    assert month.calls == 1
    assert month.cost == result.cost


async def test_a_response_id_used_for_two_responses_loses_no_cost(llm: LLMClient, user: User) -> None:
    first, second = [await llm.call("say hello", user=user.id) for _ in range(2)]
    same = replace(second.call_log, response_id=first.call_log.response_id)
    plan = replace(same.plan, call_id=uuid.uuid4())
    await record(replace(same, plan=plan))
    await record(replace(same, plan=plan, response_id="x" * 300, request_id="y" * 300))
    month = await month_of(user)

    assert month is not None
    assert month.calls == 4
    assert await LLMCallLog.filter(user_id=user.id, response_id=None).count() == 1


async def test_a_response_id_used_for_all_rounds_of_a_call_loses_no_cost(llm: LLMClient, user: User) -> None:
    first = (await llm.call("say one", user=user.id)).call_log

    assert await record(replace(first, plan=replace(first.plan, number=2)))
    month = await month_of(user)
    assert month is not None
    assert first.cost is not None
    assert (month.calls, month.cost) == (2, 2 * first.cost)


async def test_ids_too_long_for_their_column_stay_distinct(llm: LLMClient, user: User) -> None:
    log = (await llm.call("say one", user=user.id)).call_log
    start = f"{user.id}".ljust(200, "x")
    ids = [
        await record(replace(log, response_id=f"{start}{number}", plan=replace(log.plan, call_id=uuid.uuid4())))
        for number in range(2)
    ]

    stored = {row.response_id for row in await LLMCallLog.filter(id__in=ids)}
    assert len(stored) == 2
    assert all(response_id and response_id.startswith(f"{user.id}") for response_id in stored)


async def test_concurrent_ends_of_calls_of_one_user_do_not_deadlock(llm: LLMClient, user: User, site: Site) -> None:
    log = (await llm.call("say one", user=user.id)).call_log
    now = datetime.now(UTC)
    await BudgetReservation.create(id=uuid.uuid4(), user_id=user.id, amount=1, expires_at=now - timedelta(hours=1))
    released = asyncio.Event()

    async def alone() -> None:
        await released.wait()
        journal = UsageJournal(site.resources.settings, llm.prices)
        await journal.end(replace(log, response_id=None, plan=replace(log.plan, call_id=uuid.uuid4())))

    other = asyncio.create_task(alone())
    async with in_transaction():  # as a reply ends
        await budgets.release(uuid.uuid4(), user.id)
        released.set()
        await until_a_transaction_waits()
        await record(replace(log, response_id=None, plan=replace(log.plan, call_id=uuid.uuid4())))
    await other

    month = await month_of(user)
    assert month is not None
    assert month.calls == 3


async def test_a_call_of_a_user_deleted_meanwhile_is_recorded_without_a_name(llm: LLMClient, user: User) -> None:
    said = llm.stream("say one two three", user=user.id)
    async with aclosing(said) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                await User.filter(id=user.id).delete()
    rows = await query("SELECT user_id FROM llm_call_log WHERE caller = 'call' ORDER BY created_at DESC LIMIT 1")

    assert rows == [{"user_id": None}]
    assert await month_of(user) is None


async def test_recording_a_call_waits_for_a_concurrent_deletion_of_its_user(
    llm: LLMClient, user: User, site: Site
) -> None:
    log = (await llm.call("say one", user=user.id)).call_log
    plan, locked = replace(log.plan, call_id=uuid.uuid4()), asyncio.Event()

    async def store() -> None:
        await locked.wait()
        await UsageJournal(site.resources.settings, llm.prices).end(replace(log, response_id=None, plan=plan))

    storing = asyncio.create_task(store())
    async with in_transaction():
        await query("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", user.id)
        locked.set()
        await until_a_transaction_waits()
        await query("DELETE FROM users WHERE id = $1", user.id)
    await storing

    row = await LLMCallLog.get(call_id=plan.call_id)
    assert (await LLMCallLog.filter(id=row.id).values_list("user_id", "cost"))[0] == (None, log.cost)
    assert not await LLMCallText.exists(call_id=row.id)


async def test_every_round_of_a_reply_is_a_row_and_the_end_has_the_sum(alice: Person) -> None:
    async with alice.tab(await past_thread(alice, messages=0)) as tab:
        posted = await tab.say("What is 12 * 7?")
        final = await tab.until_type("final")
    generation = await Generation.get(answer_id=posted["reply_id"])
    rows = await LLMCallLog.filter(generation_id=generation.id).order_by("round")

    assert [row.round for row in rows] == [1, 2]
    assert {row.call_id for row in rows} == {generation.id}
    assert final["call_log_id"] == str(rows[1].id)
    assert Decimal(final["usage"]["cost"]) == rows[0].cost + rows[1].cost
    assert final["usage"]["total_tokens"] == rows[0].total_tokens + rows[1].total_tokens
    assert final["usage"]["model"] == "gpt-6-luna-2026-10-15"
    assert final["usage"]["estimated"] is False


async def test_two_hundred_mixed_calls_cost_what_the_provider_bills_to_the_last_digit(
    llm: LLMClient, alice: Person, model: OfflineServer
) -> None:
    user = await User.get(email=alice.email)
    chance, gate = random.Random(7), asyncio.Semaphore(AT_ONCE)
    registry = tools.load()

    async def one(number: int) -> None:
        words, said = chance.choice(WORDS), f"say {'word ' * chance.randint(1, 60)}{number}"
        more: dict[str, Any] = {
            "model": chance.choice(["gpt-5", "gpt-6-luna", "gpt-5-nano"]),
            "user": user.id,
            "metadata": {"generation_id": str(uuid.uuid4())},
        }
        if "structured" in words:
            more["schema"] = ANIMAL
        elif "tool" in words:
            more["tools"] = registry
        if "status=502" in words:
            more["retries"] = 0
        stop_after = chance.randint(0, 20) if number % 10 == 0 else None
        async with gate, aclosing(llm.stream(f"{said} {words}", **more)) as events:
            try:
                async for event in events:
                    stop_after = stop_after - 1 if stop_after and isinstance(event, TextDelta) else stop_after
                    if stop_after == 0:
                        return
            except CallFailed:
                pass

    async def in_the_chat(number: int) -> None:
        async with gate:
            posted = await alice.ask(f"say {'word ' * number} [offline: cached={number}]")
            async with alice.tab(posted["thread_id"]) as tab:
                await tab.until_finished(posted["reply_id"])

    await asyncio.gather(*(one(number) for number in range(CALLS - 20)), *(in_the_chat(n) for n in range(1, 21)))
    rows = await LLMCallLog.filter(user_id=user.id)
    bill = (await model.http.get("/control/bill")).json()["responses"]
    exact = [row for row in rows if not row.estimated and row.response_id]
    month = await month_of(user)

    assert len({row.call_id for row in rows}) == CALLS
    assert len(exact) > CALLS / 2
    assert any(row.estimated for row in rows)
    assert sum(row.cost for row in exact) == sum(Decimal(bill[row.response_id]["cost"]) for row in exact)
    assert all(row.cost == 0 for row in rows if not row.estimated and not row.response_id)
    assert month is not None
    assert month.calls == len(rows)
    assert month.cost == sum(row.cost for row in rows)
    assert month.total_tokens == sum(row.total_tokens for row in rows)


@pytest.mark.parametrize(
    ("script", "status"), [("[offline: refusal]", "refused"), ("[offline: status=400]", "bad_request")]
)
async def test_the_error_of_a_call_is_deleted_with_its_user_and_a_refusal_is_only_text(
    llm: LLMClient, user: User, script: str, status: str
) -> None:
    with pytest.raises(CallFailed):
        await llm.call(f"my secret {script}", user=user.id)
    row = await LLMCallLog.get(user_id=user.id)
    text = await LLMCallText.get(call_id=row.id)
    assert row.status == status
    assert bool(row.error) == (status == "bad_request")
    assert bool(text.output) == (status == "refused")
    await user.delete()

    await row.refresh_from_db()
    assert (row.error, row.status) == ("", status)
    assert not await LLMCallText.exists(call_id=row.id)


@pytest.mark.parametrize("whose", [None, uuid.uuid4()])
async def test_calls_without_a_user_count_in_the_totals_of_their_month(llm: LLMClient, whose: uuid.UUID | None) -> None:
    async def sums() -> tuple[int, Decimal]:
        months = await UserMonthlyUsage.filter(user_id=None)
        return sum(month.calls for month in months), sum((month.cost for month in months), Decimal(0))

    calls, cost = await sums()
    result = await llm.call("say hello", user=whose)
    calls_after, cost_after = await sums()

    assert calls_after >= calls + 1
    assert cost_after >= cost + result.cost > cost


@pytest.mark.parametrize("response", ["none", "its own", "of another call"])
async def test_a_round_of_a_deleted_chat_is_counted_once_however_often_it_is_recorded(
    llm: LLMClient, user: User, response: str
) -> None:
    """Repeated after a lost reply to COMMIT; the deletion left no generation by which to know the round again."""
    first = (await llm.call("say hello", user=user.id)).call_log
    ids = {"none": None, "its own": f"resp_{uuid.uuid4().hex}", "of another call": first.response_id}
    log = replace(first, response_id=ids[response], plan=replace(first.plan, call_id=uuid.uuid4()))
    recorded = [await record(log, generation_id=log.plan.call_id) for _ in range(3)]
    month = await month_of(user)

    assert [bool(one) for one in recorded] == [True, False, False]
    assert month is not None
    assert month.calls == 2
    assert await LLMCallLog.filter(call_id=log.plan.call_id).count() == 1


async def test_a_call_that_ends_after_its_user_or_chat_was_deleted_is_only_counted(llm: LLMClient, user: User) -> None:
    log = replace((await llm.call("say hello", user=user.id)).call_log, response_id=None, error="you said hello")
    gone = uuid.uuid4()
    calls = [
        await record(replace(log, plan=replace(log.plan, call_id=uuid.uuid4(), user=owner)), generation_id=generation)
        for owner, generation in ((gone, None), (user.id, gone), (user.id, None), (None, None))
    ]
    rows = [await LLMCallLog.get(id=call) for call in calls]

    assert [row.error for row in rows] == ["", "", "you said hello", "you said hello"]
    assert [await LLMCallText.exists(call_id=call) for call in calls] == [False, False, True, True]
    assert {row.cost for row in rows} == {log.cost}
