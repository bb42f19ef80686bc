"""The recipes of docs/extending.md work on a copy of the project, one after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.recipe import MIGRATIONS, REMOVALS, Copy

pytestmark = pytest.mark.timeout(600)  # each copies the project, checks its types, and starts its own stores

YOURS = """
from dotenv import dotenv_values

from chat.services.replies import prompt
from chat.settings import Settings
from chat.tools import load
from tests.support.cast import Person
from tests.support.page import Page


async def test_the_site_is_customized(nobody: Person) -> None:
    landing = Page((await nobody.http.get("/")).text)
    logo = (await nobody.http.get("/static/images/favicon.svg")).text
    settings = Settings.from_environment({"DEBUG": "True", **dotenv_values()})

    assert landing.find("h1").text == "Ask the bakery."
    assert "#92400e" in logo
    assert "Kornblume" in prompt.instructions()
    assert "get_secret_number" not in str(load().schemas())
    assert (settings.site_name, settings.models) == ("Kornblume", ("gpt-6.1-sol", "gpt-6-luna"))
"""


def test_the_project_can_be_made_yours(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    copy.apply("Make it yours")
    (copy.root / "tests" / "test_yours.py").write_text(YOURS)
    copy.run("npm", "run", "--silent", "build:css")
    copy.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests/test_yours.py")

    assert "--color-brand:var(--color-amber-800)" in (copy.root / "static" / "dist" / "app.css").read_text()


def test_everything_that_can_be_removed_can_go_together(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    for title in REMOVALS:
        copy.apply(title)
    copy.check(*MIGRATIONS)
