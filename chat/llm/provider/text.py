"""A text that arrives in pieces, each of which has to be storable."""

from __future__ import annotations

from chat.text import storable


class Joiner:
    """Makes pieces of one text storable, and joins a surrogate pair that was split between two of them."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, piece: str) -> str:
        """The storable part of what is known so far; it may be empty."""
        if not self._half and piece.isascii() and "\x00" not in piece:  # nearly every piece
            return piece
        text = self._half + piece
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return storable(text[:-1] if self._half else text)

    def flush(self) -> str:
        """What is left at the end: U+FFFD for a half whose other half never came."""
        text, self._half = storable(self._half), ""
        return text
