"""What a user does to chats in the list: pinning, archiving, and reading to the end. Every tab shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Publish, user_channel
from chat.database import query
from chat.models import ALIVE_SQL, LISTED_SQL, User
from chat.services.errors import Refused
from chat.services.replies.thread_list import updated

MOST_PINNED = 100  # each page with a list begins with all of them

# Before every change, so that two changes of the same chats cannot wait for each other.
LOCK = """
SELECT id FROM chat_thread WHERE user_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""
PIN = f"""
UPDATE chat_thread t SET pinned = $2, rev = t.rev + 1 WHERE t.id = ANY($1::uuid[]) AND t.pinned <> $2
RETURNING t.id, {LISTED_SQL}
"""  # noqa: S608 - a constant
COUNT_PINNED = """
SELECT count(*) AS count FROM chat_thread WHERE user_id = $1 AND pinned AND NOT archived AND deleted_at IS NULL
"""
ARCHIVE = f"""
UPDATE chat_thread t SET archived = $2, rev = t.rev + 1 WHERE t.id = ANY($1::uuid[]) AND t.archived <> $2
RETURNING t.id, {LISTED_SQL}
"""  # noqa: S608
# The end of the answer that ended last, or the end of what is shown: no more is there to see.
SEE = f"""
UPDATE chat_thread t SET seen_number = t.answered_number, rev = t.rev + 1 FROM chat_message m
WHERE t.id = ANY($1::uuid[]) AND t.answered_number > t.seen_number AND m.thread_id = t.id AND m.id = $2
    AND m.status <> 'streaming' AND (m.id = t.head_id OR m.number = t.answered_number)
RETURNING t.id, {LISTED_SQL}
"""  # noqa: S608
READ = f"""
UPDATE chat_thread t SET seen_number = t.answered_number, rev = t.rev + 1
WHERE t.id = ANY($1::uuid[]) AND t.answered_number > t.seen_number
RETURNING t.id, {LISTED_SQL}
"""  # noqa: S608
RUNNING = f"SELECT thread_id FROM generation WHERE thread_id = ANY($1::uuid[]) AND state IN {ALIVE_SQL}"  # noqa: S608

TOO_MANY_PINNED = f"You can pin {MOST_PINNED} chats. Unpin one of them, then try again."


@dataclass(frozen=True, slots=True)
class _Changed:
    """The chats that are the user's, the rows of those that have changed, and which of them are answering."""

    own: list[UUID]
    rows: list[dict[str, Any]]
    running: set[UUID]


async def pin(user: User, thread_ids: Sequence[UUID], *, on: bool, broadcast: Broadcast) -> list[UUID]:
    """Pin chats or unpin them; returns those that are the user's. Raises Refused."""
    async with in_transaction():
        changed = await _change(user, thread_ids, PIN, on)
        if on and changed.rows and (await query(COUNT_PINNED, user.id))[0]["count"] > MOST_PINNED:
            raise Refused("too_many_pinned", TOO_MANY_PINNED)
    await tell(user, changed.rows, changed.running, broadcast=broadcast)
    return changed.own


async def archive(user: User, thread_ids: Sequence[UUID], *, on: bool, broadcast: Broadcast) -> list[UUID]:
    """Archive chats or bring them back into the list; returns those that are the user's."""
    async with in_transaction():
        changed = await _change(user, thread_ids, ARCHIVE, on)
    await tell(user, changed.rows, changed.running, broadcast=broadcast)
    return changed.own


async def see(user: User, thread_id: UUID, message_id: UUID, *, broadcast: Broadcast) -> None:
    """The end of this answer is shown to the user; older ones than the last change nothing."""
    async with in_transaction():
        changed = await _change(user, [thread_id], SEE, message_id)
    await tell(user, changed.rows, changed.running, broadcast=broadcast)


async def read(user: User, thread_ids: Sequence[UUID], *, broadcast: Broadcast) -> list[UUID]:
    """Mark chats as read, for pages without JavaScript; returns those that are the user's."""
    async with in_transaction():
        changed = await _change(user, thread_ids, READ)
    await tell(user, changed.rows, changed.running, broadcast=broadcast)
    return changed.own


async def running_among(thread_ids: list[UUID]) -> set[UUID]:
    """Which of these threads are answering.

    Asked after the change, under its locks: the snapshot of a statement may be older than its wait for them.
    """
    return {row["thread_id"] for row in await query(RUNNING, thread_ids)} if thread_ids else set()


async def tell(user: User, rows: Sequence[dict[str, Any]], running: set[UUID], *, broadcast: Broadcast) -> None:
    """Update the list of every tab; rows have the columns of LISTED_SQL.

    The chat's own log has the change too, so that its tabs do not look for an event with this rev.
    """
    told: list[Append | Publish] = []
    for row in rows:
        change = updated(row["id"], row, running=row["id"] in running)
        told += [Append(change.thread_id, change), Publish(user_channel(user.id), change)]
    await broadcast.announce(*told)


async def _change(user: User, thread_ids: Sequence[UUID], statement: str, *values: Any) -> _Changed:
    """In the caller's transaction."""
    own = [row["id"] for row in await query(LOCK, user.id, list(thread_ids))]
    rows = await query(statement, own, *values) if own else []
    return _Changed(own, rows, await running_among([row["id"] for row in rows]))
