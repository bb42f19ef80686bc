"""Text that PostgreSQL can store and that Python and a browser count alike."""

from hashlib import sha256

UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], "\ufffd")  # NUL and lone surrogates


def storable(text: str) -> str:
    """The text with what PostgreSQL refuses (NUL, lone surrogates) replaced by U+FFFD."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.translate(UNSTORABLE)


def utf16_length(text: str) -> int:
    """Length in UTF-16 code units: what JavaScript's `length` says, and what positions on the wire count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def from_utf16(text: str, start: int) -> str:
    """The part of the text from a UTF-16 position on."""
    return text[start:] if text.isascii() else text.encode("utf-16-le")[start * 2 :].decode("utf-16-le", "replace")


def sha8(text: str) -> str:
    """The first eight hexadecimal digits of SHA-256, by which a tab checks that it shows what is stored."""
    return sha256(text.encode()).hexdigest()[:8]
