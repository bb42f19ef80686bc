"""Text that is stored and counted."""

from __future__ import annotations

import csv
import io
from itertools import chain, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.text import FORMULAS, SIGNS, cell, contained, from_utf16, isolated, sha8, storable, utf16_length


@given(st.text())
def test_lengths_are_those_of_javascript(text: str) -> None:
    assert utf16_length(text) == sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)


@given(st.text(), st.text())
def test_the_part_after_a_position_is_what_came_after_it(before: str, after: str) -> None:
    assert from_utf16(before + after, utf16_length(before)) == after


@given(st.text(alphabet=st.one_of(st.characters(), st.integers(0xD800, 0xDFFF).map(chr), st.just("\x00"))))
def test_stored_text_is_storable_and_loses_nothing_else(text: str) -> None:
    stored = storable(text)

    assert "\x00" not in stored
    assert stored.encode().decode() == stored
    assert len(stored) <= len(text)
    assert [one for one in stored if one != "\ufffd" and one < "\U00010000"] == [
        one for one in text if one not in "\x00\ufffd" and not "\ud800" <= one <= "\udfff" and one < "\U00010000"
    ]


def test_the_digest_is_of_utf8() -> None:
    assert sha8("abc") == "ba7816bf"


MARKS = [*"ab ", "\u05d0", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]


@given(st.text(alphabet=MARKS))
def test_a_contained_text_closes_what_it_opens_and_nothing_else(text: str) -> None:
    depth = 0
    for character in contained(text):
        depth += (character in "\u2066\u2067\u2068") - (character == "\u2069")
        assert depth >= 0
    assert depth == 0
    assert [one for one in contained(text) if one != "\u2069"] == [one for one in text if one != "\u2069"]


def test_only_a_text_with_a_direction_is_isolated() -> None:
    assert isolated("Eggs, 卵, яйца 🥚") == "Eggs, 卵, яйца 🥚"
    assert isolated("بيض (3)") == "\u2068بيض (3)\u2069"
    assert isolated("\u202egpj.exe") == "\u2068\u202egpj.exe\u2069"
    assert isolated("a\u2069b\u2067c") == "\u2068ab\u2067c\u2069\u2069"


SEPARATORS = [",", ";", "\t", "|", " ", ":"]
CELL_PIECES = [*FORMULAS, *SEPARATORS, '"', "'", "\n", "\r", "\xa0", "\u200b", "\ufeff", "`", "a", "1", "A1", "cmd|"]
QUOTINGS = [{"quotechar": '"'}, {"quoting": csv.QUOTE_NONE}, {"quotechar": '"', "doublequote": False}]


@given(st.lists(st.lists(st.sampled_from(CELL_PIECES), max_size=8).map("".join), min_size=1, max_size=4))
@settings(max_examples=500)
def test_no_cell_is_a_formula_however_a_program_splits_the_lines(texts: list[str]) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([cell(text) for text in texts])
    for separator, quoting, skips in product(SEPARATORS, QUOTINGS, [True, False]):
        lines = io.StringIO(file.getvalue(), newline="")
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=skips, **quoting)  # type: ignore[arg-type]
        for found in chain.from_iterable(reader):
            assert not is_formula(found), (file.getvalue(), separator, quoting, found)


def is_formula(found: str) -> bool:
    """Whether a program that trims cells, and takes wide signs for narrow ones, would calculate something."""
    trimmed = found.strip(" \xa0\ufeff\u200b\t\r\n")
    return trimmed.startswith(SIGNS) and len(trimmed) > 1


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example",
        "a+b@c.example",
        "gpt-6-luna",
        "Ada Lovelace",
        "read on 2026-11-29, at 10:30",
        "a - b",
        "1 + 1 = 2",
    ],
)
def test_ordinary_cells_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("＝1", "'＝1"),  # noqa: RUF001
        ("\tx", "'\tx"),
        (" =x", " '=x"),
        ("a;=x", "a;'=x"),
        ("a; = x", "a; '= x"),
        ('a"=x', "a\"'=x"),
        ("a\n=x", "a\n'=x"),
        ("a =x", "a '=x"),
    ],
)
def test_a_cell_that_could_be_a_formula_is_escaped(text: str, shown: str) -> None:
    assert cell(text) == shown
