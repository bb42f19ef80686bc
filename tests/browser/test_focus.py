"""The focus is never lost: whatever disappears, the keyboard goes on from a place on the page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, expect

from tests.support.cast import Person
from tests.support.cuts import cut
from tests.support.desk import NO_CONNECTION, PHONE, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer
from tests.support.site import Site

# Two frames after an action everything that it changes at once has been painted, and a lost focus is noticed.
FOCUS = """
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
      const { activeElement: it, body } = document;
      const isLost = it === body || !it.checkVisibility({ visibilityProperty: true });
      resolve(isLost ? "" : it.id || it.ariaLabel || it.textContent.trim());
    })))
"""


async def focus(chat: ChatPage) -> str:
    """What has the focus: its id or its words; empty if nothing that is shown has it."""
    name: str = await chat.page.evaluate(FOCUS)
    return name


async def pressed(button: Locator) -> None:
    """By the keyboard: a click by mouse does not tell where the focus is."""
    await button.focus()
    await button.press("Enter")


@pytest.fixture
async def chat(desk: Desk, alice: Person) -> AsyncIterator[ChatPage]:
    yield await desk.chat(alice, await past_thread(alice, messages=60), allowed=(NO_CONNECTION,))


async def test_after_sending_and_stopping(chat: ChatPage) -> None:
    for by_button in (False, True):
        await chat.field.fill("count to 9000 [offline: pace=20]")
        await (pressed(chat.send_button) if by_button else chat.field.press("Enter"))
        assert await focus(chat)
        await expect(chat.stop_button).to_be_visible()
        await (pressed(chat.stop_button) if by_button else chat.field.press("Escape"))
        await expect(chat.answer).to_have_attribute("data-status", "stopped")
        assert await focus(chat) == "message"


@pytest.mark.parametrize("name", ["Try again", "Continue"])
async def test_after_another_attempt(chat: ChatPage, name: str) -> None:
    count = await chat.answers.count()
    await chat.say("say hello again [offline: cut=1]")
    await chat.is_over("interrupted", answers=count + 1)
    first = await chat.answer_id()
    await pressed(chat.answer.get_by_role("button", name=name))

    await expect(chat.answer).not_to_have_attribute("data-message-id", first)
    assert await focus(chat) == "message"


async def test_after_the_last_older_messages(chat: ChatPage) -> None:
    button = chat.page.get_by_role("button", name="Load older messages")
    await pressed(button)
    await expect(chat.messages).to_have_count(60)
    await expect(button).to_be_hidden()

    assert await focus(chat)


async def test_after_copying(chat: ChatPage) -> None:
    await pressed(chat.answer.get_by_role("button", name="Copy answer"))
    assert await focus(chat)


async def test_after_jumping_to_the_latest_message(chat: ChatPage) -> None:
    await chat.scroller.evaluate("it => it.scrollTo(0, 0)")
    await pressed(chat.page.get_by_role("button", name="Jump to latest"))
    assert await focus(chat)


async def test_after_closing_menus_and_dialogs(chat: ChatPage) -> None:
    await pressed(chat.page.get_by_label("Account"))
    await chat.page.keyboard.press("Tab")
    await chat.page.keyboard.press("Escape")
    assert await focus(chat)
    await chat.page.keyboard.press("Control+/")
    await chat.page.keyboard.press("Escape")
    assert await focus(chat)


async def test_after_closing_the_drawer(chat: ChatPage) -> None:
    await chat.page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    for close in ("Escape", "Enter"):
        await pressed(chat.page.get_by_label("Open chats"))
        await expect(chat.page.locator("#chat-sidebar")).to_be_visible()
        await chat.page.get_by_label("Close chats").focus()
        await chat.page.keyboard.press(close)
        await expect(chat.page.locator("#chat-sidebar")).to_be_hidden()
        assert await focus(chat)


async def test_after_the_window_grew_while_the_drawer_was_open(chat: ChatPage) -> None:
    await chat.page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await pressed(chat.page.get_by_label("Open chats"))
    await chat.page.get_by_label("Close chats").focus()
    await chat.page.set_viewport_size({"width": 1280, "height": 800})
    await chat.page.keyboard.press("Escape")
    assert await focus(chat)


@pytest.mark.parametrize("end", ["Save", "Cancel", "Escape"])
async def test_after_renaming(chat: ChatPage, end: str) -> None:
    field = chat.page.get_by_label("Title", exact=True)
    await pressed(chat.page.get_by_label("Options"))
    await pressed(chat.page.get_by_role("link", name="Rename chat"))
    await expect(field).to_be_focused()
    await field.fill("Another title")
    if end == "Escape":
        await chat.page.keyboard.press("Escape")
    else:
        await pressed(chat.page.locator("#rename-form").get_by_text(end))
    await expect(field).to_be_hidden()

    assert await focus(chat)


async def test_after_connecting_again_by_the_button(chat: ChatPage, alice: Person, site: Site) -> None:
    await chat.page.evaluate("addEventListener('online', (event) => event.stopImmediatePropagation(), true)")
    await cut(chat, alice, site)
    retry = chat.page.get_by_role("button", name="Retry now")
    await expect(retry).to_be_visible()
    await retry.focus()
    await chat.page.context.set_offline(False)
    await retry.press("Enter")
    await chat.is_connected()

    assert await focus(chat)


@pytest.mark.parametrize("place", ["#message", "#stop", ".thread-link[aria-current]"])
async def test_after_the_chat_was_deleted_elsewhere(desk: Desk, alice: Person, place: str) -> None:
    await past_thread(alice, title="Another one")
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
        await expect(chat.stop_button).to_be_visible()
        await expect(chat.threads).to_have_count(2)
        await chat.page.locator(place).focus()
    await expect(chat.page.locator("#chat-notice")).to_be_visible()

    where = await focus(chat)
    assert "Another one" in where if place.startswith(".") else where == "message"


async def test_after_deleting_the_chat(chat: ChatPage) -> None:
    await chat.page.goto(f"{chat.page.url}delete/")
    assert await focus(chat) == "Cancel"
    await pressed(chat.page.get_by_role("button", name="Delete"))
    await chat.page.wait_for_url(re.compile("/chat/$"))

    assert await focus(chat) == "message"


async def test_after_being_logged_out(chat: ChatPage, alice: Person) -> None:
    await alice.http.post("/accounts/logout/")
    await chat.page.wait_for_url(re.compile("/accounts/login/"))

    assert await focus(chat)
