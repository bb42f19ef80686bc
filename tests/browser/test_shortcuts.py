"""Keyboard shortcuts, and the ways to the newest answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import answered, past_thread, written
from tests.support.scripted import ScriptedAnswer
from tests.support.waiting import eventually

BEFORE = "of an earlier test"
LONG = "\n\n".join(f"Paragraph {number}" for number in range(80))


@pytest.fixture
async def chat(desk: Desk, alice: Person) -> AsyncIterator[ChatPage]:
    """A thread with a running answer."""
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
        await expect(chat.stop_button).to_be_visible()
        yield chat


@pytest.mark.parametrize("place", ["#message", "#chat-scroll", "#theme-toggle"])
async def test_escape_stops_the_answer_wherever_the_focus_is(chat: ChatPage, place: str) -> None:
    await chat.page.locator(place).focus()
    await chat.page.keyboard.press("Escape")

    await chat.is_over("stopped")
    await expect(chat.page.locator(place)).to_be_focused()


async def test_escape_stops_it_with_a_text_in_the_field_which_stays(chat: ChatPage) -> None:
    await chat.field.fill("my next question")
    await chat.field.press("Escape")

    await chat.is_over("stopped")
    await expect(chat.field).to_have_value("my next question")


async def test_escape_first_closes_a_menu(chat: ChatPage, alice: Person) -> None:
    await chat.page.get_by_label("Account").click()
    email = chat.page.locator("#account-menu").get_by_text(alice.email)
    await expect(email).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(email).to_be_hidden()
    await expect(chat.stop_button).to_be_visible()

    await chat.page.keyboard.press("Escape")
    await chat.is_over("stopped")


async def test_escape_first_closes_the_drawer(chat: ChatPage) -> None:
    await chat.page.set_viewport_size({"width": 390, "height": 844})
    await chat.page.get_by_label("Open chats").click()
    drawer = chat.page.locator("#chat-sidebar")
    await expect(drawer).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    await expect(chat.stop_button).to_be_visible()

    await chat.page.keyboard.press("Escape")
    await chat.is_over("stopped")


async def test_escape_first_closes_the_list_of_shortcuts(chat: ChatPage) -> None:
    await chat.field.press("Control+/")
    dialog = chat.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(dialog).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(chat.field).to_be_focused()
    await expect(chat.stop_button).to_be_visible()

    await chat.page.keyboard.press("Escape")
    await chat.is_over("stopped")


async def test_the_account_menu_opens_the_list_and_gets_the_focus_back(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    menu = chat.page.get_by_label("Account")
    await menu.focus()
    await chat.page.keyboard.press("ArrowDown")
    item = chat.page.locator("#account-menu").get_by_role("button", name="Keyboard shortcuts")
    await item.press("Enter")
    dialog = chat.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(dialog).to_be_visible()
    await expect(item).to_be_hidden()

    await chat.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(menu).to_be_focused()


async def test_escape_that_cancels_a_word_being_composed_stops_nothing(chat: ChatPage) -> None:
    for composing in ("{ key: 'Escape', isComposing: true }", "{ key: 'Escape', keyCode: 229 }"):
        event = f"new KeyboardEvent('keydown', {{ bubbles: true, cancelable: true, ...{composing} }})"
        assert await chat.field.evaluate(f"(field) => field.dispatchEvent({event})")
    await chat.field.press("a")

    await expect(chat.stop_button).to_be_visible()
    await expect(chat.stop_button).not_to_have_attribute("aria-disabled", "true")


async def test_each_shortcut_that_the_list_names_works(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await answered(alice, "What is what?", LONG))
    answer = chat.answer
    await chat.page.keyboard.press("Alt+Shift+ArrowDown")
    await expect(answer).to_be_focused()
    assert await answer.evaluate(
        "it => Math.abs(it.getBoundingClientRect().top - it.closest('#chat-scroll').getBoundingClientRect().top) < 2"
    )
    await chat.page.keyboard.press("Alt+Shift+ArrowUp")
    await expect(chat.questions.last).to_be_focused()
    await expect(chat.questions.last).to_be_in_viewport()
    await chat.page.keyboard.press("Shift+Escape")
    await expect(chat.field).to_be_focused()
    await chat.page.keyboard.press("Alt+Shift+ArrowUp")
    await expect(answer).to_be_focused()
    await chat.page.keyboard.press("Control+/")
    rows = chat.page.get_by_role("dialog", name="Keyboard shortcuts").locator("dl > div")
    await expect(rows.first).to_be_visible()
    texts = [" ".join(text.split()) for text in await rows.all_inner_texts()]
    assert texts == [
        "Search Ctrl K",
        "New chat Ctrl Shift O",
        "Go to the list of chats, and back Ctrl Shift S",
        "Go to the message field Shift Esc",
        "Go to the newest answer Alt Shift ↓",
        "Go to the previous message Alt Shift ↑",
        "Copy the last answer Ctrl Shift C",
        "Copy the last code Ctrl Shift ;",
        "Stop the answer Esc",
        "Show this list Ctrl /",
        "Next chat ↓",
        "Previous chat ↑",
        "Menu of the chat →",
        "Rename the chat F2",
        "Delete the chat Delete",
        "Undo what was just archived or deleted Ctrl Z",
    ]
    await expect(chat.page.get_by_role("heading", name="In the list of chats")).to_be_visible()
    await chat.page.get_by_role("button", name="Close", exact=True).click()
    await expect(answer).to_be_focused()
    await chat.page.keyboard.press("Control+Shift+O")

    await chat.page.wait_for_url(re.compile("/chat/$"))
    await chat.page.keyboard.press("Shift+Escape")
    await expect(chat.field).to_be_focused()


async def test_the_last_answer_and_the_last_code_are_copied(desk: Desk, alice: Person) -> None:
    first, last = "```python\nprint(1)\n```\n\n```sql\nSELECT 2;\n```", "Nothing *more*."
    chat = await desk.chat(alice, await written(alice, "How?", first, "And?", last))
    await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await chat.page.evaluate("text => navigator.clipboard.writeText(text)", BEFORE)  # all pages share it
    await chat.page.keyboard.press("Control+Shift+C")
    assert await eventually(lambda: copied(chat, but=BEFORE)) == last

    await chat.page.keyboard.press("Control+Shift+Semicolon")
    assert await eventually(lambda: copied(chat, but=last)) == "SELECT 2;"


async def test_an_answer_without_a_text_is_not_copied_over_the_clipboard(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await written(alice, "How?", "So.", "And?", ""))
    await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await chat.page.evaluate("text => navigator.clipboard.writeText(text)", BEFORE)  # all pages share it
    await chat.page.keyboard.press("Control+Shift+C")

    assert await eventually(lambda: copied(chat, but=BEFORE)) == "So."


async def copied(chat: ChatPage, but: str = "") -> str | None:
    """What is in the clipboard, unless it is `but`."""
    text: str = await chat.page.evaluate("navigator.clipboard.readText()")
    return text if text != but else None


async def test_one_shortcut_leads_to_the_current_chat_and_back(desk: Desk, alice: Person) -> None:
    await past_thread(alice, title="Another")
    chat = await desk.chat(alice, await past_thread(alice, title="This one"))
    await chat.field.press("Control+Shift+S")
    await expect(chat.page.get_by_role("link", name="This one")).to_be_focused()
    await chat.page.keyboard.press("Control+Shift+S")
    await expect(chat.field).to_be_focused()

    await chat.page.set_viewport_size(PHONE)
    drawer = chat.page.locator("#chat-sidebar")
    await expect(drawer).to_be_hidden()
    await chat.field.press("Control+Shift+S")
    await expect(chat.page.get_by_role("link", name="This one")).to_be_focused()
    await chat.page.keyboard.press("Control+Shift+S")
    await expect(drawer).to_be_hidden()
    await expect(chat.field).to_be_focused()


async def test_on_a_mac_the_control_key_edits_text(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice)
    await context.add_init_script("Object.defineProperty(navigator, 'platform', { get: () => 'MacIntel' })")
    chat = await ChatPage.opened(await context.new_page(), await past_thread(alice))
    await chat.field.press("Control+Shift+O")
    await chat.page.keyboard.press("Control+/")
    await chat.page.keyboard.press("Meta+/")

    dialog = chat.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(dialog.locator("dl > div").nth(1)).to_have_text(re.compile(r"New chat\s*⌘\s*⇧\s*O"))
    assert chat.page.url.endswith(f"{chat.thread_id}/")


async def test_letters_without_modifiers_are_text(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.field.press_sequentially("o/O?")
    await chat.page.locator("#chat-scroll").press("o")

    await expect(chat.field).to_have_value("o/O?")
    await expect(chat.page.locator("#shortcuts")).to_be_hidden()
    assert chat.page.url.endswith(f"{chat.thread_id}/")


@pytest.mark.parametrize("keys", ["key: 'O', metaKey: true", "key: 'Щ', ctrlKey: true"], ids=["mac", "cyrillic"])
async def test_shortcuts_on_other_keyboards(desk: Desk, alice: Person, keys: str) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    event = f"new KeyboardEvent('keydown', {{ code: 'KeyO', shiftKey: true, bubbles: true, {keys} }})"
    await chat.field.evaluate(f"(field) => field.dispatchEvent({event})")

    await chat.page.wait_for_url(re.compile("/chat/$"))


async def test_the_button_that_appears_on_focus_leads_to_the_answer(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    button = chat.page.get_by_role("button", name="Go to the answer")
    await expect(button).to_have_css("opacity", "0")
    await chat.field.press("Shift+Tab")
    await expect(button).to_be_focused()
    await expect(button).to_have_css("opacity", "1")
    await chat.page.keyboard.press("Enter")

    await expect(chat.answer).to_be_focused()
    await expect(chat.answer).to_have_accessible_name("Assistant")
