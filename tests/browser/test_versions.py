"""A question is edited, an answer tried again, and the reader goes from version to version, in every tab."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from chat.models import Generation
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.site import Beside
from tests.support.touch import PHONE, too_small

LONG = "Paragraph number %d of an answer that fills the view, as long answers do.\n\n"


def edit(question: Locator) -> Locator:
    return question.get_by_role("link", name="Edit message")


def editor(chat: ChatPage) -> Locator:
    return chat.page.get_by_label("Edit message", exact=True).and_(chat.page.locator("textarea"))


def version(message: Locator, number: int, count: int) -> Locator:
    return message.get_by_role("group", name=f"Version {number} of {count}")


async def text_of(message: Locator) -> str:
    return (await message.locator(".markdown-content").text_content() or "").strip()


async def top(chat: ChatPage, message: Locator) -> float:
    """Pixels from the top of the view."""
    box, view = await message.bounding_box(), await chat.scroller.bounding_box()
    assert box
    assert view
    return box["y"] - view["y"]


async def asked(desk: Desk, person: Person, *questions: str) -> ChatPage:
    """A chat in which these questions have been answered."""
    chat = await desk.chat(person, await past_thread(person))
    for number, question in enumerate(questions, start=2):
        await chat.say(question)
        await chat.is_over(answers=number)
    return chat


async def edited(chat: ChatPage, question: Locator, text: str) -> None:
    """Edit a question by the keyboard, and wait for the answer."""
    await question.hover()
    await edit(question).click()
    await editor(chat).fill(text)
    await editor(chat).press("Enter")
    await expect(editor(chat)).to_have_count(0)


async def choose(chat: ChatPage, message: Locator, words: str) -> None:
    """Choose from the menu of a message."""
    await message.hover()
    await message.get_by_role("link", name="More").click()
    await chat.page.get_by_role("menuitem", name=words).click()


async def test_a_question_becomes_its_editor_and_escape_leaves_it(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice)
    question = chat.questions.first
    await question.hover()
    await edit(question).click()
    await expect(editor(chat)).to_be_focused()
    await expect(editor(chat)).to_have_value("Message 1")
    assert await editor(chat).evaluate("it => [it.selectionStart, it.selectionEnd]") == [9, 9]
    await expect(question.locator(".markdown-content")).to_be_hidden()
    await editor(chat).fill("Something else")
    await editor(chat).press("Escape")

    await expect(editor(chat)).to_have_count(0)
    await expect(edit(question)).to_be_focused()
    await expect(question.locator(".markdown-content")).to_have_text("Message 1")
    await edit(question).press("Enter")
    await expect(editor(chat)).to_have_value("Something else")
    await chat.page.get_by_role("button", name="Cancel").click()
    await expect(question.locator(".markdown-content")).to_be_visible()
    await edit(question).press("Enter")
    await expect(editor(chat)).to_have_value("Message 1")


async def test_the_text_of_an_editor_survives_a_reload_until_it_is_sent(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice)
    for text in ("Message 1", "say two"):
        await chat.questions.first.hover()
        await edit(chat.questions.first).click()
        await expect(editor(chat)).to_have_value(text)
        await editor(chat).fill("say two")
        await chat.page.reload()
        await chat.is_connected()
        await expect(chat.field).to_have_value("")
    await edited(chat, chat.questions.first, "say three")
    await chat.is_over(answers=1)
    await version(chat.questions.first, 2, 2).get_by_role("button", name="Previous version").click()
    await expect(version(chat.questions.first, 1, 2)).to_be_visible()
    await chat.questions.first.hover()
    await edit(chat.questions.first).click()

    await expect(editor(chat)).to_have_value("Message 1")


async def test_an_edited_question_is_another_version_in_every_tab_and_after_a_reload(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one", "say two")
    other = await desk.chat(alice, chat.thread_id)
    await edited(chat, chat.questions.nth(1), "say three")

    for one in (chat, other):
        await one.is_over(answers=2)
        await expect(one.questions).to_have_count(2)
        shown = await one.questions.nth(1).get_attribute("data-message-id")
        await expect(edit(one.questions.nth(1))).to_have_attribute("href", re.compile(rf"\?edit={shown}#message$"))
        await expect(one.answer.locator(".markdown-content")).to_have_text("three")
        await expect(version(one.questions.nth(1), 2, 2)).to_be_visible()
        await one.page.reload()
        await one.is_connected()
        await expect(version(one.questions.nth(1), 2, 2)).to_be_visible()
        assert await text_of(one.questions.nth(1)) == "say three"


async def test_going_to_another_version_is_seen_by_all_tabs_and_announced(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one", "say two")
    other = await desk.chat(alice, chat.thread_id)
    await edited(chat, chat.questions.nth(1), "say three")
    await other.is_over(answers=2)
    await expect(version(chat.questions.nth(1), 2, 2)).to_be_visible()
    before = version(chat.questions.nth(1), 2, 2).get_by_role("button", name="Previous version")
    await before.focus()
    await before.press("Enter")

    for one in (chat, other):
        await expect(version(one.questions.nth(1), 1, 2)).to_be_visible()
        await expect(one.answers.locator(".markdown-content")).to_have_text(["Message 2", "one", "two"])
    heard = await chat.hears("Version 1 of 2")
    assert not [text for text in heard[heard.index("Version 1 of 2") :] if text.startswith("Answer finished")]
    await expect(version(chat.questions.nth(1), 1, 2).get_by_role("button", name="Next version")).to_be_focused()
    await expect(version(chat.questions.nth(1), 1, 2).get_by_role("button", name="Previous version")).to_be_disabled()
    await chat.page.keyboard.press("Enter")
    await expect(version(chat.questions.nth(1), 2, 2)).to_be_visible()


@pytest.mark.parametrize("place", ["last", "middle", "first"])
async def test_the_message_at_the_fork_keeps_its_place_in_the_view(desk: Desk, alice: Person, place: str) -> None:
    """Between a version with a long conversation below it and a short one."""
    chat = await asked(desk, alice, "say one", "table of a and b", "say three", "count to 60")
    question = chat.questions.nth({"last": 4, "middle": 2, "first": 0}[place])
    await edited(chat, question, "say short")
    await expect(version(question, 2, 2)).to_be_visible()
    await chat.is_over(answers={"last": 5, "middle": 3, "first": 1}[place])
    for number in (1, 2, 1, 2):
        pager = version(question, 3 - number, 2)
        await pager.scroll_into_view_if_needed()
        before = await top(chat, question)
        await pager.get_by_role("button", name="Previous version" if number == 1 else "Next version").click()
        await expect(version(question, number, 2)).to_be_visible()
        await chat.page.wait_for_timeout(300)  # whatever would move it later has done so
        assert abs(await top(chat, question) - before) < 1


async def test_an_earlier_answer_is_tried_again_and_the_first_one_is_still_there(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one", "say two")
    answer = chat.answers.nth(1)
    first = await answer.get_attribute("data-message-id")
    await answer.hover()
    await answer.get_by_role("button", name="Try again").click()
    await expect(version(chat.answer, 2, 2)).to_be_visible()
    await chat.is_over(answers=2)
    await version(chat.answer, 2, 2).get_by_role("button", name="Previous version").click()

    await expect(chat.answers).to_have_count(3)
    await expect(chat.answers.nth(1)).to_have_attribute("data-message-id", first or "")


async def test_an_answer_that_was_continued_stays_in_view(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say one two three [offline: cut=1 times=1]")
    await chat.is_over("interrupted", answers=2)
    await chat.answer.get_by_role("button", name="Continue").click()
    await expect(chat.answers).to_have_count(3)

    for _ in range(2):
        await expect(chat.answers.nth(1)).to_be_visible()
        await expect(chat.answers.nth(1).get_by_role("button", name="Continue")).to_be_hidden()
        await chat.page.reload()
        await chat.is_connected()


async def test_a_version_is_deleted_after_its_count_was_shown(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one", "say two")
    other = await desk.chat(alice, chat.thread_id)
    await edited(chat, chat.questions.nth(1), "say three")
    await other.is_over(answers=2)
    await version(chat.questions.nth(1), 2, 2).get_by_role("button", name="Previous version").click()
    await expect(chat.questions).to_have_count(3)
    dialog = chat.page.get_by_role("dialog", name="Delete 4 messages?")
    await choose(chat, chat.questions.nth(1), "Delete")
    await expect(dialog).to_contain_text("This message and everything below it, in every version, will be")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await chat.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(chat.questions).to_have_count(3)
    await choose(chat, chat.questions.nth(1), "Delete")
    await dialog.get_by_role("button", name="Delete").click()

    for one in (chat, other):
        await expect(one.questions).to_have_count(2)
        await expect(one.answer.locator(".markdown-content")).to_have_text("three")
        await expect(one.page.locator("#chat-messages .message-versions")).to_have_count(0)
    await chat.hears("4 messages deleted")


async def test_a_chat_whose_only_question_is_deleted_goes_on(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice)
    await choose(chat, chat.questions.first, "Delete")
    await chat.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(chat.messages).to_have_count(0)
    await expect(chat.field).to_be_focused()
    await chat.say("say one")

    await chat.is_over(answers=1)
    await expect(chat.messages).to_have_count(2)


async def test_a_text_from_right_to_left_is_edited_from_right_to_left(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice)
    await chat.questions.first.hover()
    await edit(chat.questions.first).click()
    await editor(chat).fill("\u05de\u05d4 \u05e9\u05dc\u05d5\u05de\u05da")
    assert await editor(chat).evaluate("it => getComputedStyle(it).direction") == "rtl"
    await editor(chat).press("Enter")
    await chat.is_over(answers=1)

    text = chat.questions.first.locator(".markdown-content")
    assert await text.evaluate("it => getComputedStyle(it).direction") == "rtl"
    await expect(version(chat.questions.first, 2, 2)).to_have_css("direction", "ltr")


async def test_the_menu_leads_to_the_details_of_an_answer_and_they_lead_back(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one")
    before = chat.thread_id
    await choose(chat, chat.answers.last, "Details")
    await expect(chat.page.get_by_role("heading", name="Details of an answer")).to_be_visible()
    await chat.page.get_by_role("link", name="Chat", exact=True).click()

    await chat.page.wait_for_url(f"**/chat/{before}/#m-*")
    await expect(chat.answers.last.locator(".markdown-content")).to_have_text("one")


async def test_a_chat_is_branched_and_leads_back(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one", "say two")
    before = chat.thread_id
    await choose(chat, chat.answers.nth(1), "Branch into a new chat")
    await chat.page.wait_for_url(re.compile(rf"/chat/(?!{before})"))
    await expect(chat.answers.locator(".markdown-content")).to_have_text(["Message 2", "one"])
    await chat.is_connected()
    await chat.page.get_by_text("Branched from").get_by_role("link").click()

    await chat.page.wait_for_url(f"**/chat/{before}/")
    await expect(chat.answers).to_have_count(3)


async def test_an_answer_in_another_version_is_shown_or_stopped(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one")
    await edited(chat, chat.questions.nth(1), "count to 9000 [offline: pace=20]")
    await expect(version(chat.questions.nth(1), 2, 2)).to_be_visible()
    await chat.has_text(20, answers=2)
    other = await desk.chat(alice, chat.thread_id)
    await version(chat.questions.nth(1), 2, 2).get_by_role("button", name="Previous version").click()
    notices = [one.page.get_by_text("An answer is being written in another version.") for one in (chat, other)]
    for notice in notices:
        await expect(notice).to_be_visible()
    await chat.page.get_by_role("button", name="Show", exact=True).click()
    await expect(version(chat.questions.nth(1), 2, 2)).to_be_visible()
    for notice in notices:
        await expect(notice).to_be_hidden()
    await chat.hears("Answering", times=2)  # when it began, and when it is seen again
    await version(chat.questions.nth(1), 2, 2).get_by_role("button", name="Previous version").click()
    await expect(notices[0]).to_be_visible()
    await chat.page.reload()
    await expect(notices[0]).to_be_visible()
    await chat.is_connected()
    await chat.page.get_by_role("button", name="Stop", exact=True).click()

    for notice in notices:
        await expect(notice).to_be_hidden()
    await version(chat.questions.nth(1), 1, 2).get_by_role("button", name="Next version").click()
    await chat.is_over("stopped", answers=2)


async def test_a_text_that_is_being_edited_is_not_lost_when_its_message_goes(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one", "say two")
    other = await desk.chat(alice, chat.thread_id)
    await chat.questions.nth(2).hover()
    await edit(chat.questions.nth(2)).click()
    await editor(chat).fill("A long thought")
    await edited(other, other.questions.nth(1), "say three")

    await expect(chat.field).to_have_value("A long thought")
    await expect(chat.error).to_be_visible()
    await chat.is_over(answers=2)
    await expect(chat.error).to_have_text(
        "The message you were editing is no longer shown. Your text has been moved to the message field."
    )


async def test_an_edit_that_is_refused_is_in_its_editor_again(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one")
    other = await desk.chat(alice, chat.thread_id)
    await chat.questions.nth(1).hover()
    await edit(chat.questions.nth(1)).click()
    await editor(chat).fill("")
    await editor(chat).press("Enter")
    await expect(chat.page.get_by_role("alert").filter(has_text="Enter a message.")).to_be_visible()
    await other.say("count to 9000 [offline: pace=20]")
    await expect(chat.stop_button).to_be_visible()
    await editor(chat).fill("say three")
    await editor(chat).press("Enter")

    alert = chat.page.get_by_role("alert").filter(has_text="Wait for the answer to finish, or stop it first.")
    await expect(alert).to_be_visible()
    await expect(editor(chat)).to_have_value("say three")
    await expect(chat.answer).to_have_attribute("data-status", "streaming")
    await chat.stop_button.click()
    await expect(alert).to_be_hidden()
    await expect(editor(chat)).to_have_value("say three")


@pytest.fixture(scope="module")
async def choosing(browser: Browser, beside: Beside) -> AsyncIterator[Desk]:
    """A desk at a site with a choice of models."""
    async with beside(LLM_MODELS="large,small") as site:
        desk = Desk(browser, site)
        yield desk
        assert await desk.clear() == []


async def test_an_answer_is_tried_again_by_another_model(choosing: Desk) -> None:
    async with Person.signed_up(choosing.site, "alice") as alice:
        chat = await asked(choosing, alice, "say one")
        await choose(chat, chat.answer, "Try again with small")
        await expect(version(chat.answer, 2, 2)).to_be_visible()
        await chat.is_over(answers=2)
        models = [one.model for one in await Generation.filter(thread_id=chat.thread_id).order_by("created_at")]

        assert models == ["gpt-6-luna", "small"]


# -- without JavaScript ---------------------------------------------------------------------------------------------


async def plain(desk: Desk, alice: Person, thread_id: str) -> Page:
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto(f"/chat/{thread_id}/")
    return page


async def test_without_javascript_everything_is_a_form(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one")
    page = ChatPage(await plain(desk, alice, chat.thread_id))
    await edit(page.questions.nth(1)).click()
    await expect(page.page.get_by_text("You're editing an earlier message.")).to_be_visible()
    await expect(page.field).to_have_value("say one")
    await page.field.fill("say two")
    await page.send_button.click()
    await chat.is_over(answers=2)
    await expect(version(chat.questions.nth(1), 2, 2)).to_be_visible()
    await version(page.questions.nth(1), 2, 2).get_by_role("button", name="Previous version").click()
    await expect(page.answer.locator(".markdown-content")).to_have_text("one")
    await expect(version(chat.questions.nth(1), 1, 2)).to_be_visible()
    await page.answer.get_by_role("button", name="Try again").click()
    await expect(version(page.answer, 2, 2)).to_be_visible()
    await chat.is_over(answers=2)
    await page.page.reload()
    await page.answer.get_by_role("link", name="Delete").click()
    await expect(page.page.get_by_role("heading", name="Delete this answer?")).to_be_visible()
    await page.page.get_by_role("button", name="Delete").click()
    await expect(page.page.locator("#chat-messages .message-versions")).to_have_count(1)
    await page.answer.get_by_role("button", name="Branch into a new chat").click()

    await expect(page.page.get_by_text("Branched from")).to_be_visible()
    assert page.thread_id != chat.thread_id


# -- looks ------------------------------------------------------------------------------------------------------------


async def test_each_new_state_is_accessible_in_both_themes(desk: Desk, alice: Person) -> None:
    chat = await asked(desk, alice, "say one", "say two")
    axe = AXE.read_text()
    await edited(chat, chat.questions.nth(1), "say three")
    await expect(version(chat.questions.nth(1), 2, 2)).to_be_visible()
    assert await violations(chat.page, axe) == []
    await chat.questions.nth(0).hover()
    await edit(chat.questions.nth(0)).click()
    await expect(editor(chat)).to_be_focused()
    assert await violations(chat.page, axe) == []
    await editor(chat).press("Escape")
    await choose(chat, chat.questions.nth(1), "Delete")
    await expect(chat.page.get_by_role("dialog")).to_be_visible()
    assert await violations(chat.page, axe) == []


async def test_on_a_phone_all_of_it_is_shown_fits_and_is_large_enough(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice), **PHONE)
    question = chat.questions.first
    await edit(question).tap()
    await expect(editor(chat)).to_be_focused()
    assert await too_small(chat.page) == []
    await editor(chat).fill("say one")
    await chat.page.get_by_role("button", name="Send", exact=True).first.tap()
    await chat.is_over(answers=1)
    await expect(version(question, 2, 2).get_by_role("button", name="Previous version")).to_be_visible()
    await expect(chat.answer.get_by_role("button", name="Try again")).to_be_visible()
    assert await too_small(chat.page) == []
    await chat.answer.get_by_role("link", name="More").tap()
    assert await too_small(chat.page) == []
