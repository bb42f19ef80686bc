"""Finished replies."""

from __future__ import annotations

from chat.models import ChatMessage, Generation, Status
from tests.support.cast import Person
from tests.support.tab import Tab
from tests.support.waiting import eventually


async def answered(person: Person, text: str, thread_id: str = "") -> tuple[dict[str, object], Generation, Tab]:
    """Ask, and follow the answer in a tab to its end."""
    posted = await person.ask(text, thread_id)
    async with person.tab(posted["thread_id"]) as tab:
        message = await tab.until_finished(posted["reply_id"])
    return message, await Generation.get(answer_id=posted["reply_id"]), tab


async def ready(person: Person, text: str = "say Hello") -> dict[str, str]:
    """A thread with one finished answer."""
    posted = await person.ask(text)
    async with person.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    return posted


async def ended(answer_id: str) -> ChatMessage:
    """The row of an answer after it has ended."""
    over = ChatMessage.filter(id=answer_id).exclude(status=Status.STREAMING)
    row: ChatMessage = await eventually(over.first)
    return row
