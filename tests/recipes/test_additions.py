"""All recipes of docs/extending.md that add something, together: it takes minutes, so `make test-recipes` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.recipe import Copy, sections

pytestmark = pytest.mark.timeout(600)  # it copies the project, checks its types, and starts its own stores

ADDED_TESTS = (
    "tests/tools/test_roll_dice.py",
    "tests/tools/test_package.py",
    "tests/web/test_about.py",
    "tests/web/test_routes.py",
    "tests/test_settings.py",
    "tests/test_database.py::test_models_and_migrations_do_not_drift",
    "tests/web/admin/test_announcements.py",
    "tests/web/chat/test_announced.py",
    "tests/test_contracts.py",
    "tests/test_emails.py",
    # Half a minute of Markdown, which no recipe touches.
    *(
        f"--deselect=tests/test_contracts.py::test_the_modules_of_the_browser_pass_their_tests[{name}.test.mjs]"
        for name in ("hostile", "markdown", "settling")
    ),
)


def test_everything_that_is_added_works(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    for title in (title for title in sections() if title.startswith("Add ")):
        copy.apply(title)
    copy.run("npm", "run", "--silent", "build:js")
    copy.check(*ADDED_TESTS)
