"""Waiting for the emailed link: the wait for another one counts down, with and without JavaScript."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from chat.models import User, UserSettings
from tests.support.accessibility import AXE, violations
from tests.support.cast import PASSWORD
from tests.support.desk import REFUSED_FORM, Desk
from tests.support.mailbox import Mailbox
from tests.support.sign_up import end_waits
from tests.support.site import Beside, Site


@pytest.fixture(scope="module")
async def mailbox() -> AsyncIterator[Mailbox]:
    async with Mailbox.listening() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
async def strict(beside: Beside, mailbox: Mailbox) -> AsyncIterator[Site]:
    """A site that requires confirmed addresses, and sends email."""
    mail = {"EMAIL_BACKEND": "smtp", "SMTP_HOST": mailbox.host, "SMTP_PORT": str(mailbox.port), "SMTP_TLS": "none"}
    async with beside(
        EMAIL_VERIFICATION_REQUIRED="True", RATE_LIMITS="on", DEFAULT_FROM_EMAIL="chat@example.com", **mail
    ) as site:
        yield site


@pytest.fixture
async def desk(browser: Browser, strict: Site) -> AsyncIterator[Desk]:
    desk = Desk(browser, strict)
    yield desk
    assert await desk.clear() == []


@pytest.fixture
async def carol(strict: Site) -> str:
    """A user who has not opened her first link."""
    password_hash = await strict.resources.passwords.hash(PASSWORD)
    address = f"carol-{uuid.uuid4().hex[:8]}@example.com"
    user = await User.create(email=address, password_hash=password_hash)
    await UserSettings.create(user_id=user.id)
    return address


async def log_in(page: Page, address: str) -> None:
    await page.goto("/accounts/login/")
    await page.get_by_label("Email address").fill(address)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name="Confirm your email address first")).to_be_visible()


async def ask_again(page: Page, address: str, mailbox: Mailbox) -> None:
    """Have another link sent, after which this browser has to wait."""
    await page.get_by_role("button", name="Resend email").click()
    await expect(page.get_by_text("Another email is on its way.")).to_be_visible()
    await mailbox.next_link(address)


async def a_minute_passes(strict: Site, address: str) -> None:
    await end_waits(strict, address)
    await User.filter(email=address).update(verification_sent_at=None)


async def test_the_button_counts_down_and_then_works(desk: Desk, strict: Site, mailbox: Mailbox, carol: str) -> None:
    page = await (await desk.context()).new_page()
    await page.clock.install()
    await log_in(page, carol)
    await ask_again(page, carol, mailbox)
    button = page.get_by_role("button", name="Resend email")
    await expect(button).to_have_attribute("aria-disabled", "true")
    await expect(page.locator("#resend-wait")).to_have_text(re.compile(r"^You can resend it in (1:00|0:5\d)\.$"))
    await button.press("Enter")
    await expect(page).to_have_url(re.compile("again=yes"))

    await a_minute_passes(strict, carol)
    await page.clock.fast_forward(61_000)
    await expect(page.get_by_role("status").filter(has_text="You can resend it now.")).to_be_visible()
    await expect(button).not_to_have_attribute("aria-disabled", "true")
    await button.click()

    await expect(page.get_by_text("Another email is on its way.")).to_be_visible()
    await page.goto(await mailbox.next_link(carol))
    await page.get_by_role("button", name="Confirm address").click()
    await expect(page).to_have_url(re.compile("/chat/$"))


async def test_without_javascript_the_page_says_when_and_the_button_works(
    desk: Desk, strict: Site, mailbox: Mailbox, carol: str
) -> None:
    page = await (await desk.context(java_script_enabled=False, allowed=(REFUSED_FORM,))).new_page()
    await log_in(page, carol)
    await ask_again(page, carol, mailbox)
    await expect(page.locator("#resend-wait")).to_have_text("You can resend it in 1 minute.")
    await page.get_by_role("button", name="Resend email").click()
    await expect(page.get_by_role("alert")).to_have_text(re.compile("too recently, so none was sent"))

    await a_minute_passes(strict, carol)
    await page.get_by_role("button", name="Resend email").click()
    await expect(page.get_by_text("Another email is on its way.")).to_be_visible()
    await mailbox.next_link(carol)


async def test_axe_finds_nothing_while_an_address_is_confirmed(
    desk: Desk, strict: Site, mailbox: Mailbox, carol: str
) -> None:
    axe = AXE.read_text()
    page = await (await desk.context(allowed=(REFUSED_FORM,))).new_page()
    await log_in(page, carol)
    assert await violations(page, axe) == []
    await ask_again(page, carol, mailbox)
    assert await violations(page, axe) == []
    await page.goto("/accounts/verify-email/a-dead-link/")
    assert await violations(page, axe) == []
    await a_minute_passes(strict, carol)
    await page.reload()
    await page.get_by_role("button", name="Send a new link").click()
    await expect(page.get_by_text("Another email is on its way.")).to_be_visible()
    assert await violations(page, axe) == []
    link = await mailbox.next_link(carol)
    await page.goto(link)
    assert await violations(page, axe) == []
    await page.context.clear_cookies()
    await page.goto(link)
    await page.get_by_label("Your password", exact=True).fill("a wrong one")
    await page.get_by_role("button", name="Confirm address").click()
    await expect(page.get_by_label("Your password", exact=True)).to_be_focused()
    await expect(page.get_by_text("This is not the account's password.")).to_be_visible()
    assert await violations(page, axe) == []
