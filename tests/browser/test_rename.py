"""A thread gets another title: in its header, in every tab, and on a page without JavaScript."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.cast import Person
from tests.support.desk import REFUSED_FORM, Desk
from tests.support.rows import past_thread

OFFLINE = "ERR_INTERNET_DISCONNECTED"


class Title:
    """The title of a thread's page, as its reader sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.menu = page.get_by_label("Options")
        self.item = page.get_by_role("link", name="Rename chat")
        self.field = page.get_by_label("Title", exact=True)
        self.save = page.get_by_role("button", name="Save")
        self.cancel = page.get_by_role("link", name="Cancel")
        self.error = page.locator("#rename-title-error")

    async def open(self) -> None:
        """Choose it from the menu."""
        await self.menu.click()
        await self.item.click()

    async def begin(self, text: str) -> None:
        """Open the form and type."""
        await self.open()
        await self.field.fill(text)

    async def is_shown(self, text: str) -> None:
        """Wait for the title in the heading, the sidebar and the browser's tab."""
        await expect(self.heading).to_have_text(text)
        await expect(self.page.locator('.thread-link[aria-current="page"] .thread-title')).to_have_text(text)
        await expect(self.page).to_have_title(f"{text} · Quart Chat")


async def test_a_new_title_is_seen_in_every_tab(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, title="The first words")
    elsewhere = await past_thread(alice, title="Another talk", days_ago=2)
    here, there, aside = [await desk.chat(alice, one) for one in (thread_id, thread_id, elsewhere)]
    title = Title(here.page)
    await title.open()
    await expect(title.field).to_be_focused()
    await expect(title.field).to_have_value("The first words")
    await here.page.keyboard.type("  Eggs  & bacon ")
    await here.page.keyboard.press("Enter")

    await title.is_shown("Eggs & bacon")
    await expect(title.field).to_be_hidden()
    await expect(title.menu).to_be_focused()
    await here.hears("Chat renamed")
    await Title(there.page).is_shown("Eggs & bacon")
    await expect(aside.threads.locator(".thread-title")).to_have_text(["Eggs & bacon", "Another talk"])
    await Title(aside.page).is_shown("Another talk")
    await there.page.reload()
    await Title(there.page).is_shown("Eggs & bacon")


async def test_escape_and_cancel_keep_the_title_and_return_the_focus(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, title="The first words"))
    title = Title(chat.page)
    for leave in ("Escape", "link"):
        await title.menu.focus()
        await title.menu.press("ArrowDown")
        await expect(title.item).to_be_focused()
        await title.item.press("Enter")
        await expect(title.item).to_be_hidden()
        await expect(title.field).to_be_focused()
        await expect(title.field).to_have_value("The first words")
        await title.field.fill("Something else")
        if leave == "Escape":
            await chat.page.keyboard.press("Escape")
        else:
            await title.cancel.click()
        await expect(title.field).to_be_hidden()
        await expect(title.menu).to_be_focused()
        await title.is_shown("The first words")


async def test_a_refused_title_stays_in_the_field_with_its_error(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, title="The first words"), allowed=(REFUSED_FORM,))
    title = Title(chat.page)
    await title.open()
    for text, sentence in (
        (" ", "Enter a title."),
        ("x" * 256, "The title has 256 characters. The maximum is 255."),
    ):
        await title.field.fill(text)
        await title.save.click()
        await expect(title.error).to_have_text(sentence)
        await expect(title.field).to_be_focused()
        await expect(title.field).to_have_value(text)
        await expect(title.field).to_have_accessible_description(sentence)
    await title.field.fill("Better")
    await title.save.click()

    await title.is_shown("Better")
    await title.open()
    await expect(title.error).to_be_hidden()


async def test_without_a_connection_the_title_can_be_saved_later(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice), allowed=(OFFLINE,))
    title = Title(chat.page)
    await chat.page.context.set_offline(True)
    await title.begin("Saved later")
    await title.field.press("Enter")
    await expect(title.error).to_have_text("The title was not saved because you are not connected. Try again.")
    await chat.page.context.set_offline(False)
    await title.field.press("Enter")

    await title.is_shown("Saved later")


async def test_a_title_is_text_and_never_markup(desk: Desk, alice: Person) -> None:
    hostile = '</title><img src=x onerror=alert(1)>"&lt;b&gt; **x**'
    chat = await desk.chat(alice, await past_thread(alice))
    title = Title(chat.page)
    await title.begin(hostile)
    await title.field.press("Enter")
    await title.is_shown(hostile)
    await chat.page.reload()

    await title.is_shown(hostile)
    await title.open()
    await expect(title.field).to_have_value(hostile)


async def test_renaming_during_an_answer_loses_nothing(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    title = Title(chat.page)
    await chat.say("count to 400 [offline: pace=5]")
    await chat.has_text(20, answers=2)
    await title.begin("Numbers")
    await title.field.press("Enter")
    await title.is_shown("Numbers")

    await chat.is_over(answers=2)
    assert await chat.text() == ", ".join(str(number) for number in range(1, 401))
    await title.is_shown("Numbers")
    await expect(chat.threads.locator(".thread-running")).to_be_hidden()


LONG = "A long title that fits neither beside the buttons of a phone nor beside those of a desktop. " * 3
# The controls below the form, which must not take the focus.
UNCOVERED = """
    (form) => {
      const header = form.closest("header");
      return [...header.querySelectorAll("a, button, summary")]
        .filter((it) => !form.contains(it) && it.checkVisibility({ visibilityProperty: true }))
        .filter((it) => {
          const [one, other] = [it.getBoundingClientRect(), form.getBoundingClientRect()];
          return one.left < other.right && one.right > other.left;
        })
        .map((it) => it.outerHTML);
    }
"""


@pytest.mark.parametrize("width", [320, 390, 640, 1024, 1280, 1920])
async def test_the_form_covers_a_long_title_and_what_is_beside_it(desk: Desk, alice: Person, width: int) -> None:
    thread_id = await past_thread(alice, title=LONG[:255])
    chat = await desk.chat(alice, thread_id, viewport={"width": width, "height": 700}, has_touch=width < 1024)
    title = Title(chat.page)
    header = await chat.page.locator("#chat-header").bounding_box()
    heading = await title.heading.bounding_box()
    await title.open()
    await expect(title.field).to_be_focused()
    for part in (title.field, title.save, title.cancel):
        await expect(part).to_be_in_viewport(ratio=1)
    form = await chat.page.locator("#rename-form").bounding_box()
    assert form and header and heading
    assert (form["y"], form["height"]) == (header["y"], header["height"])
    assert form["x"] <= heading["x"]
    assert form["x"] + form["width"] >= heading["x"] + heading["width"]
    assert await chat.page.locator("#rename-form").evaluate(UNCOVERED) == []
    assert (await title.field.bounding_box() or {})["width"] > 150
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await title.field.fill("Short")
    await title.save.click()

    await expect(title.heading).to_have_text("Short")
    await expect(title.menu).to_be_visible()


async def test_without_javascript(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, java_script_enabled=False, allowed=(REFUSED_FORM,))
    thread_id = await past_thread(alice, title="The first words")
    page = await context.new_page()
    await page.goto(f"/chat/{thread_id}/")
    title = Title(page)
    await title.begin("x" * 256)
    await title.save.click()
    await expect(title.error).to_have_text("The title has 256 characters. The maximum is 255.")
    await expect(title.field).to_have_value("x" * 256)
    await title.cancel.click()
    await expect(page).to_have_url(re.compile(f"/chat/{thread_id}/$"))
    await title.begin("Eggs & bacon")
    await title.field.press("Enter")

    await title.is_shown("Eggs & bacon")
    await expect(page).to_have_url(re.compile(f"/chat/{thread_id}/$"))
    await expect(title.field).to_be_hidden()
