"""The form for a user's budget says what is wrong, to everyone."""

from __future__ import annotations

from playwright.async_api import expect

from chat.models import User
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import REFUSED_FORM, Desk


async def test_a_refused_budget_is_explained_at_its_field(desk: Desk, root: Person, alice: Person) -> None:
    page = await (await desk.context(root, allowed=(REFUSED_FORM,))).new_page()
    user = await User.get(email=alice.email)
    await page.goto(f"/admin/users/{user.id}/set-budget/")
    assert await violations(page, AXE.read_text()) == []
    await page.get_by_label("USD per month").fill("much")
    await page.keyboard.press("Enter")
    await expect(page.locator(".field-error")).to_be_visible()
    await expect(page.get_by_label("USD per month")).to_be_focused()
    assert await violations(page, AXE.read_text()) == []
