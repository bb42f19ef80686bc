"""What a server refuses is left out, the request is sent again, and the refusal is remembered for an hour."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from msgspec.structs import replace

from chat.llm.client import LLMClient
from chat.llm.errors import ProviderFailed
from chat.llm.events import Code, Failed
from chat.llm.provider import request as parts
from chat.llm.provider.adapting import MAX_ADAPTATIONS, MAX_MODELS, OF_ONE_CALL, REMEMBERED_SECONDS, Memory, adapted
from chat.llm.provider.failures import failed
from chat.llm.provider.request import ModelRequest, body_of
from tests.support.llm import PRICES, MemoryJournal, double
from tests.support.raw_server import Answer, RawServer, events_of_text, responds, serving

REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "double", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
HISTORY = [
    {"type": "message", "role": "user", "content": "double it"},
    REASONING,
    CALL,
    RESULT,
    {"type": "message", "role": "assistant", "content": "42"},
    {"type": "message", "role": "user", "content": "again"},
]
EVERYTHING = ModelRequest(
    model="m",
    input=tuple(HISTORY),
    max_output_tokens=4096,
    instructions="Be brief.",
    tools=({"type": "function", "name": "double"},),
    output_format={"type": "json_schema", "name": "x", "schema": {}},
    reasoning_effort="low",
    reasoning_summary=True,
    keep_reasoning=True,
    metadata={"a": "b"},
    prompt_cache_key="key",
)


def refusal(
    code: Code = Code.BAD_REQUEST, *, part: str = "", limit: int | None = None, prompt: int | None = None
) -> Failed:
    return replace(failed(code, "no", status=400), part=part, limit=limit, prompt_tokens=prompt)


@pytest.mark.parametrize("part", sorted(parts.LEAVABLE))
def test_the_part_that_was_named_is_left_out_once(part: str) -> None:
    request = replace(EVERYTHING, previous_response_id="resp" if part == parts.PREVIOUS_RESPONSE_ID else "")
    adaptation = adapted(request, refusal(part=part))
    assert adaptation is not None
    assert adaptation.request.leave_out == {part}
    assert body_of(adaptation.request) != body_of(request)
    assert adaptation.leave_out == {part} - OF_ONE_CALL
    again = adapted(adaptation.request, refusal(part=part))
    assert again is None or again.request.leave_out > {part}


def test_without_a_name_what_the_model_once_said_is_left_out() -> None:
    adaptation = adapted(EVERYTHING, refusal())
    assert adaptation is not None
    assert [item["type"] for item in body_of(adaptation.request)["input"]] == ["message"] * 3
    assert adaptation.leave_out == frozenset()
    assert adapted(adaptation.request, refusal()) is None


def test_a_request_with_nothing_to_leave_out_is_not_sent_again() -> None:
    plain = ModelRequest(model="m", input=(HISTORY[0],), max_output_tokens=10)
    for code in Code:
        assert adapted(plain, refusal(code)) is None
    assert adapted(plain, refusal(part=parts.TOOLS)) is None


LIMITS = [
    # asked, limit, prompt, sent next, remembered
    (8192, 4096, None, 4096, 4096),
    (8192, 3996, 100, 3996, None),
    (8192, None, None, 4096, None),
    (8192, 8192, None, 4096, None),
    (8192, 100_000, None, 4096, None),
    (8192, 1, None, None, None),
    (16, None, None, None, None),
]


@pytest.mark.parametrize(("asked", "limit", "prompt", "sent", "remembered"), LIMITS)
def test_an_answer_that_may_not_be_that_long_is_asked_for_shorter(
    asked: int, limit: int | None, prompt: int | None, sent: int | None, remembered: int | None
) -> None:
    request = ModelRequest(model="m", input=(HISTORY[0],), max_output_tokens=asked)
    adaptation = adapted(request, refusal(Code.OUTPUT_LIMIT, limit=limit, prompt=prompt))
    assert (adaptation and adaptation.request.max_output_tokens) == sent
    assert (adaptation and adaptation.max_output) == remembered


def test_a_refusal_is_remembered_for_an_hour() -> None:
    now = [0.0]
    memory = Memory(lambda: now[0])
    memory.add("m", frozenset({parts.TOOLS}))
    memory.add("m", max_output=100)
    memory.add("m", frozenset({parts.STORE}), context=2048)
    sent = memory.applied(EVERYTHING)
    assert sent.leave_out == {parts.TOOLS, parts.STORE}
    assert sent.max_output_tokens == 100
    assert memory.of("m").context == 2048
    assert memory.applied(ModelRequest(model="other", input=(), max_output_tokens=5)).leave_out == frozenset()
    now[0] = REMEMBERED_SECONDS
    assert memory.applied(EVERYTHING) == EVERYTHING
    assert memory.of("m").context is None


def test_the_memory_is_bounded() -> None:
    memory = Memory()
    for number in range(3 * MAX_MODELS):
        memory.add(f"model {number}", max_output=100)
    assert len(memory._learned) == MAX_MODELS
    assert memory.of(f"model {3 * MAX_MODELS - 1}").max_output == 100


def refusing(server: list[RawServer], *fields: str, message: str = "Unsupported parameter: '{}'") -> Answer:
    """Refuses these fields one after the other, as dotted paths, and answers a request without them."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        body = server[0].bodies[-1]
        found = next((field for field in fields if has(body, field)), None)
        if found is None:
            await responds(events_of_text("hello"), kind="text/event-stream")(writer)
        else:
            error = {"message": message.format(found), "type": "invalid_request_error", "code": None}
            await responds({"error": error}, 400)(writer)

    return answer


def has(body: dict[str, Any], field: str) -> bool:
    if field.startswith("input."):
        return any(item.get("type") == field.removeprefix("input.") for item in body["input"])
    value: Any = body
    for step in field.split("."):
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


OPTIONS: dict[str, Any] = {
    "tools": [double],
    "instructions": "Be brief.",
    "reasoning_effort": "low",
    "reasoning_summary": True,
    "keep_reasoning": True,
    "metadata": {"a": "b"},
    "prompt_cache_key": "key",
}
FIELDS = [
    ("tools",),
    ("reasoning.summary",),
    ("reasoning.effort",),
    ("reasoning",),
    ("include",),
    ("metadata",),
    ("prompt_cache_key",),
    ("store",),
    ("max_output_tokens",),
    ("prompt_cache_key", "metadata", "include", "reasoning.summary", "store", "tools"),
]


@pytest.mark.parametrize("fields", FIELDS, ids="+".join)
async def test_an_answer_comes_without_what_was_refused(
    journal: MemoryJournal, caplog: pytest.LogCaptureFixture, fields: tuple[str, ...]
) -> None:
    servers: list[RawServer] = []
    async with serving(refusing(servers, *fields)) as server:
        servers.append(server)
        async with LLMClient(
            api_key="x", base_url=server.url, model="gpt-6-luna", prices=PRICES, journal=journal
        ) as llm:
            with caplog.at_level(logging.WARNING):
                first = await llm.call("hello", **OPTIONS)
            second = await llm.call("hello", **OPTIONS)
            learned = llm.learned("gpt-6-luna")

    assert (first.text, second.text) == ("hello", "hello")
    assert learned.leave_out == set(fields)
    assert first.call_log.attempts == len(fields) + 1
    assert second.call_log.attempts == 1
    assert len(server.bodies) == len(fields) + 2
    assert server.bodies[-1] == server.bodies[-2] == json.loads(json.dumps(body_of(first.call_log.plan.request)))
    assert caplog.text.count("refused a request for gpt-6-luna") == len(fields)
    assert not second.call_log.estimated or second.call_log.usage.total_tokens


@pytest.mark.parametrize("kind", ["reasoning", "function_call", "function_call_output"])
async def test_no_thread_is_dead_because_of_what_a_model_once_said(journal: MemoryJournal, kind: str) -> None:
    servers: list[RawServer] = []
    async with serving(refusing(servers, f"input.{kind}", message="Cannot determine type of 'item'")) as server:
        servers.append(server)
        async with LLMClient(api_key="x", base_url=server.url, prices=PRICES, journal=journal) as llm:
            result = await llm.call(HISTORY)
            learned = llm.learned("gpt-6-luna")
    assert result.text == "hello"
    assert learned.leave_out == frozenset()
    assert [item["type"] for item in journal.log.plan.sent["input"]] == ["message"] * 3


async def test_the_tries_are_bounded(journal: MemoryJournal) -> None:
    """A server that refuses something else each time, for ever."""
    servers: list[RawServer] = []

    async def answer(writer: asyncio.StreamWriter) -> None:
        asked = servers[0].bodies[-1].get("max_output_tokens")
        error = {"message": f"max_output_tokens is too large: {asked}", "param": "max_output_tokens"}
        await responds({"error": error}, 400)(writer)

    async with serving(answer) as server:
        servers.append(server)
        async with LLMClient(api_key="x", base_url=server.url, prices=PRICES, journal=journal) as llm:
            with pytest.raises(ProviderFailed) as raised:
                await llm.call("hello", max_output_tokens=10**6)
            learned = llm.learned("gpt-6-luna")
    assert raised.value.code == Code.OUTPUT_LIMIT
    assert len(server.bodies) == journal.log.attempts == MAX_ADAPTATIONS + 1
    assert journal.log.cost == 0
    assert learned.max_output is None
    assert learned.leave_out == frozenset()


async def test_a_refusal_within_a_stream_is_not_sent_again(journal: MemoryJournal) -> None:
    """The server took the request, so it may have run."""
    event = {"type": "error", "error": {"message": "Unsupported parameter: 'store'", "code": "invalid_request_error"}}
    body = b"data: " + json.dumps(event).encode() + b"\n\n"
    async with serving(responds(body, kind="text/event-stream")) as server:
        llm = LLMClient(api_key="x", base_url=server.url, prices=PRICES, journal=journal)
        with pytest.raises(ProviderFailed):
            await llm.call("hello")
        await llm.close()
    assert len(server.bodies) == 1
