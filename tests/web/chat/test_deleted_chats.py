"""A deleted chat is gone at once and everywhere, comes back by an undo for 15 seconds, and is then deleted."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections.abc import Iterator
from functools import reduce
from zipfile import ZipFile

import httpx
import pytest

from chat.database import query
from chat.events import Close
from chat.models import ChatMessage, ChatThread, LLMCallLog, QueuedMessage, User, UserMonthlyUsage
from chat.services.accounts import export
from chat.services.replies import queue_runs, thread_deletion
from chat.tools.search_my_threads import search_my_threads
from chat.web.admin.tables import TABLES
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.deleted import purged
from tests.support.locks import held
from tests.support.queues import LASTING
from tests.support.replies import ended, ready
from tests.support.routes import APP
from tests.support.rows import past_thread, written
from tests.support.searching import indexed
from tests.support.sockets import closed
from tests.support.statements import statements
from tests.support.stores import Stores
from tests.support.tab import Tab
from tests.support.waiting import eventually

LOCK_THREAD = "SELECT 1 FROM chat_thread WHERE id = $1 FOR UPDATE"
JSON = {"Accept": "application/json"}
AGE = "UPDATE chat_thread SET deleted_at = now() - make_interval(secs => $2) WHERE id = $1"


async def delete(person: Person, thread_id: str) -> int:
    return (await person.http.post(f"/chat/{thread_id}/delete/", headers=JSON)).status_code


async def undelete(person: Person, thread_id: str) -> int:
    return (await person.http.post(f"/chat/{thread_id}/undelete/", headers=JSON)).status_code


async def ids(person: Person) -> list[str]:
    threads = (await person.http.get("/chat/api/threads/")).json()["threads"]
    return [thread["thread_id"] for thread in threads]


# Gone at once


def addresses_of_a_chat() -> Iterator[tuple[str, str]]:
    """The method and address of every route of one chat, but the one that brings it back."""
    for rule in APP.url_map.iter_rules():
        if "thread_id" in rule.arguments and rule.endpoint != "chat_list.undelete" and not rule.rule.startswith("/ws/"):
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield method, rule.rule


async def test_its_owner_finds_it_at_no_address(alice: Person) -> None:
    posted = await ready(alice)
    routes = list(addresses_of_a_chat())
    fields = {"message": "say more", "title": "New", "message_id": posted["reply_id"], "client_id": str(uuid.uuid4())}
    fields |= {"pinned": "1", "archived": "1"}
    ids = {"uuid:thread_id": posted["thread_id"], "uuid:message_id": posted["reply_id"]}
    assert await delete(alice, posted["thread_id"]) == 204
    found = {}
    for method, rule in routes:
        address = reduce(lambda path, name: path.replace(f"<{name}>", ids[name]), ids, rule)
        answer = await alice.http.request(method, address, data=fields if method == "POST" else None, headers=JSON)
        found[method, rule] = answer.status_code

    assert len(routes) > 15
    assert set(found.values()) == {404}, found
    assert await ChatMessage.filter(thread_id=posted["thread_id"]).count() == 2


async def test_no_socket_opens_for_it_and_those_that_are_open_close(alice: Person) -> None:
    posted = await ready(alice)
    thread_id = posted["thread_id"]
    async with alice.tab(thread_id) as tab, alice.tab("") as other:
        await tab.until_type("thread.snapshot")
        await other.until_type("thread.list")
        assert await delete(alice, thread_id) == 204
        told = await other.until_type("thread.deleted")
        assert await closed(tab.connection) == Close.DELETED
    async with alice.connection(thread_id) as connection:
        await Tab(connection).hello()
        assert await closed(connection) == Close.NO_SUCH_THREAD

    assert (told["thread_id"], told["rev"]) == (thread_id, (await ChatThread.get(id=thread_id)).rev)


async def test_every_frame_of_a_tab_that_was_not_told_is_refused(alice: Person) -> None:
    """Its event was lost; the reconciler closes the socket some seconds later."""
    posted = await ready(alice)
    thread_id = posted["thread_id"]
    user = await User.get(email=alice.email)
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        await thread_deletion.delete(user, [uuid.UUID(thread_id)], worker=Deaf(), broadcast=Deaf())
        before = await ChatThread.get(id=thread_id)
        answer = await tab.say("say more")
        codes = []
        for kind, field in (
            ("response.cancel", "message_id"),
            ("queue.take", "client_id"),
            ("queue.remove", "client_id"),
            ("queue.send_now", "client_id"),
        ):
            await tab.send({"type": kind, field: posted["reply_id"]})
            codes.append((await tab.until_type("error"))["code"])
        await tab.send({"type": "queue.resume"})
        codes.append((await tab.until_type("error"))["code"])
        await tab.send({"type": "seen", "message_id": posted["reply_id"]})
        await tab.send({"type": "sync"})
        assert await closed(tab.connection) == Close.DELETED

    assert (answer["type"], answer["code"]) == ("nack", "not_found")
    assert codes == ["not_running", *["not_found"] * 4]
    assert (await ChatThread.get(id=thread_id)).rev == before.rev


class Deaf:
    """Nothing is announced, as when the worker dies after COMMIT."""

    async def announce(self, *_: object) -> None:
        """Lose the events."""

    async def stop_marked(self, _: object) -> None:
        """Lose the stops."""


async def test_a_tab_whose_event_was_lost_is_closed_by_the_reconciler(alice: Person) -> None:
    thread_id = await past_thread(alice)
    user = await User.get(email=alice.email)
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        await thread_deletion.delete(user, [uuid.UUID(thread_id)], worker=Deaf(), broadcast=Deaf())
        assert await closed(tab.connection) == Close.DELETED


async def test_it_is_in_no_list_search_download_usage_or_admin_table(alice: Person, root: Person) -> None:
    kept, deleted = await written(alice, "kept zebra", "yes"), await written(alice, "deleted zebra", "no")
    posted = await ready(alice, "say zebra")
    user = await User.get(email=alice.email)
    for thread_id in (kept, deleted, posted["thread_id"]):
        await indexed(thread_id)
    assert "deleted zebra" in str(await search_my_threads(user, "zebra"))
    for thread_id in (deleted, posted["thread_id"]):
        assert await delete(alice, thread_id) == 204
    exported = ZipFile(io.BytesIO(b"".join([piece async for piece in export.archive(user.id)])))
    usage = (await alice.http.get("/usage/")).text
    tables = [TABLES[name] for name in ("threads", "messages", "generations")]
    found = [await root.http.get(f"/admin/{table.path}/", params={"q": alice.email}) for table in tables]
    one = await root.http.get(f"/admin/threads/{deleted}/")

    assert await ids(alice) == [kept]
    assert "deleted zebra" not in str(await search_my_threads(user, "zebra"))
    assert "kept zebra" in str(await search_my_threads(user, "zebra"))
    assert [thread["id"] for thread in json.loads(exported.read("data.json"))["threads"]] == [kept]
    assert len(exported.namelist()) == 2
    assert posted["thread_id"] not in usage
    assert "Deleted chats" in usage
    assert one.status_code == 404
    assert {page.status_code for page in found} == {200}
    assert not [page.url for page in found if deleted in page.text]
    assert deleted not in (await alice.http.get("/search/", params={"q": "zebra"})).text


EXCUSED = {
    "chat.models",  # what rows look like
    "chat.services.replies.thread_deletion",
    "chat.search.indexing",  # the index has every chat; whoever reads it asks for those that are not deleted
}
EXCUSED_STATEMENTS = {
    "chat.search.find.IS_BEHIND": "how far the index is",
    "chat.services.accounts.deletion.LOCK_THREADS": "an account is deleted with all",
    "chat.services.admin.commands.STOP_ALL": "so is what a disabled account still runs",
    "chat.services.replies.admission.ACTIVE": "whether something runs; storing the message asks again",
    "chat.services.replies.admission.ALIVE": "a running answer counts until it has stopped",
    "chat.services.replies.finish.LEFT": "the end of an answer is stored",
    "chat.services.replies.lease.CLAIM": "a lost answer has to end",
    "chat.services.replies.list_changes.ARCHIVE": "after LOCK",
    "chat.services.replies.list_changes.PIN": "after LOCK",
    "chat.services.replies.list_changes.READ": "after LOCK",
    "chat.services.replies.list_changes.SEE": "after LOCK",
    "chat.services.replies.path.PAGE": "after the chat was looked up",
    "chat.services.replies.queue.CHANGED": "after LOCK_THREAD",
    "chat.services.replies.queue.END_PAUSE": "after LOCK_THREAD",
    "chat.services.replies.queue.NEEDED": "whether a message would wait; `add` asks again",
    "chat.services.replies.queue.PAUSE": "after LOCK_THREAD, or as an answer ends",
    "chat.services.replies.send.NEW_THREAD": "a new one",
    "chat.services.replies.versions.MOVE_HEAD": "after LOCK",
    "chat.tools.search_my_threads.ASKED": "what is left out of what was found",
}


def about_chats() -> dict[str, str]:
    """Statements about chats, by the name of their constant."""
    return {
        name: text
        for name, text in statements().items()
        if " chat_thread" in text and not any(name.startswith(f"{excused}.") for excused in EXCUSED)
    }


def test_every_statement_about_chats_leaves_out_deleted_ones_or_has_a_reason() -> None:
    careless = {name for name, text in about_chats().items() if "deleted_at" not in text}

    assert careless == set(EXCUSED_STATEMENTS)


# The answer that is being written, and the queue


async def test_its_answer_stops_is_paid_and_nothing_is_announced_after_the_deletion(alice: Person) -> None:
    async with alice.tab("") as tab:
        posted = await alice.ask("Count to 3000 [offline: pace=10]")
        thread_id = posted["thread_id"]
        async with alice.tab(thread_id) as own:
            await own.until_text(posted["reply_id"], 20)
        assert await delete(alice, thread_id) == 204
        message = await ended(posted["reply_id"])
        await tab.until_type("thread.deleted")
        await tab.send({"type": "sync"})
        seen = len(tab.frames)
        await tab.until_type("thread.list")
        assert [frame["type"] for frame in tab.frames[seen:] if frame.get("thread_id") == thread_id] == []
        assert await undelete(alice, thread_id) == 204
        back = await tab.until(lambda frame: frame.get("thread_id") == thread_id)
        assert set(tab.store.chats) == {thread_id}
    calls = await LLMCallLog.filter(user__email=alice.email)
    await delete(alice, thread_id)
    await purged(thread_id)

    assert message.status == "stopped"
    assert message.content.startswith("1")
    assert (back["type"], back["running"], back["archived"], back["unread"]) == ("thread.updated", False, False, True)
    assert [call.cost > 0 for call in calls] == [True]
    [month] = await UserMonthlyUsage.filter(user__email=alice.email)
    assert (month.calls, month.cost) == (1, calls[0].cost)


async def test_a_chat_that_is_back_has_its_messages_its_queue_and_a_reason_for_the_pause(alice: Person) -> None:
    posted = await alice.ask(LASTING)
    thread_id = posted["thread_id"]
    waiting = await alice.http.post(
        f"/chat/{thread_id}/", data={"message": "say next", "queue": "", "client_id": str(uuid.uuid4())}, headers=JSON
    )
    assert waiting.status_code == 202
    await delete(alice, thread_id)
    await ended(posted["reply_id"])
    assert await undelete(alice, thread_id) == 204
    async with alice.tab(thread_id) as tab:
        snapshot = await tab.until_type("thread.snapshot")
        assert snapshot["queue"]["paused"] == "The queue is paused because the chat was deleted for a moment."
        assert [item["content"] for item in snapshot["queue"]["items"]] == ["say next"]
        assert [message["status"] for message in snapshot["messages"]] == ["final", "stopped"]
        await tab.send({"type": "queue.resume"})
        await tab.until_type("response.started")

    assert not await QueuedMessage.exists(thread_id=thread_id)


async def test_a_message_that_waits_is_not_sent_by_any_worker_while_its_chat_is_deleted(alice: Person) -> None:
    posted = await ready(alice)
    thread_id = uuid.UUID(posted["thread_id"])
    await delete(alice, posted["thread_id"])
    await query("UPDATE chat_thread SET queue_paused = '' WHERE id = $1", thread_id)
    row = {"thread_id": thread_id, "number": 1, "client_id": uuid.uuid4(), "content": "say next"}
    await QueuedMessage.create(**row)
    worker = alice.site.resources.worker
    worker._run_queue(thread_id, queue_runs.run_next)
    await eventually(lambda: not [task for task in worker._tasks if task.get_name() == f"queue of {thread_id}"])

    assert await QueuedMessage.exists(thread_id=thread_id)
    assert await ChatMessage.filter(thread_id=thread_id).count() == 2


# Undo, and its end


async def test_an_undo_brings_it_back_in_every_tab_and_twice_is_the_same(alice: Person) -> None:
    thread_id, other = await past_thread(alice, title="Back"), await past_thread(alice, title="Other")
    async with alice.tab("") as one, alice.tab(other) as two:
        for tab in (one, two):
            await tab.until_type("thread.list")
        await delete(alice, thread_id)
        for tab in (one, two):
            await tab.until_type("thread.deleted")
            assert set(tab.store.chats) == {other}
        assert [await undelete(alice, thread_id), await undelete(alice, thread_id)] == [204, 204]
        for tab in (one, two):
            await tab.until(lambda frame: frame["type"] == "thread.updated" and frame["thread_id"] == thread_id)
            assert set(tab.store.chats) == {thread_id, other}
            assert tab.store.syncs == 0
    async with alice.tab(thread_id) as tab:
        assert len((await tab.until_type("thread.snapshot"))["messages"]) == 2

    assert thread_id in await ids(alice)


async def test_a_stranger_and_an_unknown_id_bring_nothing_back(alice: Person, bob: Person) -> None:
    thread_id = await past_thread(alice)
    await delete(alice, thread_id)

    assert await undelete(bob, thread_id) == 404
    assert await undelete(alice, str(uuid.uuid4())) == 404
    assert (await alice.http.post("/chat/x/undelete/")).status_code == 404
    assert await ids(alice) == []


async def none_due() -> list[uuid.UUID]:
    """No worker purges anything."""
    return []


@pytest.mark.parametrize(("seconds", "status"), [(14, 204), (15.5, 404)])
async def test_the_undo_ends_after_15_seconds_by_the_clock_of_the_database(
    alice: Person, monkeypatch: pytest.MonkeyPatch, seconds: float, status: int
) -> None:
    patches.DUE.replace(monkeypatch, none_due)  # no worker purges it meanwhile
    thread_id = await past_thread(alice)
    await delete(alice, thread_id)
    await query(AGE, uuid.UUID(thread_id), seconds)

    assert await undelete(alice, thread_id) == status
    assert await ChatThread.exists(id=thread_id)
    assert (await ids(alice) == [thread_id]) is (status == 204)


async def test_an_undo_that_waits_for_a_purge_finds_nothing(alice: Person, stores: Stores) -> None:
    thread_id = uuid.UUID(await past_thread(alice))
    await delete(alice, str(thread_id))
    async with held(stores, LOCK_THREAD, thread_id) as moment:
        undoing = asyncio.create_task(undelete(alice, str(thread_id)))
        await moment.waiting(1)
        await moment.connection.execute("DELETE FROM chat_thread WHERE id = $1", thread_id)

    assert await undoing == 404
    assert await ids(alice) == []


async def test_a_purge_leaves_alone_what_an_undo_has_locked(
    alice: Person, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.DUE.replace(monkeypatch, none_due)
    thread_id = uuid.UUID(await past_thread(alice))
    await delete(alice, str(thread_id))
    await query(AGE, thread_id, 16)
    async with held(stores, LOCK_THREAD, thread_id) as moment:
        await moment.connection.execute("UPDATE chat_thread SET deleted_at = NULL WHERE id = $1", thread_id)
        purge = await thread_deletion.purge([thread_id])

    assert purge.threads == []
    assert await ids(alice) == [str(thread_id)]


async def test_a_purge_takes_what_is_due_and_a_worker_does_it_unasked(alice: Person, bob: Person) -> None:
    due, young, shown = [await past_thread(alice, title=title) for title in ("Due", "Young", "Shown")]
    his = await past_thread(bob)
    for person, thread_id in ((alice, due), (alice, young), (bob, his)):
        await delete(person, thread_id)
    await query(AGE, uuid.UUID(due), 16)
    await query(AGE, uuid.UUID(his), 1000)
    for thread_id in (due, his):
        await purged(thread_id)

    assert not await ChatMessage.exists(thread_id=due)
    assert await ChatThread.filter(id__in=[young, shown]).count() == 2


async def test_two_workers_that_purge_at_once_share_the_work(alice: Person) -> None:
    threads = [uuid.UUID(await past_thread(alice)) for _ in range(6)]
    for thread_id in threads:
        await delete(alice, str(thread_id))
        await query(AGE, thread_id, 16)
    purges = await asyncio.gather(*(thread_deletion.purge(threads) for _ in range(4)))

    assert len([one for purge in purges for one in purge.threads]) <= len(threads)
    assert not await ChatThread.exists(id__in=threads)


async def test_an_account_is_deleted_with_the_chats_that_are_deleted_already(alice: Person) -> None:
    thread_id = await past_thread(alice)
    await delete(alice, thread_id)
    assert (await alice.http.post("/accounts/delete/", data={"password": PASSWORD})).status_code == 303

    assert not await ChatThread.exists(id=thread_id)


async def test_a_new_chat_with_the_same_client_id_does_not_write_into_a_deleted_one(alice: Person) -> None:
    """The id of a thread follows from the client id."""
    client_id = str(uuid.uuid4())
    first = (await alice.post("say one", client_id=client_id)).json()
    async with alice.tab(first["thread_id"]) as tab:
        await tab.until_finished(first["reply_id"])
    await delete(alice, first["thread_id"])
    again: httpx.Response = await alice.post("say one", client_id=client_id)

    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert await ChatMessage.filter(thread_id=first["thread_id"]).count() == 2
