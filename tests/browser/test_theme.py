"""Light and dark: right from the first paint, in every tab, and kept with the account."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, expect

from chat.models import User, UserSettings
from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread

IS_DARK = re.compile(r"(^|\s)dark(\s|$)")
DARK_PAGE, LIGHT_PAGE = "rgb(25, 25, 24)", "rgb(255, 255, 255)"
FIRST_PAINT = """
    () => new Promise((resolve) => {
      new PerformanceObserver(() => resolve(getComputedStyle(document.body).backgroundColor))
        .observe({ type: "paint", buffered: true });
    })
"""


async def colour_at_first_paint(page: Page, path: str) -> str:
    """The background color before the page's script has loaded."""
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


async def test_without_a_choice_the_page_follows_the_system(desk: Desk) -> None:
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


async def test_an_accounts_choice_wins_over_what_this_browser_remembers(desk: Desk, alice: Person) -> None:
    user = await User.get(email=alice.email)
    await UserSettings.filter(user_id=user.id).update(theme="light")
    page = await (await desk.context(alice, color_scheme="dark")).new_page()
    await page.goto("/accounts/settings/")
    await page.evaluate("localStorage.setItem('theme', 'dark')")

    for path in ("/accounts/settings/", "/chat/"):
        assert await colour_at_first_paint(page, path) == LIGHT_PAGE


async def test_tabs_in_other_browsers_follow_too(desk: Desk, alice: Person, bob: Person) -> None:
    here = await (await desk.context(alice, color_scheme="light")).new_page()
    await here.goto("/accounts/settings/")
    elsewhere = await desk.chat(alice, await past_thread(alice), color_scheme="light")
    beside_it = await elsewhere.page.context.new_page()  # without a socket: the tab that has one passes the change on
    await beside_it.goto("/chat/")
    of_bob = await desk.chat(bob, await past_thread(bob), color_scheme="light")

    for name, is_dark in (("Dark", 1), ("Light", 0), ("Dark", 1)):
        await here.get_by_role("radio", name=name).check()
        for page in (here, elsewhere.page, beside_it):
            await expect(page.locator("html.dark")).to_have_count(is_dark)
    await elsewhere.page.get_by_role("button", name="Theme: dark. Change to light").click()
    await expect(here.locator("html.dark")).to_have_count(1)  # it has no socket, and is in another browser
    await expect(beside_it.locator("html.dark")).to_have_count(0)
    await expect(of_bob.page.locator("html.dark")).to_have_count(0)


async def test_the_settings_page_and_the_button_agree(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice, color_scheme="light")).new_page()
    await page.goto("/accounts/settings/")
    await expect(page.get_by_role("radio", name="System")).to_be_checked()
    await page.get_by_role("button", name="Theme: system. Change to dark").click()
    await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_have_text("Settings saved.")
    await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    await expect(page.locator("html")).to_have_class(IS_DARK)
