"""Two-factor authentication in a browser: set-up by keyboard and login codes, with and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from chat.models import AuthSession, RecoveryCode, User
from tests.support.accessibility import AXE, violations
from tests.support.cast import PASSWORD, Person
from tests.support.desk import REFUSED_FORM, Desk
from tests.support.two_factor import CODE, PAGE, Factor, turned_on

PAGES = {"on": PAGE, "new codes": f"{PAGE}recovery-codes/", "turning off": f"{PAGE}turn-off/"}


@pytest.fixture(scope="module")
def axe() -> str:
    return AXE.read_text()


async def type_password(page: Page, person: Person) -> None:
    await page.goto("/accounts/login/?next=/accounts/sessions/")
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(CODE))


async def new_browser(desk: Desk, **options: Any) -> Page:
    return await (await desk.context(allowed=(REFUSED_FORM,), **options)).new_page()


@pytest.mark.parametrize("java_script_enabled", [True, False])
async def test_2fa_is_turned_on_by_keyboard_and_required_at_login(
    desk: Desk, alice: Person, java_script_enabled: bool, tmp_path: Path
) -> None:
    context = await desk.context(alice, java_script_enabled=java_script_enabled)
    page = await context.new_page()
    await page.goto("/accounts/settings/")
    await page.get_by_role("link", name="Two-factor authentication").press("Enter")
    await page.get_by_label("Your password", exact=True).focus()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Code from the app")).to_be_focused()
    await expect(page.get_by_alt_text("QR code with the secret, for your app")).to_be_visible()
    app = Factor((await page.locator("#secret").text_content() or "").strip(), [])
    await page.keyboard.type(app.code())
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", name="Two-factor authentication is on")).to_be_visible()
    codes = await page.locator("#codes li").all_text_contents()
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download").press("Enter")
    download = await downloading.value
    await download.save_as(tmp_path / "codes.txt")
    assert download.suggested_filename == "recovery-codes.txt"
    assert (tmp_path / "codes.txt").read_text().split("\n")[2:-1] == codes
    for name in ("Copy", "Print"):
        await expect(page.get_by_role("button", name=name)).to_have_count(int(java_script_enabled))

    other = await new_browser(desk, java_script_enabled=java_script_enabled, timezone_id="Asia/Kolkata")
    await type_password(other, alice)
    await expect(other.get_by_label("Code", exact=True)).to_be_focused()
    await other.keyboard.type(app.wrong_code())
    await other.keyboard.press("Enter")
    await expect(other.get_by_label("Code", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(other.get_by_label("Code", exact=True)).to_be_focused()
    await expect(other.get_by_label("Code", exact=True)).to_have_accessible_description(
        re.compile("wrong or already used")
    )
    await other.keyboard.type(app.code(later=1))
    await other.keyboard.press("Enter")
    await expect(other).to_have_url(f"{desk.site.url}/accounts/sessions/")
    began = (await AuthSession.filter(user__email=alice.email).latest("created_at")).created_at
    local = began.astimezone(ZoneInfo("Asia/Kolkata"))
    since = f"{local:%-d} [A-Z][a-z]+ {local:%Y, %H:%M}" if java_script_enabled else f"{began:%-d %b %Y, %H:%M} UTC"
    here = other.get_by_role("listitem").filter(has_text="This device").get_by_role("button")
    await expect(here).to_have_accessible_name(re.compile(f"^Log out .* Logged in {since}$"))


async def test_a_user_without_the_app_logs_in_with_a_recovery_code(desk: Desk, alice: Person) -> None:
    factor = await turned_on(alice)
    page = await new_browser(desk)
    await type_password(page, alice)
    await page.get_by_role("link", name="Use a recovery code").click()
    await expect(page.get_by_label("Recovery code")).to_be_focused()
    await page.keyboard.type(factor.codes[0].upper())
    await page.keyboard.press("Enter")

    await expect(page).to_have_url(f"{desk.site.url}/accounts/sessions/")
    assert await RecoveryCode.filter(user__email=alice.email).count() == 9


async def test_back_after_the_login_leads_into_the_chat_again(desk: Desk, alice: Person) -> None:
    factor = await turned_on(alice)
    page = await new_browser(desk)
    await type_password(page, alice)
    await page.get_by_label("Code", exact=True).fill(factor.code())
    await page.get_by_role("button", name="Log in").click()
    await expect(page).to_have_url(f"{desk.site.url}/accounts/sessions/")
    await page.go_back()

    await expect(page).to_have_url(f"{desk.site.url}/chat/")


async def clipboard_of(page: Page) -> str:
    copied: str = await page.evaluate("navigator.clipboard.readText()")
    return copied


async def test_the_secret_and_the_codes_are_copied_exactly(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    await page.goto(PAGE)
    await page.get_by_label("Your password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Code from the app")).to_be_focused()
    await expect(page.locator("html[data-started]")).to_have_count(1)
    await page.get_by_role("button", name="Copy secret").click()
    await expect(page.get_by_role("status")).to_have_text("Copied")
    app = Factor(await clipboard_of(page), [])
    await page.get_by_label("Code from the app").fill(app.code())
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("status")).to_have_text("Copied")

    copied = await clipboard_of(page)
    assert copied.split("\n") == await page.locator("#codes li").all_text_contents()


async def test_a_code_is_readable_in_the_dark_and_on_paper(desk: Desk, alice: Person) -> None:
    """White stays white around the picture; paper has no dark."""
    page = await (await desk.context(alice, color_scheme="dark")).new_page()
    await page.goto(PAGE)
    await page.get_by_label("Your password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    picture = page.locator("#qr-code")
    await expect(page.locator("html.dark")).to_have_count(1)
    await expect(picture).to_have_css("background-color", "rgb(255, 255, 255)")
    assert await picture.evaluate("it => it.naturalWidth > 0")
    secret = (await page.locator("#secret").text_content() or "").strip()
    await page.get_by_label("Code from the app").fill(Factor(secret, []).code())
    await page.keyboard.press("Enter")
    await expect(page.locator("#codes")).to_be_visible()

    await page.emulate_media(media="print")
    await expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    await expect(page.locator("#codes")).to_have_css("color", "rgb(0, 0, 0)")
    await expect(page.get_by_role("link", name="Download")).to_be_hidden()


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
async def test_axe_finds_nothing_on_the_pages_of_the_settings(desk: Desk, alice: Person, axe: str, path: str) -> None:
    await turned_on(alice)
    if path == PAGE:
        await RecoveryCode.filter(user_id=(await User.get(email=alice.email)).id).delete()
    page = await (await desk.context(alice, allowed=(REFUSED_FORM,))).new_page()
    await page.goto(path)
    assert await violations(page, axe) == []
    if path != PAGE:
        await page.get_by_label("Your password", exact=True).fill(PASSWORD)
        await page.get_by_label("Code from your app, or a recovery code").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.locator("#code-error")).to_be_visible()
        assert await violations(page, axe) == []


async def test_axe_finds_nothing_while_it_is_turned_on(desk: Desk, alice: Person, axe: str) -> None:
    page = await (await desk.context(alice, allowed=(REFUSED_FORM,))).new_page()
    await page.goto(PAGE)
    assert await violations(page, axe) == []
    await page.get_by_label("Your password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_label("Code from the app").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("#code-error")).to_be_visible()
    assert await violations(page, axe) == []
    app = Factor((await page.locator("#secret").text_content() or "").strip(), [])
    await page.get_by_label("Code from the app").fill(app.code())
    await page.keyboard.press("Enter")
    await expect(page.locator("#codes")).to_be_visible()
    assert await violations(page, axe) == []


async def test_axe_finds_nothing_at_the_login(desk: Desk, alice: Person, axe: str) -> None:
    await turned_on(alice)
    page = await new_browser(desk)
    await type_password(page, alice)
    assert await violations(page, axe) == []
    await page.get_by_role("link", name="Use a recovery code").click()
    await page.get_by_label("Recovery code").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("#code-error")).to_be_visible()
    assert await violations(page, axe) == []
