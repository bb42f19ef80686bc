"""Answers while PostgreSQL takes no writes: their owner keeps and stores them, and there is never a second owner."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from chat.database import DatabaseUnavailable, credentials, query
from chat.models import ChatMessage, ChatThread, Generation, LLMCallLog
from chat.services.replies.reply import Reply
from tests.support import patches
from tests.support.cast import Person
from tests.support.full_disk import failing_writes
from tests.support.offline import OfflineServer
from tests.support.replies import ended, ready
from tests.support.site import Beside, Site
from tests.support.stores import Stores
from tests.support.tab import Tab
from tests.support.waiting import eventually

WORDS = " ".join(f"word{number}" for number in range(60))
SLOW = f"say {WORDS} [offline: pace=20]"
SLOWER = f"say {WORDS} [offline: pace=80]"  # while tabs are opened and other statements run


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of three seconds, and all that depends on them a quarter as well."""
    patches.HEARTBEAT_SECONDS.replace(monkeypatch, 0.2)
    patches.SELF_FENCE_SECONDS.replace(monkeypatch, 2.25)
    patches.REAPER_SECONDS.replace(monkeypatch, (0.2, 0.4))
    for statement in patches.LEASE_STATEMENTS:
        statement.replace(monkeypatch, statement.value.replace(patches.LEASE.value, "3 seconds"))
    patches.SPARE.replace(monkeypatch, patches.SPARE.value.replace("6 seconds", "2 seconds"))


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is not one of the site's."""
    settings = {"server_settings": {"application_name": "admin"}}
    connection = await asyncpg.connect(**credentials(stores.database_url) | settings)
    yield connection
    await connection.close()


@pytest.fixture
async def other(site: Site, beside: Beside) -> AsyncIterator[Site]:
    """Another worker that looks for lost answers."""
    async with beside() as other:
        yield other


EXPIRED = "SELECT 1 FROM generation WHERE id = $1 AND lease_until < now()"
SPARED_FOR_LONG = "SELECT 1 FROM generation WHERE id = $1 AND lease_until > now() + interval '5 seconds'"
TAKEN = """
UPDATE generation SET fence = fence + 2, owner = 'another:1:x', lease_until = now() + interval '5 minutes' WHERE id = $1
"""


def reply_of(site: Site, generation: Generation) -> Reply:
    return site.resources.worker._replies[generation.id]


async def has_expired(generation: Generation) -> bool:
    return bool(await query(EXPIRED, generation.id))


async def length_of_log(site: Site, thread_id: str) -> int:
    return (await site.resources.broadcast.log.end(uuid.UUID(thread_id))).offset


async def logged(site: Site, thread_id: uuid.UUID, kind: str) -> dict[str, Any] | None:
    """The event of this type in the thread's log."""
    entries = (await site.resources.broadcast.log.read(thread_id)).entries
    events: list[dict[str, Any]] = [json.loads(payload) for _, payload in entries]
    return next((event for event in events if event["type"] == kind), None)


class Heartbeats:
    """The heartbeats of one worker, which can be made to fail while all other statements work."""

    def __init__(self, owner: str) -> None:
        self.failing, self.failures = False, 0
        self._owner, self._renew = owner, patches.RENEW_LEASES.value

    async def renew(self, owner: str, generation_ids: list[uuid.UUID]) -> dict[uuid.UUID, bool]:
        """As in lease.py."""
        if self.failing and owner == self._owner:
            self.failures += 1
            raise DatabaseUnavailable("no space left on device")
        renewed: dict[uuid.UUID, bool] = await self._renew(owner, generation_ids)
        if self.failing and owner == self._owner:  # since it began
            raise DatabaseUnavailable("no answer")
        return renewed


@pytest.fixture
def heartbeats(site: Site, monkeypatch: pytest.MonkeyPatch) -> Heartbeats:
    heartbeats = Heartbeats(site.resources.worker.name)
    patches.RENEW_LEASES.replace(monkeypatch, heartbeats.renew)
    return heartbeats


@asynccontextmanager
async def without_heartbeats(
    person: Person, heartbeats: Heartbeats
) -> AsyncIterator[tuple[Tab, dict[str, str], Generation]]:
    """An answer that is being written in a tab, whose worker's heartbeats fail from now on."""
    posted = await person.ask(SLOWER)
    generation = await Generation.get(answer_id=posted["reply_id"])
    async with person.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        heartbeats.failing = True
        yield tab, posted, generation


@pytest.mark.parametrize("tables", [(), ("chat_message",)], ids=["no room", "room for heartbeats"])
async def test_an_answer_that_ends_while_the_disk_is_full_is_stored_whole_when_there_is_room(
    alice: Person, site: Site, other: Site, admin: asyncpg.Connection, model: OfflineServer, tables: tuple[str, ...]
) -> None:
    posted = await alice.ask(SLOWER)
    generation = await Generation.get(answer_id=posted["reply_id"])
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        async with failing_writes(admin, *tables):
            reply = reply_of(site, generation)
            await eventually(lambda: reply.live_text.so_far.text == WORDS)
            if not tables:
                await eventually(lambda: has_expired(generation))
            assert reply.claim.lease.is_current is bool(tables)
            assert await ChatMessage.exists(id=posted["reply_id"], status="streaming")
        message = await tab.until_finished(posted["reply_id"])
    after = await Generation.get(id=generation.id)
    [call] = await LLMCallLog.filter(generation_id=generation.id)

    assert (message["status"], message["content"]) == ("final", WORDS)
    assert (await ended(posted["reply_id"])).content == WORDS
    assert (after.state, after.takeovers, after.fence) == ("completed", 0, 2)
    assert not call.estimated
    assert await model.creates(str(generation.id)) == 1


@pytest.mark.parametrize(
    ("question", "end"), [("say Hello", "final"), ("hello [offline: status=400]", "response.error")]
)
async def test_an_answer_whose_last_commit_lost_its_reply_still_ends_by_its_event(
    alice: Person, monkeypatch: pytest.MonkeyPatch, question: str, end: str
) -> None:
    settle, commit, last = patches.JOURNAL_SETTLE.value, patches.COMMIT.value, ["commit"]
    settled: list[uuid.UUID | None] = []

    async def settle_and_tell(self: Any) -> Any:
        settled.append(await settle(self))
        return settled[-1]

    async def commit_in_silence(self: Any) -> None:
        await commit(self)
        if settled and last:
            last.clear()
            raise DatabaseUnavailable("the reply was lost")

    patches.JOURNAL_SETTLE.replace(monkeypatch, settle_and_tell)
    patches.COMMIT.replace(monkeypatch, commit_in_silence)
    posted = await alice.ask(question)
    generation = await Generation.get(answer_id=posted["reply_id"])
    log = await eventually(lambda: logged(alice.site, generation.thread_id, end))  # type: ignore[attr-defined]

    assert not last
    assert await LLMCallLog.filter(generation_id=generation.id).count() == 1
    assert await ChatThread.filter(id=generation.thread_id).values_list("rev", flat=True) == [log["rev"]]
    assert end != "final" or log["call_log_id"] == str(settled[0])


async def test_a_tool_that_runs_while_the_disk_is_full_is_recorded_and_its_answer_goes_on(
    alice: Person, site: Site, admin: asyncpg.Connection
) -> None:
    posted = await alice.ask("What time is it in Tokyo? [offline: delay=1]")
    generation = await Generation.get(answer_id=posted["reply_id"])
    await eventually(lambda: Generation.exists(id=generation.id, request_at__isnull=False))
    async with failing_writes(admin):
        await eventually(lambda: not reply_of(site, generation).claim.lease.is_current)
    row = await ended(posted["reply_id"])

    assert (row.status, row.error) == ("final", "")


async def test_a_worker_without_heartbeats_publishes_nothing_until_one_succeeds(
    alice: Person, site: Site, heartbeats: Heartbeats, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = patches.LEASE_STATEMENTS[0]
    claim.replace(monkeypatch, claim.value.replace("3 seconds", "5 minutes"))
    async with without_heartbeats(alice, heartbeats) as (tab, posted, generation):
        reply = reply_of(site, generation)
        reply.claim.lease.renewed_at -= 10
        known, length = await length_of_log(site, posted["thread_id"]), len(reply.live_text.so_far.text)
        await eventually(lambda: len(reply.live_text.so_far.text) > length + 50)
        assert await length_of_log(site, posted["thread_id"]) <= known + 1, "an event that was under way"
        assert generation.id in site.resources.worker._replies, "late is not lost"
        heartbeats.failing = False
        message = await tab.until_finished(posted["reply_id"])

    assert (message["status"], message["content"]) == ("final", WORDS)


async def test_another_worker_takes_over_from_one_without_heartbeats_which_then_writes_nothing(
    alice: Person, site: Site, other: Site, heartbeats: Heartbeats
) -> None:
    async with without_heartbeats(alice, heartbeats) as (tab, posted, generation):
        message = await tab.until_finished(posted["reply_id"])
        position = await length_of_log(site, posted["thread_id"])
        await eventually(lambda: generation.id not in site.resources.worker._replies)
    after = await Generation.get(id=generation.id)

    assert (message["status"], after.takeovers) == ("interrupted", 1)
    # Whichever other site is open on these stores may be first.
    assert after.owner not in (None, site.resources.worker.name)
    assert WORDS.startswith(str(message["content"]))
    assert await length_of_log(site, posted["thread_id"]) == position
    assert (await ended(posted["reply_id"])).content == message["content"]


async def test_a_worker_that_met_the_outage_waits_for_an_owner_whose_connection_works_later(
    alice: Person, site: Site, other: Site, admin: asyncpg.Connection, heartbeats: Heartbeats
) -> None:
    async with without_heartbeats(alice, heartbeats) as (tab, posted, generation):
        async with failing_writes(admin, "generation"):
            await eventually(lambda: other.resources.worker._outages.seconds_ago < 1)
        await eventually(lambda: query(SPARED_FOR_LONG, generation.id))
        heartbeats.failing = False
        message = await tab.until_finished(posted["reply_id"])
    after = await Generation.get(id=generation.id)

    assert (message["status"], after.takeovers) == ("final", 0)


async def test_a_server_that_closes_leaves_no_work_to_a_closed_database(beside: Beside) -> None:
    async with beside() as other:
        claiming = asyncio.create_task(other.resources.worker.shielded(asyncio.Event().wait(), "a claim"))
        await asyncio.sleep(0)

    assert claiming.cancelled()


async def test_a_heartbeat_that_meets_the_end_of_an_answer_is_no_loss(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stored, told = asyncio.Event(), asyncio.Event()
    tell = patches.LIVE_TEXT_TELL.value

    async def tell_late(self: Any, event: Any, *, terminal: bool = False) -> None:
        if terminal:
            stored.set()
            await told.wait()
        await tell(self, event, terminal=terminal)

    patches.LIVE_TEXT_TELL.replace(monkeypatch, tell_late)
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await asyncio.wait_for(stored.wait(), 20)
        await site.resources.worker._renew_leases()
        told.set()
        message = await tab.until_finished(posted["reply_id"])

    assert message["status"] == "final"
    assert "Abandoned" not in caplog.text


async def test_a_heartbeat_renews_the_other_leases_while_a_row_is_locked(
    alice: Person, site: Site, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    locked, free = [await alice.ask(SLOWER) for _ in range(2)]
    generations = [await Generation.get(answer_id=posted["reply_id"]) for posted in (locked, free)]
    async with alice.tab(locked["thread_id"]) as one, alice.tab(free["thread_id"]) as two:
        await one.until_text(locked["reply_id"], 10)
        await two.until_text(free["reply_id"], 10)
        first, second = (reply_of(site, generation).claim.lease for generation in generations)
        async with admin.transaction():
            await admin.execute("SELECT 1 FROM generation WHERE id = $1 FOR UPDATE", generations[0].id)
            await site.resources.worker._renew_leases()  # the urgent connection: a heartbeat before has ended now
            before = first.renewed_at, second.renewed_at
            assert await site.resources.worker._renew_leases() is False
            assert (first.renewed_at, second.renewed_at > before[1]) == (before[0], True)
        ends = [
            (await tab.until_finished(posted["reply_id"]))["status"] for tab, posted in ((one, locked), (two, free))
        ]

    assert ends == ["final", "final"]
    assert "Abandoned" not in caplog.text


async def test_a_lost_lease_is_said_once_and_its_reply_ends(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def skip(*_: Any) -> None:
        """A checkpoint would notice, too."""

    patches.CHECKPOINT.replace(monkeypatch, skip)
    posted = await alice.ask(SLOWER)
    generation = await Generation.get(answer_id=posted["reply_id"])
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 10)
        await query(TAKEN, generation.id)
        await eventually(lambda: generation.id not in site.resources.worker._replies)
    said = [record.getMessage() for record in caplog.records if "Abandoned" in record.getMessage()]
    await query("UPDATE generation SET state = 'failed' WHERE id = $1", generation.id)

    assert len(said) == 1
    assert str(generation.id) in said[0]


async def test_the_answer_of_a_deleted_chat_is_not_called_lost(
    alice: Person, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    posted = await alice.ask(SLOWER)
    generation = await Generation.get(answer_id=posted["reply_id"])
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 10)
        await query("DELETE FROM chat_thread WHERE id = $1", uuid.UUID(posted["thread_id"]))  # nothing announces it
        await eventually(lambda: generation.id not in site.resources.worker._replies)

    assert "Abandoned" not in caplog.text


async def test_an_outage_fills_no_log(
    alice: Person, site: Site, admin: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    idle, client_id = await ready(alice), str(uuid.uuid4())
    asked = [await alice.ask(SLOWER) for _ in range(3)]
    ids = [(await Generation.get(answer_id=posted["reply_id"])).id for posted in asked]
    async with alice.tab(idle["thread_id"]) as tab:
        running = site.resources.worker._replies
        await eventually(lambda: all(one in running and running[one].live_text.so_far.text for one in ids))
        replies = [running[one] for one in ids]
        async with failing_writes(admin):
            posts = [await alice.post("say Hello") for _ in range(10)]
            await tab.send({"type": "message.send", "client_id": client_id, "content": "say More"})
            nack = await tab.until_type("nack")
            await eventually(lambda: not any(reply.claim.lease.is_current for reply in replies))
        for posted in asked:
            assert (await ended(posted["reply_id"])).status == "final"

    assert {(post.status_code, post.headers.get("Retry-After")) for post in posts} == {(503, "5")}
    assert (nack["client_id"], nack["code"], nack["retry_ms"]) == (client_id, "unavailable", 5000)
    assert not [record for record in caplog.records if record.exc_info], "no traceback"
    assert len([record for record in caplog.records if "PostgreSQL is unavailable" in record.getMessage()]) <= 6
