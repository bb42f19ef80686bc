"""People read what a tool does in a few words, whatever its name and its arguments are."""

from __future__ import annotations

import json

import pytest

from chat.llm.tools import Registry, tool
from chat.llm.tools.words import MAX_CHARACTERS, Words, words_of
from chat.tools import load

ENDLESS = '{"question": ' + "9" * 5_000 + "}"
UNREADABLE = ["", "{", '{"question": "cut', "[]", '"text"', "null", '{"other": "x"}', "[" * 5_000, ENDLESS]


@tool(idempotent=True, doing="Asking the oracle", done="Asked the oracle", about="question")
def ask_oracle(question: str, seconds: int = 3) -> str:
    """Ask.

    question: what to ask
    seconds: how long to wait
    """
    return question * seconds


@tool(idempotent=True)
def roll_dice() -> int:
    """Roll one die."""
    return 4


def test_a_tool_names_its_own_words() -> None:
    words = Registry([ask_oracle]).words("ask_oracle")

    assert words == Words("Asking the oracle", "Asked the oracle", "question")
    assert words.detail('{"question": "Will it rain?"}') == "Will it rain?"


def test_a_tool_without_words_is_called_by_its_name() -> None:
    assert Registry([roll_dice]).words("roll_dice") == Words("Roll dice", "Roll dice")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("get_secret_number", "Get secret number"),
        ("getSecretNumber", "Get secret number"),
        ("web-search.run", "Web search run"),
        ("read_PDF", "Read PDF"),
        ("x", "X"),
        ("", "Tool"),
        ("___", "Tool"),
        ("حالة_الطقس", "حالة الطقس"),
        ("\ud800", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_tool_that_is_gone_or_was_invented_is_called_by_its_name(name: str, words: str) -> None:
    assert load().words(name) == Words(words, words)


def test_every_tool_of_the_site_reads_as_a_sentence() -> None:
    for item in load().tools:
        assert "_" not in item.words.doing + item.words.done
        assert item.words.doing[0].isupper()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (" two\n\nlines\t", "two lines"),
        (7, "7"),
        (0.5, "0.5"),
        (True, ""),
        (None, ""),
        (["a"], ""),
        ({"a": 1}, ""),
        ("", ""),
        ("\u202eevil", "\u202eevil"),  # the page isolates it
        ("x" * 100_000, "x" * (MAX_CHARACTERS - 1) + "…"),
        ("x" * MAX_CHARACTERS, "x" * MAX_CHARACTERS),
        ("<b>bold</b>", "<b>bold</b>"),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_the_detail_is_one_short_line(value: object, shown: str) -> None:
    assert ask_oracle.words.detail(json.dumps({"question": value})) == shown


@pytest.mark.parametrize("arguments", UNREADABLE)
def test_arguments_that_cannot_be_read_have_no_detail(arguments: str) -> None:
    assert ask_oracle.words.detail(arguments) == ""


@pytest.mark.parametrize("chosen", [{"doing": "Asking"}, {"done": "Asked"}, {"about": "nothing"}])
def test_words_that_do_not_fit_the_tool_are_refused_at_once(chosen: dict[str, str]) -> None:
    with pytest.raises(TypeError, match=r"^ask: "):
        words_of("ask", **chosen, parameters=["question"])
