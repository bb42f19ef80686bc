"""Styles are components: little custom CSS, and no `!important`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_CSS_LINES = 800
# `!p-4` or `p-4!`: a utility that is marked as important, by which a page overrides its own component.
IMPORTANT = re.compile(r"""(?<=[\s"'])(?:!-?[a-z]+[-:\[][^\s"']*|-?[a-z]+[-:\[][^\s"']*!)(?=[\s"'])""")
SOURCES = sorted(path for path in (ROOT / "templates").rglob("*.html") if "emails" not in path.parts)


def test_css_by_hand_stays_small() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in (ROOT / "static" / "src").rglob("*.css"))

    assert lines <= MAX_CSS_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_overrides_by_important(path: Path) -> None:
    assert IMPORTANT.findall(path.read_text()) == []


def test_important_utilities_are_recognized() -> None:
    assert IMPORTANT.findall('class="p-4 min-h-10! !px-3.5 sm:pt-2!" title="Well done!"') == [
        "min-h-10!",
        "!px-3.5",
        "sm:pt-2!",
    ]
