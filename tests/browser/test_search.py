"""The search dialog: what it finds and offers, by keyboard and by pointer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, Page, Route, expect

from chat.models import ChatThread
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import PHONE, REFUSED_FORM, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.searching import said
from tests.support.touch import PHONE as FINGER
from tests.support.touch import too_small


class Palette:
    """The dialog, in users' words."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.get_by_role("dialog", name="Search")
        self.field = page.get_by_role("combobox", name="Search chats and commands")
        self.options = self.dialog.get_by_role("option")
        self.active = self.dialog.locator("[role=option][aria-selected=true]")
        self.said = self.dialog.get_by_role("status").locator("span")

    async def open(self) -> Palette:
        """By the keyboard."""
        await self.page.keyboard.press("Control+K")
        await expect(self.field).to_be_focused()
        return self

    async def type(self, text: str) -> None:
        """As fingers do."""
        await self.field.press_sequentially(text)

    def option(self, text: str) -> Locator:
        """The rows with this text."""
        return self.options.filter(has_text=text)


async def opened(desk: Desk, person: Person, thread_id: str = "", **options: object) -> Palette:
    chat = await desk.chat(person, thread_id, **options)
    await expect(chat.field).to_be_visible()
    return await Palette(chat.page).open()


@pytest.fixture
async def eggs(alice: Person) -> AsyncIterator[str]:
    """A chat that can be found."""
    thread_id = await said(alice, "How long do eggs boil?", "Ten minutes, **hard** boiled.")
    await ChatThread.filter(id=thread_id).update(title="Breakfast")
    yield thread_id


async def test_what_is_typed_is_found_and_one_key_leads_to_the_message(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice)
    await palette.type("boil")
    await expect(palette.options).to_have_text(
        [
            re.compile("Breakfast"),
            re.compile("Ten minutes, .*hard.* boiled.*Assistant"),
            re.compile("How long do eggs boil.*You"),
            "All results",
        ]
    )
    await expect(palette.dialog.locator("mark")).to_have_text(["boiled", "boil"])
    await expect(palette.said).to_have_text("Found in 1 chat")

    await expect(palette.active).to_contain_text("Ten minutes")
    await expect(palette.field).to_have_attribute(
        "aria-activedescendant", await palette.active.get_attribute("id") or ""
    )
    await palette.field.press("Enter")

    chat = ChatPage(palette.page)
    await palette.page.wait_for_url(f"**/chat/{eggs}/?at=*#m-*")
    await expect(chat.answer).to_be_focused()
    await expect(chat.answer).to_have_attribute("data-found", "")
    assert await highlighted(palette.page) == ["boiled"]


async def highlighted(page: Page) -> list[str]:
    """The words that are highlighted in messages."""
    words: list[str] = await page.evaluate("[...(CSS.highlights.get('search') ?? [])].map(String)")
    return words


async def test_a_message_of_the_open_chat_is_shown_without_loading_a_page(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice, eggs)
    chat = ChatPage(palette.page)
    await palette.page.evaluate("window.isTheSame = true")
    await palette.type("hard")
    await palette.option("Ten minutes").click()

    await expect(palette.dialog).to_be_hidden()
    await expect(chat.answer).to_be_focused()
    assert await highlighted(palette.page) == ["hard"]
    assert await palette.page.evaluate("window.isTheSame")
    await expect(chat.answer).not_to_have_attribute("data-found", "")


async def test_an_empty_field_offers_recent_chats_and_commands(desk: Desk, alice: Person) -> None:
    for number in range(8):
        await past_thread(alice, title=f"Chat {number}", days_ago=number + 1)
    thread_id = await past_thread(alice, title="The open one", days_ago=0)
    palette = await opened(desk, alice, thread_id)

    recent = palette.dialog.get_by_role("group", name="Recent chats").get_by_role("option")
    await expect(recent).to_have_text([re.compile(f"Chat {number}") for number in range(6)])
    commands = palette.dialog.get_by_role("group", name="Commands").get_by_role("option")
    words = [" ".join(text.split()) for text in await commands.all_inner_texts()]
    about = ["Rename this chat", "Pin this chat", "Archive this chat", "Delete this chat"]
    assert words[:6] == ["New chat Ctrl Shift O", *about, "Archived chats"]
    assert words[-1] == "Keyboard shortcuts Ctrl /"
    assert "Settings" in words


async def test_a_command_is_found_by_its_words_and_pressed(desk: Desk, alice: Person) -> None:
    palette = await opened(desk, alice, await past_thread(alice, title="Old"))
    await palette.type("ren")
    await expect(palette.options).to_have_text(["Rename this chat"])
    await palette.field.press("Enter")
    await expect(palette.dialog).to_be_hidden()
    await expect(palette.page.get_by_label("Title")).to_be_focused()
    await palette.page.keyboard.press("Escape")

    await palette.open()
    await palette.type("dark")
    await palette.option("Change the theme to dark").click()
    await expect(palette.page.locator("html.dark")).to_have_count(1)

    await palette.open()
    await palette.type("shortcuts")
    await palette.field.press("Enter")
    await expect(palette.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


async def test_the_open_chat_is_pinned_and_archived(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, title="Old")
    palette = await opened(desk, alice, thread_id)
    row = palette.page.locator("#thread-list li", has_text="Old")
    for words, pinned in (("Pin this chat", 1), ("Unpin this chat", 0)):
        await palette.option(words).first.click()
        await expect(palette.page.locator("#thread-list li[data-pinned]")).to_have_count(pinned)
        await palette.open()
    await palette.type("archive")
    await expect(palette.options).to_have_text(["Archive this chat", "Archived chats"])
    await expect(palette.said).to_contain_text("No chats")
    await palette.field.press("Enter")

    await palette.page.wait_for_url(re.compile("/chat/$"))
    await expect(row).to_have_count(0)
    assert (await ChatThread.get(id=thread_id)).archived

    await palette.page.get_by_role("button", name="Undo").click()
    await palette.page.wait_for_url(f"**/chat/{thread_id}/")
    await expect(row).to_have_count(1)
    assert not (await ChatThread.get(id=thread_id)).archived


@pytest.mark.parametrize("letter", ["a", "d", "p"])
async def test_what_changes_something_is_not_proposed_for_a_letter(desk: Desk, alice: Person, letter: str) -> None:
    palette = await opened(desk, alice, await past_thread(alice, title="Old"))
    await palette.type(letter)
    await expect(palette.said).to_contain_text("No chats")

    await expect(palette.option("this chat").first).to_be_visible()
    await expect(palette.active.filter(has_text=re.compile("this chat|theme"))).to_have_count(0)


async def test_messages_are_proposed_before_commands_of_the_same_name(desk: Desk, alice: Person) -> None:
    thread_id = await said(alice, "Where is the archive?", "In the cellar.")
    palette = await opened(desk, alice, await past_thread(alice, title="Old"))
    await palette.type("archive")
    await expect(palette.options).to_contain_text(
        ["", "Where is the archive?", "Archive this chat", "Archived chats", "All results"]
    )
    await expect(palette.active).to_contain_text("Where is the archive?")
    await palette.field.press("Enter")

    await palette.page.wait_for_url(f"**/chat/{thread_id}/?at=*#m-*")


async def test_a_chat_whose_title_is_typed_is_proposed_before_its_messages(
    desk: Desk, alice: Person, eggs: str
) -> None:
    await alice.http.post(f"/chat/{eggs}/title/", data={"title": "Boiled eggs"})
    palette = await opened(desk, alice)
    await palette.type("eggs boil")
    await expect(palette.option("How long do")).to_be_visible()
    await expect(palette.active).to_contain_text("Boiled eggs")
    await palette.field.press("ArrowDown")
    await palette.field.press_sequentially(" long")
    await expect(palette.active).to_contain_text("How long do")


async def test_an_archived_chat_has_the_commands_of_what_it_is(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, title="Old")
    await ChatThread.filter(id=thread_id).update(archived=True, pinned=True)
    palette = await opened(desk, alice, thread_id)
    await expect(palette.option("Unpin this chat")).to_have_count(1)
    await palette.option("Unarchive this chat").click()

    await expect(palette.page.locator("#thread-list li", has_text="Old")).to_be_visible()
    assert not (await ChatThread.get(id=thread_id)).archived


async def test_commands_about_a_chat_are_offered_only_in_a_chat(desk: Desk, alice: Person) -> None:
    palette = await opened(desk, alice)
    await expect(palette.option("New chat")).to_have_count(1)
    await expect(palette.option("this chat")).to_have_count(0)


async def test_keys_go_round_the_list_and_to_its_ends(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice)
    await expect(palette.active).to_contain_text("Breakfast")
    await palette.field.press("ArrowUp")
    await expect(palette.options.last).to_have_attribute("aria-selected", "true")
    await expect(palette.options.last).to_be_in_viewport()
    await palette.field.press("ArrowDown")
    await expect(palette.options.first).to_have_attribute("aria-selected", "true")
    await palette.field.press("End")
    await expect(palette.options.last).to_have_attribute("aria-selected", "true")
    await palette.field.press("Home")
    await expect(palette.options.first).to_have_attribute("aria-selected", "true")
    await expect(palette.field).to_be_focused()


@pytest.mark.parametrize("keys", ["Control+Enter", "middle"])
async def test_a_result_opens_in_another_tab(desk: Desk, alice: Person, eggs: str, keys: str) -> None:
    palette = await opened(desk, alice)
    await palette.type("boil")
    await expect(palette.option("Ten minutes")).to_be_visible()
    async with palette.page.context.expect_page() as another:
        if keys == "middle":
            await palette.option("Ten minutes").click(button="middle")
        else:
            await palette.field.press(keys)
    page = await another.value

    await expect(ChatPage(page).answer).to_be_focused()
    await expect(palette.dialog).to_be_visible()


async def test_escape_and_the_same_keys_close_it_and_the_focus_returns(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    palette = Palette(chat.page)
    await chat.field.fill("a draft")
    for close in ("Escape", "Control+K"):
        await palette.open()
        await chat.page.keyboard.press(close)
        await expect(palette.dialog).to_be_hidden()
        await expect(chat.field).to_be_focused()
    await expect(chat.field).to_have_value("a draft")


async def test_the_link_in_the_list_opens_it_and_is_a_page_without_javascript(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice)
    await chat.page.get_by_role("link", name="Search").click()
    await expect(Palette(chat.page).field).to_be_focused()

    context = await desk.context(alice, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/chat/")
    await page.get_by_role("link", name="Search").click()
    await page.wait_for_url("**/search/")
    await expect(page.get_by_role("searchbox")).to_be_visible()


async def test_nothing_found_and_what_cannot_be_searched_for_are_said(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice, allowed=(REFUSED_FORM,))
    await palette.type("zeppelin")
    await expect(palette.said).to_have_text("No chats or messages contain “zeppelin”.")
    await expect(palette.options).to_have_count(0)
    await expect(palette.field).to_have_attribute("aria-expanded", "false")

    await palette.field.fill("-eggs")
    await expect(palette.said).to_have_text(re.compile("only says which words to leave out"))
    await palette.field.fill("eggs " * 100)
    await expect(palette.said).to_have_text(re.compile("too long"))
    await expect(palette.dialog.get_by_role("button", name="Try again")).to_be_hidden()
    await palette.field.fill("boil")
    await expect(palette.option("Ten minutes")).to_be_visible()


async def test_an_outage_is_said_and_the_search_can_be_repeated(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice, allowed=("Failed to load resource",))
    await palette.page.context.set_offline(True)
    await palette.type("boil")
    await expect(palette.said).to_contain_text("Not connected.")
    await palette.page.context.set_offline(False)
    await palette.field.press("Enter")
    await expect(palette.option("Ten minutes")).to_be_visible()
    await expect(palette.field).to_be_focused()

    await palette.page.route("**/search/?*", lambda route: route.abort())
    await palette.type("ed")
    await expect(palette.said).to_contain_text("Not connected.")
    await palette.page.unroute_all()
    await palette.dialog.get_by_role("button", name="Try again").click()
    await expect(palette.option("Ten minutes")).to_be_visible()


async def test_enter_before_the_results_have_come_leads_to_a_page_of_them(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice)

    async def never(route: Route) -> None:
        """The request of the dialog; the page is another one."""
        if route.request.resource_type == "document":
            await route.continue_()

    await palette.page.route("**/search/?*", never)
    await palette.type("boil")
    await expect(palette.said).to_contain_text("Searching")
    await palette.field.press("Enter")

    await palette.page.wait_for_url("**/search/?q=boil")
    await expect(palette.page.get_by_role("link", name="Ten minutes")).to_be_visible()


async def test_a_word_that_is_being_composed_is_not_searched_and_its_keys_are_its_own(
    desk: Desk, alice: Person
) -> None:
    await said(alice, "数据库")
    palette = await opened(desk, alice)
    before = await palette.active.inner_text()
    session = await palette.page.context.new_cdp_session(palette.page)
    await session.send("Input.imeSetComposition", {"text": "shu", "selectionStart": 3, "selectionEnd": 3})
    for key in ("key: 'ArrowDown'", "key: 'Enter'", "key: 'k', ctrlKey: true"):
        event = f"new KeyboardEvent('keydown', {{ {key}, isComposing: true, bubbles: true, cancelable: true }})"
        assert await palette.field.evaluate(f"(field) => field.dispatchEvent({event})")
    await expect(palette.said).to_have_text("")
    assert await palette.active.inner_text() == before
    await session.send("Input.insertText", {"text": "数据"})

    await expect(palette.option("数据库")).to_be_visible()


async def test_texts_have_their_own_direction(desk: Desk, alice: Person) -> None:
    thread_id = await said(alice, "كيف أطبخ البيض؟")
    await ChatThread.filter(id=thread_id).update(title="وصفات الإفطار")
    palette = await opened(desk, alice)
    await palette.type("البيض")
    hit = palette.option("كيف")
    await expect(hit).to_be_visible()

    for text in (palette.field, hit.locator("[dir=auto]"), palette.options.first.locator("[dir=auto]")):
        assert await text.evaluate("it => getComputedStyle(it).direction") == "rtl"


async def test_it_can_be_used_by_everyone(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice, eggs)
    axe = AXE.read_text()
    assert await violations(palette.page, axe) == []
    await palette.type("boil")
    await expect(palette.option("Ten minutes")).to_be_visible()
    assert await violations(palette.page, axe) == []
    await palette.type("xyz")
    await expect(palette.said).to_contain_text("No chats")
    assert await violations(palette.page, axe) == []


async def test_fingers_can_press_everything_on_a_small_screen(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice, eggs, **FINGER)
    await palette.type("boil")
    await expect(palette.option("Ten minutes")).to_be_visible()
    assert await too_small(palette.page) == []

    for size in (PHONE, {"width": 320, "height": 256}):
        await palette.page.set_viewport_size({"width": size["width"], "height": size["height"]})
        await palette.field.press("End")
        await expect(palette.options.last).to_be_in_viewport()
        await expect(palette.field).to_be_in_viewport(ratio=1)


async def test_the_chosen_row_is_seen_in_a_contrast_theme(desk: Desk, alice: Person, eggs: str) -> None:
    palette = await opened(desk, alice, forced_colors="active")
    await expect(palette.active).to_have_css("outline-style", "solid")
    await expect(palette.options.last).to_have_css("outline-style", "none")
