"""Text that PostgreSQL can store, that Python and a browser count alike, and that a spreadsheet leaves alone."""

import re
from hashlib import sha256
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - Excel takes the wide ones too
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with surrogate pairs joined, and U+FFFD in place of lone halves and of NUL, which PostgreSQL refuses."""
    if text.isascii():
        return text.replace("\x00", REPLACEMENT)
    if not UNSTORABLE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", REPLACEMENT)


def storable_json(value: Any) -> Any:
    """A JSON value in which every text is storable."""
    match value:
        case str():
            return storable(value)
        case dict():
            return {key: storable_json(part) for key, part in value.items()}
        case list() | tuple():
            return [storable_json(part) for part in value]
        case _:
            return value


def cell(text: str) -> str:
    """For a spreadsheet, which takes what begins like a formula for one; and people choose their own names."""
    return f"'{text}" if text.startswith(FORMULAS) else text


def fitting(identifier: str, most: int) -> str:
    """The identifier itself, or, where it is too long for its column, its start and its digest."""
    if len(identifier) <= most:
        return identifier
    digest = sha256(identifier.encode()).hexdigest()
    return identifier[: most - len(digest)] + digest


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units: what JavaScript's `length` says, and what positions on the wire count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def from_utf16(text: str, start: int) -> str:
    """The part of the text from a UTF-16 position on."""
    return text[start:] if text.isascii() else text.encode("utf-16-le")[start * 2 :].decode("utf-16-le", "replace")


def up_to_utf16(text: str, end: int) -> str:
    """The part of the text before a UTF-16 position."""
    return text[:end] if text.isascii() else text.encode("utf-16-le")[: end * 2].decode("utf-16-le", "replace")


def sha8(text: str) -> str:
    """The first eight hexadecimal digits of SHA-256, by which a tab checks that it shows what is stored."""
    return sha256(text.encode()).hexdigest()[:8]
