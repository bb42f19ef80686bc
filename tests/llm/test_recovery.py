"""A round that failed before it said anything continues with less input or another model; the books stay true."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from chat.llm import recovery
from chat.llm.call import InputShortened, ModelReplaced
from chat.llm.catalogue import Catalogue, ModelSpec, ProviderSpec
from chat.llm.client import LLMClient
from chat.llm.errors import ProviderFailed
from chat.llm.events import Code, Failed, TextDelta
from chat.llm.items import InputItem, message_item
from chat.llm.tools import tool
from tests.support.llm import MemoryJournal, call_events, result_of
from tests.support.raw_server import Answer, RawServer, events_of_text, responds, serving

TOO_LONG = responds(
    {
        "error": {
            "code": 400,
            "message": "too long",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 9,
            "n_ctx": 5,
        }
    },
    400,
)
HELLO = responds(events_of_text("hello"), kind="text/event-stream")
TURNS = [message_item("user", "one"), message_item("assistant", "two"), message_item("user", "three")]


class Shortening:
    """Drops the oldest item each time."""

    def __init__(self, items: Sequence[InputItem] = TURNS) -> None:
        self.items = list(items)
        self.failures: list[Failed] = []

    async def __call__(self, failed: Failed) -> list[InputItem] | None:
        self.failures.append(failed)
        if len(self.items) == 1:
            return None
        self.items.pop(0)
        return self.items


def client(server: RawServer, journal: MemoryJournal, **fields: Any) -> LLMClient:
    return LLMClient(api_key="x", base_url=server.url, journal=journal, **fields)


async def test_a_chat_that_is_too_long_is_shortened_and_answered(journal: MemoryJournal) -> None:
    shorten = Shortening()
    async with serving(TOO_LONG, HELLO) as server, client(server, journal) as llm:
        events = await call_events(llm, TURNS, shorten=shorten)
        learned = llm.learned("gpt-6-luna")
    assert [event for event in events if isinstance(event, InputShortened)] == [InputShortened("messages")]
    assert result_of(events).text == "hello"
    assert [len(body["input"]) for body in server.bodies] == [3, 2]
    assert [(log.plan.number, log.status) for log in journal.logs] == [(1, "context_too_long"), (2, "completed")]
    assert [len(log.plan.sent["input"]) for log in journal.logs] == [3, 2]
    assert journal.logs[0].cost == 0
    assert (shorten.failures[0].limit, shorten.failures[0].prompt_tokens, learned.context) == (5, 9, 5)


async def test_what_cannot_be_shortened_fails(journal: MemoryJournal) -> None:
    for shorten, rounds in ((Shortening(TURNS[:1]), 1), (Shortening(TURNS * 9), recovery.MAX_SHORTENINGS + 1)):
        async with serving(TOO_LONG) as server, client(server, journal) as llm:
            with pytest.raises(ProviderFailed) as raised:
                await llm.call(TURNS, shorten=shorten)
        assert raised.value.code == Code.CONTEXT_TOO_LONG
        assert len(server.bodies) == len(raised.value.calls) == rounds
    async with serving(TOO_LONG) as server, client(server, journal) as llm:
        with pytest.raises(ProviderFailed):
            await llm.call("hello")
    assert len(server.bodies) == 1


def tool_call(name: str) -> bytes:
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": "{}"}
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": [item], "usage": None}
    return b"data: " + json.dumps({"type": "response.completed", "response": response}).encode() + b"\n\n"


@tool(idempotent=True)
def encyclopedia() -> str:
    """Everything about everything."""
    return "x" * 60_000


async def test_results_of_tools_are_shortened_if_they_are_what_does_not_fit(journal: MemoryJournal) -> None:
    calls = responds(tool_call("encyclopedia"), kind="text/event-stream")
    async with serving(calls, TOO_LONG, TOO_LONG, HELLO) as server, client(server, journal) as llm:
        events = await call_events(llm, TURNS, tools=[encyclopedia], shorten=Shortening(TURNS[1:]))
    parts = [event.part for event in events if isinstance(event, InputShortened)]
    assert parts == ["messages", "results"]
    assert result_of(events).text == "hello"
    outputs = [item["output"] for item in server.bodies[-1]["input"] if item["type"] == "function_call_output"]
    assert len(outputs[0]) == recovery.MAX_RESULT_CHARACTERS
    assert outputs[0].endswith(recovery.CUT)
    assert [log.plan.number for log in journal.logs] == [1, 2, 3, 4]


async def test_a_text_is_never_written_twice(journal: MemoryJournal) -> None:
    """The failure comes after the first word."""
    delta = {"type": "response.output_text.delta", "delta": "half"}
    failed = {"type": "response.failed", "response": {"error": {"code": "context_length_exceeded", "message": "no"}}}
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (delta, failed))
    async with serving(responds(body, kind="text/event-stream")) as server, client(server, journal) as llm:
        with pytest.raises(ProviderFailed):
            await llm.call(TURNS, shorten=Shortening())
    assert len(server.bodies) == 1


def catalogue(first: RawServer, second: RawServer, *more: RawServer) -> Catalogue:
    servers = {"first": first, "second": second, **{f"more{n}": server for n, server in enumerate(more)}}
    return Catalogue(
        providers=tuple(ProviderSpec(name=name, base_url=server.url, api_key="x") for name, server in servers.items()),
        models=tuple(
            ModelSpec(
                name=name,
                id=f"id-{name}",
                provider=name,
                label=name.title(),
                fallback=tuple(servers)[1:] if name == "first" else (),
            )
            for name in servers
        ),
    )


def error(status: int, message: str = "no", **headers: str) -> Answer:
    return responds({"error": {"message": message}}, status, **headers)


REPLACED: list[tuple[Answer, Code]] = [
    (error(402), Code.QUOTA_EXCEEDED),
    (error(401), Code.UNAUTHORIZED),
    (error(403), Code.FORBIDDEN),
    (error(404, "The model does not exist"), Code.MODEL_NOT_FOUND),
    (error(404), Code.WRONG_API),
    (error(408), Code.PROVIDER_ERROR),
    (error(429, retry_after="60"), Code.RATE_LIMITED),
    (error(503, retry_after="60"), Code.OVERLOADED),
    (error(521, retry_after="60"), Code.UNREACHABLE),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("answer", "code"), REPLACED, ids=[str(code) for _, code in REPLACED])
async def test_another_model_answers(journal: MemoryJournal, answer: Answer, code: Code) -> None:
    async with serving(answer) as first, serving(HELLO) as second:
        llm = LLMClient(catalogue(first, second), journal=journal)
        events = await call_events(llm, TURNS, model="first")
        await llm.close()
    assert [event for event in events if isinstance(event, ModelReplaced)] == [ModelReplaced("first", "second", code)]
    assert result_of(events).text == "hello"
    assert [(log.plan.model, log.plan.provider, log.plan.request.model) for log in journal.logs] == [
        ("first", "first", "id-first"),
        ("second", "second", "id-second"),
    ]
    assert [log.plan.number for log in journal.logs] == [1, 2]
    assert len(second.bodies) == 1


NOT_REPLACED: list[tuple[str, Answer, Code]] = [
    ("may have run", error(502), Code.AMBIGUOUS),
    ("refused", error(400), Code.BAD_REQUEST),
    ("moderated", error(400, "flagged by our usage policy"), Code.MODERATED),
    ("began", responds(events_of_text("hello")[:-200], kind="text/event-stream"), Code.CUT),
    (
        "began and failed",
        responds(
            b'data: {"type": "response.created", "response": {"id": "resp_1"}}\n\n'
            b'data: {"type": "response.failed", "response": {"error": {"code": "server_error"}}}\n\n',
            kind="text/event-stream",
        ),
        Code.PROVIDER_ERROR,
    ),
    (
        "other API",
        responds({"object": "chat.completion", "choices": []}),
        Code.WRONG_API,
    ),
]


@pytest.mark.parametrize(("answer", "code"), [row[1:] for row in NOT_REPLACED], ids=[row[0] for row in NOT_REPLACED])
async def test_a_request_that_may_have_run_is_not_repeated_elsewhere(
    journal: MemoryJournal, answer: Answer, code: Code
) -> None:
    async with serving(answer) as first, serving(HELLO) as second:
        llm = LLMClient(catalogue(first, second), journal=journal)
        with pytest.raises(ProviderFailed) as raised:
            await llm.call(TURNS, model="first")
        await llm.close()
    assert raised.value.code == code
    assert second.bodies == []


async def test_each_other_model_is_asked_once(journal: MemoryJournal) -> None:
    async with serving(error(401)) as first, serving(error(402)) as second, serving(error(403)) as third:
        llm = LLMClient(catalogue(first, second, third), journal=journal)
        with pytest.raises(ProviderFailed) as raised:
            await llm.call(TURNS, model="first")
        with pytest.raises(ProviderFailed):
            await llm.call(TURNS, model="second")
        await llm.close()
    assert raised.value.code == Code.FORBIDDEN
    assert [len(server.bodies) for server in (first, second, third)] == [1, 2, 1]


async def test_reasoning_of_one_model_is_not_sent_to_another(journal: MemoryJournal) -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "encyclopedia", "arguments": "{}"}
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": [reasoning, call], "usage": None}
    done = [{"type": "response.output_item.done", "item": item} for item in (reasoning, call)]
    stream = [*done, {"type": "response.completed", "response": response}]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in stream)
    async with serving(responds(body, kind="text/event-stream"), error(401)) as first, serving(HELLO) as second:
        llm = LLMClient(catalogue(first, second), journal=journal)
        events = await call_events(llm, TURNS, model="first", tools=[encyclopedia], keep_reasoning=True)
        await llm.close()
    assert result_of(events).text == "hello"
    kinds = [item["type"] for item in second.bodies[0]["input"]]
    assert kinds == ["message", "message", "message", "function_call", "function_call_output"]
    assert not [event for event in events if isinstance(event, TextDelta) and event.text != "hello"]


async def test_stopping_between_two_tries_is_recorded(journal: MemoryJournal) -> None:
    """The second server never answers, and the caller leaves."""
    asked = asyncio.Event()

    async def hangs(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(3600)  # the server never answers

    async with serving(error(401)) as first, serving(hangs) as second:
        llm = LLMClient(catalogue(first, second), journal=journal)
        calling = asyncio.create_task(llm.call(TURNS, model="first"))
        await asked.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await llm.close()
    assert [log.status for log in journal.logs] == ["unauthorized", "stopped"]
    assert journal.logs[-1].uncertain
