"""What a socket tells a page that shows another chat without having loaded its page."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import websockets

from chat.events import Close
from chat.models import ChatThread, User, UserSettings
from chat.security.limits import SOCKET_CONNECT
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.rows import past_thread
from tests.support.site import Beside, Site
from tests.support.tab import RECEIVE_SECONDS


async def opened(person: Person, thread_id: str) -> dict[str, Any]:
    """The first frames of a tab that shows nothing of the chat yet: `welcome` and the snapshot, as one."""
    async with person.tab(thread_id, want="snapshot") as tab:
        welcome = await tab.until_type("welcome")
        await tab.until_type("thread.snapshot")
        return {"model": tab.store.model, "forked_from": tab.store.forked_from, "release": welcome["release"]}


async def release_of_page(person: Person, thread_id: str) -> str:
    response = await person.http.get(f"/chat/{thread_id}/")
    return Page(response.text).find("main")["data-release"]


async def test_a_snapshot_has_the_model_of_the_chat_or_of_the_settings(alice: Person) -> None:
    thread_id = await past_thread(alice)
    user = await User.get(email=alice.email)
    assert (await opened(alice, thread_id))["model"] == ""
    await UserSettings.filter(user_id=user.id).update(model="small")
    assert (await opened(alice, thread_id))["model"] == "small"
    await ChatThread.filter(id=thread_id).update(model="large")
    assert (await opened(alice, thread_id))["model"] == "large"


async def test_a_snapshot_names_the_origin_of_a_branch_while_it_is_there(alice: Person, bob: Person) -> None:
    origin, branch, foreign = await past_thread(alice), await past_thread(alice), await past_thread(bob)
    assert (await opened(alice, branch))["forked_from"] is None
    await ChatThread.filter(id=branch).update(forked_from_id=origin)
    assert (await opened(alice, branch))["forked_from"] == {"thread_id": origin, "title": "An older talk"}
    await ChatThread.filter(id=origin).update(deleted_at=datetime.now(UTC))
    assert (await opened(alice, branch))["forked_from"] is None
    await ChatThread.filter(id=branch).update(forked_from_id=foreign)
    assert (await opened(alice, branch))["forked_from"] is None


@pytest.mark.parametrize("more", [{}, {"SITE_NOTICE": "Maintenance at noon"}, {"LLM_MODELS": "large"}], ids=str)
async def test_a_socket_has_the_release_of_its_pages(alice: Person, beside: Beside, more: dict[str, str]) -> None:
    """A page of a site with another notice or other models has another one."""
    here = await past_thread(alice)
    release = (await opened(alice, here))["release"]
    async with beside(**more) as site, Person.signed_up(site, "bob") as bob:
        there = await past_thread(bob)
        other = (await opened(bob, there))["release"]
        assert other == await release_of_page(bob, there)

    assert release == await release_of_page(alice, here)
    assert (release == other) is (not more)


@pytest.mark.usefixtures("unforgiving")
async def test_a_move_each_second_is_within_the_limits_and_a_flood_is_not(throttled: Site, alice: Person) -> None:
    person = Person(throttled, alice.http, alice.email)
    codes = [await code_of_brief_socket(person) for _ in range(SOCKET_CONNECT.count + 1)]

    assert codes == [None] * SOCKET_CONNECT.count + [Close.OVERLOAD]
    assert SOCKET_CONNECT.count > SOCKET_CONNECT.period_seconds, "more than one a second, for minutes"


async def code_of_brief_socket(person: Person) -> int | None:
    """What the server closes it with, if it does so before it is ready; None if the tab closes it."""
    async with person.connection("") as connection:
        await connection.send(json.dumps({"type": "hello", "v": 1, "cursor": "", "rev": 0, "want": ""}))
        try:
            await asyncio.wait_for(connection.recv(), RECEIVE_SECONDS)
        except websockets.ConnectionClosed:
            return connection.close_code
    return None
