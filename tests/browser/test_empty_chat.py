"""An empty chat greets, has the composer below the greeting, and suggests messages that fill it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from chat.models import User
from tests.support.cast import Person
from tests.support.desk import DESKTOP, PHONE, Desk
from tests.support.site import Beside

MIXED = ["Plan a trip", "כתוב שיר קצר על הים", "👩‍🚀 <b>Explain</b> &amp; repeat", "word " * 39 + "end"]


@pytest.mark.parametrize("java_script", [True, False])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE, {"width": 320, "height": 568}])
async def test_the_composer_is_below_the_greeting_and_in_view(
    desk: Desk, alice: Person, java_script: bool, viewport: dict[str, int]
) -> None:
    await User.filter(email=alice.email).update(display_name="Ada " + "Lovelace" * 8)
    page = await (await desk.context(alice, java_script_enabled=java_script, viewport=viewport)).new_page()
    await page.goto("/chat/")
    greeting, form = page.get_by_role("heading", level=1), page.locator("#composer")
    await expect(greeting).to_be_in_viewport(ratio=1)
    await expect(form).to_be_in_viewport(ratio=1)
    await expect(form).to_have_count(1)
    above, below = await greeting.bounding_box(), await form.bounding_box()
    assert above
    assert below
    assert above["y"] + above["height"] <= below["y"]
    if viewport["width"] < 640:
        assert below["y"] + below["height"] == pytest.approx(viewport["height"], abs=1), "where the thumb is"
    else:
        assert below["y"] - above["y"] - above["height"] < 60, "no gap between the question and the place to answer"
    await expect(page.locator("#starters")).to_be_visible(visible=java_script)


async def test_a_keyboard_that_opens_moves_the_composer_alone(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, viewport=PHONE, has_touch=True, is_mobile=True)
    greeting = chat.page.get_by_role("heading", level=1)
    before = await greeting.bounding_box()
    await chat.field.tap()
    await chat.page.set_viewport_size({"width": PHONE["width"], "height": 420})

    await expect(chat.page.locator("#composer")).to_be_in_viewport(ratio=1)
    assert await greeting.bounding_box() == before


async def test_a_starter_fills_the_field_and_sends_nothing(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice)
    suggestions = chat.page.get_by_role("list", name="Suggestions").get_by_role("button")
    await expect(suggestions).to_have_count(4)
    text = await suggestions.first.inner_text()
    await suggestions.first.click()

    await expect(chat.field).to_have_value(text)
    await expect(chat.field).to_be_focused()
    await expect(suggestions).to_have_count(0)  # they are hidden beside a text, and do not replace it
    assert chat.page.url.endswith("/chat/")
    await chat.field.fill("")
    await expect(suggestions).to_have_count(4)
    await suggestions.last.focus()
    await chat.page.keyboard.press("Enter")
    await expect(chat.field).not_to_have_value("")


@pytest.fixture
async def mixed(browser: Browser, beside: Beside) -> AsyncIterator[tuple[Desk, Person]]:
    async with beside(STARTERS="|".join(MIXED)) as site, Person.signed_up(site, "alice") as alice:
        desk = Desk(browser, site)
        yield desk, alice
        assert await desk.clear() == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
async def test_starters_in_any_script_are_plain_text(mixed: tuple[Desk, Person], viewport: dict[str, int]) -> None:
    desk, alice = mixed
    chat = await desk.chat(alice, viewport=viewport)
    buttons = chat.page.locator("#starters button")
    assert await buttons.all_inner_texts() == [text.strip() for text in MIXED]
    directions = [await button.evaluate("(it) => getComputedStyle(it).direction") for button in await buttons.all()]
    assert directions == ["ltr", "rtl", "ltr", "ltr"]
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await buttons.nth(2).click()
    await expect(chat.field).to_have_value(MIXED[2])


async def test_a_site_without_starters_shows_none(browser: Browser, beside: Beside) -> None:
    async with beside(STARTERS="") as site, Person.signed_up(site, "alice") as alice:
        desk = Desk(browser, site)
        chat = await desk.chat(alice)
        await expect(chat.page.locator("#starters")).to_have_count(0)
        await expect(chat.page.get_by_role("heading", level=1)).to_be_visible()
        assert await desk.clear() == []


@pytest.mark.parametrize("address", ["/chat/?message=send+me", "/chat/?draft=x&content=y", "/chat/#message=x"])
async def test_no_address_puts_text_into_the_field(desk: Desk, alice: Person, address: str) -> None:
    """Otherwise any page could link to a chat with a text of its own, one key before it is sent."""
    chat = await desk.chat(alice)
    await chat.page.goto(address)
    await expect(chat.field).to_have_value("")
