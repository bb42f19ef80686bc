"""The first words of a message, without the marks of markdown: what a thread is called until somebody knows better."""

from __future__ import annotations

import re

TITLE_AIM = 60  # characters
TITLE_LOOK, TITLE_LINES = 300, 20  # how far for them
LEADING_MARKS = re.compile(r"^(?:#{1,6} +|> ?|[-*+] +|\d{1,3}[.)] +|\[[ xX]\] +)+")
NO_WORDS = re.compile(r"^(?:```|~~~|[-*_=#> ]+$)")  # the fence of a code block, a rule
INLINE_MARKS = re.compile(
    r"(?P<ticks>`+)(?P<code>[^`]+)(?P=ticks)"
    r"|!?\[(?P<link>[^\[\]]+)\]\([^()]*\)"
    r"|(?<![\w\\])(?P<mark>\*{1,3}(?!\*)|_{1,3}(?!_)|~~(?!~))(?=\S)(?P<words>.+?)(?<=\S)(?P=mark)(?!\w|\.\w)"
)


def title_from(content: str) -> str:
    """The first words of the first line that has any, without the marks of markdown."""
    lines = [" ".join(line[:TITLE_LOOK].split()) for line in content.split("\n", TITLE_LINES)[:TITLE_LINES]]
    line = next(filter(None, map(_unmarked, lines)), lines[0])
    if len(line) <= TITLE_AIM:
        return line
    return line[:TITLE_AIM].rsplit(" ", 1)[0] + "…"


def _unmarked(line: str) -> str:
    return "" if NO_WORDS.match(line) else INLINE_MARKS.sub(_words, LEADING_MARKS.sub("", line)).strip()


def _words(mark: re.Match[str]) -> str:
    """What stands between the marks; in code a mark is a letter like any other."""
    return (mark["code"] or INLINE_MARKS.sub(_words, mark["link"] or mark["words"] or "")).strip()
