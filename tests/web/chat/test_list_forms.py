"""The forms of the list of chats: one chat or several, with and without JavaScript, and the same in every tab."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from chat.models import ChatMessage, ChatThread, User
from chat.web.chat.list_forms import MOST_AT_ONCE
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.rows import past_thread
from tests.support.tab import Tab
from tests.support.waiting import eventually

JSON = {"Accept": "application/json"}


async def post(person: Person, path: str, **fields: Any) -> httpx.Response:
    return await person.http.post(f"/chat/{path}/", data=fields, headers=JSON)


async def bulk(person: Person, action: str, *thread_ids: object) -> httpx.Response:
    return await post(person, "bulk", action=action, thread_id=[str(one) for one in thread_ids])


async def several(person: Person, count: int) -> list[str]:
    """Chats of the person, newest first."""
    return [await past_thread(person, title=f"Chat {number}", days_ago=number) for number in range(1, count + 1)]


async def ids(person: Person) -> list[str]:
    threads = (await person.http.get("/chat/api/threads/")).json()["threads"]
    return [thread["thread_id"] for thread in threads]


async def archived(person: Person) -> list[str]:
    threads = (await person.http.get("/chat/archived/", headers=JSON)).json()["threads"]
    return [thread["thread_id"] for thread in threads]


async def as_in_the_list(tab: Tab, person: Person) -> None:
    """Wait until a tab shows what the server lists, in its order."""
    want = await ids(person)
    while order_of(tab) != want:
        await tab.receive()


def order_of(tab: Tab) -> list[str]:
    """The chats as a tab shows them."""
    chats = tab.store.chats.values()
    newest = sorted(chats, key=lambda chat: (chat["pinned"], chat["last_message_at"], chat["thread_id"]), reverse=True)
    return [chat["thread_id"] for chat in newest]


async def test_one_chat_is_pinned_and_unpinned_and_twice_is_the_same(alice: Person) -> None:
    newer, older = await several(alice, 2)
    for value, order in ((1, [older, newer]), (1, [older, newer]), (0, [newer, older]), (0, [newer, older])):
        assert (await post(alice, f"{older}/pin", pinned=value)).status_code == 204
        assert await ids(alice) == order

    assert (await ChatThread.get(id=older)).rev == 2 + 2


async def test_an_archived_chat_is_on_its_page_and_can_be_read(alice: Person) -> None:
    newer, older = await several(alice, 2)
    assert (await post(alice, f"{older}/archive", archived=1)).status_code == 204
    assert (await ids(alice), await archived(alice)) == ([newer], [older])
    assert (await alice.http.get(f"/chat/{older}/")).status_code == 200
    page = Page((await alice.http.get("/chat/archived/")).text)
    assert [box["value"] for box in page.all("input", name="thread_id")] == [older]

    notice = Page((await alice.http.get(f"/chat/{older}/")).text).find("form", id="archived-notice")
    assert "This chat is archived." in notice.text
    answer = await alice.http.post(notice["action"], data={"archived": "0"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/chat/{older}/")
    assert "archived-notice" not in (await alice.http.get(f"/chat/{older}/")).text

    assert (await ids(alice), await archived(alice)) == ([newer, older], [])


@pytest.mark.parametrize("action", ["pin", "archive", "delete"])
async def test_two_tabs_agree_with_the_server_after_a_change_of_several_and_its_reverse(
    alice: Person, bob: Person, action: str
) -> None:
    reverse = {"pin": "unpin", "archive": "unarchive", "delete": "undelete"}[action]
    chats = await several(alice, 6)
    chosen = [chats[4], chats[1], chats[5]]
    async with alice.tab("") as one, alice.tab(chats[0]) as two, bob.tab("") as his:
        for tab in (one, two, his):
            await tab.until_type("thread.list")
        for name in (action, reverse):
            answer = await bulk(alice, name, *chosen)
            assert (answer.status_code, answer.json()) == (200, {"done": chosen})
            for tab in (one, two):
                await as_in_the_list(tab, alice)
            again = await bulk(alice, name, *chosen)
            assert again.json() == {"done": chosen}
        await his.send({"type": "sync"})
        await his.until_type("thread.list")

    assert [tab.store.syncs for tab in (one, two)] == [0, 0]
    assert await ids(alice) == chats
    assert not [frame for frame in his.frames if frame.get("thread_id") in chats]


async def test_a_tab_of_a_changed_chat_misses_nothing(alice: Person) -> None:
    [thread_id] = await several(alice, 1)
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        for action in ("pin", "archive", "unarchive", "unpin"):
            await bulk(alice, action, thread_id)
            logged = await tab.until(lambda frame: frame["type"] == "thread.updated" and bool(frame.get("cursor")))
            assert logged["rev"] == tab.store.rev
    rev = (await ChatThread.get(id=thread_id)).rev

    assert (tab.store.rev, tab.store.syncs) == (rev, 0)


async def test_chats_of_others_and_unknown_ones_are_left_out(alice: Person, bob: Person) -> None:
    [hers], [his] = await several(alice, 1), await several(bob, 1)
    before = await ChatThread.get(id=his)
    for action in ("pin", "unpin", "archive", "unarchive", "delete", "undelete"):
        answer = await bulk(alice, action, his, uuid.uuid4(), hers, hers)
        assert answer.json() == {"done": [hers]}, action
    for path, field in (("pin", "pinned"), ("archive", "archived"), ("undelete", "x")):
        assert (await post(alice, f"{his}/{path}", **{field: 1})).status_code == 404
    after = await ChatThread.get(id=his)

    assert (after.rev, after.pinned, after.archived, after.deleted_at) == (before.rev, False, False, None)
    assert await ids(alice) == [hers]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"action": "pin"}, "empty"),
        ({"action": "pin", "thread_id": "x"}, "bad_thread_id"),
        ({"action": "pin", "thread_id": "\x00"}, "bad_thread_id"),
        ({"action": "explode", "thread_id": str(uuid.uuid4())}, "unknown_action"),
        ({"thread_id": str(uuid.uuid4())}, "unknown_action"),
        ({"action": "delete", "thread_id": [str(uuid.uuid4()) for _ in range(MOST_AT_ONCE + 1)]}, "too_many"),
    ],
)
async def test_what_cannot_be_done_is_explained_and_changes_nothing(
    alice: Person, fields: dict[str, Any], code: str
) -> None:
    [thread_id] = await several(alice, 1)
    program = await alice.http.post("/chat/bulk/", data=fields, headers=JSON)
    page = await alice.http.post("/chat/bulk/", data=fields)

    assert (program.status_code, program.json()["code"], page.status_code) == (422, code, 422)
    assert Page(page.text).find("p", role="alert").text == program.json()["message"]
    assert (await alice.http.get("/chat/bulk/")).headers["Location"] == "/chat/list/"
    assert await ids(alice) == [thread_id]


@pytest.mark.parametrize("value", ["", "2", "yes", "\x00"])
async def test_a_switch_is_1_or_0(alice: Person, value: str) -> None:
    [thread_id] = await several(alice, 1)
    answers = [await post(alice, f"{thread_id}/{path}", **{path + "d": value}) for path in ("archive",)]
    answers.append(await post(alice, f"{thread_id}/pin", pinned=value))

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "bad_value")] * 2


async def test_another_site_changes_nothing(alice: Person) -> None:
    [thread_id] = await several(alice, 1)
    for path in ("bulk", f"{thread_id}/pin", f"{thread_id}/archive", f"{thread_id}/undelete"):
        answer = await alice.http.post(
            f"/chat/{path}/",
            data={"action": "delete", "thread_id": thread_id},
            headers={"Origin": "https://evil.example"},
        )
        assert answer.status_code == 403, path

    assert await ids(alice) == [thread_id]


async def test_nobody_is_sent_to_the_login(nobody: Person) -> None:
    for path in ("list", "archived", "bulk"):
        assert (await nobody.http.get(f"/chat/{path}/")).status_code == 303
    assert (await bulk(nobody, "delete", uuid.uuid4())).status_code == 401


async def test_five_hundred_chats_are_changed_at_once(alice: Person) -> None:
    user = await User.get(email=alice.email)
    await ChatThread.bulk_create(ChatThread(user=user, title=str(number)) for number in range(MOST_AT_ONCE))
    chosen = [str(one) for one in await ChatThread.filter(user=user).values_list("id", flat=True)]
    async with alice.tab("") as tab:
        await tab.until_type("thread.list")
        answer = await bulk(alice, "delete", *chosen)
        await as_in_the_list(tab, alice)
        back = await bulk(alice, "undelete", *chosen)

    assert answer.json() == back.json() == {"done": chosen}
    assert await ChatThread.filter(user=user, deleted_at__isnull=True).count() == MOST_AT_ONCE
    await bulk(alice, "delete", *chosen)
    await ChatThread.filter(user=user).update(deleted_at=datetime.now(UTC) - timedelta(seconds=16))

    async def is_purged() -> bool:
        return not await ChatThread.exists(user=user)

    await eventually(is_purged)


async def test_changes_of_the_same_chats_at_once_do_not_wait_for_each_other_for_ever(alice: Person) -> None:
    chats = await several(alice, 12)
    actions = ["pin", "archive", "delete", "undelete", "unarchive", "unpin"]
    for _ in range(3):
        answers = await asyncio.gather(
            *(bulk(alice, action, *(chats if number % 2 else chats[::-1])) for number, action in enumerate(actions))
        )
        assert {answer.status_code for answer in answers} == {200}
    await bulk(alice, "undelete", *chats)
    await bulk(alice, "unarchive", *chats)

    assert sorted(await ids(alice)) == sorted(chats)


async def test_without_javascript_several_are_archived_deleted_and_brought_back(alice: Person) -> None:
    first, second, third = await several(alice, 3)
    answer = await alice.http.post("/chat/bulk/", data={"action": "archive", "thread_id": [first, second]})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/list/")
    page = Page((await alice.http.get("/chat/list/")).text)
    assert page.find("p", data_page_notice="").text == "2 chats are archived."
    assert [box["value"] for box in page.all("input", name="thread_id")] == [third]
    answer = await alice.http.post("/chat/bulk/", data={"action": "delete", "thread_id": first, "page": "archived"})
    assert answer.headers["Location"] == "/chat/archived/"
    page = Page((await alice.http.get("/chat/archived/")).text)
    assert page.find("p", data_page_notice="").text == "1 chat is deleted."
    undo = [form["action"] for form in page.all("form") if form["action"].endswith("/undelete/")]
    assert undo == [f"/chat/{first}/undelete/"]
    answer = await alice.http.post(undo[0])
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/chat/{first}/")

    assert await archived(alice) == [first, second]


async def test_every_chat_can_be_reached_on_the_page_of_all(alice: Person) -> None:
    user = await User.get(email=alice.email)
    await ChatThread.bulk_create(ChatThread(user=user, title=str(number)) for number in range(205))
    address, seen = "/chat/list/", []
    while address:
        page = Page((await alice.http.get(address)).text)
        seen += [box["value"] for box in page.all("input", name="thread_id")]
        more = [link["href"] for link in page.all("a", rel="next")]
        address = more[0] if more else ""

    assert len(seen) == len(set(seen)) == 205


async def test_a_hostile_title_is_text_on_the_page(alice: Person) -> None:
    await past_thread(alice, title='"><script>alert(1)</script>')
    page = (await alice.http.get("/chat/list/")).text

    assert "<script>alert" not in page
    assert await ChatMessage.exists(thread__user__email=alice.email)
