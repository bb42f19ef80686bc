"""Threads of a user, always found through the user: what is not yours is not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Publish, user_channel
from chat.database import query
from chat.events import MessageView, ThreadUpdated, TitleUpdated, ToolCallView
from chat.models import TITLE_MAX_LENGTH, ChatMessage, ChatThread, TitleBy, User
from chat.services.errors import Refused
from chat.text import storable

PAGE_SIZE = 50
NUMBER_MAX = 2**31 - 1  # of PostgreSQL's integer
PAGE_MAX_BYTES = 512 * 1024  # of text; twenty tabs that ask at once must not fill the memory
SIDEBAR_SIZE = 200

SIDEBAR = """
SELECT t.id, t.title, t.last_message_at, t.rev,
       EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN ('queued', 'running')) AS running
FROM chat_thread t WHERE t.user_id = $1 AND NOT t.archived
ORDER BY t.last_message_at DESC LIMIT $2
"""
SET_TITLE = """
UPDATE chat_thread SET title = $3, title_by = $4, rev = rev + 1
WHERE user_id = $1 AND id = $2 AND (title_by <> 'user' OR $4 = 'user') RETURNING rev, last_message_at
"""
RUNNING = """
SELECT EXISTS (SELECT 1 FROM generation WHERE thread_id = $1 AND state IN ('queued', 'running')) AS running
"""
SIZES = """
SELECT number, octet_length(content) AS bytes FROM chat_message
WHERE thread_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3
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
    rev: int
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


async def rename(user: User, thread_id: UUID, title: str, *, broadcast: Broadcast) -> str | None:
    """Give the user's thread a title; returns it as stored, or None if there is no such thread. Raises Refused."""
    title = tidy_title(title)
    if not is_visible(title):
        raise Refused("empty", "Write a title first.")
    if len(title) > TITLE_MAX_LENGTH:
        raise Refused("too_long", f"The title has {len(title):,} characters; {TITLE_MAX_LENGTH} are possible.")
    stored = await set_title(user.id, thread_id, title, TitleBy.USER, broadcast=broadcast)
    return title if stored else None


async def set_title(user_id: UUID, thread_id: UUID, title: str, by: TitleBy, *, broadcast: Broadcast) -> bool:
    """Store a title and tell every tab. False if the thread is gone, or has a title that its user typed.

    What is too long is cut.
    """
    title = tidy_title(title)[:TITLE_MAX_LENGTH].rstrip()
    async with in_transaction():
        rows = await query(SET_TITLE, user_id, thread_id, title, by)
        if not rows:
            return False
        # Asked under the thread's lock, and not with the UPDATE: that one looks from before it had to wait.
        running = (await query(RUNNING, thread_id))[0]["running"]
    rev = rows[0]["rev"]
    updated = ThreadUpdated(thread_id, title, rows[0]["last_message_at"], running, rev)
    titled = Append(thread_id, TitleUpdated(rev, thread_id, title))
    await broadcast.announce(titled, Publish(user_channel(user_id), updated))
    return True


def tidy_title(title: str) -> str:
    """On one line, with single spaces, storable."""
    return " ".join(storable(title).split())


def is_visible(title: str) -> bool:
    """Whether there is something to see, and to click."""
    return any(letter.isprintable() and letter != " " for letter in title)


async def message_page(thread_id: UUID, *, before: str = "") -> MessagePage:
    """The last messages before a cursor (any text: nonsense means from the end), oldest first.

    A page has one message at least, `PAGE_SIZE` at most, and ends early where its text would be too much.
    """
    is_number = before.isascii() and before.isdigit() and len(before) < len(str(NUMBER_MAX))
    sizes = await query(SIZES, thread_id, int(before) if is_number else NUMBER_MAX, PAGE_SIZE + 1)
    fitting = _fitting([row["bytes"] for row in sizes[:PAGE_SIZE]])
    numbers = [row["number"] for row in sizes[:fitting]]
    page = await ChatMessage.filter(thread_id=thread_id, number__in=numbers).order_by("number")
    calls = await _tool_calls([message.id for message in page])
    has_older = len(sizes) > fitting
    return MessagePage(
        [view(message, calls.get(message.id, [])) for message in page],
        has_older,
        str(numbers[-1]) if has_older else "",
    )


def _fitting(sizes: list[int]) -> int:
    """How many of these fit into a page."""
    sums = accumulate(sizes)
    return max(sum(total <= PAGE_MAX_BYTES for total in sums), min(len(sizes), 1))


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
