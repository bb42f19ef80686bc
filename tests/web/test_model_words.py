"""What a model can do is said in a few words, and nothing that is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from chat.llm.catalogue import ModelSpec
from chat.web.model_words import abilities, short_count


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (512, "512"),
        (2_048, "2k"),
        (8_192, "8k"),
        (10_000, "10k"),
        (128_000, "128k"),
        (131_072, "128k"),
        (200_000, "200k"),
        (1_000_000, "1M"),
        (1_047_576, "1M"),
        (1_048_576, "1M"),
        (1_500_000, "1.5M"),
        (10_485_760, "10M"),
    ],
)
def test_a_context_is_named_as_it_is_sold(count: int, words: str) -> None:
    assert short_count(count) == words


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (
            {"tools": True, "vision": True, "reasoning": True, "context": 400_000},
            "Tools, images, reasoning · 400k context",
        ),
        ({"tools": False, "vision": True}, "Images"),
        ({"tools": False, "context": 8_192}, "8k context"),
        ({"tools": True, "reasoning": False}, "Tools"),
        ({"tools": False}, ""),
    ],
)
def test_abilities(known: dict[str, Any], words: str) -> None:
    assert abilities(ModelSpec(name="small", id="small", provider="openai", label="Small", **known)) == words
