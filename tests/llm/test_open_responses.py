"""The Open Responses specification: the offline model answers by it, and the client asks by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chat.llm.client import LLMClient
from chat.llm.items import message_item, sendable
from chat.tools import load
from tests.support.llm import double, sent_requests
from tests.support.offline import OfflineServer
from tests.support.offline_requests import background, create, events_in, resumed
from tests.support.open_responses import SCHEMAS, differences, differences_of_event

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCRIPTS = [
    "pace=0", "reasoning=2", "raw=2", "think=2", "tool=t", "tools=t,u also", "reasoning=1 tool=t", "refusal", "empty",
    "incomplete", "filter", "failed", "error=1", "capped", "messages=2", "noend", "text_in=done", "text_in=item",
    "text_in=end", "surrogates", "nul", "nousage", "arguments=%7Bx tool=t",
]  # fmt: skip
# The cases of the specification's compliance runner that are about HTTP.
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
CASES: dict[str, dict[str, Any]] = {
    "basic": {"input": [message_item("user", "Say hello in exactly 3 words.")]},
    "system prompt": {
        "input": [message_item("system", "You are a pirate."), message_item("user", "Say hello.")],
        "instructions": "Be brief.",
    },
    "tools": {
        "input": [message_item("user", "What is the weather? [offline: tool=get_weather]")],
        "tools": [WEATHER],
    },
    "image": {
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What do you see?"},
                    {"type": "input_image", "image_url": PIXEL},
                ],
            }
        ]
    },
    "several turns": {
        "input": [
            message_item("user", "My name is Alice."),
            message_item("assistant", "Hello Alice!"),
            message_item("user", "What is my name?"),
        ]
    },
}


def faults_of(events: list[dict[str, Any]]) -> Iterator[str]:
    for event in events:
        yield from differences_of_event(event)


@pytest.mark.parametrize("case", CASES)
async def test_the_cases_of_the_compliance_list_pass(offline: OfflineServer, case: str) -> None:
    whole = (await create(offline, **CASES[case])).json()
    assert differences("ResponseResource", whole) == []
    assert whole["status"] == "completed"
    assert [item["type"] for item in whole["output"]] == ["function_call" if case == "tools" else "message"]

    events = events_in((await create(offline, **CASES[case], stream=True)).text)
    assert list(faults_of(events)) == []
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"][0]["type"] == whole["output"][0]["type"]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_whatever_happens_the_events_fit_the_specification(offline: OfflineServer, script: str) -> None:
    fields: dict[str, Any] = {"model": "gpt-5", "include": ["reasoning.encrypted_content"], "max_output_tokens": 500}
    events = events_in((await create(offline, f"say one two [offline: {script}]", stream=True, **fields)).text)
    assert list(faults_of(events)) == []


@pytest.mark.parametrize("script", [script for script in SCRIPTS if script not in ("noend",)])
async def test_a_response_in_one_piece_fits_the_specification(offline: OfflineServer, script: str) -> None:
    whole = (await create(offline, f"say one two [offline: {script}]", max_output_tokens=500)).json()
    assert differences("ResponseResource", whole) == []
    assert whole["status"] in ("completed", "incomplete", "failed")


async def test_a_background_run_fits_the_specification(offline: OfflineServer) -> None:
    response_id = await background(offline, "say one [offline: reasoning=1]", model="gpt-5")
    assert list(faults_of(await resumed(offline, response_id, -1))) == []
    stored = (await offline.http.get(f"/v1/responses/{response_id}")).json()
    assert differences("ResponseResource", stored) == []


def test_a_difference_is_found() -> None:
    assert differences("ItemParam", {"type": "function_call", "call_id": "c", "name": "a b", "arguments": "{}"})
    assert differences_of_event({"type": "response.output_text.delta", "delta": None})
    assert differences_of_event({"type": "response.offline_unknown"}) == ["response.offline_unknown: no such event"]


async def test_what_the_client_sends_fits_the_specification(
    llm: LLMClient, offline: OfflineServer, generation_id: str
) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    await llm.call(
        [
            *turns,
            {"role": "user", "content": "say yes [offline: reasoning=2 tools=double,no.such arguments=%7Bx]"},
        ],
        model="gpt-5",
        tools=[double],
        instructions="Be brief.",
        reasoning_effort="low",
        reasoning_summary=True,
        keep_reasoning=True,
        prompt_cache_key="key",
        metadata={"generation_id": generation_id},
    )
    first, second = await sent_requests(offline, generation_id)

    assert differences("CreateResponseBody", first) == []
    assert differences("CreateResponseBody", second) == []


def test_every_item_that_is_sent_fits_the_specification() -> None:
    call = {"type": "function_call", "call_id": "c" * 200, "name": "what is?", "arguments": "no"}
    output = {"type": "function_call_output", "call_id": "c" * 200, "output": None}
    roles = ("user", "assistant", "system", "developer")
    items = sendable([*({"role": role, "content": "x"} for role in roles), call, call, output])

    assert [fault for item in items for fault in differences("ItemParam", item)] == []
    for tool in load().schemas():
        assert differences("FunctionToolParam", tool) == []
    assert "FunctionToolParam" in SCHEMAS
