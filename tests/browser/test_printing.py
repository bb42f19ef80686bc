"""A chat prints as a document: all that is loaded, on white, without what is only for the screen."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import answered

ANSWER = (
    "Read [the guide](https://docs.example/guide).\n\n```python\n" + "x = " + "'long' + " * 60 + "''\n```\n\n"
    "| "
    + " | ".join(f"column {n}" for n in range(12))
    + " |\n"
    + "|---" * 12
    + "|\n\n"
    + "A paragraph.\n\n" * 120
    + "The end."
)
PAPER = {"width": 794, "height": 1123}  # A4
COLORS = "(it) => [getComputedStyle(it).color, getComputedStyle(document.body).backgroundColor]"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("java_script", [True, False])
async def test_all_of_a_chat_is_printed_and_nothing_else(
    desk: Desk, alice: Person, scheme: str, java_script: bool
) -> None:
    thread_id = await answered(alice, "\n".join(f"line {number}" for number in range(50)), ANSWER)
    context = await desk.context(alice, java_script_enabled=java_script, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"/chat/{thread_id}/")
    await expect(page.locator("#chat-messages")).to_contain_text("The end.")
    if java_script:
        await expect(page.locator("#connection-status")).to_have_attribute("data-phase", "connected")
    await page.emulate_media(media="print", color_scheme=scheme)

    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    for shown in ("line 49", "The end."):
        await expect(page.get_by_text(shown)).to_be_visible()
    for hidden in ("#chat-sidebar", "#composer", ".message-actions", "#chat-header button", "#older", ".message-more"):
        for part in await page.locator(hidden).all():
            await expect(part).to_be_hidden()
    end = await page.get_by_text("The end.").bounding_box()
    height = await page.evaluate("document.documentElement.scrollHeight")
    assert end
    assert end["y"] + end["height"] <= height, "the page is as long as the chat, not cut at the window"
    assert end["y"] + end["height"] > 120 * 20
    text, ground = await page.locator(".markdown-content").last.evaluate(COLORS)
    assert ground == "rgb(255, 255, 255)"
    assert text != "rgb(214, 214, 211)"


async def test_code_wraps_and_links_have_their_addresses_on_paper(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await answered(alice, "Hello", ANSWER), viewport=PAPER)
    await chat.page.emulate_media(media="print")
    width = await chat.page.evaluate("document.documentElement.clientWidth")
    for part in ("pre", ".table-scroll"):
        assert await chat.answer.locator(part).evaluate("(it) => it.scrollWidth <= it.clientWidth + 1")
    assert await chat.page.evaluate("document.documentElement.scrollWidth") <= width
    link = chat.answer.get_by_role("link", name="the guide")
    content = await link.evaluate("(it) => getComputedStyle(it, '::after').content")
    assert "https://docs.example/guide" in content
