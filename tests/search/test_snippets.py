"""What a hit shows: one line of the text without Markdown's marks of strong text, with the words at their places."""

from __future__ import annotations

import pytest

from chat.search.query import parse
from chat.search.snippets import snippet

CODE = "f(**a, **b) + 2**10**3; src/**/*.py; **kwargs, **more; x ** 2 ** y; a**b**"


@pytest.mark.parametrize(
    ("text", "wanted", "line", "marked"),
    [
        ("Some **strong** words, **too**.", "strong too", "Some strong words, too.", ["strong", "too"]),
        ("**Größe** und 😀 **schön**", "schön", "Größe und 😀 schön", ["schön"]),
        ("**one\ntwo** and **three**", "three", "**one two** and three", ["three"]),
        ("In **strong** words", '"strong words"', "In **strong** words", ["strong** words"]),
        (CODE, "kwargs", CODE, ["kwargs"]),
        ("*" * 200, "x", "*" * 160 + "…", []),
    ],
)
def test_strong_text_has_no_marks_and_code_keeps_its_stars(
    text: str, wanted: str, line: str, marked: list[str]
) -> None:
    shown, marks = snippet(text, parse(wanted).wanted)
    units = shown.encode("utf-16-le")

    assert shown == line
    assert [units[2 * start : 2 * end].decode("utf-16-le") for start, end in marks] == marked


def test_the_marks_at_the_edge_of_a_line_are_those_of_the_whole_text() -> None:
    text = "word " * 30 + "a**b and **strong** words " + "word " * 40
    shown, marks = snippet(text, parse("strong").wanted)

    assert "a**b and strong words" in shown
    assert [shown[start:end] for start, end in marks] == ["strong"]
