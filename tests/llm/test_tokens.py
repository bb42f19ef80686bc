"""Tokens are counted with bounded memory, however long a text is."""

from __future__ import annotations

import pytest

from chat.llm import tokens
from tests.support.patches import TOKEN_ENCODING


class Recorded:
    """An encoding with one token for each character, and the length of each text that it was given."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def encode_ordinary(self, text: str) -> list[int]:
        self.lengths.append(len(text))
        return [0] * len(text)


async def test_a_long_text_is_counted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = Recorded()
    TOKEN_ENCODING.replace(monkeypatch, lambda: encoding)

    assert await tokens.count_tokens(["a" * 50_001, "short", ""]) == [50_001, 5, 0]
    assert max(encoding.lengths) == tokens.MAX_PIECE
