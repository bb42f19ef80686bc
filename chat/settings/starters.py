"""The messages that an empty chat suggests."""

from __future__ import annotations

import unicodedata
from typing import Self

MAX_COUNT, MAX_LENGTH = 4, 200
BREAKING = {"Cc", "Zl", "Zp"}  # categories of Unicode: control characters and separators


class Starters(tuple[str, ...]):
    """Texts of one line, separated by `|` where they are written down."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what is wrong, and what to do."""
        starters = cls(part.strip() for part in text.split("|") if part.strip())
        if len(starters) > MAX_COUNT:
            raise ValueError(f"has {len(starters)} texts: keep at most {MAX_COUNT}, separated by |")
        for starter in starters:
            if len(starter) > MAX_LENGTH:
                raise ValueError(f"has {starter[:30]!r}… with {len(starter)} characters: shorten it to {MAX_LENGTH}")
            if any(unicodedata.category(character) in BREAKING for character in starter):
                raise ValueError(f"has {starter[:30]!r} with a line break: write each text on one line, separated by |")
        return starters

    def __str__(self) -> str:
        return " | ".join(self)
