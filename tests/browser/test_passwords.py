"""Passwords in a browser: errors appear while the user types, and a forgotten password is reset."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from playwright.async_api import Page, Request, Route, expect

from chat.models import PasswordResetToken, User
from chat.security.password_rules import GUESSABLE
from chat.security.tokens import new_token, token_hash
from tests.support.cast import PASSWORD, Person
from tests.support.desk import REFUSED_FORM, Desk
from tests.support.waiting import eventually

COMMON = "Many people have this password"
SHORT = "8 characters or more"
CHECK = "**/accounts/password-check/"


@pytest.fixture
async def page(desk: Desk) -> AsyncIterator[Page]:
    """A visitor's sign-up page."""
    page = await (await desk.context(allowed=(REFUSED_FORM,))).new_page()
    await page.goto("/accounts/signup/")
    yield page


async def test_an_error_appears_after_a_pause_and_disappears_when_fixed(page: Page) -> None:
    field, error = page.get_by_label("Password", exact=True), page.locator("#password1-error")
    await field.press_sequentially("password1")
    await expect(error).to_contain_text(COMMON)
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(re.compile(f"At least 8 characters.*{COMMON}"))
    await expect(error).to_have_attribute("aria-live", "polite")

    await field.press_sequentially(" and some words")
    await expect(error).to_be_empty()
    assert await field.get_attribute("aria-invalid") is None
    assert await field.get_attribute("aria-describedby") == "password1-hint"


async def test_a_predictable_password_is_refused_before_it_is_sent(page: Page) -> None:
    field, error = page.get_by_label("Password", exact=True), page.locator("#password1-error")
    await field.fill("password1234567")
    await expect(error).to_have_text(GUESSABLE)
    await field.fill("purple banana dragon")
    await expect(error).to_be_empty()


async def test_a_password_that_is_still_being_typed_shows_no_error(page: Page) -> None:
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one) if "password-check" in one.url else None)
    field, error = page.get_by_label("Password", exact=True), page.locator("#password1-error")
    await field.press_sequentially("shor")
    assert asked == []
    await field.press("Tab")
    await expect(error).to_contain_text(SHORT)
    assert len(asked) == 1


async def test_an_email_address_entered_later_counts_too(page: Page) -> None:
    await page.get_by_label("Password", exact=True).fill("dora.longest")
    await page.get_by_label("Email address").fill("dora.longest@example.com")
    await page.get_by_label("Email address").press("Tab")
    await expect(page.locator("#password1-error")).to_contain_text("too similar to the email address")


async def test_the_button_stays_under_the_pointer_while_an_error_goes(page: Page) -> None:
    """The press itself leaves the field and asks; an answer before the release would move the button away."""
    await page.get_by_label("Email address").fill(f"dora-{uuid4().hex}@example.com")
    await page.get_by_label("Password", exact=True).fill("password1")
    await page.get_by_label("Password", exact=True).blur()
    await expect(page.locator("#password1-error")).to_contain_text(COMMON)
    button = page.get_by_role("button", name="Sign up")
    await button.hover()
    before = await button.bounding_box()
    async with page.expect_response(CHECK) as answered:
        await page.get_by_label("Password", exact=True).fill("a good passphrase 7")
        await page.mouse.down()
    await (await answered.value).finished()
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    assert await button.bounding_box() == before
    await page.mouse.up()
    await page.wait_for_url("**/chat/")


async def test_the_check_never_blocks_the_form(page: Page) -> None:
    """Even without a response: the server checks the form as well."""

    async def hang(route: Route) -> None:
        held.append(route)

    held: list[Route] = []
    await page.route(CHECK, hang)
    await page.get_by_label("Email address").fill("dora.long@example.com")
    await page.get_by_label("Password", exact=True).fill("password1")
    await page.get_by_role("button", name="Sign up").click()

    await expect(page.locator("#password1-error")).to_contain_text(COMMON)
    await expect(page.get_by_label("Password", exact=True)).to_be_focused()
    assert held
    await page.unroute_all(behavior="ignoreErrors")


async def test_a_password_can_be_shown(page: Page) -> None:
    field = page.get_by_label("Password", exact=True)
    await field.fill("a few words to see")
    for kind in ("text", "password"):
        await page.get_by_role("button", name="Show password", exact=True).click()
        await expect(field).to_have_attribute("type", kind)


@pytest.mark.parametrize("java_script_enabled", [True, False])
async def test_a_password_is_asked_for_twice_only_where_it_cannot_be_shown(
    desk: Desk, java_script_enabled: bool
) -> None:
    page = await (await desk.context(java_script_enabled=java_script_enabled)).new_page()
    for path in ("/accounts/signup/", "/accounts/login/"):
        await page.goto(path)
        asks_twice = path == "/accounts/signup/" and not java_script_enabled
        await expect(page.locator("input[type=password]")).to_have_count(2 if asks_twice else 1)
        await expect(page.get_by_role("button", name="Show password")).to_have_count(int(java_script_enabled))
        await expect(page.get_by_label("Password again", exact=True)).to_have_count(int(asks_twice))


@pytest.mark.parametrize("java_script_enabled", [True, False])
async def test_a_forgotten_password_is_reset(desk: Desk, alice: Person, java_script_enabled: bool) -> None:
    context = await desk.context(allowed=(REFUSED_FORM,), java_script_enabled=java_script_enabled)
    page = await context.new_page()
    await page.goto("/accounts/login/")
    await page.get_by_role("link", name="Forgot your password?").click()
    await expect(page.get_by_label("Email address")).to_be_focused()
    await page.get_by_label("Email address").fill(alice.email)
    await page.get_by_role("button", name="Send link").click()
    await expect(page.get_by_text(f"If there is an account with {alice.email}")).to_be_visible()

    token = await mailed_to(alice)
    await page.goto(f"/accounts/reset/{token}/")
    assert token not in page.url
    await expect(page.get_by_text(f"For {alice.email}")).to_be_visible()
    await page.get_by_label("New password", exact=True).fill("password1")
    if not java_script_enabled:  # no script can show what was typed, so the page asks for it twice
        await page.get_by_label("New password again", exact=True).fill("password1")
    await page.get_by_role("button", name="Set password").click()
    await expect(page.locator("#new_password1-error")).to_contain_text(COMMON)
    await page.get_by_label("New password", exact=True).fill("another good passphrase")
    if not java_script_enabled:
        await page.get_by_label("New password again", exact=True).fill("another good passphrase")
    await page.get_by_role("button", name="Set password").click()
    await expect(page.get_by_role("status")).to_contain_text("Your password has been reset.")

    await page.get_by_label("Email address").fill(alice.email)
    await page.get_by_label("Password", exact=True).fill("another good passphrase")
    await page.get_by_label("Keep me logged in").check()
    await page.get_by_role("button", name="Log in").click()
    await expect(page).to_have_url(f"{desk.site.url}/chat/")
    (cookie,) = [one for one in await context.cookies() if one.get("name") == "chat"]
    assert cookie.get("expires", -1) > datetime.now(UTC).timestamp() + 29 * 24 * 3600


async def mailed_to(person: Person) -> str:
    """A link as emails have it, replacing the former one; tests with a mail server cover the emails."""
    user, token = await User.get(email=person.email), new_token()
    await eventually(lambda: PasswordResetToken.exists(user_id=user.id))
    await PasswordResetToken.filter(user_id=user.id).delete()
    until = datetime.now(UTC) + timedelta(hours=1)
    row = {"token_sha256": token_hash(token), "user_id": user.id, "email": user.email, "expires_at": until}
    await PasswordResetToken.create(**row)
    return token


async def test_a_password_is_changed(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice, allowed=(REFUSED_FORM,))).new_page()
    await page.goto("/accounts/password_change/")
    await expect(page.get_by_label("Current password", exact=True)).to_be_focused()
    await page.get_by_label("Current password", exact=True).fill(PASSWORD)
    await page.get_by_label("New password", exact=True).fill(alice.email)
    await page.get_by_label("New password", exact=True).press("Tab")
    await expect(page.locator("#new_password1-error")).to_contain_text("too similar to the email address")
    await page.get_by_label("New password", exact=True).fill("another good passphrase")
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("status")).to_contain_text("Your password has been changed")
