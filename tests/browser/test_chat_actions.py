"""What is done to chats in the list: pin, rename, archive, delete and undo, in every tab, by keys and by finger."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Locator, Route, expect

from chat.models import ChatThread
from tests.support.cast import Person
from tests.support.deleted import purged
from tests.support.desk import NO_CONNECTION, PHONE, REFUSED_FORM, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.waiting import eventually


async def threads(person: Person, *names: str) -> list[str]:
    """Chats of yesterday, the day before and so on; returns their ids."""
    return [await past_thread(person, title=name, days_ago=age) for age, name in enumerate(names, start=1)]


def titles(chat: ChatPage) -> Locator:
    return chat.threads.locator(".thread-title")


def link(chat: ChatPage, title: str) -> Locator:
    return chat.page.locator(".thread-link", has_text=title)


def toast(chat: ChatPage) -> Locator:
    return chat.page.locator("#toast")


async def choose(chat: ChatPage, title: str, item: str) -> None:
    """Open the menu of a chat with the keyboard, and choose an item."""
    await link(chat, title).focus()
    await chat.page.keyboard.press("ArrowRight")
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.get_by_role("menu")).to_be_visible()
    await chat.page.get_by_role("menuitem", name=item, exact=True).press("Enter")
    await expect(chat.page.get_by_role("menu")).to_have_count(0)


async def groups(chat: ChatPage) -> list[str]:
    return await chat.page.locator("#thread-list h2").all_text_contents()


async def test_a_pinned_chat_is_on_top_in_every_tab(desk: Desk, alice: Person) -> None:
    first, _, third = await threads(alice, "First", "Second", "Third")
    here, there, new = await desk.chat(alice, first), await desk.chat(alice, third), await desk.chat(alice)
    await choose(here, "Third", "Pin")
    for chat in (here, there, new):
        await expect(titles(chat)).to_have_text(["Third", "First", "Second"])
        assert (await groups(chat))[0] == "Pinned"
    await expect(here.page.get_by_role("button", name="Actions for Third")).to_be_focused()
    await here.hears("Chat pinned")
    await here.page.reload()
    await expect(titles(here)).to_have_text(["Third", "First", "Second"])
    await choose(there, "Third", "Unpin")
    for chat in (here, there, new):
        await expect(titles(chat)).to_have_text(["First", "Second", "Third"])
        assert "Pinned" not in await groups(chat)


async def test_a_chat_is_renamed_in_its_row(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    here, there = await desk.chat(alice, first, allowed=(REFUSED_FORM,)), await desk.chat(alice)
    await link(here, "Second").focus()
    await here.page.keyboard.press("F2")
    field = here.page.locator("#thread-list input")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("Second")
    await field.fill("Half a title")
    await here.page.keyboard.press("Escape")
    await expect(link(here, "Second")).to_be_focused()
    await choose(here, "Second", "Rename")
    await field.fill(" ")
    await field.press("Enter")
    await expect(here.page.get_by_text("Enter a title.")).to_be_visible()
    await expect(field).to_have_value(" ")
    await expect(field).to_have_accessible_description("Enter a title.")
    await field.fill("<b>Eggs</b> & bacon")
    await field.press("Enter")

    await expect(field).to_have_count(0)
    await expect(link(here, "<b>Eggs</b> & bacon")).to_be_focused()
    await expect(here.page.get_by_role("button", name="Actions for <b>Eggs</b> & bacon")).to_have_count(1)
    await expect(titles(there)).to_have_text(["First", "<b>Eggs</b> & bacon"])


async def test_a_late_answer_does_not_bring_back_an_older_title(desk: Desk, alice: Person) -> None:
    first, second = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first)

    async def overtaken(route: Route) -> None:
        answer = await route.fetch()
        await alice.http.post(f"/chat/{second}/title/", data={"title": "Newest"})
        await expect(titles(chat)).to_have_text(["First", "Newest"])
        await route.fulfill(response=answer)

    await chat.page.route(f"**/chat/{second}/title/", overtaken)
    await choose(chat, "Second", "Rename")
    await chat.page.locator("#thread-list input").fill("Newer")
    await chat.page.keyboard.press("Enter")
    await chat.hears("Chat renamed")
    assert await titles(chat).all_text_contents() == ["First", "Newest"]


async def test_leaving_the_field_stores_a_new_title_and_closes_any_other(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first)
    await choose(chat, "Second", "Rename")
    await chat.field.click()
    await expect(chat.page.locator("#thread-list form")).to_have_count(0)
    await choose(chat, "Second", "Rename")
    await chat.page.locator("#thread-list input").fill(" ")
    await chat.field.click()
    await expect(chat.page.locator("#thread-list form")).to_have_count(0)
    await choose(chat, "Second", "Rename")
    await chat.page.locator("#thread-list input").fill("Newer")
    await chat.field.click()
    await chat.hears("Chat renamed")

    await expect(titles(chat)).to_have_text(["First", "Newer"])
    await expect(chat.field).to_be_focused()


async def test_a_title_that_is_refused_after_leaving_the_field_waits_there_for_the_reader(
    desk: Desk, alice: Person
) -> None:
    first, _ = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first, allowed=(REFUSED_FORM,))
    field, sent = chat.page.locator("#thread-list input"), []
    chat.page.on("request", lambda request: sent.append(request) if request.url.endswith("/title/") else None)
    await choose(chat, "Second", "Rename")
    await field.fill("x" * 300)
    await chat.field.click()
    await expect(chat.page.get_by_text("The title has 300 characters.")).to_be_visible()
    await expect(chat.field).to_be_focused()
    await field.click()
    await chat.field.click()
    await expect(chat.field).to_be_focused()
    await expect(field).to_have_value("x" * 300)
    await field.fill("Newer")
    await field.press("Enter")

    await expect(titles(chat)).to_have_text(["First", "Newer"])
    assert len(sent) == 2, "what was refused is not sent again by itself"


async def test_a_title_that_is_being_written_survives_that_its_row_moves(desk: Desk, alice: Person) -> None:
    first, second = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first)
    await choose(chat, "Second", "Rename")
    await chat.page.locator("#thread-list input").fill("Half a title")
    await alice.ask("say hello", second)
    await expect(titles(chat)).to_have_text(["Second", "First"])

    await expect(chat.page.locator("#thread-list input")).to_have_value("Half a title")
    await expect(chat.page.locator("#thread-list input")).to_be_focused()


async def test_a_chat_that_has_no_title_yet_needs_none(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "")
    chat = await desk.chat(alice, first)
    await choose(chat, "New chat", "Rename")
    await expect(chat.page.locator("#thread-list input")).to_have_value("")
    await chat.field.click()
    await expect(chat.page.locator("#thread-list form")).to_have_count(0)


async def test_a_deleted_chat_comes_back_in_every_tab(desk: Desk, alice: Person) -> None:
    first, second, _ = await threads(alice, "First", "Second", "Third")
    here, there = await desk.chat(alice, first), await desk.chat(alice)
    await link(here, "Second").focus()
    await here.page.keyboard.press("Delete")
    for chat in (here, there):
        await expect(titles(chat)).to_have_text(["First", "Third"])
    await expect(link(here, "Third")).to_be_focused()
    await expect(toast(here)).to_have_text("Chat deleted.Undo")
    await here.hears("Chat deleted. Press Control+Z to undo.")
    assert not await ChatThread.exists(id=second, deleted_at=None)
    await here.page.keyboard.press("Control+z")

    for chat in (here, there):
        await expect(titles(chat)).to_have_text(["First", "Second", "Third"])
    await expect(toast(here)).to_have_count(0)
    await here.hears("Chat restored")
    assert await ChatThread.exists(id=second, deleted_at=None)


async def test_one_press_deletes_one_chat_and_all_come_back(desk: Desk, alice: Person) -> None:
    first, *_ = await threads(alice, "First", "Second", "Third", "Fourth")
    chat = await desk.chat(alice, first)
    await link(chat, "Second").focus()
    await chat.page.keyboard.down("Delete")
    await expect(link(chat, "Third")).to_be_focused()
    await chat.page.keyboard.down("Delete")  # a repetition: the key is held
    await chat.page.keyboard.up("Delete")
    await chat.page.keyboard.press("Control+Delete")
    await chat.page.keyboard.press("Shift+Delete")
    await chat.page.keyboard.press("Delete")
    await expect(toast(chat)).to_have_text("2 chats deleted.Undo")
    await expect(titles(chat)).to_have_text(["First", "Fourth"])
    await chat.page.keyboard.press("Control+z")

    await expect(titles(chat)).to_have_text(["First", "Second", "Third", "Fourth"])
    await chat.hears("2 chats restored")


async def test_a_chat_that_is_being_deleted_is_not_deleted_again(desk: Desk, alice: Person) -> None:
    first, *_ = await threads(alice, "First", "Second", "Third", "Fourth")
    chat = await desk.chat(alice, first)
    pressed, sent = asyncio.Event(), []

    async def slowly(route: Route) -> None:
        sent.append(route.request.post_data)
        await pressed.wait()
        await route.continue_()

    await chat.page.route("**/chat/bulk/", slowly)
    await link(chat, "Second").focus()
    for _ in range(3):
        await chat.page.keyboard.press("Delete")
    await link(chat, "Fourth").focus()
    await chat.page.keyboard.press("Delete")
    pressed.set()

    await expect(toast(chat)).to_have_text("2 chats deleted.Undo")
    assert len(sent) == 2


async def test_the_focus_goes_to_the_nearest_chat(desk: Desk, alice: Person) -> None:
    """Each group has one chat, and goes with it."""
    titled = {1: "First", 4: "Second", 20: "Third"}
    *_, third = [await past_thread(alice, title=title, days_ago=age) for age, title in titled.items()]
    chat = await desk.chat(alice, third)
    assert len(await groups(chat)) == 3
    await link(chat, "First").focus()
    await chat.page.keyboard.press("Delete")
    await expect(titles(chat)).to_have_text(["Second", "Third"])
    await expect(link(chat, "Second")).to_be_focused()


async def test_the_next_chat_does_not_cover_the_focus(desk: Desk, alice: Person) -> None:
    """Its ground, under the pointer, would be over the ring."""
    first, *_ = await threads(alice, "First", "", "Second", "Third")
    chat = await desk.chat(alice, first)
    await chat.page.keyboard.press("Tab")  # a key, so that the ring is shown
    await link(chat, "Second").focus()
    box = await link(chat, "Second").bounding_box()
    assert box
    ring: Any = {"x": box["x"] + 40, "y": box["y"] + box["height"] + 2, "width": 40, "height": 2}
    before = await chat.page.screenshot(clip=ring)
    await link(chat, "Third").hover()
    assert await chat.page.screenshot(clip=ring) == before


async def test_after_the_current_chat_a_new_one_offers_to_undo(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first)
    await choose(chat, "First", "Delete")
    await chat.page.wait_for_url("**/chat/")
    await expect(titles(chat)).to_have_text(["Second"])
    await toast(chat).get_by_role("button", name="Undo").press("Enter")
    await chat.page.wait_for_url(f"**/chat/{first}/")

    await expect(titles(chat)).to_have_text(["First", "Second"])
    await expect(link(chat, "First")).to_have_attribute("aria-current", "page")
    await expect(chat.messages).to_have_count(2)


async def test_an_archived_chat_leaves_the_list_and_comes_back(desk: Desk, alice: Person) -> None:
    first, second = await threads(alice, "First", "Second")
    here, there = await desk.chat(alice, first), await desk.chat(alice, second)
    await choose(here, "Second", "Archive")
    for chat in (here, there):
        await expect(titles(chat)).to_have_text(["First"])
    await expect(there.status).to_have_attribute("data-phase", "connected")
    await expect(toast(here)).to_have_text("Chat archived.Undo")
    await toast(here).get_by_role("button", name="Undo").click()

    for chat in (here, there):
        await expect(titles(chat)).to_have_text(["First", "Second"])
    await here.hears("Chat back in the list")


async def test_undo_stays_as_long_as_it_has_the_focus_and_goes_by_itself(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    page = await (await desk.context(alice, allowed=(NO_CONNECTION,))).new_page()
    await page.clock.install()
    chat = await ChatPage.opened(page, first)
    await choose(chat, "Second", "Archive")
    await toast(chat).get_by_role("button", name="Undo").focus()
    await page.clock.run_for(60_000)
    await expect(toast(chat)).to_be_visible()
    await chat.field.focus()
    await page.clock.run_for(9_000)
    await expect(toast(chat)).to_be_visible()
    await page.clock.run_for(2_000)

    await expect(toast(chat)).to_have_count(0)


async def test_undo_stays_until_both_the_pointer_and_the_focus_have_left_it(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    page = await (await desk.context(alice, allowed=(NO_CONNECTION,))).new_page()
    await page.clock.install()
    chat = await ChatPage.opened(page, first)
    await choose(chat, "Second", "Archive")
    await toast(chat).hover()
    await toast(chat).get_by_role("button", name="Undo").focus()
    await chat.field.hover()
    await page.clock.run_for(60_000)
    await expect(toast(chat)).to_be_visible()
    await toast(chat).hover()
    await chat.field.focus()
    await page.clock.run_for(60_000)
    await expect(toast(chat)).to_be_visible()
    await chat.field.hover()
    await page.clock.run_for(9_000)
    await expect(toast(chat)).to_be_visible()
    await page.clock.run_for(2_000)

    await expect(toast(chat)).to_have_count(0)


async def test_in_a_field_the_keys_of_undo_belong_to_its_text(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first)
    await choose(chat, "Second", "Delete")
    await chat.field.press("Control+z")
    await expect(toast(chat)).to_be_visible()
    await expect(titles(chat)).to_have_text(["First"])


async def test_it_can_be_too_late_to_undo(desk: Desk, alice: Person) -> None:
    first, second = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first)
    await choose(chat, "Second", "Delete")
    await toast(chat).get_by_role("button", name="Undo").focus()  # so that it stays
    await purged(second)
    await toast(chat).get_by_role("button", name="Undo").click()

    await expect(toast(chat)).to_have_text("Chat can no longer be restored.")
    await expect(titles(chat)).to_have_text(["First"])


async def test_without_a_connection_nothing_is_lost(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first, allowed=("ERR_FAILED", "Failed to load resource"))
    await chat.page.route("**/chat/bulk/", lambda route: route.abort())
    await choose(chat, "Second", "Delete")
    await expect(toast(chat)).to_have_text("Not connected. Try again.")
    await expect(titles(chat)).to_have_text(["First", "Second"])


async def test_what_fails_takes_no_undo_away(desk: Desk, alice: Person) -> None:
    first, *_ = await threads(alice, "First", "Second", "Third")
    chat = await desk.chat(alice, first, allowed=("ERR_FAILED", "Failed to load resource"))
    await choose(chat, "Second", "Delete")
    await expect(toast(chat)).to_have_text("Chat deleted.Undo")
    await chat.page.route("**/chat/bulk/", lambda route: route.abort())
    await choose(chat, "Third", "Archive")
    await expect(toast(chat)).to_have_text("Chat deleted. Not connected. Try again.Undo")
    await toast(chat).get_by_role("button", name="Undo").click()
    await expect(toast(chat)).to_have_text("Chat deleted. Not connected. Try again.Undo")
    await chat.page.unroute("**/chat/bulk/")
    await toast(chat).get_by_role("button", name="Undo").click()

    await expect(titles(chat)).to_have_text(["First", "Second", "Third"])


async def test_an_answer_is_unread_until_its_end_is_seen(desk: Desk, alice: Person) -> None:
    first, second = await threads(alice, "First", "Second")
    chat, other = await desk.chat(alice, first), await desk.chat(alice)
    await alice.ask("say hello", second)
    dot = link(chat, "Second").locator(".thread-unread")
    await expect(dot).to_be_visible()
    await expect(link(other, "Second").locator(".thread-unread")).to_be_visible()
    await expect(link(chat, "Second")).to_have_accessible_name("Second , new answer")
    await link(chat, "Second").click()

    await expect(link(other, "Second").locator(".thread-unread")).to_be_hidden()
    await other.page.reload()
    await expect(link(other, "Second").locator(".thread-unread")).to_be_hidden()


async def test_an_answer_in_an_archived_chat_is_seen(desk: Desk, alice: Person) -> None:
    """The list has no row for it."""
    _, second = await threads(alice, "First", "Second")
    await ChatThread.filter(id=second).update(archived=True)
    await alice.ask("say hello", second)
    assert await eventually(lambda: is_unread(second))
    chat = await desk.chat(alice, second)

    assert await eventually(lambda: is_read(second))
    await alice.ask("say more", second)  # within some seconds
    await chat.is_over(answers=3)
    assert await eventually(lambda: is_read(second))
    await expect(chat.page.locator("#chat[data-unread]")).to_have_count(0)


async def is_unread(thread_id: str) -> bool:
    thread = await ChatThread.get(id=thread_id)
    return thread.answered_number > thread.seen_number


async def is_read(thread_id: str) -> bool:
    thread = await ChatThread.get(id=thread_id)
    return thread.answered_number == thread.message_count == thread.seen_number


async def test_the_menu_of_a_row_by_keys_and_by_mouse(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first)
    button = chat.page.get_by_role("button", name="Actions for Second")
    await link(chat, "Second").focus()
    await chat.page.keyboard.press("ArrowRight")
    await expect(button).to_be_focused()
    await chat.page.keyboard.press("ArrowLeft")
    await expect(link(chat, "Second")).to_be_focused()
    await chat.page.keyboard.press("ArrowRight")
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.get_by_role("menuitem", name="Pin")).to_be_focused()
    await chat.page.keyboard.press("ArrowUp")
    await expect(chat.page.get_by_role("menuitem", name="Delete")).to_be_focused()
    await chat.page.keyboard.press("Escape")
    await expect(button).to_be_focused()
    await button.click()
    await expect(chat.page.get_by_role("menu")).to_be_visible()
    await button.click()
    await expect(chat.page.get_by_role("menu")).to_have_count(0)


async def test_on_a_phone_the_drawer_stays_open_for_what_is_done_in_it(desk: Desk, alice: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    chat = await desk.chat(alice, first, viewport=PHONE, has_touch=True, is_mobile=True)
    drawer = chat.page.get_by_role("complementary", name="Chats")
    await chat.page.get_by_role("button", name="Open chats").tap()
    await chat.page.get_by_role("button", name="Actions for Second").tap()
    await chat.page.get_by_role("menuitem", name="Archive").tap()
    await expect(titles(chat)).to_have_text(["First"])
    await expect(drawer).to_be_visible()
    await toast(chat).get_by_role("button", name="Undo").tap()
    await expect(titles(chat)).to_have_text(["First", "Second"])
    await expect(drawer).to_be_visible()
    await chat.page.get_by_role("button", name="Actions for Second").tap()
    await chat.page.get_by_role("menuitem", name="Delete").tap()
    await expect(titles(chat)).to_have_text(["First"])
    await drawer.get_by_role("button", name="Close chats").tap()
    await expect(drawer).to_be_hidden()
    await expect(toast(chat)).to_be_visible()


async def test_a_chat_of_someone_else_is_left_alone(desk: Desk, alice: Person, bob: Person) -> None:
    first, _ = await threads(alice, "First", "Second")
    foreign = await past_thread(bob)
    chat = await desk.chat(alice, first)
    await chat.threads.nth(1).evaluate("(row, id) => { row.dataset.threadId = id; }", foreign)
    await choose(chat, "Second", "Delete")
    await eventually(lambda: ChatThread.exists(id=foreign, deleted_at=None))
    await expect(titles(chat)).to_have_text(["First", "Second"])
