"""The list of chats: the newest on top in every tab, and a drawer on a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import PHONE, Desk
from tests.support.rows import past_thread


async def test_a_message_in_an_older_thread_moves_it_to_the_top_of_other_tabs(desk: Desk, alice: Person) -> None:
    older = await past_thread(alice, title="The older one", days_ago=2)
    newer = await past_thread(alice, title="The newer one", days_ago=1)
    chat = await desk.chat(alice, newer)
    titles = chat.threads.locator(".thread-title")
    await expect(titles).to_have_text(["The newer one", "The older one"])
    await expect(chat.threads.nth(0).get_by_role("link")).to_have_attribute("aria-current", "page")
    await chat.threads.nth(1).get_by_role("link").focus()

    await alice.ask("say hello [offline: delay_first=1.5]", older)
    await expect(titles).to_have_text(["The older one", "The newer one"])
    link = chat.threads.nth(0).get_by_role("link")
    await expect(link).to_be_focused()
    await expect(link.locator(".thread-running")).to_be_visible()
    await expect(link.locator(".thread-running")).to_be_hidden()
    await expect(chat.threads.nth(1).get_by_role("link")).to_have_attribute("aria-current", "page")
    await expect(chat.messages).to_have_count(2)


async def test_a_new_thread_appears_in_other_tabs_and_leads_there(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await alice.ask("say hello to <b>everybody</b>")
    await expect(chat.threads).to_have_count(2)
    await chat.page.get_by_role("link", name="say hello to <b>everybody</b>").click()

    await chat.is_connected()
    await chat.is_over()
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("say hello to <b>everybody</b>")


async def test_the_drawer_on_a_phone_opens_closes_and_returns_the_focus(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id, viewport=PHONE, has_touch=True, is_mobile=True)
    opener = chat.page.get_by_role("button", name="Open chats", exact=True)
    drawer = chat.page.get_by_role("complementary", name="Chats")
    await expect(drawer).to_be_hidden()
    for close in ("Escape", "button"):
        await opener.focus()
        await opener.press("Enter")
        await expect(drawer).to_be_visible()
        await expect(chat.threads.first).to_be_in_viewport()
        if close == "Escape":
            await chat.page.keyboard.press("Escape")
        else:
            await drawer.get_by_role("button", name="Close chats").press("Enter")
        await expect(drawer).to_be_hidden()
        await expect(opener).to_be_focused()
    await opener.tap()
    await drawer.get_by_role("link", name="New chat").tap()

    await expect(chat.page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    await expect(drawer).to_be_hidden()
    width = await chat.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width == [PHONE["width"], PHONE["width"]]


CONTRAST = """(dot) => {
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (color) => {
    pixel.fillStyle = color;
    pixel.fillRect(0, 0, 1, 1);
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const [red, green, blue] = [...pixel.getImageData(0, 0, 1, 1).data].map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const found = [dot, dot.closest("a")].map((element) => luminance(getComputedStyle(element).backgroundColor));
  return (Math.max(...found) + 0.05) / (Math.min(...found) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_running_dot_can_be_seen_on_the_current_row(desk: Desk, alice: Person, scheme: str) -> None:
    posted = await alice.ask("say hello [offline: delay_first=30]")
    chat = await desk.chat(alice, posted["thread_id"], color_scheme=scheme)
    dot = chat.threads.first.locator(".thread-running")
    await expect(dot).to_be_visible()

    assert await dot.evaluate(CONTRAST) >= 3
    faint = (
        "(dot) => dot.getAnimations().flatMap((it) => it.effect.getKeyframes()).filter((it) => 'opacity' in it).length"
    )
    assert await dot.evaluate(faint) == 0
    await chat.stop_button.click()
    await expect(dot).to_be_hidden()
