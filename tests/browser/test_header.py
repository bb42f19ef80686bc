"""The bar above a chat: everything fits on a phone, and the menus work by hand, by keyboard and without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import past_thread

SMALL = {"width": 320, "height": 568}
LANDSCAPE = {"width": 568, "height": 320}
NAMES = "its => its.filter(it => it.checkVisibility()).map(it => it.ariaLabel || it.innerText.trim())"
INTERACTIVE = "a, button, summary"


def phone(viewport: dict[str, int] = PHONE) -> dict[str, Any]:
    return {"viewport": viewport, "has_touch": True, "is_mobile": True}


def menu_of(page: Page) -> Locator:
    return page.get_by_label("Options")


async def in_the_bar(chat: ChatPage) -> list[str]:
    names: list[str] = await chat.page.locator("#chat-header").locator(INTERACTIVE).evaluate_all(NAMES)
    return names


async def test_a_phone_has_the_title_and_three_buttons(desk: Desk, alice: Person) -> None:
    title = "A long title that does not fit beside the buttons"
    chat = await desk.chat(alice, await past_thread(alice, title=title), **phone(SMALL))
    assert await in_the_bar(chat) == ["Open chats", "New chat", "Options"]
    heading = await chat.page.get_by_role("heading", level=1).bounding_box()
    assert heading is not None
    assert heading["width"] > SMALL["width"] / 2 - 16  # 44 px for each button leave so much
    await menu_of(chat.page).tap()
    assert await in_the_bar(chat) == [
        "Open chats", "New chat", "Options",
        "Rename chat", "Delete chat", "Chats", "Usage", "Settings", "Theme: system. Change to dark", "Log out",
    ]  # fmt: skip


async def test_a_desktop_has_the_menu_beside_the_title(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, title="Eggs"))
    assert await in_the_bar(chat) == ["Options", "Theme: system. Change to dark", "Account"]
    await menu_of(chat.page).click()
    assert await in_the_bar(chat) == [
        "Options", "Rename chat", "Delete chat", "Theme: system. Change to dark", "Account"
    ]  # fmt: skip
    title = await chat.page.get_by_role("heading", level=1).bounding_box()
    menu = await menu_of(chat.page).bounding_box()
    assert title and menu
    assert menu["x"] - title["x"] - title["width"] < menu["width"]


async def test_a_new_chat_has_only_the_account_in_the_menu_of_a_phone(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, **phone())
    assert await in_the_bar(chat) == ["Open chats", "Options"]
    await menu_of(chat.page).tap()
    await chat.page.get_by_role("link", name="Settings").tap()
    await expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()

    assert await in_the_bar(await desk.chat(alice)) == ["Theme: system. Change to dark", "Account"]


@pytest.mark.parametrize("viewport", [PHONE, SMALL, LANDSCAPE, {"width": 800, "height": 360}])
async def test_every_item_can_be_reached_and_a_touch_beside_the_menu_closes_it(
    desk: Desk, alice: Person, viewport: dict[str, int]
) -> None:
    chat = await desk.chat(alice, await past_thread(alice, title="Eggs " * 50), **phone(viewport))
    for menu in await chat.page.locator("#chat-header details:visible").all():
        await menu.locator("summary").tap()
        items = menu.locator("a:visible, button:visible")
        for item in await items.all():
            await item.scroll_into_view_if_needed()
            await expect(item).to_be_in_viewport(ratio=1)
        assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await chat.page.touchscreen.tap(12, viewport["height"] / 2)
        await expect(items).to_have_count(0)


async def test_the_theme_changes_from_the_menu(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice), **phone())
    await menu_of(chat.page).tap()
    item = chat.page.get_by_role("button", name="Theme: ")
    await expect(item).to_have_text("Theme: system", use_inner_text=True)
    await item.tap()

    await expect(chat.page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(item).to_have_text("Theme: dark", use_inner_text=True)


async def test_the_arrow_keys_walk_through_a_menu(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    account = chat.page.get_by_label("Account")
    await account.focus()
    for key, name in (("ArrowDown", "Chats"), ("ArrowDown", "Usage"), ("ArrowUp", "Chats"), ("ArrowUp", "Log out")):
        await chat.page.keyboard.press(key)
        item = chat.page.locator("#account-menu").locator("a, button").filter(has_text=name)
        await expect(item).to_be_focused()
    await chat.page.keyboard.press("ArrowDown")
    await expect(chat.page.locator("#account-menu").get_by_role("link", name="Chats")).to_be_focused()
    await chat.page.keyboard.press("Escape")
    await expect(account).to_be_focused()
    await expect(chat.page.get_by_role("link", name="Settings")).to_be_hidden()


async def test_without_javascript_the_menu_of_a_phone_works(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, java_script_enabled=False, **phone())
    page = await context.new_page()
    await page.goto(f"/chat/{await past_thread(alice, title='Eggs')}/")
    await menu_of(page).tap()
    await expect(page.get_by_role("link", name="Delete chat")).to_be_visible()
    await expect(page.get_by_role("button", name="Theme")).to_be_hidden()
    await page.get_by_role("button", name="Log out").tap()

    await expect(page.get_by_role("link", name="Log in").first).to_be_visible()
