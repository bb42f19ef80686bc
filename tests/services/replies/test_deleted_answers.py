"""Answers that are deleted before their end: what they took is in the books, and no budget stays reserved for them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chat.database import query
from chat.llm.journal import CallLog, Plan
from chat.llm.tools import Registry, tool
from chat.models import BudgetReservation, ChatMessage, Generation, LLMCallLog, User
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import Claim
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.deleted import purged
from tests.support.replies import ended
from tests.support.site import Site
from tests.support.versions import JSON, delete, said
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
    """The rounds in the books, once the answer has ended on whichever worker; none is reserved any more."""
    await eventually(lambda: generation.id not in site.resources.worker._replies)
    await eventually(lambda: is_settled(generation))
    return await LLMCallLog.filter(call_id=generation.id).order_by("round")


async def is_settled(generation: Generation) -> bool:
    return not await BudgetReservation.exists(id=generation.id)


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
            await purged(posted["thread_id"])
        case "account":
            await alice.http.post("/accounts/delete/", data={"password": PASSWORD})

    [call] = await paid(site, generation)
    assert (call.round, call.generation_id) == (1, None)
    assert call.cost > 0


async def test_an_answer_deleted_between_two_rounds_is_paid(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, known = patches.JOURNAL_BEGIN.value, asyncio.Event()

    async def begin_late(journal: ReplyJournal, plan: Plan) -> None:
        if plan.number == 2:
            await known.wait()
            await query("DELETE FROM chat_thread WHERE id = $1", uuid.UUID(posted["thread_id"]))
        await begin(journal, plan)

    patches.JOURNAL_BEGIN.replace(monkeypatch, begin_late)
    posted = await alice.ask("What is 12 * 7?")
    generation = await Generation.get(answer_id=posted["reply_id"])
    known.set()

    [call] = await paid(site, generation)
    assert (call.round, call.status) == (1, "completed")


async def without_worker(alice: Person, **columns: object) -> tuple[dict[str, str], Generation]:
    """An answer that runs by its rows and is reserved for; if it is queued, it is too young for a worker to find it."""
    posted = await said(alice, "say Hello")
    generation = await Generation.get(answer_id=posted["reply_id"])
    user = await User.get(email=alice.email)
    await ChatMessage.filter(id=posted["reply_id"]).update(status="streaming", content="")
    future = generation.created_at.replace(year=2090)
    await BudgetReservation.create(id=generation.id, user_id=user.id, amount=1, expires_at=future)
    values = {"state": "running", "owner": None, "lease_until": None, "created_at": future, **columns}
    await Generation.filter(id=generation.id).update(**values)
    return posted, generation


@pytest.mark.parametrize("what", ["version", "chat"])
async def test_an_answer_deleted_before_a_worker_has_claimed_it_is_not_reserved_any_more(
    alice: Person, what: str
) -> None:
    posted, generation = await without_worker(alice, state="queued", request_at=None)
    if what == "version":
        answer = await delete(alice, posted["thread_id"], posted["reply_id"])
    else:
        answer = await alice.http.post(f"/chat/{posted['thread_id']}/delete/", headers=JSON)
        await purged(posted["thread_id"])

    assert answer.status_code == 204
    assert not await Generation.exists(id=generation.id)
    assert not await BudgetReservation.exists(id=generation.id)


@pytest.mark.parametrize("owner", [None, "gone:1:x"])
async def test_an_answer_that_waits_for_a_takeover_is_deleted_after_it(
    alice: Person, monkeypatch: pytest.MonkeyPatch, owner: str | None
) -> None:
    found = patches.EXPIRED.value
    patches.EXPIRED.replace(monkeypatch, none_lost)
    past = datetime.now(UTC) - timedelta(seconds=1)
    posted, generation = await without_worker(alice, owner=owner, lease_until=past)
    thread_id = posted["thread_id"]
    refused = await delete(alice, thread_id, posted["message_id"])
    page = await alice.http.post(f"/chat/{thread_id}/messages/{posted['reply_id']}/delete/")
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (409, "busy", "4")
    assert (page.status_code, "moving to another server" in page.text) == (409, True)
    assert await ChatMessage.filter(thread_id=thread_id).count() == 2

    patches.EXPIRED.replace(monkeypatch, found)
    await ended(posted["reply_id"])
    assert (await delete(alice, thread_id, posted["message_id"])).status_code == 204
    assert [call.status for call in await paid(alice.site, generation)] == ["completed", "lost"]


async def none_lost() -> list[uuid.UUID]:
    return []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_answer_deleted_while_it_is_taken_over_is_paid(
    alice: Person, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Before or after the lost round is estimated."""
    reckon, over = patches.LOST_ROUND.value, asyncio.Event()

    async def deleted_meanwhile(claim: Claim, *more: Any) -> CallLog:
        if when == "before":
            await query("DELETE FROM chat_thread WHERE id = $1", claim.thread_id)
        log: CallLog = await reckon(claim, *more)
        await query("DELETE FROM chat_thread WHERE id = $1", claim.thread_id)
        over.set()
        return log

    patches.LOST_ROUND.replace(monkeypatch, deleted_meanwhile)
    past = datetime.now(UTC) - timedelta(seconds=1)
    _, generation = await without_worker(alice, owner="gone:1:x", lease_until=past)
    await over.wait()
    await eventually(lambda: generation.id not in alice.site.resources.worker._started)

    assert [call.status for call in await paid(alice.site, generation)] == ["completed", "lost"]
