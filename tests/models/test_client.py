"""The model client and a real server: turns, tools, limits, and a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from chat.llm.client import LLMClient
from chat.llm.errors import OutputIncomplete, ProviderFailed
from chat.llm.events import Code, TextDelta
from chat.llm.tools import tool
from tests.support.real_model import CONTEXT_TOKENS, RealModel

CALLS = 10  # each is two rounds, one after the other without a pause
ENDLESS = "Repeat the word sea for ever."


@pytest.fixture
async def llm(model: RealModel) -> AsyncIterator[LLMClient]:
    async with LLMClient(api_key=model.api_key, base_url=model.base_url, max_output_tokens=100) as llm:
        yield llm


async def test_a_second_turn_is_answered(llm: LLMClient) -> None:
    first = await llm.call("Hello!")
    turns = [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": first.text},
        {"role": "user", "content": "Thank you!"},
    ]
    second = await llm.call(turns)
    assert first.text
    assert second.text
    assert second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens


async def test_twenty_tool_rounds_back_to_back_lose_no_answer(llm: LLMClient) -> None:
    numbers = list(range(100, 100 + CALLS))

    @tool(idempotent=True)
    def get_secret_number() -> int:
        """Tell the secret number."""
        return numbers.pop()

    results = [await llm.call("Use get_secret_number.", tools=[get_secret_number]) for _ in range(CALLS)]
    assert [len(result.calls) for result in results] == [2] * CALLS
    assert {log.status for result in results for log in result.calls} == {"completed"}
    assert all(result.text for result in results)
    assert numbers == []


async def test_an_input_beyond_the_context_is_told_apart(llm: LLMClient) -> None:
    with pytest.raises(ProviderFailed) as raised:
        await llm.call("sea " * CONTEXT_TOKENS)
    assert raised.value.code is Code.CONTEXT_TOO_LONG


async def test_an_answer_at_the_limit_is_incomplete_although_the_server_calls_it_completed(llm: LLMClient) -> None:
    with pytest.raises(OutputIncomplete) as raised:
        await llm.call("Write a long story about the sea.", max_output_tokens=16)
    assert raised.value.calls[0].usage.output_tokens == 16


async def test_a_stop_reaches_the_server(llm: LLMClient, model: RealModel) -> None:
    async with aclosing(llm.stream(ENDLESS, max_output_tokens=1000)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                assert await model.working()
                break
    await model.is_idle()
    [slot] = await model.slots()
    assert slot["next_token"][0]["n_decoded"] < 1000


async def test_two_calls_at_once_are_both_answered(llm: LLMClient) -> None:
    results = await asyncio.gather(llm.call("Hello!"), llm.call("What is the capital of France?"))
    assert all(result.text for result in results)
