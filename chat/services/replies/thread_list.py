"""A user's chats, newest first, a page at a time; each page begins after a cursor."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chat.database import query
from chat.events import ListedThread, ThreadList
from chat.models import ALIVE_SQL, ChatThread

PAGE_SIZE = 50
PAGE_MAX_SIZE = 500  # of one request, which restores a list that had grown

CURSOR = re.compile(r"(\d{1,17})-([0-9a-f]{32})", re.ASCII)  # microseconds since 1970, and the id
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))

LISTED = f"""
SELECT t.id AS thread_id, t.title, t.last_message_at, t.rev,
       EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN {ALIVE_SQL}) AS running
FROM chat_thread t WHERE t.user_id = $1 AND NOT t.archived
"""  # noqa: S608
PAGE = LISTED + " AND (t.last_message_at, t.id) < ($2, $3) ORDER BY t.last_message_at DESC, t.id DESC LIMIT $4"
ONE = LISTED + " AND t.id = $2"


async def thread_list(
    user_id: UUID, *, before: str = "", size: int = PAGE_SIZE, current: ChatThread | None = None
) -> ThreadList:
    """A page of the user's chats; an invalid cursor means the newest page.

    The current chat is always included, in order, so that the list shows where the user is.
    """
    size = min(size, PAGE_MAX_SIZE)
    rows = await query(PAGE, user_id, *_place(before), size + 1)
    listed = [ListedThread(**row) for row in rows]
    page, further = listed[:size], listed[size:]
    cursor = _cursor(page[-1]) if further else ""
    if current and current.id not in {thread.thread_id for thread in page}:
        page += [ListedThread(**row) for row in await query(ONE, user_id, current.id)]
        page.sort(key=_order, reverse=True)
    return ThreadList(page, cursor)


def _order(thread: ListedThread) -> tuple[datetime, UUID]:
    return thread.last_message_at, thread.thread_id


def _cursor(thread: ListedThread) -> str:
    return f"{(thread.last_message_at - EPOCH) // MICROSECOND}-{thread.thread_id.hex}"


def _place(cursor: str) -> tuple[datetime, UUID]:
    found = CURSOR.fullmatch(cursor)
    return (EPOCH + int(found[1]) * MICROSECOND, UUID(found[2])) if found else NEWEST
