"""Threads of a user, always found through the user: what is not yours is not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chat.database import query
from chat.events import MessageView, ToolCallView
from chat.models import ChatMessage, ChatThread, User

PAGE_SIZE = 50
SIDEBAR_SIZE = 200

SIDEBAR = """
SELECT t.id, t.title, t.last_message_at,
       EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN ('queued', 'running')) AS running
FROM chat_thread t WHERE t.user_id = $1 AND NOT t.archived
ORDER BY t.last_message_at DESC LIMIT $2
"""
TOOL_CALLS = """
SELECT g.answer_id, c.call_id, c.name, c.state, left(c.arguments, 2000) AS arguments, left(c.output, 2000) AS output
FROM tool_call c JOIN generation g ON g.id = c.generation_id
WHERE g.answer_id = ANY($1::uuid[]) ORDER BY c.created_at, c.id
"""


@dataclass(frozen=True, slots=True)
class SidebarThread:
    """A line of the sidebar."""

    id: UUID
    title: str
    last_message_at: datetime
    running: bool


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages in order, and where older ones begin."""

    messages: list[MessageView]
    has_older: bool
    older_cursor: str


async def own_thread(user: User, thread_id: UUID) -> ChatThread | None:
    """The user's thread, or None."""
    return await ChatThread.get_or_none(id=thread_id, user_id=user.id)


async def sidebar(user: User) -> list[SidebarThread]:
    """The user's threads, newest first."""
    return [SidebarThread(**row) for row in await query(SIDEBAR, user.id, SIDEBAR_SIZE)]


async def message_page(thread_id: UUID, *, before: str = "") -> MessagePage:
    """The last messages before a cursor (any text: nonsense means from the end), oldest first."""
    rows = ChatMessage.filter(thread_id=thread_id)
    if before.isascii() and before.isdigit() and len(before) < 10:  # noqa: PLR2004 - what an integer column can hold
        rows = rows.filter(number__lt=int(before))
    found = await rows.order_by("-number").limit(PAGE_SIZE + 1)
    page = found[:PAGE_SIZE][::-1]
    calls = await _tool_calls([message.id for message in page])
    has_older = len(found) > PAGE_SIZE
    return MessagePage(
        [view(message, calls.get(message.id, [])) for message in page],
        has_older,
        str(page[0].number) if has_older else "",
    )


def view(message: ChatMessage, tools: list[ToolCallView] | None = None, *, text: str | None = None) -> MessageView:
    """The message as it travels; `text` stands in for what is not stored yet."""
    return MessageView(
        id=message.id,
        client_id=message.client_id,
        role=message.role,
        status=message.status,
        content=message.content if text is None else text,
        error=message.error,
        created_at=message.created_at,
        tools=tools or [],
    )


async def _tool_calls(answers: list[UUID]) -> dict[UUID, list[ToolCallView]]:
    found: dict[UUID, list[ToolCallView]] = {}
    for row in await query(TOOL_CALLS, answers):
        call = ToolCallView(row["call_id"], row["name"], row["state"], row["arguments"], row["output"])
        found.setdefault(row["answer_id"], []).append(call)
    return found
