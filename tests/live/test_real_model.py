"""The client against a real model. Costs money: runs only with TEST_APIS=True and a key in OPENAI_API_KEY."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pydantic
import pytest
from dotenv import dotenv_values

from chat import tools
from chat.llm.call import CallEvent, CallFinished, Result, RoundFinished, ToolCallFinished
from chat.llm.client import LLMClient
from chat.llm.errors import OutputIncomplete, ProviderFailed
from chat.llm.events import Code, Created, TextDelta, ToolCall
from chat.llm.pricing import Prices
from chat.llm.tools import tool
from chat.settings import Settings
from tests.support.environment import INHERITED

DOTENV = {name: value for name, value in dotenv_values(Path(__file__).parents[2] / ".env").items() if value}
WANTED = {**DOTENV, **INHERITED}
# What is set for another program may be no setting of ours, and must not stop the other tests.
SETTINGS = Settings.from_environment((WANTED if WANTED.get("TEST_APIS") else {}) | {"DEBUG": "True"})
MAX_OUTPUT_TOKENS = 2000
EFFORT = SETTINGS.llm_reasoning_effort

pytestmark = pytest.mark.skipif(
    not (SETTINGS.test_apis and SETTINGS.openai_api_key),
    reason="calls the real API, which costs money: set TEST_APIS=True and OPENAI_API_KEY",
)


class Title(pydantic.BaseModel):
    """The subject of a conversation."""

    title: str = pydantic.Field(description="at most six words, without a full stop")


@tool(idempotent=True)
def population(city: str) -> int:
    """Tell how many people live in a city.

    city: its name in English
    """
    return {"bergen": 291_940, "oslo": 724_290}.get(city.lower(), 0)


def client(api_key: str) -> LLMClient:
    return LLMClient(
        api_key=api_key,
        base_url=SETTINGS.openai_base_url,
        model=SETTINGS.llm_model,
        max_output_tokens=MAX_OUTPUT_TOKENS,
        prices=Prices(SETTINGS.llm_prices, base_url=SETTINGS.openai_base_url),
    )


@pytest.fixture
async def llm() -> AsyncIterator[LLMClient]:
    async with client(SETTINGS.openai_api_key) as llm:
        yield llm


async def events_of(llm: LLMClient, said: str, tools_: object) -> list[CallEvent]:
    async with aclosing(llm.stream(said, tools=tools_, reasoning_effort=EFFORT)) as events:  # type: ignore[typeddict-item]
        return [event async for event in events]


def assert_is_logged(result: Result) -> None:
    """The provider counted the tokens, and their price is known."""
    for log in result.calls:
        assert (log.status, log.estimated, log.uncertain) == ("completed", False, False)
        assert log.response_id
        assert log.usage.input_tokens > 0
        assert log.usage.output_tokens > 0
        assert log.usage.total_tokens == log.usage.input_tokens + log.usage.output_tokens
    assert result.cost is not None
    assert result.cost > 0


async def test_an_answer_streams_and_is_counted(llm: LLMClient) -> None:
    events = await events_of(llm, "Say the word yes and nothing else.", ())

    assert isinstance(events[0], Created)
    assert isinstance(events[-1], CallFinished)
    result = events[-1].result
    assert result.text == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "yes" in result.text.lower()
    assert_is_logged(result)


async def test_several_tools_are_called_and_their_results_are_read(llm: LLMClient) -> None:
    question = "By your tool, how many people live in Bergen, and how many in Oslo? Answer with both numbers."
    events = await events_of(llm, question, [population])

    assert {event.name for event in events if isinstance(event, ToolCall)} == {"population"}
    assert all(event.ok for event in events if isinstance(event, ToolCallFinished))
    assert [type(event) for event in events].count(RoundFinished) >= 2
    assert isinstance(events[-1], CallFinished)
    digits = "".join(letter for letter in events[-1].result.text if letter.isalnum())
    assert "291940" in digits
    assert "724290" in digits
    assert_is_logged(events[-1].result)


async def test_the_site_s_own_tools_are_accepted_and_called(llm: LLMClient) -> None:
    offered = [item for item in tools.load().tools if not item.context_types]
    events = await events_of(llm, "Use your tool to calculate 12 * 7.", offered)

    assert "calculate" in [event.name for event in events if isinstance(event, ToolCall)]


async def test_a_small_call_returns_a_structured_title(llm: LLMClient) -> None:
    said = "Write a title for this conversation.\n\nUser: How long do I boil an egg so that it is soft?"
    result = await llm.call(said, schema=Title, model=SETTINGS.llm_title_model or SETTINGS.llm_model, caller="title")

    assert isinstance(result.parsed, Title)
    assert 1 <= len(result.parsed.title.split()) <= 10
    assert result.call_log.plan.schema_name == "Title"
    assert_is_logged(result)


async def test_a_truncated_answer_is_marked_and_counted(llm: LLMClient) -> None:
    with pytest.raises(OutputIncomplete) as raised:
        await llm.call("Write a long poem about the sea.", max_output_tokens=16)
    log = raised.value.calls[0]
    assert (raised.value.reason, log.status, log.estimated) == ("max_output_tokens", "incomplete", False)
    assert log.usage.output_tokens <= 16


async def test_a_stop_in_the_text_is_estimated(llm: LLMClient) -> None:
    logs = []

    class MemoryJournal:
        async def begin(self, plan: object) -> None: ...
        async def created(self, plan: object, response_id: str, sequence: int) -> None: ...
        async def end(self, log: object) -> None:
            logs.append(log)

    async with aclosing(llm.stream("Write a long poem about the sea.", journal=MemoryJournal())) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    [log] = logs
    assert (log.status, log.estimated, log.uncertain) == ("stopped", True, False)
    assert log.cost > 0


async def test_a_wrong_key_and_a_wrong_model_are_distinguished(llm: LLMClient) -> None:
    async with client("sk-wrong") as stranger:
        with pytest.raises(ProviderFailed) as raised:
            await stranger.call("Hello")
    assert raised.value.code is Code.UNAUTHORIZED
    with pytest.raises(ProviderFailed) as raised:
        await llm.call("Hello", model="no-such-model")
    assert raised.value.code in (Code.MODEL_NOT_FOUND, Code.BAD_REQUEST)
    assert raised.value.calls[0].cost == 0
