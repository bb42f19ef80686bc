"""Minimal compatible servers, and incompatible ones: an answer ends, and every round is in the usage ledger."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chat.models import ChatMessage, Generation, LLMCallLog, State, ToolCall
from tests.support.cast import Person
from tests.support.site import Beside

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
ARGUMENTS = '{"expression": "12 * 7"}'


@asynccontextmanager
async def answering(*rounds: list[dict[str, Any]], said: list[dict[str, Any]]) -> AsyncIterator[str]:
    """The address of a server that answers by these events, the last ones again and again; `said` is what it read."""
    waiting = itertools.chain(rounds, itertools.repeat(rounds[-1]))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = LENGTH.search(await reader.readuntil(b"\r\n\r\n"))
        if found:
            said.append(json.loads(await reader.readexactly(int(found[1]))))
            body = "".join(f"data: {json.dumps(event)}\n\n" for event in next(waiting)).encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
            writer.write(head + body)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**24) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def calling(*calls: tuple[str, str], name: str = "calculate", response_id: str = "") -> list[dict[str, Any]]:
    """A round that calls a tool, by the ids of item and call."""
    items = [
        {"type": "function_call", "id": item, "call_id": call, "name": name, "arguments": ARGUMENTS}
        for item, call in calls
    ]
    response = {"id": response_id, "model": "gpt-6-luna", "output": items}
    return [
        *([{"type": "response.created", "response": {"id": response_id}}] if response_id else []),
        *({"type": "response.output_item.done", "item": item} for item in items),
        {"type": "response.completed", "response": response},
    ]


def saying(text: str, response_id: str = "") -> list[dict[str, Any]]:
    """A round that ends the answer."""
    return [
        {"type": "response.output_text.delta", "delta": text},
        {"type": "response.completed", "response": {"id": response_id, "model": "gpt-6-luna"}},
    ]


async def asked(beside: Beside, *rounds: list[dict[str, Any]]) -> tuple[Generation, ChatMessage, list[dict[str, Any]]]:
    """A question to a site with such a server, answered; and what the server read."""
    said: list[dict[str, Any]] = []
    async with (
        answering(*rounds, said=said) as url,
        beside(OPENAI_BASE_URL=url) as site,
        Person.signed_up(site, "alice") as alice,
    ):
        posted = await alice.ask("What is it?")
        async with alice.tab(posted["thread_id"]) as tab:
            await tab.until_finished(posted["reply_id"])
    answer = await ChatMessage.get(id=posted["reply_id"])
    return await Generation.get(answer_id=answer.id), answer, said


@pytest.mark.parametrize(
    "rounds",
    [
        [calling(("a", "call_0")), calling(("a", "call_0")), saying("Done.")],
        [calling(("a", "c" * 300)), calling(("b", "c" * 300)), saying("Done.")],
        [calling(("a", ""), ("b", "")), saying("Done.")],
        [calling(("", ""), ("", "")), saying("Done.")],
        [
            calling(
                (
                    "a",
                    "1",
                ),
                ("b", "1"),
            ),
            saying("Done."),
        ],
    ],
    ids=["again", "long", "none", "neither", "twice"],
)
async def test_calls_with_any_ids_are_run_and_distinguished(beside: Beside, rounds: Any) -> None:
    generation, answer, said = await asked(beside, *rounds)

    calls = await ToolCall.filter(generation_id=generation.id)
    outputs = [item for item in said[-1]["input"] if item.get("type") == "function_call_output"]
    assert (generation.state, answer.content) == (State.COMPLETED, "Done.")
    assert [call.output for call in calls] == ["84", "84"]
    assert [item["output"] for item in outputs] == ["84", "84"]
    assert len({item["call_id"] for item in outputs}) == 2
    assert await LLMCallLog.filter(generation_id=generation.id).count() == len(rounds)


async def test_a_response_with_a_very_long_id_is_answered(beside: Beside) -> None:
    generation, answer, _ = await asked(beside, calling(("a", "1"), response_id="r" * 300), saying("Done.", "r" * 300))

    assert (generation.state, answer.content) == (State.COMPLETED, "Done.")
    assert await LLMCallLog.filter(generation_id=generation.id).count() == 2
