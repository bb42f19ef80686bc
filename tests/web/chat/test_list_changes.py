"""The list of chats: pinned ones come first, archived ones are not in it, and an answer is unread until it was seen."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from chat.database import query
from chat.models import ChatThread, QueuedMessage, User
from chat.services.errors import Refused
from chat.services.replies import list_changes
from chat.services.replies.list_changes import MOST_PINNED
from tests.support.cast import Person
from tests.support.replies import ready
from tests.support.rows import past_thread
from tests.support.tab import Store, Tab


async def user_of(person: Person) -> User:
    return await User.get(email=person.email)


async def listed(person: Person, **arguments: str) -> list[dict[str, Any]]:
    threads: list[dict[str, Any]] = (await person.http.get("/chat/api/threads/", params=arguments)).json()["threads"]
    return threads


async def ids(person: Person, **arguments: str) -> list[str]:
    return [thread["thread_id"] for thread in await listed(person, **arguments)]


async def told_of(tab: Tab, thread_id: str, **fields: object) -> dict[str, Any]:
    """Wait for an update of this chat with these fields."""

    def matches(frame: dict[str, Any]) -> bool:
        if frame["type"] != "thread.updated" or frame["thread_id"] != thread_id:
            return False
        return all(frame[name] == value for name, value in fields.items())

    return await tab.until(matches)


async def test_pinned_chats_come_first_and_each_part_has_the_newest_first(alice: Person) -> None:
    user = await user_of(alice)
    days = [await past_thread(alice, title=f"{number} days", days_ago=number) for number in range(1, 8)]
    pinned = [days[5], days[2]]
    await list_changes.pin(user, [uuid.UUID(one) for one in pinned], on=True, broadcast=alice.site.resources.broadcast)
    rest = [one for one in days if one not in pinned]
    first = (await alice.http.get("/chat/api/threads/", params={"size": "2"})).json()
    second = (await alice.http.get("/chat/api/threads/", params={"size": "9", "before": first["older_cursor"]})).json()

    assert [one["thread_id"] for one in first["threads"]] == [days[2], days[5], *rest[:2]]
    assert [one["pinned"] for one in first["threads"]] == [True, True, False, False]
    assert [one["thread_id"] for one in second["threads"]] == rest[2:]
    assert second["older_cursor"] == ""


async def test_archived_and_deleted_chats_are_never_in_the_list(alice: Person) -> None:
    shown, archived, deleted = [await past_thread(alice, title=title) for title in ("Shown", "Archived", "Deleted")]
    await ChatThread.filter(id=archived).update(archived=True, pinned=True)
    await ChatThread.filter(id=deleted).update(deleted_at=datetime.now(UTC), pinned=True)

    assert await ids(alice) == [shown]
    assert f'thread-row" data-thread-id="{archived}"' not in (await alice.http.get(f"/chat/{archived}/")).text


async def test_only_so_many_chats_can_be_pinned(alice: Person) -> None:
    user, broadcast = await user_of(alice), alice.site.resources.broadcast
    await ChatThread.bulk_create(ChatThread(user=user, pinned=True) for _ in range(MOST_PINNED))
    thread_id = uuid.UUID(await past_thread(alice))
    with pytest.raises(Refused, match="You can pin 100 chats"):
        await list_changes.pin(user, [thread_id], on=True, broadcast=broadcast)
    pinned = await ChatThread.filter(user=user, pinned=True).first()
    assert pinned

    assert not (await ChatThread.get(id=thread_id)).pinned
    assert await list_changes.pin(user, [pinned.id], on=True, broadcast=broadcast) == [pinned.id]
    await ChatThread.filter(id=pinned.id).update(archived=True)  # then it takes no place in the list
    await list_changes.pin(user, [thread_id], on=True, broadcast=broadcast)


async def test_an_answer_is_unread_in_every_tab_until_one_has_seen_it(alice: Person) -> None:
    async with alice.tab("") as other:
        posted = await ready(alice)
        thread_id = posted["thread_id"]
        await told_of(other, thread_id, running=False, unread=True)
        assert [one["unread"] for one in await listed(alice)] == [True]
        async with alice.tab(thread_id) as tab:
            assert (await tab.until_type("welcome"))["seen"]
            for _ in range(2):
                await tab.send({"type": "seen", "message_id": posted["reply_id"]})
            logged = await tab.until(lambda frame: frame["type"] == "thread.updated" and frame.get("cursor"))
            seen = await told_of(other, thread_id, unread=False)
            await tab.send({"type": "queue.remove", "client_id": str(uuid.uuid4())})
            await tab.until_type("error")  # so the second one has been handled
        rev = (await ChatThread.get(id=thread_id)).rev

    assert (logged["rev"], seen["rev"], tab.store.rev, tab.store.syncs) == (rev, rev, rev, 0)
    assert [one["unread"] for one in await listed(alice)] == [False]


async def test_a_form_marks_chats_as_read(alice: Person, bob: Person) -> None:
    hers, his = (await ready(alice))["thread_id"], (await ready(bob))["thread_id"]
    async with alice.tab(hers, want="snapshot") as tab:
        await tab.until(lambda frame: tab.store.flags.get("unread") is True)
        fields = {"action": "read", "thread_id": [hers, his]}
        answer = await alice.http.post("/chat/bulk/", data=fields, headers={"Accept": "application/json"})
        await tab.until(lambda frame: tab.store.flags["unread"] is False)

    assert answer.json() == {"done": [hers]}
    assert [one["unread"] for one in (*await listed(alice), *await listed(bob))] == [False, True]
    assert 'value="read"' in (await alice.http.get("/chat/archived/")).text + (await alice.http.get("/chat/list/")).text


async def test_an_older_answer_a_foreign_one_and_a_page_change_nothing(alice: Person, bob: Person) -> None:
    first = await ready(alice)
    thread_id = first["thread_id"]
    second = await alice.ask("say again", thread_id)
    async with alice.tab(thread_id) as tab:
        await tab.until_finished(second["reply_id"])
        foreign = await ready(bob)
        for message_id in (first["reply_id"], foreign["reply_id"], str(uuid.uuid4())):
            await tab.send({"type": "seen", "message_id": message_id})
        await tab.send({"type": "seen", "message_id": "x"})
        assert (await tab.until_type("error"))["code"] == "bad_frame"
        await alice.http.get(f"/chat/{thread_id}/")

    assert [one["unread"] for one in await listed(alice)] == [True]
    assert [one["unread"] for one in await listed(bob)] == [True]


async def test_whoever_writes_has_seen_what_is_there(alice: Person) -> None:
    posted = await ready(alice)
    async with alice.tab("") as tab:
        more = await alice.ask("say more [offline: delay_first=0.3]", posted["thread_id"])
        begun = await told_of(tab, more["thread_id"], running=True)
        ended = await told_of(tab, more["thread_id"], running=False)

    assert (begun["unread"], ended["unread"]) == (False, True)


async def test_what_is_shown_last_counts_as_seen_if_the_newest_answer_was_deleted(alice: Person) -> None:
    first = await ready(alice)
    thread_id = first["thread_id"]
    second = await alice.ask("say again", thread_id)
    async with alice.tab(thread_id) as tab:
        await tab.until_finished(second["reply_id"])
        await alice.http.post(f"/chat/{thread_id}/messages/{second['message_id']}/delete/")
        await tab.send({"type": "seen", "message_id": first["reply_id"]})
        await told_of(tab, thread_id, unread=False)
    await alice.http.post(f"/chat/{thread_id}/messages/{first['message_id']}/delete/")

    assert [one["unread"] for one in await listed(alice)] == [False]


def test_an_update_of_a_worker_of_an_older_release_keeps_what_it_does_not_name_and_brings_nothing_back() -> None:
    tab = Store()
    new = {"type": "thread.updated", "title": "", "running": False, "pinned": True, "archived": False, "unread": True}
    old = {"type": "thread.updated", "title": "Old", "running": False}
    for name in ("kept", "archived", "deleted"):
        tab.apply(new | {"thread_id": name, "rev": 1})
    tab.apply(new | {"thread_id": "archived", "rev": 2, "archived": True})
    tab.apply({"type": "thread.deleted", "thread_id": "deleted", "rev": 2})
    for name in ("kept", "archived", "deleted"):
        tab.apply(old | {"thread_id": name, "rev": 3})
    assert list(tab.chats) == ["kept"]
    assert (tab.chats["kept"]["title"], tab.chats["kept"]["pinned"], tab.chats["kept"]["unread"]) == ("Old", True, True)
    for name in ("archived", "deleted"):
        tab.apply(new | {"thread_id": name, "rev": 2})  # it arrived late
    assert list(tab.chats) == ["kept"]
    for name in ("archived", "deleted"):
        tab.apply(new | {"thread_id": name, "rev": 4})
    assert list(tab.chats) == ["kept", "archived", "deleted"]


# The statements of the release before.
OLD_THREAD = """
INSERT INTO chat_thread (id, user_id, title, model, archived, rev, fence, log_epoch, log_s, message_count, created_at,
    last_message_at) VALUES ($1, $2, 'A chat', '', false, 0, 0, '', 0, 0, now(), now())
"""
OLD_END = "UPDATE chat_thread SET rev = rev + 1 WHERE id = $1"
OLD_READY = """
SELECT t.id FROM chat_thread t
WHERE t.id IN (SELECT thread_id FROM queued_message) AND t.queue_paused = ''
    AND NOT EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN ('queued', 'running'))
"""
OLD_DELETION = "DELETE FROM chat_thread WHERE user_id = $1 AND id = $2"


async def test_a_worker_of_the_release_before_writes_beside_this_one(alice: Person) -> None:
    user, thread_id = await user_of(alice), uuid.uuid4()
    await query(OLD_THREAD, thread_id, user.id)
    await query(OLD_END, thread_id)
    [chat] = await listed(alice)
    assert (chat["thread_id"], chat["pinned"], chat["unread"]) == (str(thread_id), False, False)
    await QueuedMessage.create(thread_id=thread_id, number=1, client_id=uuid.uuid4(), content="say next")
    assert thread_id in {row["id"] for row in await query(OLD_READY)}
    await alice.http.post(f"/chat/{thread_id}/delete/")
    assert thread_id not in {row["id"] for row in await query(OLD_READY)}, "it would send it"
    await query(OLD_DELETION, user.id, thread_id)

    assert (await alice.http.post(f"/chat/{thread_id}/undelete/")).status_code == 404
    assert await listed(alice) == []
