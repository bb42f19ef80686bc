"""What a model reads and writes fits its context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.llm import context
from chat.llm.catalogue import Catalogue, ModelSpec, ProviderSpec
from chat.llm.client import LLMClient

LOCAL = ProviderSpec(name="local", base_url="http://localhost/v1")


def spec(name: str = "small", provider: str = "local", tokens: int | None = None) -> ModelSpec:
    return ModelSpec(name=name, id=name, provider=provider, label=name, context=tokens)


@pytest.mark.parametrize(
    ("model", "base_url", "tokens"),
    [
        (spec("gpt-6-luna"), "", 1_050_000),
        (spec("gpt-6-luna", tokens=8192), "", 8192),
        (spec("gpt-6-luna"), "http://localhost/v1", None),
        (spec("gpt-99"), "", None),
        (spec("gpt-99"), "nonsense", None),
    ],
)
def test_the_context_is_that_of_the_file_or_of_the_price_list(
    model: ModelSpec, base_url: str, tokens: int | None
) -> None:
    assert context.context_of(model, ProviderSpec(name="local", base_url=base_url)) == tokens


def test_a_small_context_is_shared_by_input_and_output() -> None:
    assert context.room_for_input(2048, 8192) == 1308
    assert context.room_for_output(2048, 8192, input_tokens=1308) == 2048 // 4 + 1  # rounded in favor of the answer
    assert context.room_for_output(2048, 8192, input_tokens=10) == 2048 - 64 - 11
    assert context.room_for_output(2048, 200, input_tokens=10) == 200
    assert context.room_for_output(2048, 8192, input_tokens=9000) == 2048 // 8


@given(tokens=st.integers(512, 2_000_000), wanted=st.integers(16, 200_000), share=st.floats(0, 1))
def test_input_that_was_given_room_leaves_room_for_output(tokens: int, wanted: int, share: float) -> None:
    room = context.room_for_input(tokens, wanted)
    given_tokens = int(room * share)
    output = context.room_for_output(tokens, wanted, given_tokens)

    assert 0 < room < tokens
    assert 16 <= output <= wanted
    assert given_tokens + output <= tokens
    assert output >= min(wanted, tokens // 4)


async def test_the_output_limit_of_a_request_fits_behind_its_input() -> None:
    catalogue = Catalogue(providers=(LOCAL,), models=(spec(tokens=2048), spec("unknown")))
    async with LLMClient(catalogue) as llm:
        limits = {}
        for said in ("hello", "word " * 500, "word " * 50_000):
            for name in ("small", "unknown"):
                plan = await context.fitted(llm.plan(said, model=name), llm.catalogue.named(name).context)
                limits.setdefault(name, []).append(plan.request.max_output_tokens)

    assert limits == {"small": [1982, 1420, 256], "unknown": [8192] * 3}


async def test_a_context_that_the_server_has_told_counts() -> None:
    catalogue = Catalogue(providers=(LOCAL,), models=(spec(tokens=4096), spec("unknown")))
    async with LLMClient(catalogue) as llm:
        assert [llm.context_of(name) for name in ("small", "unknown", "other")] == [4096, None, None]
        for name in ("small", "unknown"):
            llm._providers["local"].memory.add(name, context=2048)
        assert [llm.context_of(name) for name in ("small", "unknown", "other")] == [2048, 2048, None]
