"""A user's message stays exactly as typed: it can be copied, and a long one is folded after 12 lines."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import answered, past_thread

PASTED = "\n".join(f"line {number} of the paste" for number in range(1, 121))
LINE_PX = 27.2  # 16 px by 1.7


def bubble(chat: ChatPage) -> Locator:
    return chat.questions.last.locator(".markdown-content")


async def height(chat: ChatPage) -> float:
    box = await bubble(chat).bounding_box()
    assert box
    return box["height"]


async def test_a_message_is_copied_as_it_was_typed(desk: Desk, alice: Person) -> None:
    text = "  two  spaces\n\n**no** <b>markup</b>"
    chat = await desk.chat(alice, await answered(alice, text, "Yes."))
    await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = chat.questions.last.get_by_role("button", name="Copy message")
    await bubble(chat).hover()
    await button.click()

    await expect(button).to_have_text("Copied")
    await chat.hears("Message copied")
    assert await chat.page.evaluate("navigator.clipboard.readText()") == text


@pytest.mark.parametrize("java_script", [True, False])
async def test_a_long_paste_is_folded_and_opens(desk: Desk, alice: Person, java_script: bool) -> None:
    thread_id = await answered(alice, PASTED, "Yes.")
    page = await (await desk.context(alice, java_script_enabled=java_script)).new_page()
    await page.goto(f"/chat/{thread_id}/")
    chat = ChatPage(page)
    folded = await height(chat)
    assert 11 * LINE_PX < folded < 14 * LINE_PX
    assert await chat.text(chat.questions.last) == PASTED, "nothing is taken out of the page"
    await chat.questions.last.get_by_text("Show all 120 lines").click()
    assert await height(chat) > 119 * LINE_PX
    await chat.questions.last.get_by_text("Show less").click()
    assert await height(chat) == folded


async def test_a_long_paste_is_folded_live_as_after_a_reload(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say(PASTED)
    await expect(chat.questions.last.get_by_text("Show all 120 lines")).to_be_visible()
    await chat.is_over(answers=2)
    live = await height(chat)
    await chat.page.reload()
    await chat.is_connected()

    assert await height(chat) == live
    await expect(chat.questions.last.get_by_text("Show all 120 lines")).to_be_visible()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n".join("x" * 12), ""),
        ("\n".join("x" * 13), "Show all 13 lines"),
        ("很" * 1_500, ""),
        ("😀" * 1_501, "Show all 1,501 characters"),
        ("word " * 1_000, "Show all 4,999 characters"),
    ],
)
async def test_what_is_folded(desk: Desk, alice: Person, text: str, words: str) -> None:
    chat = await desk.chat(alice, await answered(alice, text.strip(), "Yes."), viewport=PHONE)
    fold = chat.questions.last.locator(".message-more summary")
    if not words:
        await expect(fold).to_be_hidden()
        return
    await expect(fold).to_have_text(words, use_inner_text=True)
    assert await height(chat) < 14 * LINE_PX


async def test_what_is_found_in_the_folded_part_is_shown(desk: Desk, alice: Person) -> None:
    """Find-in-page scrolls to it."""
    chat = await desk.chat(alice, await answered(alice, PASTED, "Yes."))
    await chat.page.evaluate(
        """() => {
          const text = document.querySelector("article .markdown-content").firstChild;
          const range = document.createRange();
          range.setStart(text, text.data.indexOf("line 90"));
          range.setEnd(text, text.data.indexOf("line 90") + 7);
          const { top } = range.getBoundingClientRect();
          document.querySelector("article .markdown-content").scrollTop = top;
        }"""
    )
    await expect(chat.questions.last.get_by_text("Show less")).to_be_visible()
    assert await height(chat) > 119 * LINE_PX


async def test_printing_shows_all_of_a_long_paste(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await answered(alice, PASTED, "Yes."))
    await chat.page.emulate_media(media="print")
    assert await height(chat) > 100 * LINE_PX
