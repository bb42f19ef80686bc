"""A user's chats: the pinned ones, then the others, newest first, a page at a time; each page begins after a cursor."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chat.database import query
from chat.events import ListedThread, ThreadList, ThreadUpdated
from chat.models import ALIVE_SQL, LISTED_SQL, ChatThread
from chat.models.ids import NO_ID

PAGE_SIZE = 50
PAGE_MAX_SIZE = 500  # of one request, which restores a list that had grown

CURSOR = re.compile(r"(\d{1,17})-([0-9a-f]{32})", re.ASCII)  # microseconds since 1970, and the id
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))

ROW = f"""
t.id AS thread_id, {LISTED_SQL},
EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN {ALIVE_SQL}) AS running
"""  # noqa: S608 - constants
LISTED = "t.user_id = $1 AND NOT t.archived AND t.deleted_at IS NULL"
# $2, $3: the place before the page; $4: its size; $5: whether the pinned chats come first; $6: the current chat.
# Each part has an index of its own.
# It begins with SELECT, as statements do that may run twice.
PAGE = f"""
SELECT * FROM (
(SELECT 'pinned' AS part, {ROW} FROM chat_thread t WHERE {LISTED} AND t.pinned AND $5)
UNION ALL
(SELECT 'newest', {ROW} FROM chat_thread t WHERE {LISTED} AND NOT t.pinned AND (t.last_message_at, t.id) < ($2, $3)
    ORDER BY t.last_message_at DESC, t.id DESC LIMIT $4)
UNION ALL
(SELECT 'current', {ROW} FROM chat_thread t WHERE {LISTED} AND t.id = $6)
) listed
"""  # noqa: S608

ARCHIVED = f"""
SELECT {ROW} FROM chat_thread t
WHERE t.user_id = $1 AND t.archived AND t.deleted_at IS NULL AND (t.last_message_at, t.id) < ($2, $3)
ORDER BY t.last_message_at DESC, t.id DESC LIMIT $4
"""  # noqa: S608


async def thread_list(
    user_id: UUID, *, before: str = "", size: int = PAGE_SIZE, current: ChatThread | None = None
) -> ThreadList:
    """A page of the user's chats, the first one with all that are pinned; an invalid cursor means the first page.

    The current chat is always included, in order, so that the list shows where the user is.
    """
    size = min(size, PAGE_MAX_SIZE)
    place = _place(before)
    current_id = current.id if current else NO_ID
    rows = await query(PAGE, user_id, *(place or NEWEST), size + 1, place is None, current_id)
    parts: dict[str, list[ListedThread]] = {"pinned": [], "newest": [], "current": []}
    for row in rows:
        parts[row.pop("part")].append(ListedThread(**row))
    newest = parts["newest"][:size]
    page = {thread.thread_id: thread for thread in (*parts["pinned"], *newest, *parts["current"])}
    cursor = _cursor(newest[-1]) if len(parts["newest"]) > size else ""
    return ThreadList(sorted(page.values(), key=_order, reverse=True), cursor)


async def archived_list(user_id: UUID, *, before: str = "", size: int = PAGE_SIZE) -> ThreadList:
    """A page of the user's archived chats, pinned or not; an invalid cursor means the newest page."""
    rows = await query(ARCHIVED, user_id, *(_place(before) or NEWEST), size + 1)
    listed = [ListedThread(**row) for row in rows]
    return ThreadList(listed[:size], _cursor(listed[size - 1]) if len(listed) > size else "")


def updated(thread_id: UUID, row: dict[str, Any], *, running: bool) -> ThreadUpdated:
    """What tabs are told of a changed thread, of which `row` has the columns of LISTED_SQL."""
    return ThreadUpdated(
        thread_id,
        row["title"],
        row["last_message_at"],
        running=running,
        rev=row["rev"],
        pinned=row["pinned"],
        archived=row["archived"],
        unread=row["unread"],
    )


def _order(thread: ListedThread) -> tuple[bool, datetime, UUID]:
    return thread.pinned, thread.last_message_at, thread.thread_id


def _cursor(thread: ListedThread) -> str:
    return f"{(thread.last_message_at - EPOCH) // MICROSECOND}-{thread.thread_id.hex}"


def _place(cursor: str) -> tuple[datetime, UUID] | None:
    found = CURSOR.fullmatch(cursor)
    return (EPOCH + int(found[1]) * MICROSECOND, UUID(found[2])) if found else None
