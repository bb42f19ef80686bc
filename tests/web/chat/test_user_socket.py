"""The socket of a page without a thread: the list of chats stays right, under the same rules as a thread's socket."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import websockets

from chat.events import Close
from chat.models import AuthSession, ChatThread, User
from chat.services.replies.thread_list import PAGE_SIZE
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.replies import ready
from tests.support.rows import past_thread
from tests.support.site import Site
from tests.support.sockets import closed
from tests.support.tab import Tab
from tests.support.waiting import LONG_SECONDS

HELLO = {"type": "hello", "v": 1, "cursor": "", "rev": 0}


async def listed(tab: Tab) -> list[dict[str, Any]]:
    """The next list."""
    threads: list[dict[str, Any]] = (await tab.until_type("thread.list"))["threads"]
    return threads


async def test_a_tab_without_a_thread_gets_the_list_and_every_change(alice: Person, bob: Person) -> None:
    older, newer = [
        await past_thread(alice, title=title, days_ago=days) for title, days in (("Older", 2), ("Newer", 1))
    ]
    await past_thread(bob, title="Foreign")
    async with alice.tab("") as tab:
        welcome = await tab.until_type("welcome")
        first = await listed(tab)
        posted = await alice.ask("say hello [offline: delay_first=0.3]", older)
        begun = await tab.until_type("thread.updated")
        ended = await tab.until_type("thread.updated")
        await alice.http.post(f"/chat/{newer}/title/", data={"title": "Renamed"})
        renamed = await tab.until_type("thread.updated")
        await alice.http.post(f"/chat/{newer}/delete/")
        deleted = await tab.until_type("thread.deleted")
        new = await alice.ask("say something new")
        created = await tab.until(lambda frame: frame.get("thread_id") == new["thread_id"])

    assert (welcome["mode"], welcome["cursor"], welcome["rev"]) == ("snapshot", "", 0)
    assert [(thread["thread_id"], thread["title"], thread["running"]) for thread in first] == [
        (newer, "Newer", False),
        (older, "Older", False),
    ]
    assert (begun["thread_id"], begun["running"], ended["running"]) == (posted["thread_id"], True, False)
    assert (renamed["thread_id"], renamed["title"]) == (newer, "Renamed")
    assert deleted["thread_id"] == newer
    assert created["title"] == "say something new"
    assert set(tab.store.chats) == {older, new["thread_id"]}


async def test_the_list_is_the_newest_page_and_a_sync_brings_it_again(alice: Person) -> None:
    user = await User.get(email=alice.email)
    await ChatThread.bulk_create(ChatThread(user=user, title=str(number)) for number in range(PAGE_SIZE + 5))
    async with alice.tab("") as tab:
        first = await tab.until_type("thread.list")
        await ChatThread.filter(id=first["threads"][0]["thread_id"]).delete()  # an event that was lost
        await tab.send({"type": "sync"})
        again = await listed(tab)

    assert len(first["threads"]) == PAGE_SIZE == len(again)
    assert first["older_cursor"]
    assert [thread["thread_id"] for thread in again[:-1]] == [thread["thread_id"] for thread in first["threads"][1:]]


async def test_what_was_missed_while_redis_was_lost_is_in_the_list_that_follows(alice: Person, site: Site) -> None:
    thread_id = await past_thread(alice, title="Before")
    async with alice.tab("") as tab:
        await listed(tab)
        await site.resources.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await ChatThread.filter(id=thread_id).update(title="After", rev=9)
        again = await listed(tab)

    assert [(thread["title"], thread["rev"]) for thread in again] == [("After", 9)]


async def test_a_threads_tab_gets_the_list_too(alice: Person) -> None:
    posted = await ready(alice)
    other = await past_thread(alice, title="The other")
    async with alice.tab(posted["thread_id"]) as tab:
        assert {thread["thread_id"] for thread in await listed(tab)} == {posted["thread_id"], other}


async def test_a_socket_without_a_thread_takes_no_messages_and_stays(alice: Person) -> None:
    async with alice.tab("") as tab:
        for frame in (
            {"type": "message.send", "client_id": str(uuid.uuid4()), "content": "say Hi"},
            {"type": "response.cancel", "message_id": str(uuid.uuid4())},
            HELLO,
            {"type": "launch"},
        ):
            await tab.send(frame)
            assert (await tab.until_type("error"))["code"] == "bad_frame"
        await tab.send({"type": "sync"})
        await listed(tab)

    assert await ChatThread.filter(user__email=alice.email).count() == 0


async def test_a_theme_is_heard_without_a_thread(alice: Person) -> None:
    async with alice.tab("") as tab:
        await listed(tab)
        await alice.http.post("/accounts/settings/theme/", data={"theme": "dark"})

        assert (await tab.until_type("theme.changed"))["theme"] == "dark"


async def test_logging_out_elsewhere_ends_the_socket(alice: Person, site: Site) -> None:
    async with alice.tab("") as tab, Person.visiting(site) as other:
        await listed(tab)
        await other.log_in(alice.email, PASSWORD)
        await other.http.post("/accounts/sessions/end-others/")

        assert await closed(tab.connection) == Close.SESSION_ENDED


async def test_a_session_that_ends_without_redis_ends_the_socket(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.SESSION_SECONDS.replace(monkeypatch, 0.05)
    async with alice.tab("") as tab:
        await listed(tab)
        await AuthSession.filter(user__email=alice.email).delete()

        assert await closed(tab.connection) == Close.SESSION_ENDED


async def test_a_deleted_account_ends_the_socket(alice: Person) -> None:
    async with alice.tab("") as tab:
        await listed(tab)
        await alice.http.post("/accounts/delete/", data={"password": PASSWORD})

        assert await closed(tab.connection) == Close.DELETED


async def test_a_visitor_and_another_origin_get_no_socket(alice: Person, nobody: Person) -> None:
    for person, origin in ((nobody, ""), (alice, "https://evil.example.com")):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with person.connection("", origin=origin):
                pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("first", "code"),
    [("not json", Close.BAD_FRAME), (b"\x00", Close.BAD_FRAME), ('{"type":"hello","v":2}', Close.RELOAD)],
)
async def test_a_first_frame_other_than_hello_ends_the_socket(alice: Person, first: str | bytes, code: Close) -> None:
    async with alice.connection("") as connection:
        await connection.send(first)

        assert await closed(connection) == code


async def test_a_silent_tab_is_disconnected(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.HELLO_SECONDS.replace(monkeypatch, 0.1)
    async with alice.connection("") as connection:
        assert await closed(connection) == Close.NO_HELLO


async def test_a_tab_that_does_not_answer_pings_is_let_go(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.PING_SECONDS.replace(monkeypatch, 0.1)
    patches.PONG_SECONDS.replace(monkeypatch, 0.2)
    async with alice.connection("") as connection:
        await connection.send(json.dumps(HELLO))

        assert await closed(connection) == Close.NO_PONG


async def test_sockets_with_and_without_a_thread_count_together(alice: Person) -> None:
    thread_id = await past_thread(alice)
    async with asyncio.timeout(LONG_SECONDS):
        tabs = [alice.tab(thread_id if number % 2 else "") for number in range(20)]
        for tab in tabs:
            await (await tab.__aenter__()).until_type("welcome")
        async with alice.connection("") as one_more:
            await one_more.send(json.dumps(HELLO))
            assert await closed(one_more) == Close.TOO_MANY_SOCKETS
        for tab in tabs:
            await tab.__aexit__(None, None, None)


async def test_a_flood_ends_the_socket(alice: Person) -> None:
    async with alice.tab("") as tab:
        for _ in range(40):
            await tab.connection.send('{"type":"pong","n":0}')

        assert await closed(tab.connection) in (Close.FLOOD, 1006)


async def test_a_tab_that_comes_back_finds_that_the_order_has_changed(alice: Person) -> None:
    threads = [await past_thread(alice, title=title, days_ago=days) for title, days in (("A", 2), ("B", 1))]
    await ChatThread.filter(id=threads[0]).update(last_message_at=datetime.now(UTC) + timedelta(hours=1))
    async with alice.tab("") as tab:
        assert [thread["title"] for thread in await listed(tab)] == ["A", "B"]
