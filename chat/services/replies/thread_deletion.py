"""Deleting chats: they are gone at once, an undo brings them back for 15 seconds, then their rows are deleted.

The time is the database's, and whichever of undo and purge locks a chat first decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Publish, user_channel
from chat.database import query
from chat.events import ThreadDeleted
from chat.models import ALIVE_SQL, LISTED_SQL, User
from chat.services.deps import ReplyWorker
from chat.services.replies import list_changes
from chat.services.usage import budgets

UNDO = "15 seconds"  # a page offers it for 10: a slow connection is no reason to refuse
THREADS_AT_ONCE = 100  # keeps each statement short; all of them are one transaction
MOST_DUE = 500  # of one look, so that 500 deleted at once are gone in time
PURGED_AT_ONCE = 20  # in one transaction: their messages are deleted with them

# For the order, see "The order of locks" in docs/architecture.md.
LOCK = f"""
SELECT id FROM chat_thread
WHERE user_id = $1 AND id = ANY($2::uuid[]) AND (deleted_at IS NULL OR deleted_at > now() - interval '{UNDO}')
ORDER BY id FOR UPDATE
"""  # noqa: S608 - a constant
# A worker of an older release does not know deleted chats, but leaves a paused queue alone.
HIDE = """
UPDATE chat_thread t SET deleted_at = now(), rev = t.rev + 1, queue_paused = CASE
    WHEN t.queue_paused = '' AND EXISTS (SELECT 1 FROM queued_message WHERE thread_id = t.id) THEN $2
    ELSE t.queue_paused END
WHERE t.id = ANY($1::uuid[]) AND t.deleted_at IS NULL RETURNING t.id, t.rev
"""
STOP = f"""
WITH alive AS (
    SELECT id FROM generation WHERE thread_id = ANY($1::uuid[]) AND state IN {ALIVE_SQL} ORDER BY id FOR NO KEY UPDATE
)
UPDATE generation g SET cancel_at = coalesce(g.cancel_at, now()) FROM alive WHERE g.id = alive.id RETURNING g.id
"""  # noqa: S608
SHOW = f"""
UPDATE chat_thread t SET deleted_at = NULL, rev = t.rev + 1 WHERE t.id = ANY($1::uuid[]) AND t.deleted_at IS NOT NULL
RETURNING t.id, {LISTED_SQL}
"""  # noqa: S608
RECENT = f"""
SELECT id, title FROM chat_thread WHERE user_id = $1 AND deleted_at > now() - interval '{UNDO}'
ORDER BY deleted_at DESC, id LIMIT {MOST_DUE}
"""  # noqa: S608
DUE = f"""
SELECT id FROM chat_thread WHERE deleted_at <= now() - interval '{UNDO}' ORDER BY deleted_at LIMIT {MOST_DUE}
"""  # noqa: S608
# Locked ones are being purged by another worker, or their answer is ending: the next purge finds them.
LOCK_DUE = f"""
SELECT id FROM chat_thread WHERE id = ANY($1::uuid[]) AND deleted_at <= now() - interval '{UNDO}'
ORDER BY id FOR UPDATE SKIP LOCKED
"""  # noqa: S608
LOCK_RUNNING = f"""
SELECT id, model, CASE WHEN background AND (owner IS NULL OR lease_until < now()) THEN response_id END AS orphan,
    request_at IS NOT NULL AS asked
FROM generation WHERE thread_id = ANY($1::uuid[]) AND state IN {ALIVE_SQL} ORDER BY id FOR UPDATE
"""  # noqa: S608
DELETE = "DELETE FROM chat_thread WHERE id = ANY($1::uuid[])"

PAUSED = "The queue is paused because the chat was deleted for a moment."


@dataclass(frozen=True, slots=True)
class DeletedGeneration:
    """A generation whose row was deleted; `orphan` is the id of a background response that no worker reads.

    `asked`: a request may have reached the provider.
    """

    id: UUID
    model: str
    orphan: str | None
    asked: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """The threads whose rows were deleted, and their generations that were still running."""

    threads: list[UUID]
    running: list[DeletedGeneration]


async def delete(user: User, thread_ids: Sequence[UUID], *, worker: ReplyWorker, broadcast: Broadcast) -> list[UUID]:
    """Delete chats and stop their answers; returns those that are the user's, also if they were deleted just before."""
    async with in_transaction():
        own = [row["id"] for row in await query(LOCK, user.id, list(thread_ids))]
        hidden = await query(HIDE, own, PAUSED) if own else []
        running = await query(STOP, [row["id"] for row in hidden]) if hidden else []
    await broadcast.announce(*(Publish(user_channel(user.id), ThreadDeleted(row["id"], row["rev"])) for row in hidden))
    await worker.stop_marked([row["id"] for row in running])
    return own


async def undelete(user: User, thread_ids: Sequence[UUID], *, broadcast: Broadcast) -> list[UUID]:
    """Bring back chats that were deleted within the last 15 seconds; returns those that are there now.

    Their answers stay stopped, and their queues paused.
    """
    async with in_transaction():
        own = [row["id"] for row in await query(LOCK, user.id, list(thread_ids))]
        shown = await query(SHOW, own) if own else []
        running = await list_changes.running_among([row["id"] for row in shown])
    await list_changes.tell(user, shown, running, broadcast=broadcast)
    return own


async def recent(user: User) -> list[dict[str, Any]]:
    """The user's chats that can still be brought back: `id` and `title`."""
    return await query(RECENT, user.id)


async def due() -> list[UUID]:
    """Deleted chats that nothing brings back any more."""
    return [row["id"] for row in await query(DUE)]


async def purge(thread_ids: Sequence[UUID]) -> Deleted:
    """Delete the rows of these chats, as far as they are due and no one else does."""
    async with in_transaction():
        return await delete_rows([row["id"] for row in await query(LOCK_DUE, list(thread_ids))])


async def delete_rows(threads: list[UUID]) -> Deleted:
    """In the caller's transaction, which has locked the threads: delete them with everything in them."""
    running = [DeletedGeneration(**row) for row in await query(LOCK_RUNNING, threads)]
    for start in range(0, len(threads), THREADS_AT_ONCE):
        await query(DELETE, threads[start : start + THREADS_AT_ONCE])
    await budgets.drop([one.id for one in running if not one.asked])  # they may have no owner, who would do so
    return Deleted(threads, running)
