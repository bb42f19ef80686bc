"""Tokens: how text is split into them, and how they are counted and reported."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import msgspec

from chat.devservices.offline_model.create import CreateRequest

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_ITEM = 4
_PIECE = re.compile(r"\s?\S{1,4}|\s{1,4}")


class Usage(msgspec.Struct, frozen=True):
    """The tokens of one response. Input includes cached and written tokens, output includes reasoning tokens."""

    input_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def as_reported(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {
                "cached_tokens": self.cached_tokens,
                "cache_write_tokens": self.cache_write_tokens,
            },
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
            "total_tokens": self.total_tokens,
        }


def tokens(characters: int) -> int:
    """The documented rule: one token for each four characters, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def input_tokens(request: CreateRequest) -> int:
    items = request.input if isinstance(request.input, list) else [request.input]
    characters = len(request.instructions or "") + sum(_characters(item) for item in items)
    return tokens(characters) + TOKENS_PER_ITEM * len(items)


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_characters(value.get(key)) for key in ("content", "text", "name", "arguments", "output"))
    return sum(_characters(part) for part in value) if isinstance(value, list) else 0


def pieces(text: str) -> tuple[str, ...]:
    """The text in pieces of a few characters, as tokens are."""
    return tuple(_PIECE.findall(text))


def fitting(parts: tuple[str, ...], limit: int | None) -> int:
    """The number of pieces that fit into the token limit."""
    sizes = accumulate(len(part) for part in parts)
    return len(parts) if limit is None else sum(1 for size in sizes if tokens(size) <= limit)
