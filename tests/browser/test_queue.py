"""The next messages are written while an answer is: they wait in a list that every tab shows."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.touch import PHONE, too_small

RUNNING = "count to 9000 [offline: pace=20]"


def items(chat: ChatPage) -> Locator:
    return chat.page.get_by_role("region", name="Queued messages").get_by_role("listitem")


def texts(chat: ChatPage) -> Locator:
    return chat.page.locator("#queue .queued-text")


async def answering(desk: Desk, person: Person, *waiting: str, **options: object) -> ChatPage:
    """A chat in which an answer is being written and these messages wait."""
    chat = await desk.chat(person, await past_thread(person), **options)
    await chat.say(RUNNING)
    await chat.has_text(5, answers=2)
    for number, text in enumerate(waiting, start=1):
        await chat.say(text)
        await expect(texts(chat)).to_have_count(number)
    return chat


async def test_messages_wait_in_every_tab_and_are_answered_one_by_one(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, "say one", "say two")
    other = await desk.chat(alice, chat.thread_id)
    for one in (chat, other):
        await expect(texts(one)).to_have_text(["say one", "say two"])
        await expect(one.questions).to_have_count(2)
    await expect(chat.stop_button).to_be_visible()
    await chat.hears("Added to queue. 2 waiting")
    await chat.page.reload()
    await chat.is_connected()
    await expect(texts(chat)).to_have_text(["say one", "say two"])
    await items(chat).first.get_by_role("button", name="Send now").click()

    for one in (chat, other):
        await one.is_over(answers=4)
        await expect(one.questions.locator(".markdown-content")).to_have_text(
            ["Message 1", RUNNING, "say one", "say two"]
        )
        await expect(one.page.locator("#queue")).to_be_hidden()


async def test_stop_pauses_the_queue_until_it_is_resumed(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, "say one", "say two", "say three")
    other = await desk.chat(alice, chat.thread_id)
    await chat.stop_button.click()
    paused = "The queue is paused because the answer was stopped."
    for one in (chat, other):
        await expect(one.page.locator(".queue-paused")).to_have_text(paused)
        await expect(texts(one)).to_have_count(3)
    await chat.hears(paused)
    await other.page.get_by_role("button", name="Resume").click()

    for one in (chat, other):
        await one.is_over(answers=5)
        await expect(one.answer.locator(".markdown-content")).to_have_text("three")
        await expect(one.page.locator("#queue")).to_be_hidden()


async def test_a_waiting_message_is_taken_back_or_removed(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, "say one", "say two", "say three")
    other = await desk.chat(alice, chat.thread_id)
    await items(other).nth(1).get_by_role("button", name="Remove queued message").click()
    await expect(texts(chat)).to_have_text(["say one", "say three"])
    await items(chat).first.get_by_role("button", name="Edit queued message").click()
    await expect(chat.field).to_have_value("say one")
    await expect(chat.field).to_be_focused()
    await expect(texts(other)).to_have_text(["say three"])
    await chat.field.fill("")
    await chat.field.press("ArrowUp")

    await expect(chat.field).to_have_value("say three")
    await expect(chat.page.locator("#queue")).to_be_hidden()
    await expect(other.page.locator("#queue")).to_be_hidden()
    await expect(other.field).to_have_value("")
    await chat.stop_button.click()


async def test_of_two_tabs_that_take_a_message_one_has_its_text(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, "say one")
    other = await desk.chat(alice, chat.thread_id)
    await other.field.fill("my own words")
    row = await items(other).first.evaluate_handle("it => it.cloneNode(true)")
    await items(chat).first.get_by_role("button", name="Edit").click()
    await expect(items(other)).to_have_count(0)
    as_before_the_news = "document.querySelector('#queue ol').append(it)"
    await row.evaluate(f"it => {{ {as_before_the_news}; it.querySelector('[name=edit]').click() }}")

    await expect(other.error).to_be_visible()
    await expect(other.field).to_have_value("my own words")
    await expect(chat.field).to_have_value("say one")
    await chat.field.fill("say two")
    await chat.field.press("Enter")
    await expect(texts(other)).to_have_text(["say two"])
    await items(other).first.get_by_role("button", name="Remove").click()
    await expect(other.error).to_be_hidden()
    await expect(other.field).to_be_focused()
    await other.hears("Removed. 0 waiting")
    await chat.stop_button.click()


async def test_a_removed_message_leaves_the_focus_to_the_next_one(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, "say one", "say two", "say three")
    await items(chat).nth(1).get_by_role("button", name="Remove").focus()
    await chat.page.keyboard.press("Enter")
    await expect(texts(chat)).to_have_text(["say one", "say three"])
    await expect(items(chat).nth(1).get_by_role("button", name="Remove")).to_be_focused()
    await chat.hears("Removed. 2 waiting")
    await expect(items(chat).nth(1).get_by_role("button", name="Remove queued message, 2 of 2")).to_be_visible()
    await chat.stop_button.click()


async def test_the_reader_follows_a_message_that_is_sent_now(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, "count to 8000 [offline: pace=20]")
    await chat.scroller.evaluate("it => { it.scrollTop = 0 }")
    await items(chat).first.get_by_role("button", name="Send now").click()
    await expect(chat.questions).to_have_count(3)
    await expect(chat.questions.nth(2)).to_be_in_viewport()
    await chat.stop_button.click()


async def test_a_full_queue_gives_the_text_back(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, *(f"say {number}" for number in range(5)))
    await chat.say("say six")

    await expect(chat.error).to_contain_text("5 messages are already waiting.")
    await expect(chat.field).to_have_value("say six")
    await expect(texts(chat)).to_have_count(5)
    await chat.stop_button.click()


async def test_without_javascript_the_queue_is_made_of_forms(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice)
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto(f"/chat/{chat.thread_id}/")
    plain = ChatPage(page)
    for number, text in enumerate(("say one", "say two", "say three"), start=1):
        await plain.field.fill(text)
        await plain.send_button.click()
        await expect(texts(plain)).to_have_count(number)
    await items(plain).nth(1).get_by_role("button", name="Remove queued message").click()
    await expect(texts(chat)).to_have_text(["say one", "say three"])
    await items(plain).nth(1).get_by_role("button", name="Edit queued message").click()
    await expect(plain.field).to_have_value("say three")
    await expect(texts(chat)).to_have_text(["say one"])
    await plain.send_button.click()
    await expect(texts(plain)).to_have_count(2)
    await chat.stop_button.click()
    await expect(chat.page.get_by_role("button", name="Resume")).to_be_visible()
    await page.reload()
    await page.get_by_role("button", name="Resume").click()
    await chat.is_over(answers=4)
    await expect(chat.page.locator("#queue")).to_be_hidden()


async def test_the_queue_is_accessible_also_when_it_is_paused(desk: Desk, alice: Person) -> None:
    chat = await answering(desk, alice, "say one", "say two")
    axe = AXE.read_text()
    assert await violations(chat.page, axe) == []
    await chat.stop_button.click()
    await expect(chat.page.get_by_role("button", name="Resume")).to_be_visible()
    assert await violations(chat.page, axe) == []


async def test_the_queue_fits_a_phone(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice), **PHONE)
    await chat.field.fill(RUNNING)
    await chat.send_button.tap()
    await chat.has_text(5, answers=2)
    await chat.field.fill("a long message that waits " * 20)
    await chat.page.get_by_role("button", name="Add to queue").tap()
    await expect(items(chat)).to_have_count(1)
    assert await too_small(chat.page) == []
    await chat.stop_button.tap()
    await expect(chat.page.get_by_role("button", name="Resume")).to_be_visible()
    assert await too_small(chat.page) == []
