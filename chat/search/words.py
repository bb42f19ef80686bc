"""Text as the words that are searched: without accents and case, and with pairs where a script has no spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from chat.text import IGNORABLE

LONGEST_WORD = 60  # characters; the rest of a longer one counts for nothing

# Accents and vowel points, which people leave out: Latin, Greek and Cyrillic, Hebrew, Arabic.
POINTS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc"
)
# Characters with a stroke and the like, which Unicode does not take apart.
STROKES = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"}  # noqa: RUF001
# Scripts without spaces between words: Han, Kana, Bopomofo, Thai, Lao, Burmese, Khmer.
UNSPACED = (
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3\uaa60-\uaa7f"
    "\U00016fe0-\U00018cff\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
SYLLABLES = "\uac00-\ud7a3"  # of Korean: one says as much as two Latin characters
JAMO = "\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff"  # parts of syllables, which are put together


def _marks() -> str:
    """Signs that belong to the character before them, as a class of a regular expression."""
    found = "".join(chr(code) for code in range(0x300, 0x1E900) if unicodedata.category(chr(code))[0] == "M")
    return "".join(re.escape(one) for one in found)


MARKS = _marks()
LOST = re.compile(f"[{POINTS}{IGNORABLE}]+")
# What is folded together with the character before it.
FOLLOWING = f"{MARKS}{IGNORABLE}\u0640\uff9e\uff9f"
SPACED_MARKS = "".join(re.findall(f"[^{UNSPACED}]", MARKS))
WORD = f"(?:[^\\W_{UNSPACED}]|[{SPACED_MARKS}])"
RUN = re.compile(f"[{UNSPACED}]+|{WORD}+")
ASCII_RUN = re.compile("[a-z0-9]+")
HAS_STROKE = re.compile(f"[{''.join(STROKES)}]")
IS_UNSPACED = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place among the words of its text. In a script without spaces: a character and the next one."""

    text: str
    place: int


def folded(text: str) -> str:
    """The text as it is compared: compatible forms, case, accents and invisible characters make no difference."""
    if text.isascii():
        return text.lower()
    parts = LOST.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return HAS_STROKE.sub(lambda found: STROKES[found[0]], unicodedata.normalize("NFKC", parts).casefold())


def runs(folded_text: str) -> Iterable[str]:
    """The words, and the parts without spaces, of a folded text."""
    return (ASCII_RUN if folded_text.isascii() else RUN).findall(folded_text)


def words(text: str) -> list[Word]:
    """All words of a text, in order."""
    found: list[Word] = []
    place = 0
    for run in runs(folded(text)):
        if IS_UNSPACED.match(run):
            found += [Word(run[at : at + 2], place + at) for at in range(len(run))]
            place += len(run)
        else:
            found.append(Word(run[:LONGEST_WORD], place))
            place += 1
    return found
