"""Invitations and approval in a browser: from the administrator's click to the first message."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from chat.models import User, UserSettings
from tests.support.accessibility import AXE, violations
from tests.support.cast import PASSWORD
from tests.support.desk import REFUSED_FORM, Desk
from tests.support.sign_up import invitation_for, new_address
from tests.support.site import Beside, Site


@pytest.fixture(scope="module")
async def by_invitation(beside: Beside) -> AsyncIterator[Site]:
    async with beside(SIGNUP="invite") as site:
        yield site


@pytest.fixture(scope="module")
async def by_approval(beside: Beside) -> AsyncIterator[Site]:
    async with beside(SIGNUP="approval") as site:
        yield site


@pytest.fixture(scope="module")
def axe() -> str:
    return AXE.read_text()


async def administrator_of(site: Site, desk: Desk, **options: object) -> Page:
    """An administrator's page, logged in."""
    password_hash = await site.resources.passwords.hash(PASSWORD)
    user = await User.create(email=new_address("boss"), password_hash=password_hash, is_staff=True, email_verified=True)
    await UserSettings.create(user_id=user.id)
    page = await (await desk.context(allowed=(REFUSED_FORM,), **options)).new_page()
    await page.goto("/accounts/login/")
    await page.get_by_label("Email address").fill(user.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await expect(page).to_have_url(f"{site.url}/chat/")
    return page


async def test_an_invitation_leads_from_the_list_to_the_first_message(
    browser: Browser, by_invitation: Site, axe: str
) -> None:
    desk, email = Desk(browser, by_invitation), new_address()
    boss = await administrator_of(by_invitation, desk)
    await boss.goto("/admin/invitations/")
    assert await violations(boss, axe) == []
    await boss.get_by_role("link", name="Invite people").click()
    assert await violations(boss, axe) == []
    await boss.get_by_label("Email address").fill(email)
    await boss.get_by_role("button", name="Invite").click()
    await expect(boss.get_by_role("heading", name="Invitation created")).to_be_visible()
    assert await violations(boss, axe) == []
    link = await boss.locator("#link").inner_text()

    guest = await (await desk.context(allowed=(REFUSED_FORM,))).new_page()
    await guest.goto("/accounts/signup/")
    await expect(guest.get_by_role("heading", name="Sign-up is by invitation only")).to_be_visible()
    await expect(guest.get_by_role("textbox")).to_have_count(0)
    assert await violations(guest, axe) == []
    await guest.goto(link)
    await expect(guest).to_have_url(f"{by_invitation.url}/accounts/invitation/")
    await expect(guest.get_by_label("Email address")).to_have_value(email)
    await expect(guest.get_by_label("Email address")).not_to_be_editable()
    await expect(guest.get_by_label("Password", exact=True)).to_be_focused()
    assert await violations(guest, axe) == []
    await guest.get_by_label("Password", exact=True).fill("short")
    await guest.get_by_role("button", name="Create account").click()
    await expect(guest.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    await guest.get_by_label("Password", exact=True).fill(PASSWORD)
    await guest.get_by_role("button", name="Create account").click()
    await expect(guest).to_have_url(f"{by_invitation.url}/chat/")

    late = await (await desk.context(allowed=(REFUSED_FORM,))).new_page()
    await late.goto(link)
    await expect(late.get_by_role("heading", name="This invitation no longer works")).to_be_visible()
    assert await violations(late, axe) == []
    await boss.get_by_role("link", name="View or revoke this invitation").click()
    await expect(boss.get_by_role("link", name=email)).to_be_visible()
    assert await desk.clear() == []


async def test_a_link_for_several_people_asks_for_the_address(browser: Browser, by_invitation: Site, axe: str) -> None:
    desk, token = Desk(browser, by_invitation), await invitation_for(uses=2)
    guest = await (await desk.context()).new_page()
    await guest.goto(f"/accounts/invitation/{token}/")
    await expect(guest.get_by_label("Email address")).to_be_focused()
    assert await violations(guest, axe) == []
    await guest.get_by_label("Email address").fill(new_address())
    await guest.get_by_label("Password", exact=True).fill(PASSWORD)
    await guest.get_by_label("Password", exact=True).press("Enter")
    await expect(guest).to_have_url(f"{by_invitation.url}/chat/")
    assert await desk.clear() == []


async def test_one_click_approves_one_and_a_selection_many(browser: Browser, by_approval: Site, axe: str) -> None:
    desk, emails = Desk(browser, by_approval), [new_address(name) for name in ("carol", "dora", "erin")]
    guests = []
    for email in emails:
        guest = await (await desk.context(allowed=(REFUSED_FORM,))).new_page()
        await guest.goto("/accounts/signup/")
        await expect(guest.get_by_text("An administrator approves each new account.")).to_be_visible()
        await guest.get_by_label("Email address").fill(email)
        await guest.get_by_label("Password", exact=True).fill(PASSWORD)
        await guest.get_by_role("button", name="Sign up").click()
        await expect(guest.get_by_role("heading", name="Waiting for approval")).to_be_visible()
        guests.append(guest)
    assert await violations(guests[0], axe) == []

    boss = await administrator_of(by_approval, desk)
    await boss.goto("/admin/")
    await boss.get_by_role("link", name="Review accounts").click()
    assert await violations(boss, axe) == []
    await boss.get_by_role("button", name=f"Approve {emails[0]}").click()
    await expect(boss.get_by_text("Approved: 1 of 1 selected.")).to_be_visible()
    for email in emails[1:]:
        await boss.get_by_label(f"Select {email}").check()
    await boss.get_by_role("button", name="Approve selected").click()
    await expect(boss.get_by_text("Approved: 2 of 2 selected.")).to_be_visible()
    await expect(boss.get_by_text(emails[0])).to_have_count(0)

    for guest in guests:
        await guest.get_by_role("link", name="Check again").click()
        await expect(guest.get_by_role("textbox", name="Message")).to_be_visible()
    assert await desk.clear() == []


async def test_the_approval_buttons_fit_on_a_phone(browser: Browser, by_approval: Site) -> None:
    desk = Desk(browser, by_approval)
    user = await User.create(email=new_address("a.rather.long.address." * 3), password_hash="", approved_at=None)
    boss = await administrator_of(by_approval, desk, viewport={"width": 320, "height": 640}, has_touch=True)
    await boss.goto("/admin/approval/")
    for name in ("Approve", "Decline"):
        box = await boss.get_by_role("button", name=f"{name} {user.email}").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
        assert box["height"] >= 40
    await user.delete()
    assert await desk.clear() == []
