"""A thread's title: a user's title is kept, every tab gets it, and the newest wins."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from chat.broadcast import Event, Subscription, thread_channel, user_channel
from chat.events import ThreadUpdated, TitleUpdated, decode_between_workers, decode_logged
from chat.models import ChatMessage, ChatThread, Generation, Role, TitleBy, User
from chat.services.errors import Refused
from chat.services.replies import threads
from tests.support.site import Site
from tests.support.waiting import LONG_SECONDS


@pytest.fixture
async def alice(site: Site) -> User:
    return await User.create(email=f"alice-{uuid.uuid4().hex}@example.com", password_hash="x")


@pytest.fixture
async def bob(site: Site) -> User:
    return await User.create(email=f"bob-{uuid.uuid4().hex}@example.com", password_hash="x")


@pytest.fixture
async def thread(alice: User) -> ChatThread:
    return await ChatThread.create(user=alice, title="The first words", rev=4)


@pytest.fixture
async def heard(site: Site, alice: User, thread: ChatThread) -> AsyncIterator[Subscription]:
    """The events that alice's tabs receive."""
    async with site.resources.broadcast.channels.subscribe(
        thread_channel(thread.id), user_channel(alice.id)
    ) as subscription:
        await asyncio.wait_for(subscription.ready.wait(), LONG_SECONDS)
        yield subscription


async def next_event(heard: Subscription) -> Event:
    item = await asyncio.wait_for(heard.get(), LONG_SECONDS)
    assert isinstance(item, Event)
    return item


async def told(heard: Subscription) -> tuple[TitleUpdated, ThreadUpdated]:
    """The thread's event, then the sidebar's event."""
    logged, for_user = (
        decode_logged((await next_event(heard)).frame),
        decode_between_workers((await next_event(heard)).frame),
    )
    assert isinstance(logged, TitleUpdated)
    assert isinstance(for_user, ThreadUpdated)
    return logged, for_user


async def test_a_typed_title_is_stored_and_announced(
    site: Site, alice: User, thread: ChatThread, heard: Subscription
) -> None:
    stored = await threads.rename(alice, thread.id, " Eggs,\n\tsoft \u2003 boiled ", broadcast=site.resources.broadcast)
    logged, for_user = await told(heard)

    assert stored == "Eggs, soft boiled"
    await thread.refresh_from_db()
    assert (thread.title, thread.title_by, thread.rev) == (stored, TitleBy.USER, 5)
    assert (logged.rev, logged.thread_id, logged.title) == (5, thread.id, stored)
    in_list = {"pinned": False, "archived": False, "unread": False}
    assert for_user == ThreadUpdated(thread.id, stored, thread.last_message_at, running=False, rev=5, **in_list)


async def test_the_sidebar_shows_that_an_answer_is_running(
    site: Site, alice: User, thread: ChatThread, heard: Subscription
) -> None:
    roles = ((1, Role.USER), (2, Role.ASSISTANT))
    rows = [await ChatMessage.create(thread=thread, number=number, role=role, content="") for number, role in roles]
    await Generation.create(thread=thread, user_message=rows[0], answer=rows[1])
    await threads.rename(alice, thread.id, "Eggs", broadcast=site.resources.broadcast)

    assert (await told(heard))[1].running


@pytest.mark.parametrize("title", ["x", "字" * 255, "😀" * 255, "<b>&amp;</b>", "\u202eright to left", "0"])
async def test_any_text_can_be_a_title(site: Site, alice: User, thread: ChatThread, title: str) -> None:
    assert await threads.rename(alice, thread.id, title, broadcast=site.resources.broadcast) == title
    assert (await ChatThread.get(id=thread.id)).title == title


async def test_what_postgresql_cannot_store_is_replaced(site: Site, alice: User, thread: ChatThread) -> None:
    stored = await threads.rename(alice, thread.id, "a\x00b\ud800c", broadcast=site.resources.broadcast)

    assert stored == (await ChatThread.get(id=thread.id)).title == "a\ufffdb\ufffdc"


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("", "empty"),
        (" \n\t\u3000 ", "empty"),
        ("\u200b \u200b\u2060", "empty"),
        ("\U000e0041\U000e0042", "empty"),
        ("\u3164\u2800", "empty"),
        ("x" * 256, "too_long"),
        ("x " * 200_000, "too_long"),
    ],
)
async def test_what_cannot_be_a_title_is_refused(
    site: Site, alice: User, thread: ChatThread, title: str, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await threads.rename(alice, thread.id, title, broadcast=site.resources.broadcast)

    assert refused.value.code == code
    await thread.refresh_from_db()
    assert (thread.title, thread.title_by, thread.rev) == ("The first words", TitleBy.WORDS, 4)


async def test_a_foreign_thread_and_a_missing_one_are_not_found(
    site: Site, bob: User, thread: ChatThread, heard: Subscription
) -> None:
    for thread_id in (thread.id, uuid.uuid4()):
        assert await threads.rename(bob, thread_id, "Mine now", broadcast=site.resources.broadcast) is None
        assert not await threads.set_title(
            bob.id, thread_id, "Mine now", TitleBy.MODEL, broadcast=site.resources.broadcast
        )

    await thread.refresh_from_db()
    assert (thread.title, thread.rev) == ("The first words", 4)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(heard.get(), 0.2)


async def test_a_title_by_a_model_gives_way_to_the_users(site: Site, alice: User, thread: ChatThread) -> None:
    async def set_title(title: str, by: TitleBy) -> bool:
        return await threads.set_title(alice.id, thread.id, title, by, broadcast=site.resources.broadcast)

    taken = [
        await set_title("By a model", TitleBy.MODEL),
        await set_title("By a better one", TitleBy.MODEL),
        await set_title("By hand", TitleBy.USER),
        await set_title("Too late", TitleBy.MODEL),
        await set_title("By hand again", TitleBy.USER),
    ]

    assert taken == [True, True, True, False, True]
    await thread.refresh_from_db()
    assert (thread.title, thread.title_by, thread.rev) == ("By hand again", TitleBy.USER, 8)


async def test_a_title_that_is_too_long_is_cut(site: Site, alice: User, thread: ChatThread) -> None:
    assert await threads.set_title(
        alice.id, thread.id, "word\n" * 100, TitleBy.MODEL, broadcast=site.resources.broadcast
    )
    assert (await ChatThread.get(id=thread.id)).title == " ".join(["word"] * 51)


async def test_each_of_many_concurrent_titles_has_its_own_rev(
    site: Site, alice: User, thread: ChatThread, heard: Subscription
) -> None:
    titles = [f"Title {number}" for number in range(10)]
    await asyncio.gather(
        *(threads.rename(alice, thread.id, title, broadcast=site.resources.broadcast) for title in titles)
    )
    events = [decode_logged(one.frame) for one in [await next_event(heard) for _ in range(20)] if one.position.epoch]

    await thread.refresh_from_db()
    assert thread.rev == 14
    assert sorted(one.rev for one in events) == list(range(5, 15))
    assert next(one.title for one in events if one.rev == 14) == thread.title
