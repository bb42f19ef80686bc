"""The queue of a thread: messages that wait until the answers before them have ended, stored and shown in every tab.

Every change locks the thread first, as all that starts or ends an answer does, and has a rev of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast
from chat.database import query
from chat.events import MESSAGE_MAX_LENGTH, MessageSend, QueueChanged, QueuedView, QueueTaken, QueueView
from chat.models import ALIVE_SQL, State, User
from chat.models.ids import uuid7
from chat.services.deps import Deps
from chat.services.errors import Refused
from chat.services.replies import taken

MOST_QUEUED = 5  # messages of a thread, with at most MESSAGE_MAX_LENGTH characters together

LOCK_THREAD = """
SELECT queue_paused, head_id FROM chat_thread WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL FOR UPDATE
"""
RUNS = f"SELECT 1 FROM generation WHERE thread_id = $1 AND state IN {ALIVE_SQL}"  # noqa: S608
# Under the lock, in a statement of its own: the snapshot of a statement that waited for a lock is older than the wait.
SITUATION = f"""
SELECT EXISTS (SELECT 1 FROM generation WHERE thread_id = $1 AND state IN {ALIVE_SQL}) AS runs,
    EXISTS (SELECT 1 FROM chat_message WHERE thread_id = $1 AND client_id = $2) AS is_stored,
    coalesce(bool_or(client_id = $2), false) AS is_queued, count(*) AS waiting,
    coalesce(sum(length(content)), 0) AS characters, coalesce(max(number), 0) AS last
FROM queued_message WHERE thread_id = $1
"""  # noqa: S608
NEEDED = f"""
SELECT t.message_count FROM chat_thread t WHERE t.id = $1
    AND (EXISTS (SELECT 1 FROM generation WHERE thread_id = t.id AND state IN {ALIVE_SQL})
        OR t.queue_paused = '' AND EXISTS (SELECT 1 FROM queued_message WHERE thread_id = t.id))
"""  # noqa: S608
ADD = """
INSERT INTO queued_message (id, thread_id, number, client_id, content, model, head_id, is_next, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, false, now())
"""
DELETE = "DELETE FROM queued_message WHERE thread_id = $1 AND client_id = $2 RETURNING client_id, content, model"
FIND = "SELECT client_id, content, model FROM queued_message WHERE thread_id = $1 AND client_id = $2"
ORDER = "ORDER BY is_next DESC, number"
ITEMS = f"SELECT client_id, content, model, created_at FROM queued_message WHERE thread_id = $1 {ORDER}"  # noqa: S608
CHOOSE = "UPDATE queued_message SET is_next = (client_id = $2) WHERE thread_id = $1 RETURNING is_next"
CHOOSE_FIRST = f"""
UPDATE queued_message SET is_next = true
WHERE id = (SELECT id FROM queued_message WHERE thread_id = $1 {ORDER} LIMIT 1)
"""  # noqa: S608
PAUSE = """
UPDATE chat_thread SET queue_paused = $2 WHERE id = $1 AND queue_paused = ''
    AND EXISTS (SELECT 1 FROM queued_message WHERE thread_id = $1)
RETURNING id
"""
END_PAUSE = "UPDATE chat_thread SET queue_paused = '' WHERE id = $1"
UNCHOOSE = "UPDATE queued_message SET is_next = false WHERE thread_id = $1 AND is_next"
IS_CHOSEN = "SELECT 1 FROM queued_message WHERE thread_id = $1 AND is_next"
# Without messages there is nothing to pause.
CHANGED = """
UPDATE chat_thread SET rev = rev + 1, queue_paused = CASE
    WHEN EXISTS (SELECT 1 FROM queued_message WHERE thread_id = $1) THEN queue_paused ELSE '' END
WHERE id = $1 RETURNING rev, queue_paused
"""
# The whole queue of a thread `t`, as JSON; null if it is empty.
QUEUED = f"""
SELECT json_agg(json_build_object(
    'client_id', client_id, 'content', content, 'model', model, 'created_at', created_at) {ORDER}) AS queued
FROM queued_message WHERE thread_id = t.id
"""  # noqa: S608
STOP = f"""
UPDATE generation SET cancel_at = coalesce(cancel_at, now()) WHERE thread_id = $1 AND state IN {ALIVE_SQL} RETURNING id
"""  # noqa: S608

PAUSED = {
    State.CANCELLED: "The queue is paused because the answer was stopped.",
    State.INTERRUPTED: "The queue is paused because the answer was interrupted.",
    State.FAILED: "The queue is paused because the answer failed.",
}
TOO_MANY = f"{MOST_QUEUED} messages are already waiting. Send this one later, or remove one of them."
TOO_LONG = (
    f"The waiting messages can have {MESSAGE_MAX_LENGTH:,} characters together, and this one has {{:,}}. "
    "Send it when some of them have been sent, or shorten it."
)
TOO_LATE = "That message has already been sent or removed."

TAKEN = "This message was taken out of the queue. Send it again if you still want an answer."


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that waits in the queue, or waited there already when it was sent again."""

    thread_id: UUID
    client_id: UUID


async def needed_after(thread_id: UUID) -> int | None:
    """The thread's `message_count` if a message has to wait now, otherwise None; `add` decides."""
    rows = await query(NEEDED, thread_id)
    return rows[0]["message_count"] if rows else None


async def add(
    user: User, thread_id: UUID, message: MessageSend, content: str, *, broadcast: Broadcast
) -> Queued | None:
    """Queue the message; None if nothing keeps it from being sent now. Raises Refused.

    A paused queue keeps no message waiting that is sent while no answer is being written.
    """
    async with in_transaction():
        thread = await _locked(user, thread_id)
        now = (await query(SITUATION, thread_id, message.client_id))[0]
        if now["is_queued"]:
            return Queued(thread_id, message.client_id)
        if now["is_stored"] or not (now["runs"] or (now["waiting"] and not thread["queue_paused"])):
            return None
        if now["waiting"] >= MOST_QUEUED:
            raise Refused("queue_full", TOO_MANY)
        if now["characters"] + len(content) > MESSAGE_MAX_LENGTH:
            raise Refused("queue_full", TOO_LONG.format(len(content)))
        seen = message.head_id or thread["head_id"]
        await query(ADD, uuid7(), thread_id, now["last"] + 1, message.client_id, content, message.model, seen)
        event = await changed(thread_id)
    await broadcast.announce(Append(thread_id, event))
    return Queued(thread_id, message.client_id)


async def length() -> int:
    """How many messages wait, whatever their chat."""
    count: int = (await query("SELECT count(*) AS count FROM queued_message"))[0]["count"]
    return count


async def find(thread_id: UUID, client_id: UUID) -> QueueTaken:
    """A message of the queue as it would be taken out. Raises Refused if it is not there any more."""
    rows = await query(FIND, thread_id, client_id)
    if not rows:
        raise Refused("too_late", TOO_LATE)
    return QueueTaken(**rows[0])


async def take(deps: Deps, user: User, thread_id: UUID, client_id: UUID) -> QueueTaken:
    """Take a message out of the queue. Raises Refused if it is not there any more."""
    return await deps.worker.shielded(_take(deps, user, thread_id, client_id), "queue")


async def _take(deps: Deps, user: User, thread_id: UUID, client_id: UUID) -> QueueTaken:
    async with _changing(user, thread_id, deps.broadcast):
        rows = await query(DELETE, thread_id, client_id)
        if not rows:
            raise Refused("too_late", TOO_LATE)
        message = QueueTaken(**rows[0])
        await taken.remember(deps.redis, thread_id, message)
    return message


async def not_taken(deps: Deps, thread_id: UUID, client_id: UUID) -> None:
    """Refuse a message that left the queue unsent: the tab that sends it again has missed that."""
    if await taken.recall(deps.redis, thread_id, client_id):
        raise Refused("too_late", TAKEN)


async def resume(user: User, thread_id: UUID, *, broadcast: Broadcast) -> None:
    """End the pause. If no answer is being written, the first message is sent whatever the last one ended with.

    Raises Refused.
    """
    async with in_transaction():
        if not (await _locked(user, thread_id))["queue_paused"]:
            return
        await query(END_PAUSE, thread_id)
        if not await query(RUNS, thread_id):
            await query(CHOOSE_FIRST, thread_id)
        event = await changed(thread_id)
    await broadcast.announce(Append(thread_id, event))


async def choose(user: User, thread_id: UUID, client_id: UUID, *, broadcast: Broadcast) -> list[UUID]:
    """Put a message first, end the pause, and mark the running answer to be stopped: returns its generation.

    Raises Refused if the message is not there any more.
    """
    async with _changing(user, thread_id, broadcast):
        if not any(row["is_next"] for row in await query(CHOOSE, thread_id, client_id)):
            raise Refused("too_late", TOO_LATE)
        await query(END_PAUSE, thread_id)
        return [row["id"] for row in await query(STOP, thread_id)]


async def unchoose(user: User, thread_id: UUID, *, broadcast: Broadcast) -> None:
    """Pause the queue if a message was to be sent after the stop of the answer: another stop is meant for that message.

    Raises Refused.
    """
    if not await query(IS_CHOSEN, thread_id):
        return
    async with _changing(user, thread_id, broadcast):
        await query(UNCHOOSE, thread_id)
        await query(PAUSE, thread_id, PAUSED[State.CANCELLED])


async def pause(thread_id: UUID, sentence: str) -> QueueChanged | None:
    """Pause the queue, if there is one, in the caller's transaction, which has locked the thread."""
    return await changed(thread_id) if await query(PAUSE, thread_id, sentence) else None


async def pause_after(thread_id: UUID, state: State) -> QueueChanged | None:
    """Pause the queue after an answer that did not end normally, unless the user has asked for the next message."""
    if state not in PAUSED or await query(IS_CHOSEN, thread_id):
        return None
    return await pause(thread_id, PAUSED[state])


async def changed(thread_id: UUID) -> QueueChanged:
    """Count a change of the queue in the caller's transaction; returns the event to announce after COMMIT."""
    thread = (await query(CHANGED, thread_id))[0]
    return QueueChanged(thread["rev"], thread["queue_paused"], await _items(thread_id))


def view(paused: str, queued: str | None) -> QueueView:
    """The queue as tabs get it; `queued` is what QUEUED has selected."""
    return QueueView(paused, msgspec.json.decode(queued, type=list[QueuedView])) if queued else QueueView()


@asynccontextmanager
async def _changing(user: User, thread_id: UUID, broadcast: Broadcast) -> AsyncIterator[None]:
    """A transaction that changes the queue of the user's thread, and its announcement. Raises Refused."""
    async with in_transaction():
        await _locked(user, thread_id)
        yield
        event = await changed(thread_id)
    await broadcast.announce(Append(thread_id, event))


async def _locked(user: User, thread_id: UUID) -> dict[str, Any]:
    """The user's thread, locked until COMMIT. Raises Refused."""
    threads = await query(LOCK_THREAD, thread_id, user.id)
    if not threads:
        raise Refused("not_found", "This chat doesn't exist.")
    return threads[0]


async def _items(thread_id: UUID) -> list[QueuedView]:
    return [QueuedView(**row) for row in await query(ITEMS, thread_id)]
