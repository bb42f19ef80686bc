"""Several chats at once: chosen in the list, archived or deleted together, in every tab."""

from __future__ import annotations

import re
from itertools import count

from playwright.async_api import Locator, expect

from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import many_threads


def titles(chat: ChatPage) -> Locator:
    return chat.threads.locator(".thread-title")


def named(*numbers: int) -> list[str]:
    return [f"Chat {number}" for number in numbers]


def checks(chat: ChatPage) -> Locator:
    return chat.threads.get_by_role("checkbox")


def bar(chat: ChatPage) -> Locator:
    return chat.page.get_by_role("group", name="Selected chats")


async def begin(chat: ChatPage) -> None:
    await chat.page.get_by_role("link", name="Select chats").press("Enter")
    await expect(bar(chat)).to_be_visible()


async def test_several_are_deleted_and_come_back_in_every_tab(desk: Desk, alice: Person) -> None:
    ids = await many_threads(alice, 8)
    here, there = await desk.chat(alice, ids[0]), await desk.chat(alice)
    await begin(here)
    await expect(checks(here).first).to_be_focused()
    await here.page.keyboard.press("ArrowDown")
    await here.page.keyboard.press("Space")
    await here.page.keyboard.press("End")
    await here.page.keyboard.press("Space")
    await expect(bar(here)).to_contain_text("2 selected")
    await bar(here).get_by_role("button", name="Delete").press("Enter")
    for chat in (here, there):
        await expect(titles(chat)).to_have_text(named(1, 3, 4, 5, 6, 7))
    await expect(bar(here)).to_have_count(0)
    await here.hears("2 chats deleted. Press Control+Z to undo.")
    await here.page.locator("#toast").get_by_role("button", name="Undo").click()

    for chat in (here, there):
        await expect(titles(chat)).to_have_text(named(*range(1, 9)))
    await here.hears("2 chats restored")


async def test_several_are_archived(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 6)
    here, there = await desk.chat(alice), await desk.chat(alice)
    await begin(here)
    await checks(here).nth(1).check()
    await checks(here).nth(3).click(modifiers=["Shift"])
    await expect(bar(here)).to_contain_text("3 selected")
    await bar(here).get_by_role("button", name="Archive").click()
    for chat in (here, there):
        await expect(titles(chat)).to_have_text(named(1, 5, 6))
    await here.page.get_by_role("link", name="Archived").click()
    await expect(here.page.get_by_role("main").get_by_text("Chat 3", exact=True)).to_be_visible()


async def test_a_range_goes_both_ways_and_takes_back(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 6)
    chat = await desk.chat(alice)
    await begin(chat)
    await checks(chat).nth(4).click()
    await checks(chat).nth(1).click(modifiers=["Shift"])
    await expect(bar(chat)).to_contain_text("4 selected")
    await checks(chat).nth(2).click(modifiers=["Shift"])
    await expect(bar(chat)).to_contain_text("2 selected")
    assert await checks(chat).evaluate_all("(all) => all.map((one) => one.checked)") == [False] * 3 + [True] * 2 + [
        False
    ]


async def test_all_that_are_shown(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 53)
    chat = await desk.chat(alice)
    await begin(chat)
    delete = bar(chat).get_by_role("button", name="Delete")
    await expect(delete).to_have_attribute("aria-disabled", "true")
    await bar(chat).get_by_role("button", name="Select all shown").click()
    await expect(bar(chat)).to_contain_text("50 selected")
    await bar(chat).get_by_role("button", name="Select none").click()
    await expect(bar(chat)).to_contain_text("0 selected")
    await bar(chat).get_by_role("button", name="Select all shown").click()
    await delete.click()

    await expect(chat.page.locator("#toast")).to_have_text("50 chats deleted.Undo")
    await expect(titles(chat)).to_have_text(named(51, 52, 53))


async def test_if_only_some_are_deleted_these_can_come_back(desk: Desk, alice: Person) -> None:
    """The second request fails; the first one has the chat that the page shows, so there is a new page by then."""
    ids = await many_threads(alice, 503)
    chat = await desk.chat(alice, ids[0], allowed=("ERR_FAILED", "Failed to load resource"))
    await chat.page.get_by_role("link", name="Show all").click()
    await expect(titles(chat)).to_have_count(503)
    requests = count(1)
    await chat.page.route("**/chat/bulk/", lambda route: route.abort() if next(requests) == 2 else route.continue_())
    await begin(chat)
    await bar(chat).get_by_role("button", name="Select all", exact=True).click()
    await bar(chat).get_by_role("button", name="Delete").click()
    await chat.page.wait_for_url("**/chat/")
    undo = chat.page.locator("#toast").get_by_role("button", name="Undo")
    await undo.focus()  # so that it stays
    await expect(chat.page.locator("#toast")).to_have_text("500 chats deleted. Not connected. Try again.Undo")
    await expect(titles(chat)).to_have_text(named(501, 502, 503))
    await undo.click()

    await chat.page.wait_for_url(f"**/chat/{ids[0]}/")
    await expect(titles(chat).first).to_have_text("Chat 1")


async def test_escape_leaves_and_stops_no_answer(desk: Desk, alice: Person) -> None:
    posted = await alice.ask("say hello [offline: delay_first=30]")
    chat = await desk.chat(alice, posted["thread_id"])
    await expect(chat.stop_button).to_be_visible()
    await begin(chat)
    await chat.page.keyboard.press("Space")
    await chat.page.keyboard.press("Escape")
    await expect(bar(chat)).to_have_count(0)
    await expect(checks(chat)).to_have_count(0)
    await expect(chat.threads.first.get_by_role("link")).to_be_focused()
    await expect(chat.stop_button).to_be_visible()
    await begin(chat)
    await expect(bar(chat)).to_contain_text("0 selected")
    await bar(chat).get_by_role("button", name="Cancel").click()
    await expect(bar(chat)).to_have_count(0)
    await chat.stop_button.click()
    await chat.is_over("stopped")


async def test_chats_that_come_and_go_meanwhile(desk: Desk, alice: Person) -> None:
    ids = await many_threads(alice, 3)
    chat = await desk.chat(alice)
    await begin(chat)
    await checks(chat).nth(1).check()
    posted = await alice.ask("A newer one")
    await expect(checks(chat)).to_have_count(4)
    await expect(bar(chat)).to_contain_text("1 selected")
    await alice.http.post(f"/chat/{ids[1]}/delete/")
    await expect(checks(chat)).to_have_count(3)
    await expect(bar(chat)).to_contain_text("0 selected")
    await alice.http.post(f"/chat/{posted['thread_id']}/delete/")
    await expect(checks(chat)).to_have_count(2)


async def test_the_menu_of_a_row_begins_with_it(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 3)
    chat = await desk.chat(alice)
    await chat.threads.nth(1).hover()
    await chat.threads.nth(1).get_by_role("button").click()
    await chat.page.get_by_role("menuitem", name="Select").click()
    await expect(bar(chat)).to_contain_text("1 selected")
    await expect(checks(chat).nth(1)).to_be_checked()


async def test_with_a_finger_escape_closes_one_thing_at_a_time(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 3)
    chat = await desk.chat(alice, viewport=PHONE, has_touch=True, is_mobile=True)
    drawer = chat.page.get_by_role("complementary", name="Chats")
    await chat.page.get_by_role("button", name="Open chats").tap()
    await chat.page.get_by_role("link", name="Select chats").tap()
    await expect(bar(chat)).to_be_visible()
    await chat.threads.nth(2).tap()
    await expect(bar(chat)).to_contain_text("1 selected")
    await chat.page.keyboard.press("Escape")
    await expect(bar(chat)).to_have_count(0)
    await expect(drawer).to_be_visible()
    await chat.page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()


async def test_without_javascript_a_page_has_the_checkboxes(desk: Desk, alice: Person) -> None:
    await many_threads(alice, 3)
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto("/chat/")
    await page.get_by_role("link", name="Select chats").click()
    await page.wait_for_url("**/chat/list/")
    for title in named(1, 3):
        await page.get_by_role("checkbox", name=title).check()
    await page.get_by_role("button", name="Archive").click()
    await expect(page.get_by_text("2 chats are archived.")).to_be_visible()
    await page.get_by_role("link", name=re.compile("Archived")).first.click()
    await expect(page.get_by_role("checkbox", name="Chat 1")).to_be_visible()
