"""What a socket tells a page that shows another chat without having loaded its page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chat.models import ChatThread, User, UserSettings
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.rows import past_thread
from tests.support.site import Beside


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
