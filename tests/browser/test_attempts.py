"""An answer that was tried again makes room for the newer one; one that was continued stays."""

from __future__ import annotations

from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread


async def test_an_answer_that_is_tried_again_makes_room_live_and_after_a_reload(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat, other = await desk.chat(alice, thread_id), await desk.chat(alice, thread_id)
    await chat.say("say one two three [offline: cut=1]")
    await chat.is_over("interrupted", answers=2)
    first = await chat.answer_id()
    await chat.answer.get_by_role("button", name="Try again").click()

    for one in (chat, other):
        await one.shows_another(first)
        await one.is_over("interrupted", answers=2)
        await one.page.reload()
        await one.is_connected()
        await one.is_over("interrupted", answers=2)
        await one.shows_another(first)


async def test_an_answer_that_was_continued_stays_in_view(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say one two three [offline: cut=1 times=1]")
    await chat.is_over("interrupted", answers=2)
    await chat.answer.get_by_role("button", name="Continue").click()
    await expect(chat.answers).to_have_count(3)

    for _ in range(2):
        await expect(chat.answers.nth(1)).to_be_visible()
        await chat.page.reload()
        await chat.is_connected()
