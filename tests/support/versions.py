"""What people do with versions of messages, as a program would do it, and what is shown then."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from chat.database import query
from chat.models import ChatThread
from tests.support.cast import Person
from tests.support.replies import ended
from tests.support.tab import Tab

JSON = {"Accept": "application/json"}
PATH = """
WITH RECURSIVE path AS (
    SELECT id, parent_id, number FROM chat_message WHERE id = $1
    UNION ALL SELECT m.id, m.parent_id, m.number FROM path p JOIN chat_message m ON m.id = p.parent_id
) SELECT id::text FROM path ORDER BY number
"""


async def edit(person: Person, thread_id: str, question_id: str, text: str, **fields: str) -> httpx.Response:
    """Replace a question by another version of it."""
    data = {"message": text, "edits": question_id, "client_id": str(uuid.uuid4()), **fields}
    return await person.http.post(f"/chat/{thread_id}/", data=data, headers=JSON)


async def edit_by(tab: Tab, question_id: str, text: str, client_id: str = "", **more: Any) -> dict[str, Any]:
    """The same by a tab; returns the ack or nack."""
    client_id = client_id or str(uuid.uuid4())
    frame = {"type": "message.send", "client_id": client_id, "content": text, "edits": question_id, **more}
    await tab.send(frame)
    return await tab.until(lambda frame: frame.get("client_id") == client_id and frame["type"] in ("ack", "nack"))


async def again(person: Person, thread_id: str, answer_id: str, **fields: str) -> httpx.Response:
    """Try an answer again, or with `go_on` continue it."""
    data = {"message_id": answer_id, **fields}
    return await person.http.post(f"/chat/{thread_id}/again/", data=data, headers=JSON)


async def show(person: Person, thread_id: str, message_id: str) -> httpx.Response:
    """Show a version."""
    return await person.http.post(f"/chat/{thread_id}/head/", data={"message_id": message_id}, headers=JSON)


async def delete(person: Person, thread_id: str, message_id: str) -> httpx.Response:
    """Delete a message with all below it."""
    return await person.http.post(f"/chat/{thread_id}/messages/{message_id}/delete/", headers=JSON)


async def branch(person: Person, thread_id: str, message_id: str, **fields: str) -> httpx.Response:
    """Copy the chat up to a message into a new one."""
    data = {"message_id": message_id, **fields}
    return await person.http.post(f"/chat/{thread_id}/branch/", data=data, headers=JSON)


async def said(person: Person, text: str, thread_id: str = "") -> dict[str, str]:
    """Ask, and wait for the end of the answer."""
    posted = await person.ask(text, thread_id)
    await ended(posted["reply_id"])
    return posted


async def done(answer: httpx.Response) -> dict[str, str]:
    """The ids of an attempt or edit that was accepted, after the end of its answer."""
    assert answer.status_code == 201, answer.text
    posted: dict[str, str] = answer.json()
    await ended(posted["reply_id"])
    return posted


async def path_of(thread_id: str) -> list[str]:
    """The ids of the messages that are shown, by the rows."""
    thread = await ChatThread.get(id=thread_id)
    return [row["id"] for row in await query(PATH, thread.head_id)]


def shown_by(tab: Tab) -> list[str]:
    """The ids of the messages that a tab shows."""
    return [message["id"] for message in tab.store.messages]


async def caught_up(tab: Tab, thread_id: str) -> None:
    """Follow the thread until its last change; a tab that has missed something asks for a snapshot, as a page does."""
    while tab.store.syncs or tab.store.rev < (await ChatThread.get(id=thread_id)).rev:
        if tab.store.syncs:
            tab.store.syncs = 0
            await tab.send({"type": "sync"})
            await tab.until(lambda frame: frame["type"] == "thread.snapshot" and frame["part"] == frame["parts"])
        else:
            await tab.receive()
