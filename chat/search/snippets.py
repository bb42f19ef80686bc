"""The part of a text that shows why it was found, with the places of the words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise

from chat.search.query import Term
from chat.search.words import FOLLOWING, JAMO, folded
from chat.text import utf16_length

WIDTH = 160  # characters of a snippet
BEFORE = 40  # of them before the first mark
MOST_MARKS = 100  # of a term in a text: a word can be all of it
MOST_SEARCHED = 2_000_000  # characters; the index ends before

# Parts that can be folded by themselves: the next one does not begin with what belongs to the character before it.
PIECE = re.compile(f"(?s)(?:.{{1,400}}(?![{FOLLOWING}{JAMO}])|.{{1,4000}})")
BLANK = re.compile(r"\s")
# Markdown's marks of strong text. Other marks stay: in code, the same characters mean something.
STRONG = re.compile(r"(?<![\w*])(\*\*)(?=[^\s*])[^*\n]{1,200}(?<=[^\s*])(\*\*)(?![\w*])")
CHARACTER = re.compile(f"(?s)(?:[{JAMO}]+|.)[{FOLLOWING}]*")

Span = tuple[int, int]

folded_character = lru_cache(4096)(folded)


def spans(text: str, terms: Sequence[Term]) -> list[Span]:
    """Where the terms are in a text, in order, without overlaps."""
    folds = Folds(text[:MOST_SEARCHED])
    return _merged(map(folds.original, _found(folds.text, terms)))


def snippet(text: str, terms: Sequence[Term], width: int = WIDTH, before: int = BEFORE) -> tuple[str, list[list[int]]]:
    """One line of the text, with the most marks that fit into it, as positions in UTF-16.

    Without Markdown's marks of strong text, unless they are part of what was searched for.
    """
    folds = Folds(text[:MOST_SEARCHED])
    found = _merged(map(folds.original, _densest(_found(folds.text, terms), width - before)))
    start, end = _window(text, found[0][0] if found else 0, width, before)
    marks = [(max(a, start), min(b, end)) for a, b in found if a < end]
    cut = _strong(text, (start, end), marks)
    head = "…" if start else ""
    line = "".join(text[a:b] for (_, a), (b, _) in pairwise([(start, start), *cut, (end, end)]))
    shown = f"{head}{BLANK.sub(' ', line)}{'…' if end < len(text) else ''}"

    def moved(place: int) -> int:
        return place - start + len(head) - sum(b - a for a, b in cut if b <= place)

    return shown, _in_utf16(shown, [(moved(a), moved(b)) for a, b in marks])


def title_marks(title: str, terms: Sequence[Term]) -> list[list[int]]:
    """Where the terms are in a title, in UTF-16."""
    return _in_utf16(title, spans(title, terms))


def _found(folded_text: str, terms: Sequence[Term]) -> list[Span]:
    return _merged(
        sorted(match.span() for term in terms for match in islice(term.pattern.finditer(folded_text), MOST_MARKS))
    )


def _merged(found: Iterable[Span]) -> list[Span]:
    """Without overlaps: terms can begin alike, and one character can be two folded ones."""
    merged: list[Span] = []
    for start, end in found:
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _densest(found: Sequence[Span], room: int) -> Sequence[Span]:
    """The most spans that begin within this many characters; the first such."""
    starts = [start for start, _ in found]
    ends = [bisect_right(starts, start + room) for start in starts]
    most = max(range(len(starts)), key=lambda at: (ends[at] - at, -at), default=0)
    return found[most : ends[most]] if ends else []


def _window(text: str, mark: int, width: int, before: int) -> Span:
    """From a little before the mark, at the beginning of a word if there is one."""
    start = max(0, min(mark - before, len(text) - width))
    if start and (blank := BLANK.search(text, start, mark)):
        start = blank.end()
    return start, min(start + width, len(text))


def _strong(text: str, window: Span, marks: Sequence[Span]) -> list[Span]:
    """The marks of strong text in a part of the text, in pairs that overlap none of the other marks."""
    cut: list[Span] = []
    for strong in STRONG.finditer(text, *window):
        pair = [strong.span(1), strong.span(2)]
        if not any(a < end and start < b for a, b in pair for start, end in marks):
            cut += pair
    return cut


def _in_utf16(text: str, found: Sequence[Span]) -> list[list[int]]:
    if text.isascii():
        return [list(span) for span in found]
    return [[utf16_length(text[:start]), utf16_length(text[:end])] for start, end in found]


class Folds:
    """A folded text that knows where its characters come from."""

    def __init__(self, text: str) -> None:
        self._is_plain = text.isascii()
        self._pieces: list[tuple[int, str]] = []  # where each begins in the text
        self._starts: list[int] = []  # and in the folded text
        self._even: dict[int, bool] = {}
        self.text = folded(text) if self._is_plain else "".join(self._folded(text))

    def _folded(self, text: str) -> Iterator[str]:
        length = 0
        for piece in PIECE.finditer(text):
            part = folded(piece[0])
            self._pieces.append((piece.start(), piece[0]))
            self._starts.append(length)
            length += len(part)
            yield part

    def original(self, span: Span) -> Span:
        """Where a part of the folded text is in the text."""
        return span if self._is_plain else (self._at(span[0], is_end=False), self._at(span[1], is_end=True))

    def _at(self, place: int, *, is_end: bool) -> int:
        index = bisect_right(self._starts, place - is_end) - 1
        start, piece = self._pieces[index]
        left = place - self._starts[index]
        if index not in self._even:
            self._even[index] = self._is_even(index)
        if self._even[index]:
            return start + left
        for character in CHARACTER.finditer(piece):
            length = len(folded_character(character[0]))
            if left < length or (is_end and left == length):
                return start + (character.end() if is_end else character.start())
            left -= length
        return start + len(piece)

    def _is_even(self, index: int) -> bool:
        """Whether each character of a piece is one of the folded piece, as most are in most scripts."""
        ends = [*self._starts[1:], len(self.text)]
        piece = self._pieces[index][1]
        return len(piece) == ends[index] - self._starts[index] and all(
            len(folded_character(character)) == 1 for character in piece
        )
