"""Conversations from before the test, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chat.database import query
from chat.models import ChatMessage, ChatThread, Role, User
from tests.support.cast import Person

PARENTS = """
UPDATE chat_message m SET parent_id = before.id
FROM (SELECT id AS after, lag(id) OVER (ORDER BY number) AS id FROM chat_message WHERE thread_id = $1) before
WHERE m.id = before.after
"""
HEAD = """
UPDATE chat_thread SET head_id = (SELECT id FROM chat_message WHERE thread_id = $1 ORDER BY number DESC LIMIT 1)
WHERE id = $1
"""


async def past_thread(
    person: Person, *, messages: int = 2, title: str = "An older talk", days_ago: int = 1, texts: Sequence[str] = ()
) -> str:
    """A thread of questions and answers in turn, with these texts or `Message 1` to the last; returns its id.

    Their texts never change: the index has each message once, as it was when a worker found it.
    """
    texts = texts or [f"Message {number}" for number in range(1, messages + 1)]
    user = await User.get(email=person.email)
    then = datetime.now(UTC) - timedelta(days=days_ago)
    thread = await ChatThread.create(user=user, title=title, message_count=len(texts), rev=len(texts))
    await ChatThread.filter(id=thread.id).update(last_message_at=then)
    await ChatMessage.bulk_create(_message(thread.id, number, text) for number, text in enumerate(texts, start=1))
    await in_a_row(thread.id)
    return str(thread.id)


async def many_threads(person: Person, count: int) -> list[str]:
    """The ids of this many threads, `Chat 1` to the last, newest first."""
    user = await User.get(email=person.email)
    then = datetime.now(UTC) - timedelta(days=1)
    threads = [ChatThread(user=user, title=f"Chat {number}") for number in range(1, count + 1)]
    await ChatThread.bulk_create(threads)
    for number, thread in enumerate(threads):
        thread.last_message_at = then - timedelta(minutes=number)
    await ChatThread.bulk_update(threads, ["last_message_at"])
    return [str(thread.id) for thread in threads]


async def in_a_row(thread_id: UUID) -> None:
    """Make each message the parent of the next, and the last one the head, as if they had been sent."""
    await query(PARENTS, thread_id)
    await query(HEAD, thread_id)


async def answered(person: Person, question: str, answer: str) -> str:
    """A thread with one question and its answer; returns its id."""
    return await past_thread(person, texts=[question, answer])


async def written(person: Person, *contents: str) -> str:
    """A thread of these questions and answers in turn; returns its id."""
    return await past_thread(person, texts=contents)


def _message(thread_id: UUID, number: int, text: str) -> ChatMessage:
    role = Role.USER if number % 2 else Role.ASSISTANT
    return ChatMessage(thread_id=thread_id, number=number, role=role, content=text)
