"""Pages and their scripts read like plain English: the words of CONTRIBUTING's style sheet are avoided."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AVOIDED = re.compile(
    r"\b(?:away|nobody|whoever|whomever|everybody|somebody|anybody|dearest|kept back|(?<!\.)letters?|look(?:ed|s)? at|"
    r"go on|goes on|for good|once more|so many|of all|in all|takes back|in vain|e-mails?|one's own|second factor|"
    r"colours?|coloured|wire)\b",
    re.IGNORECASE,
)
ALLOWED = {
    "chat/sanitizer.js": ["letters"],  # of the alphabet
}
FILES = {
    str(path.relative_to(ROOT / folder)): path
    for folder in ("templates", "static/src")
    for path in sorted((ROOT / folder).rglob("*.*"))
    if path.suffix in (".html", ".txt", ".md", ".js")
}


@pytest.mark.parametrize("name", FILES)
def test_pages_and_scripts_avoid_the_words_of_the_style_sheet(name: str) -> None:
    found = [word.lower() for word in AVOIDED.findall(FILES[name].read_text())]

    assert found == ALLOWED.get(name, [])
