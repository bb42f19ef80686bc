"""What a user types to search, as terms: `word`, `"a phrase"`, `-without`. Each becomes a tsquery and a pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from chat.search.words import (
    IS_UNSPACED,
    LONGEST_WORD,
    SPACED_MARKS,
    SYLLABLES,
    UNSPACED,
    WORD,
    Word,
    folded,
    runs,
    words,
)
from chat.text import storable

MOST_CHARACTERS = 200
MOST_TERMS = 20
SHORTEST_BEGINNING = 2  # characters; a single one is a word of its own

TERM = re.compile(r'((?<!\S)-+)?(?:"([^"]*)(?:"|$)|([^\s"]+))')
QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))  # noqa: RUF001
GAP = f"(?:(?![{SPACED_MARKS}{UNSPACED}])[\\W_])"
INSIDE = f"[^\\W_{UNSPACED}]", f"[{SPACED_MARKS}]"

NOTHING = "Type a word to search for: signs alone can't be found."
ONLY_WITHOUT = "Type a word to search for: this search only says which words to leave out."
TOO_LONG = f"This search is too long: use at most {MOST_CHARACTERS} characters and {MOST_TERMS} words."


class Unusable(Exception):
    """The text can't be searched for; the sentence is for people."""


@dataclass(frozen=True)
class Term:
    """Words in a row. `is_open`: the last one may be the beginning of a longer word."""

    text: str
    is_open: bool

    @cached_property
    def words(self) -> list[Word]:
        """As they are indexed, without the half pair that ends a part without spaces."""
        found = words(self.text)
        return [one for before, one in zip([None, *found], found, strict=False) if not _is_rest(before, one)]

    @cached_property
    def tsquery(self) -> str:
        """As PostgreSQL reads it."""
        parts, last = [], None
        for word in self.words:
            if last:
                parts.append(f"<{word.place - last.place}>")
            parts.append(f"'{word.text}'")
            last = word
        return f"({' '.join(parts)}{':*' if last and self._may_go_on(last.text) else ''})"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds the term in a folded text."""
        parts = list(runs(folded(self.text)))
        found = ""
        for before, run, after in zip(["", *parts], parts, [*parts[1:], ""], strict=False):
            if before:
                found += GAP + ("*" if IS_UNSPACED.match(before) or IS_UNSPACED.match(run) else "+")
            is_cut = len(run) >= LONGEST_WORD or (not after and self._may_go_on(run))
            found += re.escape(run) if IS_UNSPACED.match(run) else _word(run[:LONGEST_WORD], is_cut=is_cut)
        return re.compile(found)

    def _may_go_on(self, word: str) -> bool:
        if IS_UNSPACED.match(word):
            return len(word) == 1
        return self.is_open and (len(word) >= SHORTEST_BEGINNING or SYLLABLES[0] <= word[0] <= SYLLABLES[-1])


@dataclass(frozen=True, slots=True)
class Query:
    """What a message must contain, and what it must not."""

    wanted: list[Term]
    unwanted: list[Term]

    @property
    def literals(self) -> list[str]:
        """Terms with signs, which words alone don't tell apart: `C++`, `100%`."""
        texts = (one.text.lower() for one in self.wanted)
        return [text for text in texts if not all(character.isalnum() or character.isspace() for character in text)]

    @property
    def tsquery(self) -> str:
        """As PostgreSQL reads it."""
        return " & ".join([one.tsquery for one in self.wanted] + [f"!{one.tsquery}" for one in self.unwanted])


def parse(text: str) -> Query:
    """Raises Unusable."""
    text = storable(text).translate(QUOTES)
    found = list(TERM.finditer(text))
    if len(text) > MOST_CHARACTERS or len(found) > MOST_TERMS:
        raise Unusable(TOO_LONG)
    wanted: dict[str, Term] = {}
    unwanted: dict[str, Term] = {}
    for one in found:
        term = Term(one[3] or one[2] or "", is_open=one[2] is None)
        if term.words:
            (unwanted if one[1] else wanted)[term.tsquery] = term
    if not wanted:
        raise Unusable(ONLY_WITHOUT if unwanted else NOTHING)
    return Query(list(wanted.values()), list(unwanted.values()))


def plain(texts: Sequence[str]) -> Query:
    """All of these words, without any operators; what has no word in it is left out."""
    terms = (Term(text, is_open=True) for text in texts)
    return Query(list({term.tsquery: term for term in terms if term.words}.values()), [])


def _is_rest(before: Word | None, word: Word) -> bool:
    """Whether the word is the second character of the pair before it."""
    if before is None or len(word.text) != 1 or len(before.text) != 2 or word.place != before.place + 1:  # noqa: PLR2004
        return False
    return bool(IS_UNSPACED.match(word.text)) and before.text[1] == word.text


def _word(word: str, *, is_cut: bool) -> str:
    """The text comes first: the engine looks for it, and for what is around it only where it is."""
    text = re.escape(word)
    begins = "".join(f"(?<!{one}{text})" for one in INSIDE)
    ends = f"{WORD}*" if is_cut else "".join(f"(?!{one})" for one in INSIDE)
    return text + begins + ends
