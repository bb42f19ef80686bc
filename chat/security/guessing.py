"""How much of a password is left to guess, once its predictable parts count as a few characters."""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from chat.text import BLANK

ENOUGH = 8  # unpredictable characters: as many as the shortest random password
COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.txt.gz")
COMMON_WORDS = Path(__file__).with_name("common_words.txt")
FAMOUS_PASSPHRASES = Path(__file__).with_name("famous_passphrases.txt")

# What a part counts as: about the number of digits of its rank in a guesser's list.
NAME, RUN, SHORT_RUN, YEAR, WORD, RARER_WORD, DATE = 1, 1, 2, 2, 2, 4, 4
MOST_COMMON = 1000  # of the leaked passwords, the most frequent first
# Shorter parts occur in random texts and in passphrases by chance.
WORD_LENGTH, RARER_WORD_LENGTH, NAME_LENGTH, RUN_LENGTH, SPACED_OUT_LENGTH = 4, 5, 3, 4, 4
LONGEST_WORD = 24
SHORTEST_COUNT = 3

# Signs count as the character they stand for, on both sides of a comparison: `1` stands for i and l, so both are one.
LEET = str.maketrans("l1!|04@3€5$7+8692(", "iiiioaaeessttbggzc")
# Cyrillic and Greek look-alikes count as the Latin character that they look like, on both sides as well.
LOOKALIKES = str.maketrans(
    "авекмнорстухіјѕһԁԛԝӏαβεηικμνορτυχω",
    "abekmhopctyxijshdqwiabenikuvoptuxw",
)
SHIFTED = str.maketrans("!@#$%^&*()", "1234567890")
KEYBOARD_WALKS = Path(__file__).with_name("keyboard_walks.txt")
SHORT_RUNS = re.compile(r"123|321|abc|xyz|qwe|asd|zxc|йцу|фыв|aze|([\W_])\1\1+")
YEARS = re.compile(r"(?:19|20)\d\d")
CLUBS = re.compile(r"(?<=[^\W\d_]{4})[\W_]?(?:fc|cf)[\W_]?(?:18\d\d)?")  # chelsea.fc.2012, liverpoolfc1892
DATES = re.compile(  # 31.12.99, 31/12/1999, 3.1.1999, 31121999, 1999-12-31
    r"(?:0[1-9]|[12]\d|3[01])([-./]?)(?:0[1-9]|1[0-2])\1(?:(?:19|20)\d\d|\d\d)"
    r"|[1-9]([-./])[1-9]\2(?:(?:19|20)\d\d|\d\d)"
    r"|(?:19|20)\d\d([-./]?)(?:0[1-9]|1[0-2])\3(?:0[1-9]|[12]\d|3[01])"
)
# The quantifiers are bounded, so the time is too.
REPEATED = re.compile(r"(.)\1{3,}|(..)\2{2,}|(.{3,32}?)\3+", re.DOTALL)
DOUBLED = re.compile(r"(.)\1+", re.DOTALL)


def is_guessable(password: str, names: Iterable[str] = ()) -> bool:
    """Whether fewer than ENOUGH characters are left; `names` are those of the user and the site."""
    text = folded(password)
    known = {canonical(name): NAME for name in names if len(name) >= NAME_LENGTH}
    return any(extra + _left(variant, known) < ENOUGH for variant, extra in _variants(text))


def folded(password: str) -> str:
    """The password as a reader sees it, for comparisons: without case, invisible characters and styles of writing."""
    return unicodedata.normalize("NFKC", BLANK.sub("", password)).casefold().strip()


def canonical(text: str) -> str:
    """The text in a form that all leetspeak variants of a word share, and its spellings with look-alikes."""
    return text.casefold().translate(LOOKALIKES).translate(LEET)


@cache
def common_passwords() -> Mapping[str, int]:
    """The passwords that leaked most often, and the rank of each."""
    text = gzip.decompress(COMMON_PASSWORDS.read_bytes()).decode()
    return {password: place for place, password in enumerate(text.split(), 1)}


@cache
def common_words() -> Mapping[str, int]:
    """What each common word counts as, forwards and backwards; built once, in 25 ms, and kept in 4 MB."""
    words, most = {}, _words_of(COMMON_WORDS)
    for word, place in common_passwords().items():
        if place <= MOST_COMMON and len(word) >= WORD_LENGTH:
            most.append(word)
        elif len(word) >= RARER_WORD_LENGTH and not word.isdigit():
            words[canonical(word)] = RARER_WORD
    return words | {canonical(one): WORD for word in most for one in (word, word[::-1])}


@cache
def famous_passphrases() -> list[str]:
    """Passphrases that everyone knows, without spaces."""
    return ["".join(line.split()) for line in FAMOUS_PASSPHRASES.read_text("utf-8").splitlines()[1:]]


@cache
def keyboard_walks() -> str:
    """All keyboard walks in one text, forwards and backwards."""
    walks = _words_of(KEYBOARD_WALKS)
    return "\n".join([*walks, *(walk[::-1] for walk in walks)])


def _words_of(file: Path) -> list[str]:
    """The words of a file, without the comment in its first line."""
    return file.read_text("utf-8").split("\n", 1)[1].split()


def _variants(text: str) -> Iterator[tuple[str, int]]:
    """The password without repeats, separators or famous passphrases, and what leaving them out counts as."""
    yield text, 0
    yield REPEATED.sub(lambda found: found[found.lastindex or 0], text), len(REPEATED.findall(text))
    yield DOUBLED.sub(r"\1", text), 3
    signs = set(re.findall(r"[\W_]", text))
    if len(signs) == 1 and max(map(len, pieces := text.split(*signs))) <= SPACED_OUT_LENGTH:
        yield "".join(pieces), 1
    counted = "".join(re.findall(r"\d+", text))
    if len(counted) >= SHORTEST_COUNT and counted in "1234567890":  # ich1liebe2dich3
        yield re.sub(r"\d+", "", text), len(counted)
    bare = re.sub(r"[\W_]+", "", text)
    for phrase in famous_passphrases():
        if phrase in bare:
            yield bare.replace(phrase, ""), WORD


def _left(text: str, names: Mapping[str, int]) -> int:
    """The fewest characters that the text counts as, over all ways to split it. Exact below ENOUGH."""
    best = list(range(len(text) + 1))
    read, typed = canonical(text), text.translate(SHIFTED)
    for start in range(len(text)):
        if best[start] < ENOUGH:
            for length, counts in _parts(text, read, typed, start, names):
                best[start + length] = min(best[start + length], best[start] + counts)
    return best[-1]


def _parts(text: str, read: str, typed: str, start: int, names: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Length and count of each predictable part that begins here, and of the single character."""
    yield 1, 1
    words = common_words()
    for end in range(start + NAME_LENGTH, min(len(text), start + LONGEST_WORD) + 1):
        part = read[start:end]
        if counts := names.get(part) or words.get(part):
            yield end - start, counts
    if (length := _run(typed, start)) >= RUN_LENGTH:
        yield length, RUN
    for pattern, counts in ((YEARS, YEAR), (DATES, DATE), (SHORT_RUNS, SHORT_RUN), (CLUBS, SHORT_RUN)):
        if found := pattern.match(text, start):
            yield len(found[0]), counts


def _run(text: str, start: int) -> int:
    """How many characters follow each other in an alphabet or on a keyboard, from here."""
    end = start + 1
    while end < len(text) and text[start : end + 1] in keyboard_walks():
        end += 1
    step = ord(text[start + 1]) - ord(text[start]) if start + 1 < len(text) else 0
    other = start + 1
    while abs(step) == 1 and other < len(text) and ord(text[other]) - ord(text[other - 1]) == step:
        other += 1
    return max(end, other) - start
