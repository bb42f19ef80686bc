"""A thread gets another title: in its header, in every tab, and on a page without JavaScript."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.support.cast import Person
from tests.support.desk import PHONE, REFUSED_FORM, Desk
from tests.support.rows import past_thread

OFFLINE = "ERR_INTERNET_DISCONNECTED"


class Title:
    """The title of a thread's page, as its reader sees it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.pencil = page.get_by_label("Rename")
        self.field = page.get_by_label("Title", exact=True)
        self.save = page.get_by_role("button", name="Save")
        self.cancel = page.get_by_role("link", name="Cancel")
        self.error = page.locator("#rename-title-error")

    async def begin(self, text: str) -> None:
        """Click the pencil and type."""
        await self.pencil.click()
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
    await title.pencil.click()
    await expect(title.field).to_be_focused()
    await expect(title.field).to_have_value("The first words")
    await here.page.keyboard.type("  Eggs  & bacon ")
    await here.page.keyboard.press("Enter")

    await title.is_shown("Eggs & bacon")
    await expect(title.field).to_be_hidden()
    await expect(title.pencil).to_be_focused()
    await here.hears("Chat renamed")
    await Title(there.page).is_shown("Eggs & bacon")
    await expect(aside.threads.locator(".thread-title")).to_have_text(["Eggs & bacon", "Another talk"])
    await Title(aside.page).is_shown("Another talk")
    await there.page.reload()
    await Title(there.page).is_shown("Eggs & bacon")


async def test_escape_and_cancel_keep_the_title_and_return_the_focus(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, title="The first words"))
    title = Title(chat.page)
    for leave in ("Escape", "link", "pencil"):
        await title.pencil.focus()
        await title.pencil.press("Enter")
        await expect(title.field).to_be_focused()
        await expect(title.field).to_have_value("The first words")
        await title.field.fill("Something else")
        if leave == "Escape":
            await chat.page.keyboard.press("Escape")
        elif leave == "link":
            await title.cancel.click()
        else:
            await title.pencil.press("Enter")
        await expect(title.field).to_be_hidden()
        await expect(title.pencil).to_be_focused()
        await title.is_shown("The first words")


async def test_a_refused_title_stays_in_the_field_with_its_error(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, title="The first words"), allowed=(REFUSED_FORM,))
    title = Title(chat.page)
    await title.pencil.click()
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
    await title.pencil.click()
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
    await title.pencil.click()
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


async def test_on_a_phone_the_field_has_the_whole_bar(desk: Desk, alice: Person) -> None:
    long = "A long title that does not fit beside the buttons of a phone"
    thread_id = await past_thread(alice, title=long)
    chat = await desk.chat(alice, thread_id, viewport=PHONE, has_touch=True, is_mobile=True)
    title = Title(chat.page)
    await title.pencil.tap()
    await expect(title.field).to_be_focused()
    for part in (title.field, title.save, title.cancel):
        await expect(part).to_be_in_viewport(ratio=1)
    await expect(chat.page.get_by_role("button", name="Open chats", exact=True)).to_be_hidden()
    assert (await title.field.bounding_box() or {})["width"] > 150
    width = await chat.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width == [PHONE["width"], PHONE["width"]]
    await title.field.fill("Short")
    await title.save.tap()

    await expect(title.heading).to_have_text("Short")
    await expect(chat.page.get_by_role("button", name="Open chats", exact=True)).to_be_visible()


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
