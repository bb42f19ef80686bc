"""An answer that was tried again is folded above the newer one; one that was continued stays."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import past_thread


def fold(chat: ChatPage) -> Locator:
    return chat.page.locator("#chat-messages .earlier-attempts")


async def test_an_answer_that_is_tried_again_is_folded_live_and_after_a_reload(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat, other = await desk.chat(alice, thread_id), await desk.chat(alice, thread_id)
    await chat.say("say one two three [offline: cut=1]")
    await chat.is_over("interrupted", answers=2)
    await expect(fold(chat)).to_have_count(0)
    await chat.answer.get_by_role("button", name="Try again").click()
    await chat.is_over("interrupted", answers=3)
    for one in (chat, other):
        await expect(fold(one).locator("> summary")).to_have_text("1 earlier attempt")
        await expect(one.answers.nth(1)).to_be_hidden()
    await chat.answer.get_by_role("button", name="Try again").click()
    await chat.is_over("interrupted", answers=4)

    for one in (chat, other):
        await expect(fold(one).locator("> summary")).to_have_text("2 earlier attempts")
        await one.page.reload()
        await one.is_connected()
        await expect(fold(one).locator("> summary")).to_have_text("2 earlier attempts")
        await fold(one).locator("> summary").click()
        await expect(one.answers.nth(1)).to_be_visible()
        await expect(one.answers.nth(2)).to_be_visible()
        await expect(one.page.get_by_role("button", name="Try again")).to_have_count(1)
        await expect(one.page.get_by_role("button", name="Copy answer").first).to_be_visible()


async def test_an_answer_that_was_continued_stays_in_view(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say one two three [offline: cut=1 times=1]")
    await chat.is_over("interrupted", answers=2)
    await chat.answer.get_by_role("button", name="Continue").click()
    await expect(chat.answers).to_have_count(3)

    for _ in range(2):
        await expect(fold(chat)).to_have_count(0)
        await expect(chat.answers.nth(1)).to_be_visible()
        await chat.page.reload()
        await chat.is_connected()


@pytest.mark.parametrize("java_script", [True, False])
async def test_a_fold_opens_with_and_without_javascript(desk: Desk, alice: Person, java_script: bool) -> None:
    posted = await alice.ask("say one two three [offline: cut=1]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        form = {"message_id": posted["reply_id"]}
        again = await alice.http.post(
            f"/chat/{posted['thread_id']}/again/", data=form, headers={"Accept": "application/json"}
        )
        await tab.until_finished(again.json()["reply_id"])
    page = await (await desk.context(alice, java_script_enabled=java_script)).new_page()
    await page.goto(f"/chat/{posted['thread_id']}/")
    chat = ChatPage(page)

    await expect(chat.answers.first).to_be_hidden()
    await fold(chat).locator("> summary").click()
    await expect(chat.answers.first).to_be_visible()
    await expect(chat.answers.last).to_be_visible()
