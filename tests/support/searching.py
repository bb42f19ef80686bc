"""Chats that are in the index, and what a person finds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from chat.models import ChatMessage
from chat.search import indexing
from tests.support.cast import Person
from tests.support.rows import written


async def indexed(thread_id: UUID | str) -> None:
    """Index all messages of a thread, and its title."""
    ids: list[UUID] = await ChatMessage.filter(thread_id=thread_id).values_list("id", flat=True)  # type: ignore[assignment]
    await indexing.index(ids)


async def said(person: Person, *contents: str) -> str:
    """A thread of these questions and answers in turn, which can be found; returns its id."""
    thread_id = await written(person, *contents)
    await indexed(thread_id)
    return thread_id


async def answer_to(person: Person, **fields: str) -> httpx.Response:
    """What a program gets."""
    return await person.http.get("/search/", params=fields, headers={"Accept": "application/json"})


async def found(person: Person, q: str, **more: str) -> dict[str, Any]:
    """The results as JSON."""
    answer = await answer_to(person, q=q, **more)
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()
    return results


async def texts(person: Person, q: str, **more: str) -> list[str]:
    """The texts of all hits, chat by chat."""
    results = await found(person, q, **more)
    return [hit["text"] for chat in results["chats"] for hit in chat["hits"]]
