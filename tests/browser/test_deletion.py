"""A chat and an account are deleted, with the keyboard alone, and what other tabs show then."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from chat.models import User
from tests.support.cast import PASSWORD, Person
from tests.support.deleted import purged
from tests.support.desk import DESKTOP, ChatPage, Desk
from tests.support.rows import past_thread

DELETED = "This chat was deleted."


def titles(chat: ChatPage) -> Locator:
    return chat.threads.locator(".thread-title")


async def test_a_chat_is_deleted_by_keyboard_and_every_tab_says_so(desk: Desk, alice: Person) -> None:
    thread_id, kept = await past_thread(alice, title="To be deleted"), await past_thread(alice, title="Kept")
    here, same = await desk.chat(alice, thread_id), await desk.chat(alice, thread_id)
    other = await desk.chat(alice, kept)
    await expect(other.threads).to_have_count(2)

    await here.page.get_by_label("Options").click()
    await here.page.get_by_role("link", name="Delete chat", exact=True).press("Enter")
    await expect(here.page.get_by_role("heading", name="Delete this chat?")).to_be_visible()
    await expect(here.page.get_by_role("link", name="Cancel")).to_be_focused()
    await here.page.keyboard.press("Shift+Tab")
    await here.page.keyboard.press("Enter")

    await expect(here.page.get_by_text("The chat is deleted.")).to_be_visible()
    await expect(titles(here)).to_have_text(["Kept"])
    await expect(titles(other)).to_have_text(["Kept"])
    await expect(same.page.locator("#chat-notice")).to_contain_text(DELETED)
    await expect(titles(same)).to_have_text(["Kept"])
    await expect(other.status).to_have_attribute("data-phase", "connected")
    await purged(thread_id)


async def test_another_tab_can_show_a_chat_again_whose_deletion_was_undone(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await alice.http.post(f"/chat/{thread_id}/delete/")
    await expect(chat.page.locator("#chat-notice")).to_contain_text(DELETED)
    await alice.http.post(f"/chat/{thread_id}/undelete/")

    await chat.page.locator("#chat-notice").get_by_role("button", name="Reload").click()
    await chat.is_connected()
    await expect(chat.messages).to_have_count(2)


async def test_canceling_a_deletion_keeps_the_chat(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.page.get_by_label("Options").click()
    await chat.page.get_by_role("link", name="Delete chat", exact=True).click()
    await chat.page.get_by_role("link", name="Cancel").click()
    await chat.is_connected()
    await expect(chat.messages).to_have_count(2)


async def test_an_account_is_deleted_by_keyboard_and_its_tabs_say_so(desk: Desk, alice: Person) -> None:
    tab = await desk.chat(alice, await past_thread(alice))
    page = await (await desk.context(alice, viewport=DESKTOP)).new_page()
    await page.goto("/accounts/settings/")
    await page.get_by_role("link", name="Delete account").press("Enter")
    await page.get_by_label("Your password", exact=True).focus()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status")).to_have_text("Your account and everything in it has been deleted.")
    await expect(page.get_by_role("link", name="Log in").first).to_be_visible()
    await expect(tab.page.locator("#chat-notice")).to_contain_text(DELETED)
    assert not await User.exists(email=alice.email)


async def test_without_javascript_a_chat_is_deleted_too(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto(f"/chat/{thread_id}/")
    await page.get_by_label("Options").click()
    await page.get_by_role("link", name="Delete chat", exact=True).click()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("The chat is deleted.")).to_be_visible()
    await purged(thread_id)
