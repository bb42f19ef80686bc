"""A user's threads, always looked up through the user: other users' threads are simply not found."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Publish, user_channel
from chat.database import query
from chat.events import MessageView, TitleUpdated
from chat.llm.tools import Registry
from chat.models import ALIVE_SQL, LISTED_SQL, TITLE_MAX_LENGTH, ChatThread, TitleBy, User
from chat.search import indexing
from chat.services.errors import Refused
from chat.services.replies import path
from chat.services.replies.endings import can_continue, can_retry
from chat.services.replies.thread_list import updated
from chat.services.replies.tool_calls import PREVIEW, shown
from chat.text import is_visible, storable, without_hidden

PAGE_SIZE = 50
PAGE_MAX_BYTES = 512 * 1024  # of text: twenty tabs that ask at once must not exhaust the memory

OWN = "SELECT {columns} FROM chat_thread WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL"
OWN_REV = "SELECT rev FROM chat_thread WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL"
SET_TITLE = f"""
UPDATE chat_thread t SET title = $3, title_by = $4, rev = t.rev + 1
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND (t.title_by <> 'user' OR $4 = 'user')
RETURNING {LISTED_SQL}
"""  # noqa: S608 - a constant
RUNNING = f"""
SELECT EXISTS (SELECT 1 FROM generation WHERE thread_id = $1 AND state IN {ALIVE_SQL}) AS running
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages in order, and the cursor for older ones."""

    messages: list[MessageView]
    has_older: bool
    older_cursor: str


async def own_rev(user: User, thread_id: UUID) -> int | None:
    """The rev of the user's thread, or None. Each arriving tab asks: plain SQL takes a quarter of the ORM's time."""
    rows = await query(OWN_REV, user.id, thread_id)
    return rows[0]["rev"] if rows else None


async def own_thread(user: User, thread_id: UUID) -> ChatThread | None:
    """The user's thread, or None. Each page asks, as for `own_rev`."""
    rows = await query(_own_sql(), user.id, thread_id)
    if not rows:
        return None
    thread: ChatThread = ChatThread.construct(_saved_in_db=True, **rows[0])
    thread.title_by = TitleBy(thread.title_by)
    return thread


async def rename(user: User, thread_id: UUID, title: str, *, broadcast: Broadcast) -> str | None:
    """Rename the user's thread; returns the title as stored, or None if there is no such thread. Raises Refused."""
    title = tidy_title(title)
    if not is_visible(title):
        raise Refused("empty", "Enter a title.")
    if len(title) > TITLE_MAX_LENGTH:
        raise Refused("too_long", f"The title has {len(title):,} characters. The maximum is {TITLE_MAX_LENGTH}.")
    stored = await set_title(user.id, thread_id, title, TitleBy.USER, broadcast=broadcast)
    return title if stored else None


async def set_title(user_id: UUID, thread_id: UUID, title: str, by: TitleBy, *, broadcast: Broadcast) -> bool:
    """Store a title, cut if too long, and send it to all tabs. False if the thread is gone or its user has named it."""
    title = tidy_title(title)[:TITLE_MAX_LENGTH].rstrip()
    async with in_transaction():
        rows = await query(SET_TITLE, user_id, thread_id, title, by)
        if not rows:
            return False
        await indexing.set_title(user_id, thread_id, title)
        # A separate query, under the thread's lock: the UPDATE's snapshot is older than its wait for that lock.
        running = (await query(RUNNING, thread_id))[0]["running"]
    titled = Append(thread_id, TitleUpdated(rows[0]["rev"], thread_id, title))
    change = updated(thread_id, rows[0], running=running)
    await broadcast.announce(titled, Publish(user_channel(user_id), change))
    return True


def tidy_title(title: str) -> str:
    """The title on one line, with single spaces, without hidden characters and those that PostgreSQL cannot store."""
    return " ".join(without_hidden(storable(title)).split())


async def message_page(
    thread_id: UUID, *, tools: Registry, before: str = "", last: UUID | None = None, most: int = PAGE_SIZE
) -> MessagePage:
    """The last messages of the path before a cursor, oldest first; an invalid cursor means the newest page.

    `tools` has the words for tool calls. A page has 1 to `most` messages, and fewer if their text is long. `last` is
    the end of another path.
    """
    rows = await path.page(
        thread_id,
        before=_identifier(before),
        last=last,
        most=most,
        most_bytes=PAGE_MAX_BYTES,
        most_of_calls=PREVIEW,
    )
    messages = [_view(row, tools) for row in rows]
    has_older = bool(rows) and rows[0]["parent_id"] is not None
    return MessagePage(messages, has_older, str(rows[0]["id"]) if has_older else "")


@cache
def _own_sql() -> str:
    """Selects every column, so that new ones need no change here."""
    return OWN.format(columns=", ".join(ChatThread._meta.db_fields))


def _identifier(cursor: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(cursor)
    return None


def _view(row: dict[str, Any], tools: Registry) -> MessageView:
    """The message as tabs get it, with the reason of its end."""
    reason, calls = row.pop("reason") or "", row.pop("calls")
    return MessageView(
        **row | {"continues": bool(row["continues"]), "versions": row["versions"] or []},
        tools=[shown(call, tools) for call in msgspec.json.decode(calls)] if calls else [],
        retryable=can_retry(reason),
        can_continue=can_continue(row["status"], reason),
    )
