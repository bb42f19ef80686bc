"""The pages around the chat, as they are on a phone and on a desktop."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.cast import Person
from tests.support.desk import DESKTOP, PHONE, Desk

NARROW = {"width": 320, "height": 640}


async def fits(page: Page) -> bool:
    """Nothing is wider than the screen."""
    width: bool = await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    return width


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE, NARROW])
async def test_the_landing_page_leads_in_by_two_buttons_of_one_size(desk: Desk, viewport: dict[str, int]) -> None:
    page = await (await desk.context(viewport=viewport)).new_page()
    await page.goto("/")
    main = page.get_by_role("main")
    heights = []
    for name in ("Create an account", "Log in"):
        box = await main.get_by_role("link", name=name).bounding_box()
        assert box
        heights.append(box["height"])
    assert heights[0] == heights[1] >= 44
    assert await fits(page)
    await main.get_by_role("link", name="Log in").click()
    await expect(page).to_have_title("Log in · Quart Chat")


@pytest.mark.parametrize("path", ["/accounts/settings/", "/usage/"])
async def test_settings_and_usage_lead_back_to_the_chats(desk: Desk, alice: Person, path: str) -> None:
    page = await (await desk.context(alice)).new_page()
    await page.goto(path)
    await page.get_by_role("main").get_by_role("link", name="Chats", exact=True).click()
    await expect(page.get_by_label("Message", exact=True)).to_be_visible()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_the_row_that_deletes_the_account_looks_like_no_other(
    desk: Desk, alice: Person, color_scheme: str
) -> None:
    page = await (await desk.context(alice, color_scheme=color_scheme)).new_page()
    await page.goto("/accounts/settings/")
    colors = await page.locator("a[data-settings-link] span.font-medium").evaluate_all(
        "(names) => names.map((name) => getComputedStyle(name).color)"
    )
    assert len(colors) > 5
    assert colors[-1] not in colors[:-1]
    assert len(set(colors[:-1])) == 1


async def test_on_a_phone_the_administrators_pages_are_one_menu(desk: Desk, root: Person) -> None:
    page = await (await desk.context(root, viewport=NARROW)).new_page()
    await page.goto("/admin/users/")
    bar = page.get_by_role("navigation", name="Administration")
    await expect(bar.get_by_role("link")).to_have_count(0)
    await expect(bar.locator("summary")).to_have_text("Page: Users")
    box = await bar.bounding_box()
    assert box
    assert box["height"] < 60

    await bar.locator("summary").click()
    await expect(bar.get_by_role("link")).to_have_count(15)
    await expect(bar.get_by_role("link", name="Users", exact=True)).to_have_attribute("aria-current", "page")
    for link in await bar.get_by_role("link").all():
        size = await link.bounding_box()
        assert size
        assert size["height"] >= 44
    assert await fits(page)
    await page.keyboard.press("Escape")
    await expect(bar.get_by_role("link")).to_have_count(0)

    await bar.locator("summary").press("Enter")
    await bar.get_by_role("link", name="Audit log").click()
    await expect(page.get_by_role("heading", name="Audit log")).to_be_visible()


@pytest.mark.parametrize("is_with_javascript", [True, False])
async def test_on_a_desktop_they_are_a_bar(desk: Desk, root: Person, is_with_javascript: bool) -> None:
    page = await (await desk.context(root, java_script_enabled=is_with_javascript)).new_page()
    await page.goto("/admin/")
    bar = page.get_by_role("navigation", name="Administration")
    await expect(bar.get_by_role("link")).to_have_count(15)
    await expect(bar.locator("summary")).to_be_hidden()


async def test_a_missing_page_leads_home(desk: Desk) -> None:
    page = await (await desk.context(allowed=("404",))).new_page()
    await page.goto("/nowhere/")
    await page.get_by_role("main").get_by_role("link", name="Home").click()
    await expect(page).to_have_url(f"{desk.site.url}/")
