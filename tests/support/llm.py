"""Calls of the model client in tests: requests, events, and a journal in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pydantic
import pytest

from chat.llm import errors
from chat.llm.call import CallEvent, CallFinished
from chat.llm.client import LLMClient
from chat.llm.events import Event, TextDelta
from chat.llm.items import message_item
from chat.llm.journal import CallLog, Plan
from chat.llm.price import parse_price
from chat.llm.pricing import Prices
from chat.llm.provider.provider import Provider
from chat.llm.provider.request import ModelRequest
from chat.llm.tools import tool
from tests.support.offline import OfflineServer

WHOLE = "one two three four five six seven ten"  # ten deltas
PRICES = Prices((("gpt-6-luna", parse_price("0.1/0.01/0.5")),))


class City(pydantic.BaseModel):
    name: str
    inhabitants: int


CITY_SCHEMA = {
    "type": "object",
    "title": "city",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name", "inhabitants"],
    "additionalProperties": False,
}


@tool(idempotent=True)
def double(number: int = 21) -> int:
    """Double a number.

    number: any
    """
    return number * 2


class MemoryJournal:
    """A journal in memory; an exception in `refusing` is raised in the method of that name."""

    def __init__(self) -> None:
        self.planned: list[Plan] = []
        self.created_ids: list[str] = []
        self.logs: list[CallLog] = []
        self.refusing: dict[str, Exception] = {}

    @property
    def log(self) -> CallLog:
        """The log of the only call."""
        [log] = self.logs
        return log

    async def begin(self, plan: Plan) -> None:
        self._refuse("begin")
        self.planned.append(plan)

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        self.created_ids.append(response_id)
        self._refuse("created")

    async def end(self, log: CallLog) -> None:
        self.logs.append(log)
        self._refuse("end")

    def _refuse(self, where: str) -> None:
        if where in self.refusing:
            raise self.refusing[where]


def asking(text: str, generation_id: str = "", **fields: Any) -> ModelRequest:
    """A request with one message of a user."""
    defaults: dict[str, Any] = {
        "model": "offline",
        "input": (message_item("user", text),),
        "max_output_tokens": 4096,
        "metadata": {"generation_id": generation_id} if generation_id else {},
    }
    return ModelRequest(**{**defaults, **fields})


async def events_of(provider: Provider, request: ModelRequest) -> list[Event]:
    async with aclosing(provider.stream(request)) as events:
        return [event async for event in events]


async def call_events(llm: LLMClient, said: Any, **options: Any) -> list[CallEvent]:
    """All events of a call that goes well."""
    async with aclosing(llm.stream(said, **options)) as events:
        return [event async for event in events]


def result_of(events: list[CallEvent]) -> Any:
    """The result, which is the last event and only there."""
    assert [isinstance(event, CallFinished) for event in events].count(True) == 1
    assert isinstance(events[-1], CallFinished)
    return events[-1].result


async def sent_requests(offline: OfflineServer, generation_id: str) -> list[dict[str, Any]]:
    bodies = (await offline.http.get("/control/requests")).json()["requests"]
    return [body for body in bodies if body.get("metadata", {}).get("generation_id") == generation_id]


def text_of(events: list[CallEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@asynccontextmanager
async def replaying(*events: str) -> AsyncIterator[str]:
    """The address of a server that answers everything by these events."""
    body = "".join(f"data: {event}\n\n" for event in events).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def failure_of(llm: LLMClient, said: str, **options: Any) -> errors.CallFailed:
    with pytest.raises(errors.CallFailed) as raised:
        await llm.call(said, **options)
    return raised.value
