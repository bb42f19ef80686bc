"""The same promises against a real model. Costs money: only with TEST_APIS=True and a key in OPENAI_API_KEY."""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path

import pytest
from dotenv import dotenv_values

from chat import tools
from chat.llm.events import Completed, Created, Event, TextDelta, ToolCall
from chat.llm.provider import ModelRequest, Provider
from chat.settings import Settings

DOTENV = {name: value for name, value in dotenv_values(Path(__file__).parents[2] / ".env").items() if value}
SETTINGS = Settings.from_environment({**DOTENV, **os.environ, "DEBUG": "True"})

pytestmark = pytest.mark.skipif(
    not (SETTINGS.test_apis and SETTINGS.openai_api_key),
    reason="calls the real API: set TEST_APIS=True and OPENAI_API_KEY",
)


async def asked(text: str) -> list[Event]:
    """What a real model answers."""
    client = Provider(api_key=SETTINGS.openai_api_key, base_url=SETTINGS.openai_base_url)
    request = ModelRequest(
        model=SETTINGS.llm_model,
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
