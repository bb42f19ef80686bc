"""What a hit shows: one line of the text without Markdown's marks, with the words at their places."""

from __future__ import annotations

import pytest

from chat.search.query import parse
from chat.search.snippets import snippet

READ = "# Title\n\n> Quoted **strong** words, and [the docs](https://example.com/a), ![a cat](cat.png)"
CODE = "```python\nfoo_bar(`x`) ** 2\n```"


@pytest.mark.parametrize(
    ("text", "wanted", "line", "marked"),
    [
        (READ, "strong docs", "Title  Quoted strong words, and the docs, a cat", ["strong", "docs"]),
        (CODE, "foo_bar", " foo_bar(x) ** 2 ", ["foo_bar"]),
        ("[the **docs**](https://example.com/a)", "docs", "the docs", ["docs"]),
        ("[the docs](https://example.com/a)", "example.com", "[the docs](https://example.com/a)", ["example.com"]),
        ("C# and #1, a ** b, __init__ and *it*", "init", "C# and #1, a ** b, __init__ and *it*", ["init"]),
        ("**Größe** und 😀 **schön**", "schön", "Größe und 😀 schön", ["schön"]),
        ("[" * 200, "x", "[" * 160 + "…", []),
    ],
)
def test_a_line_has_no_marks_of_markdown_but_where_they_were_searched_for(
    text: str, wanted: str, line: str, marked: list[str]
) -> None:
    shown, marks = snippet(text, parse(wanted).wanted)
    units = shown.encode("utf-16-le")

    assert shown == line
    assert [units[2 * start : 2 * end].decode("utf-16-le") for start, end in marks] == marked
