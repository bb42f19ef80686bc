"""Answers that are deleted before their end: what they took is in the books, and no budget stays reserved for them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from chat.database import query
from chat.llm.journal import Plan
from chat.llm.tools import Registry, tool
from chat.models import BudgetReservation, Generation, LLMCallLog, User
from chat.services.replies.journal import ReplyJournal
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.site import Site
from tests.support.versions import delete
from tests.support.waiting import eventually

LOOKS_UP = "Hello [offline: tool=look_up]"


@pytest.fixture
def begun(site: Site) -> Iterator[asyncio.Event]:
    """A tool that has begun and does not end."""
    begun = asyncio.Event()

    @tool(idempotent=True)
    async def look_up() -> str:
        """Look something up."""
        begun.set()
        await asyncio.Event().wait()
        return "never"

    worker = site.resources.worker
    kept, worker._deps = worker._deps, replace(worker._deps, tools=Registry([look_up]))
    yield begun
    worker._deps = kept


@pytest.fixture
async def alice(alice: Person) -> Person:
    """With a budget, so that her calls are reserved."""
    await User.filter(email=alice.email).update(monthly_budget=Decimal(50))
    return alice


async def paid(site: Site, generation: Generation) -> list[LLMCallLog]:
    """The rounds in the books, once the answer has ended; none is reserved any more."""
    await eventually(lambda: generation.id not in site.resources.worker._replies)
    assert not await BudgetReservation.exists(id=generation.id)
    return await LLMCallLog.filter(call_id=generation.id)


@pytest.mark.parametrize("what", ["version", "chat", "account"])
async def test_an_answer_deleted_while_its_tool_runs_is_paid(
    alice: Person, site: Site, begun: asyncio.Event, what: str
) -> None:
    posted = await alice.ask(LOOKS_UP)
    generation = await Generation.get(answer_id=posted["reply_id"])
    await begun.wait()
    assert await BudgetReservation.exists(id=generation.id)
    match what:
        case "version":
            await delete(alice, posted["thread_id"], posted["reply_id"])
        case "chat":
            await alice.http.post(f"/chat/{posted['thread_id']}/delete/")
        case "account":
            await alice.http.post("/accounts/delete/", data={"password": PASSWORD})

    [call] = await paid(site, generation)
    assert (call.round, call.generation_id) == (1, None)
    assert call.cost > 0


async def test_an_answer_deleted_between_two_rounds_is_paid(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = patches.JOURNAL_BEGIN.value

    async def begin_late(journal: ReplyJournal, plan: Plan) -> None:
        if plan.number == 2:
            await query("DELETE FROM chat_thread WHERE id = $1", uuid.UUID(posted["thread_id"]))
        await begin(journal, plan)

    patches.JOURNAL_BEGIN.replace(monkeypatch, begin_late)
    posted = await alice.ask("What is 12 * 7?")
    generation = await Generation.get(answer_id=posted["reply_id"])

    [call] = await paid(site, generation)
    assert (call.round, call.status) == (1, "completed")
