"""Showing another version of a message, and deleting one with all that is below it.

Both change the thread's head, for all tabs, under the thread's lock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Publish, user_channel
from chat.database import query
from chat.events import PathChanged
from chat.models import ALIVE_SQL, LISTED_SQL, ChatMessage, Role, State, User
from chat.services.errors import Refused
from chat.services.replies import path, queue, thread_list
from chat.services.replies.thread_deletion import DeletedGeneration
from chat.services.replies.worker import Worker
from chat.services.usage import budgets

LOCK = "SELECT head_id FROM chat_thread WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL FOR UPDATE"
# $3: 2 to fence off the owner of an answer that was deleted, so that tabs get no more of it.
MOVE_HEAD = f"""
UPDATE chat_thread t SET head_id = $2, rev = t.rev + 1, fence = t.fence + $3 WHERE t.id = $1
RETURNING t.fence, {LISTED_SQL}
"""  # noqa: S608 - a constant
# After the thread, see lease.py. The columns are those of DeletedGeneration, and whether a takeover is due.
LOCK_RUNNING = f"""
{path.BELOW}
SELECT id, model, NULL AS orphan, request_at IS NOT NULL AS asked,
    state = 'running' AND (owner IS NULL OR lease_until < now()) AS is_lost
FROM generation WHERE thread_id = $1 AND state IN {ALIVE_SQL} AND answer_id IN (SELECT id FROM below) FOR UPDATE
"""  # noqa: S608 - a constant
IS_BELOW = f"{path.BELOW} SELECT (SELECT $3::uuid IN (SELECT id FROM below)) AS found"  # noqa: S608
DELETE = "DELETE FROM chat_message WHERE id = $1 AND thread_id = $2 RETURNING parent_id"  # cascades to all below it
# What is shown instead: the newest version that is left, or the message before.
NEXT_TO = """
SELECT coalesce((SELECT id FROM chat_message WHERE thread_id = $1 AND parent_id IS NOT DISTINCT FROM $2
    ORDER BY number DESC LIMIT 1), $2) AS id
"""

NO_MESSAGE = "This message doesn't exist."
IS_LOST = "The answer that is being written here is moving to another server. Try again in a few seconds."
LOST_RETRY_MS = 4000  # by then a worker has looked for lost answers, see worker.py


@dataclass(frozen=True, slots=True)
class _Deleted:
    """What one transaction has done: the running answer that it deleted, and what tabs are told after COMMIT."""

    running: list[DeletedGeneration]
    told: list[Append | Publish]


async def question(thread_id: UUID, message_id: str) -> ChatMessage | None:
    """The question with this id in a thread, to be edited; None if there is none."""
    with suppress(ValueError):
        return await ChatMessage.get_or_none(id=UUID(message_id), thread_id=thread_id, role=Role.USER)
    return None


async def show(user: User, thread_id: UUID, message_id: UUID, *, broadcast: Broadcast) -> None:
    """Show this version, and below it what was written there last. Raises Refused."""
    async with in_transaction():
        head_id = (await _locked(user, thread_id))["head_id"]
        newest = await path.newest_below(thread_id, message_id)
        if newest is None:
            raise Refused("not_found", NO_MESSAGE)
        if newest == head_id:
            return
        rev = (await query(MOVE_HEAD, thread_id, newest, 0))[0]["rev"]
    await broadcast.announce(Append(thread_id, PathChanged(rev, newest)))


async def delete(user: User, thread_id: UUID, message_id: UUID, *, worker: Worker, broadcast: Broadcast) -> None:
    """Delete a message permanently with all below it; an answer that is running there ends. Raises Refused."""
    async with in_transaction():
        deleted = await _delete(user, thread_id, message_id)
    await worker.stop_deleted(deleted.running)
    await broadcast.announce(*deleted.told)


async def _delete(user: User, thread_id: UUID, message_id: UUID) -> _Deleted:
    head_id = (await _locked(user, thread_id))["head_id"]
    alive = await query(LOCK_RUNNING, thread_id, message_id)
    if any(row.pop("is_lost") for row in alive):  # no one would record what it took
        raise Refused("busy", IS_LOST, retry_ms=LOST_RETRY_MS)
    running = [DeletedGeneration(**row) for row in alive]
    was_shown = (await query(IS_BELOW, thread_id, message_id, head_id))[0]["found"]
    rows = await query(DELETE, message_id, thread_id)
    if not rows:
        raise Refused("not_found", NO_MESSAGE)
    await budgets.drop([one.id for one in running if not one.asked])  # they may have no owner, who would do so
    new_head = await _head_beside(thread_id, rows[0]["parent_id"]) if was_shown else head_id
    thread = (await query(MOVE_HEAD, thread_id, new_head, 2 if running else 0))[0]
    event = PathChanged(thread["rev"], new_head)
    if not running:
        return _Deleted([], [Append(thread_id, event)])
    paused = await queue.pause_after(thread_id, State.CANCELLED)
    ended = thread_list.updated(thread_id, thread, running=False)
    last = Append(thread_id, event, fence=thread["fence"], terminal=True)
    more = [Append(thread_id, paused)] if paused else []
    return _Deleted(running, [last, *more, Publish(user_channel(user.id), ended)])


async def _head_beside(thread_id: UUID, parent_id: UUID | None) -> UUID | None:
    beside: UUID | None = (await query(NEXT_TO, thread_id, parent_id))[0]["id"]
    if beside is None or beside == parent_id:
        return beside
    return await path.newest_below(thread_id, beside)


async def _locked(user: User, thread_id: UUID) -> dict[str, Any]:
    """The user's thread, locked until COMMIT. Raises Refused."""
    threads = await query(LOCK, thread_id, user.id)
    if not threads:
        raise Refused("not_found", "This chat doesn't exist.")
    return threads[0]
