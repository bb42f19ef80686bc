"""Text of people and models has its own direction wherever a template prints it, and reorders nothing beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[1] / "templates"
PAGES = sorted(path for path in TEMPLATES.rglob("*.html") if path.parent.name != "emails")
PAGES.remove(TEMPLATES / "admin" / "_cells.html")  # values of cells, to which rows_table gives a direction

# Names under which a template gets what a person, a model or an operator wrote.
WRITTEN = re.compile(
    r"\b(?:content|reasoning|display_name|email|site_notice|draft|sent|user_agent|stored|form_error|site_name"
    r"|(?:thread|other|message|part|one|call|row|session|person)\.(?:title|name|text|error|user|arguments|output)"
    r"|title|label_of|value)\b"
)
# Expressions that only look like that, and what they are.
EVERYWHERE = {"site_name"}  # isolated by the app
FIXED = {
    "_charts.html": {"it.title", "one.name", "tick.words", "row.name"},  # fixed words, months and days
    "_components.html": {"value", "model.name"},  # of a figure, a detail or an attribute; names of models are ASCII
    # In a cell or a heading, which has the direction.
    "admin/row.html": {"row.email if row.email is string else table.singular"},
    "chat/_composer.html": {'form_error or ""'},  # sentences of the server
    "admin/_bar.html": {"one.title", "table.title"},
    "admin/index.html": {"tool.name", "name", "value"},  # of Python functions
    "admin/table.html": {"table.title", "one.label", "value"},
    "pages/error.html": {"title"},
    "pages/landing.html": {"title"},
}
EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
SILENT = re.compile(r"\{#.*?#\}|\{%.*?%\}", re.DOTALL)
SAFE_ENDS = re.compile(r"\|\s*(?:isolated|contained|length|urlencode|tojson)\b")
VOID = {"br", "hr", "img", "input", "link", "meta", "path", "line", "rect", "circle"}
TYPED = {"input", "textarea"}  # what a person edits


@dataclass
class Printed:
    """An expression in the text of an element, or in the value of a field."""

    expression: str
    line: int
    has_direction: bool


class Walk(HTMLParser):
    """Finds where expressions are printed; they have been replaced by marks, since HTML does not know them."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.expressions: list[str] = []
        self.found: list[Printed] = []
        self._open: list[tuple[str, bool]] = []
        blank = SILENT.sub(lambda silent: "\n" * silent[0].count("\n"), source)
        self.feed(EXPRESSION.sub(self._marked, blank))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = dict(attrs)
        directed = tag == "bdi" or "dir" in given or "kwargs | attributes" in self._words(" ".join(given))
        if tag in TYPED and "hidden" not in given and given.get("type") not in ("hidden", "radio", "checkbox"):
            self._note(given.get("value") or "", directed)
        if tag not in VOID:
            self._open.append((tag, directed))

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser; macros leave some elements open on purpose."""
        names = [name for name, _ in self._open]
        if tag in names:
            del self._open[len(names) - 1 - names[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        if not any(name in ("script", "style", "title", "desc") for name, _ in self._open):
            self._note(data, any(directed for _, directed in self._open))

    def _marked(self, expression: re.Match[str]) -> str:
        self.expressions.append(" ".join(expression[1].strip(" -\n").split()))
        return f"@{len(self.expressions) - 1}@" + "\n" * expression[0].count("\n")

    def _words(self, text: str) -> str:
        return " ".join(self.expressions[int(number)] for number in re.findall(r"@(\d+)@", text))

    def _note(self, text: str, directed: bool) -> None:
        for number in re.findall(r"@(\d+)@", text):
            self.found.append(Printed(self.expressions[int(number)], self.getpos()[0], directed))


def undirected(name: str, source: str) -> Iterator[str]:
    """What is printed without a direction, and is not known to be fixed words."""
    for printed in Walk(source).found:
        expression = re.sub(r'"[^"]*"|\'[^\']*\'', "", printed.expression)
        is_call = re.match(r"(?:ui\.)?[a-z_]+\(|caller\(", printed.expression)
        if is_call or not WRITTEN.search(expression) or SAFE_ENDS.search(expression):
            continue
        if not printed.has_direction and printed.expression not in FIXED.get(name, set()) | EVERYWHERE:
            yield f"{name}:{printed.line}: {printed.expression}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_what_people_and_models_wrote_has_a_direction(path: Path) -> None:
    assert list(undirected(str(path.relative_to(TEMPLATES)), path.read_text())) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("<p>{{ thread.title }}</p>", 1),
        ("<p>A {% if x %}<b>{{ user.email }}</b>{% endif %}</p>", 1),
        ('<p dir="auto">{{ title or "New chat" }}</p><p>{{ title }}</p>', 1),
        ('<input type="text" value="{{ draft }}">', 1),
        ('<input type="text" dir="auto" value="{{ draft }}"><br>{{ message.content }}', 1),
        ('<li dir="auto"><b>{{ thread.title }}</b></li><bdi>{{ user.display_name | contained }}</bdi>', 0),
        ('<title>{{ title | isolated }}</title><p class="{{ value }}">Fixed: {{ threads | length }}</p>', 0),
    ],
)
def test_a_place_without_a_direction_is_found(source: str, count: int) -> None:
    assert len(list(undirected("a.html", source))) == count
