"""A message that the budget does not allow is refused with 402."""

from __future__ import annotations

import pytest

from chat.services.errors import Refused
from tests.support import patches
from tests.support.cast import Person
from tests.support.page import Page


async def test_a_spent_budget_answers_402(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Refused("budget_exceeded", "The budget for this month is spent.")

    patches.SEND.replace(monkeypatch, refuse)
    program = await alice.post("Say much")
    page = await alice.http.post("/chat/", data={"message": "Say much"})

    assert (program.status_code, program.json()["code"]) == (402, "budget_exceeded")
    assert page.status_code == 402
    assert Page(page.text).find("p", id="composer-error").text == "The budget for this month is spent."
    assert Page(page.text).find("textarea", name="message").text.strip() == "Say much"
