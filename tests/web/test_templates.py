"""What templates write: escaped once, whatever it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from jinja2 import DictLoader
from markupsafe import Markup
from quart import Quart

from chat.web.templates import Environment, attributes, exact

Render = Callable[..., str]

MARKS = "&<>\"'"
ESCAPED = "&amp;&lt;&gt;&#34;&#39;"


class Widget:
    def __html__(self) -> str:
        return "<b>widget</b>"


class Named:
    def __str__(self) -> str:
        return MARKS


@pytest.fixture
def render() -> Render:
    """Renders a source, with others that it may import."""

    def rendered(source: str, others: dict[str, str] | None = None, /, **values: object) -> str:
        sources = {"page.html": source, **(others or {})}
        environment = Environment(Quart(__name__), loader=DictLoader(sources), autoescape=True)
        environment.globals["site"] = "<site>"
        environment.filters |= {"attributes": attributes, "exact": exact}
        return environment.get_template("page.html").render(**values)

    return rendered


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (MARKS, ESCAPED),
        (Named(), ESCAPED),
        (Markup("<i>"), "<i>"),
        (Widget(), "<b>widget</b>"),
        (None, "None"),
        (0, "0"),
        (["<"], "[&#39;&lt;&#39;]"),
    ],
)
def test_a_value_is_escaped_unless_it_is_markup(render: Render, value: object, written: str) -> None:
    assert render("{{ value }}|{% if true %}{{ value }}{% endif %}", value=value) == f"{written}|{written}"


def test_what_is_missing_is_empty(render: Render) -> None:
    assert render("{{ missing }}.{{ value.missing }}", value={}) == "."


def test_a_subclass_of_markup_writes_what_it_says(render: Render) -> None:
    class Shouting(Markup):
        def __html__(self) -> str:
            return self.upper()

    assert render("{{ value }}", value=Shouting("<b>")) == "<B>"


def test_a_block_without_escaping_writes_as_it_is(render: Render) -> None:
    source = "{% autoescape how %}{{ value }}{% endautoescape %}|{% autoescape false %}{{ value }}{% endautoescape %}"
    assert render(source, value=MARKS, how=True) == f"{ESCAPED}|{MARKS}"
    assert render(source, value=MARKS, how=False) == f"{MARKS}|{MARKS}"


def test_what_a_macro_writes_is_escaped_once(render: Render) -> None:
    others = {"parts.html": "{% macro part(label) %}<p>{{ label }}{{ site }}</p>{% endmacro %}"}
    source = "{% from 'parts.html' import part %}{% set kept = part(value) %}{{ kept }}{{ part(kept) }}"
    once = f"<p>{ESCAPED}&lt;site&gt;</p>"
    assert render(source, others, value=MARKS) == f"{once}<p>{once}&lt;site&gt;</p>"


def test_a_global_that_is_added_later_is_there() -> None:
    environment = Environment(Quart(__name__), loader=DictLoader({"page.html": "{{ added }}"}), autoescape=True)
    page = environment.get_template("page.html")
    environment.globals["added"] = "<added>"
    assert page.render() == "&lt;added&gt;"


def test_further_arguments_of_a_macro_become_attributes(render: Render) -> None:
    source = "{% macro part() %}<p{{ kwargs | attributes }}>{% endmacro %}"
    given = (
        "{{ part(data_name=value, class_='a b', hidden=true, data_no=false, title=none, id=missing, data_count=0) }}"
    )
    expected = f'<p data-name="{ESCAPED}" class="a b" hidden data-count="0">'
    assert render(source + given, value=MARKS) == expected
