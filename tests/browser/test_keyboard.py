"""Everything can be done without a mouse."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread

FOCUSED = """
    () => {
      const it = document.activeElement;
      return it.getAttribute("aria-label") || it.labels?.[0]?.textContent || it.innerText.trim().replace(/\\s+/g, " ");
    }
"""


async def tabbed(page: Page, times: int) -> list[str]:
    """The names of the elements that get the focus with each Tab."""
    names = []
    for _ in range(times):
        await page.keyboard.press("Tab")
        names.append(await page.evaluate(FOCUSED))
    return names


async def test_the_tab_order_of_a_thread(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, title="Today's talk"))
    await expect(chat.field).to_be_focused()
    await chat.page.reload()
    await chat.is_connected()
    await chat.page.evaluate("document.activeElement.blur()")
    await chat.page.locator("body").press("Shift+Tab")
    await chat.page.keyboard.press("Home")
    order = await tabbed(chat.page, 30)
    start = order.index("Skip to the conversation")

    assert order[start : start + 20] == [
        "Skip to the conversation",
        "Skip to the message field",
        "Quart Chat",
        "New chat",
        "Search",
        "Today's talk",
        "Select chats",
        "Archived",
        "Options",
        order[start + 9],
        "Account",
        "Conversation",
        "Copy message",
        "Edit message",
        "More",
        "Copy answer",
        "Try again",
        "More",
        "Go to the answer",
        "Message",
    ]
    assert order[start + 9].startswith("Theme: ")


async def test_the_skip_link_appears_on_focus_and_leads_to_the_field(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    skip = chat.page.get_by_role("link", name="Skip to the message field")
    await expect(skip).not_to_be_in_viewport()
    await skip.focus()
    await expect(skip).to_be_in_viewport()
    await skip.press("Enter")
    await expect(chat.field).to_be_focused()
    await chat.page.keyboard.type("say hello")
    await chat.page.keyboard.press("Tab")
    await expect(chat.send_button).to_be_focused()
    await chat.page.keyboard.press("Enter")

    await chat.is_over(answers=2)
    await expect(chat.field).to_be_focused()


async def test_the_list_of_chats_is_one_tab_stop_with_arrow_keys(desk: Desk, alice: Person) -> None:
    for age, title in enumerate(("First", "Second", "Third", "Fourth")):
        thread_id = await past_thread(alice, title=title, days_ago=age + 1)
    chat = await desk.chat(alice, thread_id)
    link = chat.threads.get_by_role("link")
    await chat.page.get_by_role("link", name="Search").focus()
    await chat.page.keyboard.press("Tab")
    await expect(link.nth(3)).to_be_focused()
    for key, index in (("ArrowDown", 3), ("ArrowUp", 2), ("Home", 0), ("ArrowUp", 0), ("ArrowDown", 1), ("End", 3)):
        await chat.page.keyboard.press(key)
        await expect(link.nth(index)).to_be_focused()
    await chat.page.keyboard.press("Home")
    await chat.page.keyboard.press("Tab")
    assert not await chat.page.evaluate("Boolean(document.activeElement.closest('#thread-list'))")
    await chat.page.keyboard.press("Shift+Tab")
    await expect(link.nth(0)).to_be_focused()
    posted = await alice.ask("A newer one")
    await expect(chat.threads).to_have_count(5)
    assert await link.evaluate_all("(links) => links.map((link) => link.tabIndex)") == [-1, 0, -1, -1, -1]
    await chat.page.keyboard.press("ArrowUp")
    await chat.page.keyboard.press("Enter")

    await chat.page.wait_for_url(f"/chat/{posted['thread_id']}/")


async def test_without_javascript_each_chat_is_a_tab_stop(desk: Desk, alice: Person) -> None:
    for title in ("First", "Second"):
        await past_thread(alice, title=title)
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto("/chat/")

    assert await page.locator("#thread-list a:not([tabindex])").count() == 2


async def test_logging_out(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    menu = chat.page.get_by_label("Account")
    await menu.focus()
    await menu.press("Enter")
    address = chat.page.locator("#account-menu").get_by_text(alice.email)
    await expect(address).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(address).to_be_hidden()
    await expect(menu).to_be_focused()
    await chat.page.keyboard.press("Enter")
    assert await tabbed(chat.page, 5) == ["Chats", "Usage", "Settings", "Keyboard shortcuts", "Log out"]
    await chat.page.keyboard.press("Enter")

    await expect(chat.page.get_by_role("link", name="Log in").first).to_be_visible()
    await chat.page.goto("/chat/")
    await expect(chat.page.get_by_role("heading", name="Log in")).to_be_visible()
