"""The documents name files that exist, and link to headings that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "tests" / "faults" / "README.md"])
FOLDERS = ("chat", "tests", "static/src", "templates", "docs", "bench", "bin")
NAME = re.compile(r"[\w./-]+(?:\{[\w,]+\})?[\w./-]*")
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]+)?\)")


def named_files(text: str) -> Iterator[str]:
    """Paths below one of the folders, in backticks; `a/{b,c}.py` is two."""
    for quoted in re.findall(r"`([^`\n]+)`", text):
        if not NAME.fullmatch(quoted) or not quoted.startswith(tuple(f"{folder}/" for folder in FOLDERS)):
            continue
        before, _, rest = quoted.partition("{")
        choices, _, after = rest.partition("}")
        yield from (f"{before}{choice}{after}" for choice in choices.split(","))


def anchors(document: Path) -> set[str]:
    """The links of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    assert [name for name in named_files(document.read_text()) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    for name, anchor in LINK.findall(document.read_text()):
        if "://" in name:
            continue
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}{anchor}"
