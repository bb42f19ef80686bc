"""The reader decides what is seen: the page follows an answer only as long as the reader does."""

from __future__ import annotations

from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread

COUNTING = "count to 400 [offline: pause=150:1.5]"
TOP = "it => it.getBoundingClientRect().top"


async def test_the_page_follows_the_answer_until_the_reader_scrolls_up(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=40))
    jump = chat.page.get_by_role("button", name="Jump to latest")
    assert await chat.distance_to_end() <= 1
    await chat.say(COUNTING)
    await chat.has_text(200, answers=21)
    assert await chat.distance_to_end() <= 1
    await expect(jump).to_be_hidden()

    await chat.scroller.hover()
    await chat.page.mouse.wheel(0, -400)
    await expect(jump).to_be_visible()
    place = await chat.scroller.evaluate("it => it.scrollTop")
    await chat.is_over(answers=21)
    assert await chat.scroller.evaluate("it => it.scrollTop") == place

    await jump.click()
    await expect(jump).to_be_hidden()
    await expect(chat.scroller).to_be_focused()
    assert await chat.distance_to_end() <= 1


async def test_sending_scrolls_back_to_the_end(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=50))
    await chat.scroller.evaluate("it => it.scrollTo(0, 0)")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await chat.say("say hello")

    await chat.is_over(answers=26)
    await expect(chat.answer).to_be_in_viewport()
    assert await chat.distance_to_end() <= 1


async def test_older_messages_load_above_without_moving_the_view(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=120))
    more = chat.page.get_by_role("button", name="Load older messages")
    first = chat.messages.first
    for shown, expected in ((50, "Message 71"), (100, "Message 21")):
        await expect(chat.messages).to_have_count(shown)
        await expect(first).to_contain_text(expected)
        await chat.scroller.evaluate("it => it.scrollTo(0, 0)")
        read = chat.page.locator(f'article[data-message-id="{await first.get_attribute("data-message-id")}"]')
        before = await read.evaluate(TOP)
        await more.click()
        await expect(chat.messages).to_have_count(min(shown + 50, 120))
        after = await read.evaluate(TOP)
        # Where the button goes with the last page, its own height goes, too.
        assert abs(after - before) <= 1
    await expect(more).to_be_hidden()
    texts = await chat.messages.locator(".markdown-content").all_text_contents()
    assert texts == [f"Message {number}" for number in range(1, 121)]


async def test_failed_loading_of_older_messages_can_be_retried(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=60), allowed=("Failed to load resource",))
    await chat.page.route("**/messages/?before=*", lambda route: route.abort(), times=1)
    more = chat.page.get_by_role("button", name="Load older messages")
    await more.click()
    await expect(chat.page.get_by_text("The messages could not be loaded. Try again.")).to_be_visible()
    await more.click()

    await expect(chat.messages).to_have_count(60)
    await expect(chat.page.get_by_text("could not be loaded")).to_be_hidden()
