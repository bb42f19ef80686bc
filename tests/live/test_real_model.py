"""The same promises against a real model. Costs money: only with TEST_APIS=True and a key in OPENAI_API_KEY."""

from __future__ import annotations

import os
from contextlib import aclosing

import pytest

from chat import tools
from chat.llm.client import LLMClient, ModelRequest
from chat.llm.events import Completed, Created, Event, TextDelta, ToolCall
from chat.settings import TRUE_WORDS, Settings

pytestmark = pytest.mark.skipif(
    os.environ.get("TEST_APIS", "").lower() not in TRUE_WORDS or not os.environ.get("OPENAI_API_KEY"),
    reason="calls the real API: set TEST_APIS=True and OPENAI_API_KEY",
)


async def asked(text: str) -> list[Event]:
    """What a real model answers."""
    settings = Settings.from_environment({**os.environ, "DEBUG": "True"})
    client = LLMClient(api_key=settings.openai_api_key, base_url=settings.openai_base_url)
    request = ModelRequest(
        model=settings.llm_model,
        input=({"role": "user", "content": text},),
        max_output_tokens=2000,
        tools=tools.load().schemas(),
    )
    try:
        async with aclosing(client.stream(request)) as events:
            return [event async for event in events]
    finally:
        await client.close()


async def test_an_answer_streams_and_is_counted() -> None:
    events = await asked("Say the word yes and nothing else.")

    assert isinstance(events[0], Created)
    assert "yes" in "".join(event.text for event in events if isinstance(event, TextDelta)).lower()
    assert isinstance(events[-1], Completed)
    assert events[-1].usage.total_tokens > 0


async def test_a_tool_is_called() -> None:
    events = await asked("Use your tool to get the secret number.")

    assert [event.name for event in events if isinstance(event, ToolCall)] == ["get_secret_number"]
