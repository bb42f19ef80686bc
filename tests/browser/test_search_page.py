"""The page of results: the same search without the dialog."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from chat.models import ChatThread
from chat.search.find import CHATS, HITS
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import REFUSED_FORM, ChatPage, Desk
from tests.support.searching import said
from tests.support.touch import PHONE as FINGER
from tests.support.touch import too_small
from tests.support.waiting import eventually


async def page_of(desk: Desk, person: Person, query: str, **options: object) -> Page:
    page = await (await desk.context(person, **options)).new_page()
    await page.goto(f"/search/?q={query}")
    return page


async def test_the_chat_that_opens_highlights_the_words(desk: Desk, alice: Person) -> None:
    thread_id = await said(alice, "How long do eggs boil?", "Ten minutes, **hard** boiled.")
    page = await page_of(desk, alice, "boil+ten")
    await page.get_by_role("link", name="Ten minutes").click()

    await page.wait_for_url(f"**/chat/{thread_id}/?at=*")
    await expect(ChatPage(page).answer).to_be_focused()
    await eventually(lambda: page.evaluate("CSS.highlights.has('search')"))  # a page that polls itself needs `eval`
    assert await page.evaluate("[...CSS.highlights.get('search')].map(String)") == ["Ten", "boiled"]


async def test_without_javascript_the_message_is_the_target_of_the_address(desk: Desk, alice: Person) -> None:
    await said(alice, "How long do eggs boil?", "\n\n".join(["Ten minutes"] * 100), "And goose eggs?", "Longer.")
    page = await page_of(desk, alice, "boil", java_script_enabled=False)
    await page.get_by_role("link", name="How long").click()

    question = ChatPage(page).questions.first
    await expect(question).to_be_in_viewport(ratio=1)
    await expect(question).to_have_css("outline-style", "solid")


async def test_one_chat_and_older_results_have_pages_and_ways_back(desk: Desk, alice: Person) -> None:
    for number in range(CHATS + 1):
        await said(alice, f"fondue {number}")
    await said(alice, *["fondue again"] * (HITS + 1))
    page = await page_of(desk, alice, "fondue")
    chats = page.locator("#search-results > li")
    await page.get_by_role("link", name="More in this chat").click()
    await expect(chats).to_have_count(1)
    await expect(chats.get_by_role("link", name="fondue again")).to_have_count(HITS + 1)

    await page.get_by_role("link", name="Search all chats").click()
    await expect(chats).to_have_count(CHATS)
    await page.get_by_role("link", name="Older results").click()
    await expect(chats).to_have_count(2)
    await page.get_by_role("link", name="Newest results").click()
    await expect(chats).to_have_count(CHATS)


@pytest.mark.parametrize("query", ["", "boil", "zeppelin", "-boil"])
async def test_everyone_can_use_it_in_every_state(desk: Desk, alice: Person, query: str) -> None:
    archived = await said(alice, "How long do eggs boil?", "Ten minutes. " * 60)
    await ChatThread.filter(id=archived).update(archived=True, title="Eggs, and whatever boils " * 8)
    page = await page_of(desk, alice, query, allowed=(REFUSED_FORM,), **FINGER)

    assert await too_small(page) == []
    assert await violations(page, AXE.read_text()) == []


async def test_a_new_user_reads_that_there_is_nothing_yet(desk: Desk, alice: Person) -> None:
    page = await page_of(desk, alice, "")

    await expect(page.get_by_role("searchbox")).to_be_focused()
    await expect(page.get_by_text("You have no chats yet.")).to_be_visible()


async def test_each_text_has_its_own_side(desk: Desk, alice: Person) -> None:
    thread_id = await said(alice, "كيف أطبخ البيض؟")
    await ChatThread.filter(id=thread_id).update(title="وصفات الإفطار")
    page = await page_of(desk, alice, "البيض")

    for text in (page.get_by_role("heading", level=3), page.locator("li li [dir=auto]"), page.get_by_role("searchbox")):
        assert await text.evaluate("it => getComputedStyle(it).direction") == "rtl"
    await expect(page.locator("li li")).to_have_text(re.compile(r"You · \d"))
