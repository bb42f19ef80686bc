"""Messages that wait in a thread's queue, and answers that end when a test says so."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any

import httpx

from chat.llm.call import CallEvent
from chat.llm.client import LLMClient
from chat.llm.errors import CallFailed
from chat.models import ChatMessage, QueuedMessage, Role, Status
from tests.support.cast import Person
from tests.support.site import Site
from tests.support.tab import Tab
from tests.support.waiting import eventually

LASTING = "say hello [offline: delay_first=50]"  # runs until it is stopped


class Gate:
    """The client of a model, whose answers end only when the gate lets them."""

    def __init__(self, llm: LLMClient) -> None:
        self._llm = llm
        self._passes = asyncio.Semaphore(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    def let_end(self, count: int = 1) -> None:
        """Let this number of answers end."""
        for _ in range(count):
            self._passes.release()

    async def stream(self, said: Any, **options: Any) -> AsyncGenerator[CallEvent, None]:
        """The events, and their end when it may come."""
        try:
            async with aclosing(self._llm.stream(said, **options)) as events:
                async for event in events:
                    yield event
        except CallFailed:
            await self._passes.acquire()
            raise
        await self._passes.acquire()


@contextmanager
def gated(*sites: Site) -> Iterator[Gate]:
    """Answers of these sites end when the gate lets them."""
    workers = [site.resources.worker for site in sites]
    kept = [worker._deps for worker in workers]
    gate = Gate(kept[0].llm)
    for worker, deps in zip(workers, kept, strict=True):
        worker._deps = replace(deps, llm=gate)  # type: ignore[arg-type]
    yield gate
    gate.let_end(1_000)
    for worker, deps in zip(workers, kept, strict=True):
        worker._deps = deps


async def queue_up(tab: Tab, text: str, client_id: str = "", **more: Any) -> dict[str, Any]:
    """Send a message that may wait; returns the ack or nack."""
    client_id = client_id or str(uuid.uuid4())
    await tab.send({"type": "message.send", "client_id": client_id, "content": text, "queue": True, **more})
    return await tab.until(lambda frame: frame.get("client_id") == client_id and frame["type"] in ("ack", "nack"))


async def posted(person: Person, thread_id: str, text: str, client_id: str = "") -> httpx.Response:
    """The same, as a program would."""
    fields = {"message": text, "client_id": client_id or str(uuid.uuid4()), "queue": "1"}
    return await person.http.post(f"/chat/{thread_id}/", data=fields, headers={"Accept": "application/json"})


async def press(person: Person, thread_id: str, button: str, client_id: str = "") -> httpx.Response:
    """A button of the queue, as a program would."""
    fields = {"client_id": client_id} if client_id else {}
    wants = {"Accept": "application/json"}
    return await person.http.post(f"/chat/{thread_id}/queue/{button}/", data=fields, headers=wants)


async def waiting(thread_id: str) -> list[str]:
    """The texts in the queue, in order."""
    rows = await QueuedMessage.filter(thread_id=thread_id).order_by("-is_next", "number")
    return [row.content for row in rows]


async def asked(thread_id: str) -> list[str]:
    """The questions, in the order in which they were sent."""
    rows = await ChatMessage.filter(thread_id=thread_id, role=Role.USER).order_by("number")
    return [row.content for row in rows]


async def all_answered(thread_id: str, count: int) -> list[ChatMessage]:
    """The answers, once this number of them has ended and nothing waits."""

    async def do() -> list[ChatMessage] | None:
        answers = await ChatMessage.filter(thread_id=thread_id, role=Role.ASSISTANT).order_by("number")
        is_over = all(one.status != Status.STREAMING for one in answers)
        return answers if len(answers) == count and is_over and not await waiting(thread_id) else None

    found: list[ChatMessage] = await eventually(do)
    return found
