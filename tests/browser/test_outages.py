"""The page's notices while Redis or PostgreSQL is unavailable, and its recovery."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from chat.broadcast import Unavailable
from chat.database import DatabaseUnavailable
from tests.support import patches
from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.providers import provider_down
from tests.support.rows import past_thread
from tests.support.site import Site

NOTICE = "Live updates are paused. This page refreshes automatically."
REFUSED = r"Failed to load resource: .* 503"
BUSY = "The site is busy. Your message will be sent in a moment."
MODEL_DOWN = "The model can't be reached right now. Answers will fail until it is back."
REFUSED_PAGE = r"the server responded with a status of 503"


async def away(*_: object, **__: object) -> None:
    raise DatabaseUnavailable("stopped")


@pytest.fixture
async def without_redis(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[pytest.MonkeyPatch]:
    """The reconciler finds Redis unavailable, until the patch is undone."""

    async def nothing(*_: object) -> None:
        raise Unavailable("stopped")

    for seconds in (
        patches.RECONCILER_CHECK_SECONDS,
        patches.RECONCILER_OUTAGE_SECONDS,
        patches.RECONCILER_AGAIN_SECONDS,
    ):
        seconds.replace(monkeypatch, 0.05)
    with monkeypatch.context() as patch:
        patches.LOG_ENDS.replace(patch, nothing, of=site.resources.broadcast.log)
        site.resources.reconciler.hurry()
        yield patch


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, {"viewport": PHONE, "has_touch": True}], ids=["desktop", "phone"])
async def test_the_page_reports_that_redis_is_down_and_later_removes_the_notice(
    desk: Desk, alice: Person, without_redis: pytest.MonkeyPatch, theme: str, device: dict[str, object]
) -> None:
    chat = await desk.chat(alice, await past_thread(alice), color_scheme=theme, **device)
    notice = chat.page.get_by_text(NOTICE).first
    await expect(notice).to_be_visible()
    await chat.hears(NOTICE)
    wide = await chat.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    without_redis.undo()

    await expect(notice).to_be_hidden()
    await chat.hears("Live updates resumed")
    assert not wide


async def test_a_message_that_could_not_be_stored_is_sent_again(
    desk: Desk, alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.MESSAGE_RETRY_MS.replace(monkeypatch, 100)
    chat = await desk.chat(alice, await past_thread(alice))
    with monkeypatch.context() as patch:
        patches.SEND.replace(patch, away)
        await chat.say("say hello")
        await expect(chat.questions.last).to_have_attribute("data-status", "pending")
        await expect(chat.questions.last.get_by_text("Sending…")).to_have_css("visibility", "visible")
    await chat.is_over(answers=2)

    await expect(chat.questions).to_have_count(2)
    await expect(chat.error).to_be_hidden()


async def test_a_message_waits_until_a_full_server_has_room(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    with monkeypatch.context() as full:
        patches.IS_FULL.replace(full, True)
        await chat.say("say hello")
        await expect(chat.questions.last.get_by_text(BUSY)).to_be_visible()
        await expect(chat.questions.last.get_by_text("Sending…")).to_have_css("visibility", "hidden")
        await chat.hears(BUSY)
    await chat.is_over(answers=2)

    await expect(chat.questions).to_have_count(2)
    await expect(chat.page.get_by_text(BUSY)).to_be_hidden()


async def test_a_message_that_waits_for_a_full_server_can_be_canceled(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    with monkeypatch.context() as full:
        patches.IS_FULL.replace(full, True)
        await chat.say("say hello")
        await chat.questions.last.get_by_role("button", name="Cancel").click()
        await expect(chat.questions).to_have_count(1)
        await expect(chat.field).to_have_value("say hello")
        await expect(chat.field).to_be_focused()
    await chat.page.reload()

    await expect(chat.questions).to_have_count(1)
    await expect(chat.field).to_have_value("say hello")


async def answered_once(desk: Desk, person: Person) -> ChatPage:
    """A chat with an answer that can be tried again."""
    chat = await desk.chat(person, await past_thread(person), allowed=(REFUSED,))
    await chat.say("say hello")
    await chat.is_over(answers=2)
    return chat


async def test_an_answer_is_tried_again_once_a_full_server_has_room(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await answered_once(desk, alice)
    with monkeypatch.context() as full:
        patches.IS_FULL.replace(full, True)
        await chat.answer.get_by_role("button", name="Try again").click()
        await expect(chat.error).to_have_text("The site is busy. It will be tried again in a moment.")
    await expect(chat.answer.get_by_role("group", name="Version 2 of 2")).to_be_visible()

    await expect(chat.error).to_be_hidden()
    await expect(chat.page.get_by_role("button", name="Cancel")).to_be_hidden()


async def test_an_answer_that_waits_for_a_full_server_can_be_canceled(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await answered_once(desk, alice)
    with monkeypatch.context() as full:
        patches.IS_FULL.replace(full, True)
        await chat.answer.get_by_role("button", name="Try again").click()
        await chat.page.get_by_role("button", name="Cancel").click()
        await expect(chat.error).to_be_hidden()
        await expect(chat.field).to_be_focused()
    async with chat.page.expect_response("**/again/") as response:  # the button works again
        await chat.answer.get_by_role("button", name="Try again").click()

    assert (await response.value).status == 201


async def test_a_page_without_its_database_says_so_and_retries_automatically(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.PAGE_RETRY_SECONDS.replace(monkeypatch, 1)
    context = await desk.context(alice, allowed=(REFUSED_PAGE,))
    page = await context.new_page()
    with monkeypatch.context() as patch:
        patches.FIND_SESSION.replace(patch, away)
        await page.goto("/chat/")
        await expect(page.get_by_role("heading", name="We'll be right back")).to_be_visible()
        await expect(page.get_by_role("link", name="Log in")).to_have_count(0)

    await expect(page.get_by_label("Message", exact=True)).to_be_visible()


@pytest.mark.parametrize("device", [{}, {"viewport": PHONE, "has_touch": True}], ids=["desktop", "phone"])
async def test_the_page_says_that_the_model_is_down_until_it_answers(
    desk: Desk, alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch, device: dict[str, object]
) -> None:
    chat = await desk.chat(alice, await past_thread(alice), **device)
    empty = await ChatPage.opened(await (await desk.context(alice, **device)).new_page())
    notices = [one.page.locator("#model-notice") for one in (chat, empty)]
    for notice in notices:
        await expect(notice).to_be_hidden()
    with provider_down(site, monkeypatch):
        for one, notice in zip((chat, empty), notices, strict=True):
            await expect(notice).to_have_text(MODEL_DOWN)
            await expect(notice).to_be_visible()
            await one.hears(MODEL_DOWN)
        await chat.page.reload()
        await expect(notices[0]).to_be_visible()
        above, composer = await notices[0].bounding_box(), await chat.page.locator("#composer").bounding_box()
    for notice in notices:
        await expect(notice).to_be_hidden()
    await chat.hears("The model can be reached again")

    assert above and composer
    assert above["y"] + above["height"] <= composer["y"]
    assert above["x"] >= 0
    assert above["x"] + above["width"] <= chat.page.viewport_size["width"]  # type: ignore[index]
