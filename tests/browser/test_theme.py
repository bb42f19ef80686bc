"""Light and dark: right from the first paint, in every tab, and kept with the account."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, expect

from chat.models import User, UserSettings
from tests.browser.desk import Desk
from tests.cast import Person

IS_DARK = re.compile(r"(^|\s)dark(\s|$)")
DARK_PAGE, LIGHT_PAGE = "rgb(25, 25, 24)", "rgb(255, 255, 255)"
FIRST_PAINT = """
    () => new Promise((resolve) => {
      new PerformanceObserver(() => resolve(getComputedStyle(document.body).backgroundColor))
        .observe({ type: "paint", buffered: true });
    })
"""


async def colour_at_first_paint(page: Page, path: str) -> str:
    """Of the page's ground, while its script is still on its way."""
    arrives = asyncio.Event()

    async def hold(route) -> None:  # type: ignore[no-untyped-def]
        await arrives.wait()
        await route.continue_()

    await page.route("**/dist/app.js*", hold)
    await page.goto(path, wait_until="commit")
    colour: str = await page.evaluate(FIRST_PAINT)
    arrives.set()
    await expect(page.locator("#theme-toggle")).to_have_attribute("aria-label", re.compile("^Theme: "))
    await page.unroute("**/dist/app.js*")
    return colour


async def test_a_visitors_choice_holds_from_the_first_paint(desk: Desk) -> None:
    page = await (await desk.context(color_scheme="light")).new_page()
    assert await colour_at_first_paint(page, "/") == LIGHT_PAGE
    await page.get_by_role("button", name="Theme: system. Change to dark").click()
    await expect(page.locator("html")).to_have_class(IS_DARK)
    assert await colour_at_first_paint(page, "/accounts/login/") == DARK_PAGE


async def test_without_a_choice_the_system_decides_and_may_change_its_mind(desk: Desk) -> None:
    page = await (await desk.context(color_scheme="dark")).new_page()
    assert await colour_at_first_paint(page, "/") == DARK_PAGE
    await page.emulate_media(color_scheme="light")
    await expect(page.locator("html")).not_to_have_class(IS_DARK)


async def test_all_tabs_of_a_browser_follow_at_once(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, color_scheme="light")
    two, one = await context.new_page(), await context.new_page()
    await asyncio.gather(one.goto("/chat/"), two.goto("/chat/"))
    for choice, is_dark in (("dark", True), ("light", False), ("system", False)):
        await one.get_by_role("button", name="Theme: ").click()
        for page in (one, two):
            await expect(page.get_by_role("button", name=f"Theme: {choice}.")).to_be_visible()
            assert await page.locator("html").evaluate("it => it.classList.contains('dark')") == is_dark


async def test_an_accounts_choice_is_kept_and_holds_on_every_device(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice, color_scheme="light")).new_page()
    await page.goto("/chat/")
    async with page.expect_response("**/accounts/settings/theme/") as saved:
        await page.get_by_role("button", name="Theme: system. Change to dark").click()
    assert (await saved.value).ok
    user = await User.get(email=alice.email)
    assert (await UserSettings.get(user_id=user.id)).theme == "dark"

    elsewhere = await (await desk.context(alice, color_scheme="light")).new_page()
    assert await colour_at_first_paint(elsewhere, "/chat/") == DARK_PAGE
