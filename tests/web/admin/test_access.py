"""Access to the administrators' pages: for staff only; all other users get 404."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest

import chat.tools
from chat.llm.tools import Tool
from chat.models import User
from tests.support.cast import Person
from tests.support.client import without_id
from tests.support.page import Page


async def test_administrators_see_the_figures_and_recent_sign_ups(root: Person, alice: Person) -> None:
    answer = await root.http.get("/admin/")

    page = Page(answer.text)
    assert answer.status_code == 200
    assert "Administration" in page.find("h1").text
    assert {root.email, alice.email} <= {cell.text for cell in page.all("td")}
    assert page.all("a", href="/admin/")


async def test_every_tool_is_listed_with_the_description_that_the_model_gets(root: Person) -> None:
    page = Page((await root.http.get("/admin/")).text)

    modules = [import_module(f"chat.tools.{module.name}") for module in pkgutil.iter_modules(chat.tools.__path__)]
    assert modules
    for module in modules:
        [tool] = [one for one in vars(module).values() if isinstance(one, Tool)]
        shown = " ".join(page.find("li", id=f"tool-{tool.name}").text.split())
        assert " ".join(tool.description.split()) in shown
        assert all(f"{name} (" in shown and schema["description"] in shown for name, schema in tool.parameters.items())
        assert f"Idempotent: {'yes' if tool.idempotent else 'no'}" in shown
    assert "query (string): one to ten words" in page.find("li", id="tool-search_my_threads").text
    assert "Provided by the site: User" in page.find("li", id="tool-search_my_threads").text


async def test_a_user_gets_404(alice: Person) -> None:
    answer, missing = await alice.http.get("/admin/"), await alice.http.get("/nowhere/")

    assert answer.status_code == 404
    assert answer.headers.keys() == missing.headers.keys()
    assert answer.text.count("/admin/") == 0
    assert "no such page" in Page(answer.text).text


async def test_a_visitor_gets_404(nobody: Person) -> None:
    answer, missing = await nobody.http.get("/admin/"), await nobody.http.get("/nowhere")

    assert (answer.status_code, Page(without_id(answer)).text) == (404, Page(without_id(missing)).text)


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
async def test_a_former_administrator_loses_access_at_once(root: Person, change: dict[str, bool]) -> None:
    await User.filter(email=root.email).update(**change)

    assert (await root.http.get("/admin/")).status_code in (303, 404)
