"""The administrators' page: there for staff, and for nobody else."""

from __future__ import annotations

import pytest

from chat.models import User
from tests.cast import Person
from tests.web.page import Page


async def test_staff_sees_the_figures_and_who_came_last(root: Person, alice: Person) -> None:
    answer = await root.http.get("/admin/")

    page = Page(answer.text)
    assert answer.status_code == 200
    assert "Administration" in page.find("h1").text
    assert {root.email, alice.email} <= {cell.text for cell in page.all("td")}
    assert all(count.text.replace(",", "").isdigit() for count in page.all("dd"))
    assert page.all("a", href="/admin/")


async def test_for_a_user_there_is_no_such_page(alice: Person) -> None:
    answer = await alice.http.get("/admin/")

    assert answer.status_code == 404
    assert answer.text.count("/admin/") == 0
    assert "no such page" in Page(answer.text).text


async def test_for_nobody_there_is_no_such_page_either(nobody: Person) -> None:
    answer, missing = await nobody.http.get("/admin/"), await nobody.http.get("/nowhere")

    assert (answer.status_code, Page(answer.text).text) == (404, Page(missing.text).text)


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
async def test_who_is_staff_no_more_is_out_at_once(root: Person, change: dict[str, bool]) -> None:
    await User.filter(email=root.email).update(**change)

    assert (await root.http.get("/admin/")).status_code in (303, 404)
