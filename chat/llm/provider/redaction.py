"""Provider errors without the parts that repeat the request: prompts are private, errors are logged."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote

from chat.llm.items import InputItem

THE_REQUEST = "[…]"
MIN_RUN = 12  # alphanumeric characters in a row that the error has in common with the request
MIN_MESSAGE = 3  # alphanumeric characters of a message that is repeated whole
LONG = 100_000  # alphanumeric characters of a text, above which a run must be twice as long: it would take a second
# A run of backslashes is tried from its beginning only, or a long one would take quadratic time.
ESCAPES = re.compile(
    r"(?<!\\)\\+(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrtbfv0])|&(?:amp;)*(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});|(?:%[0-9a-fA-F]{2})+"
)
TOKEN = re.compile(r"[\w.+@-]{6,}")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+")


class Text:
    """A text reduced to its alphanumeric characters, however it is escaped, with the place of each in the original."""

    def __init__(self, text: str) -> None:
        letters: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        for start, end, plain in _plain(text):
            for character in plain.casefold():
                if character.isalnum():
                    letters.append(character)
                    self.starts.append(start)
                    self.ends.append(end)
        self.letters = "".join(letters)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original text from one character to another."""
        return self.starts[start], self.ends[end - 1]


def redacted(detail: str, sent: Iterable[str]) -> str:
    """The error without what it has in common with the texts of the request, on one line without control characters."""
    if not detail:
        return detail
    found = Text(detail)
    spans: list[tuple[int, int]] = []
    for text in sent:
        letters = _letters(text)
        spans += [found.span(*run) for run in (*_runs(found.letters, letters), *_whole(found, letters))]
        spans += _tokens(detail, text)
    return UNPRINTABLE.sub(" ", _without(detail, spans))


def texts_of(instructions: str, items: Iterable[InputItem], others: Iterable[str] = ()) -> Iterator[str]:
    """Everything in a request that people, the operator or tools wrote."""
    yield instructions
    yield from others
    for item in items:
        yield from _strings(item)


def _strings(value: Any, key: str = "") -> Iterator[str]:
    match value:
        case str() if key not in ("type", "role", "status", "id", "call_id", "name", "encrypted_content"):
            yield value
        case dict():
            for name, part in value.items():
                yield from _strings(part, name)
        case list() | tuple():
            for part in value:
                yield from _strings(part, key)


def _plain(text: str) -> Iterator[tuple[int, int, str]]:
    """Pieces of the text with their positions: single characters, and what an escape stands for."""
    at = 0
    for escape in ESCAPES.finditer(text):
        yield from ((place, place + 1, text[place]) for place in range(at, escape.start()))
        yield escape.start(), escape.end(), _unescaped(escape[0])
        at = escape.end()
    yield from ((place, place + 1, text[place]) for place in range(at, len(text)))


def _unescaped(escape: str) -> str:
    if escape.startswith("%"):
        return unquote(escape, errors="replace")
    if escape.startswith("&"):
        return unescape(re.sub("^&(?:amp;)*", "&", escape))
    code = escape.lstrip("\\")
    return chr(int(code[1:], 16)) if code[0] in "ux" else ""


def _letters(text: str) -> str:
    """The alphanumeric characters of a text, as `Text` has them; fast, because a request can have a million."""
    if "\\" in text or "&" in text or "%" in text:
        text = ESCAPES.sub(lambda escape: _unescaped(escape[0]), text)
    return "".join(filter(str.isalnum, text.casefold()))


def _runs(detail: str, sent: str) -> Iterator[tuple[int, int]]:
    """The runs of at least MIN_RUN characters that both have, as long as they are."""
    block = MIN_RUN // 2 if len(sent) < LONG else MIN_RUN  # a run of twice its length contains one that begins at `at`
    at = 0
    while at + block <= len(detail):
        if detail[at : at + block] not in sent:
            at += block
            continue
        end = at + block + _length(lambda more, at=at: detail[at : at + block + more] in sent, len(detail) - at - block)
        start = at - _length(lambda more, at=at, end=end: detail[at - more : end] in sent, at)
        if end - start >= 2 * block:
            yield start, end
        at = max(at + block, end - end % block)


def _length(fits: Any, most: int) -> int:
    """The greatest length that fits, if all smaller ones fit."""
    return bisect_left(range(1, most + 1), True, key=lambda length: not fits(length))


def _whole(found: Text, sent: str) -> Iterator[tuple[int, int]]:
    """A short text that is repeated whole, as a word of its own."""
    if not MIN_MESSAGE <= len(sent) < MIN_RUN:
        return
    at = found.letters.find(sent)
    while at >= 0:
        end = at + len(sent)
        if _is_apart(found, at) and _is_apart(found, end):
            yield at, end
        at = found.letters.find(sent, at + 1)


def _is_apart(found: Text, at: int) -> bool:
    """Whether something stands between this character and the one before."""
    return at in (0, len(found.letters)) or found.starts[at] != found.ends[at - 1]


def _tokens(detail: str, sent: str) -> Iterator[tuple[int, int]]:
    """Words with digits or an @: passwords, addresses and numbers are private in part, too."""
    for token in TOKEN.finditer(detail):
        word = token[0].strip(".-")
        if any(character.isdigit() or character == "@" for character in word) and word in sent:
            yield token.span()


def _without(detail: str, spans: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        pieces += [detail[at:start], THE_REQUEST] if start > at or not pieces else []
        at = end
    return "".join((*pieces, detail[at:]))
