"""Failures of the model are shown in a sentence, and the chat continues."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from chat.services.replies.send import Refused
from tests.support import patches
from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.site import Site


async def test_a_failed_answer_shows_an_error_and_can_be_regenerated(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.say("say hello [offline: status=500]")
    await chat.is_over("error", answers=2)
    sentence = (await alice.messages(thread_id))[-1]["error"]
    assert sentence.endswith(".")
    await expect(chat.note).to_have_text(sentence)
    await expect(chat.send_button).to_be_visible()

    await chat.page.reload()
    await chat.is_connected()
    await expect(chat.note).to_have_text(sentence)
    await chat.say("say hello")
    await chat.is_over(answers=3)
    assert await chat.text() == "hello"


@pytest.mark.parametrize("code", ["busy", "budget_exceeded", "rate_limited", "invented_later"])
async def test_a_refused_message_returns_to_the_composer_with_the_reason(
    desk: Desk, alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Refused(code, "There are <b>reasons</b>.")

    chat = await desk.chat(alice, await past_thread(alice))
    with monkeypatch.context() as patch:
        patches.SEND.replace(patch, refuse)
        await chat.say("say hello")
        await expect(chat.error).to_have_text("There are <b>reasons</b>.")
    await expect(chat.field).to_have_value("say hello")
    await expect(chat.field).to_have_accessible_description("There are <b>reasons</b>.")
    await expect(chat.questions).to_have_count(1)
    await chat.page.reload()
    await expect(chat.field).to_have_value("say hello")
    await chat.field.press("Enter")

    await chat.is_over(answers=2)
    await expect(chat.error).to_be_hidden()


@pytest.mark.parametrize(("name", "breaks_again"), [("Try again", 1), ("Continue", 0)])
async def test_an_interrupted_answer_can_be_regenerated_or_continued(
    desk: Desk, alice: Person, name: str, breaks_again: int
) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say hello again [offline: cut=1]")
    await chat.is_over("interrupted", answers=2)
    first = await chat.answer_id()
    await chat.answer.get_by_role("button", name=name).click()

    if breaks_again:
        await chat.shows_another(first)
    await expect(chat.answers).to_have_count(3 - breaks_again)
    await expect(chat.field).to_be_focused()  # the pressed button is gone
    await expect(chat.questions).to_have_count(2)
    await expect(chat.answer.get_by_role("button", name="Continue")).to_have_count(breaks_again)


async def test_trying_again_on_a_phone_opens_no_keyboard(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice), viewport=PHONE, has_touch=True, is_mobile=True)
    await chat.say("say hello again [offline: cut=1 times=1]")
    await chat.send_button.tap()
    await chat.is_over("interrupted", answers=2)
    first = await chat.answer_id()
    await chat.answer.get_by_role("button", name="Try again").tap()

    await chat.shows_another(first)
    await chat.is_over("interrupted", answers=2)
    await expect(chat.scroller).to_be_focused()


async def test_an_answer_is_regenerated_without_javascript(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.say("say hello again [offline: cut=1]")
    await chat.is_over("interrupted", answers=2)
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto(f"/chat/{thread_id}/")
    first = await chat.answer_id()
    await ChatPage(page).answer.get_by_role("button", name="Try again").click()

    await chat.shows_another(first)


async def test_a_broken_stream_keeps_the_received_text_and_says_it_is_incomplete(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.say("count to 90 [offline: cut=5]")
    await chat.is_over("interrupted", answers=2)

    row = (await alice.messages(thread_id))[-1]
    assert row["content"].startswith("1, 2")
    assert await chat.text() == row["content"].strip()
    await expect(chat.note).to_have_text(row["error"])
    assert row["error"] == "The connection to the model was lost. Try again."
    await expect(chat.answer.get_by_role("button", name="Try again")).to_be_visible()
    await expect(chat.send_button).to_be_visible()


async def test_an_answer_at_the_length_limit_says_so_and_can_be_continued(desk: Desk, alice: Person) -> None:
    said = "This answer reached the length limit."
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("count to 20 [offline: incomplete times=1]")
    await chat.is_over(answers=2)
    await expect(chat.note).to_have_text(said)
    await chat.hears(f"{said} {len((await chat.text()).split())} words")
    button = chat.answer.get_by_role("button", name="Continue")
    await expect(button).to_be_visible()
    await chat.page.reload()

    await chat.is_connected()
    await expect(chat.note).to_have_text(said)
    await button.click()
    await chat.is_over(answers=3)
    await expect(chat.note).to_be_hidden()


@pytest.mark.parametrize("java_script", [True, False])
@pytest.mark.parametrize(("script", "retries"), [("status=500", 1), ("status=429 code=insufficient_quota", 0)])
async def test_a_failure_before_the_page_was_loaded_is_retried_only_if_it_may_help(
    desk: Desk, alice: Person, java_script: bool, script: str, retries: int
) -> None:
    posted = await alice.ask(f"say hello [offline: {script}]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    page = await (await desk.context(alice, java_script_enabled=java_script)).new_page()
    await page.goto(f"/chat/{posted['thread_id']}/")

    await expect(ChatPage(page).note).to_be_visible()
    await expect(page.get_by_role("button", name="Try again")).to_have_count(retries)


async def test_a_failure_that_will_last_is_not_retried(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    button = chat.answer.get_by_role("button", name="Try again")
    await chat.say("say hello [offline: status=429 code=insufficient_quota]")
    await chat.is_over("error", answers=2)
    await expect(button).to_be_hidden()
    await chat.page.reload()

    await chat.is_connected()
    await expect(chat.note).to_be_visible()
    await expect(button).to_be_hidden()
