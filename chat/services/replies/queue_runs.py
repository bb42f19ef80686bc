"""How a queue continues: its first message is sent when no answer is being written, by whichever worker is first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Append
from chat.database import query
from chat.events import MessageSend, QueueChanged
from chat.models import ALIVE_SQL, State, User
from chat.services.deps import Deps
from chat.services.errors import Refused
from chat.services.replies import admission, queue, storing
from chat.services.replies.storing import Asked

# Without the lock: a thread that has nothing to send is locked by no one. Threads are looked up by what waits, which is
# little, whatever the number of a user's threads: OFFSET keeps PostgreSQL from beginning with those. The user has fewer
# than $1 answers in other threads.
READY = f"""
SELECT r.id FROM (
    SELECT thread_id, min(created_at) AS since, bool_or(is_next) AS hurries FROM queued_message {{which}}
    GROUP BY thread_id
) q, LATERAL (
    SELECT t.id, t.user_id FROM chat_thread t
    WHERE t.id = q.thread_id AND t.queue_paused = '' AND t.deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN {ALIVE_SQL})
    OFFSET 0
) r WHERE (
    SELECT count(*) FROM generation g JOIN chat_thread o ON o.id = g.thread_id
    WHERE o.user_id = r.user_id AND g.state IN {ALIVE_SQL}
) < $1
"""  # noqa: S608
ALL_READY = f"{READY.format(which='')} ORDER BY random() LIMIT 20"  # none keeps the others from their turn
IS_READY = READY.format(which="WHERE thread_id = $2")
# Of the user whose answer in the thread $2 has ended: first what is to be sent now, then what has waited longest.
READY_AFTER = f"""
{READY.format(which="")} AND r.user_id = (SELECT user_id FROM chat_thread WHERE id = $2)
ORDER BY q.hurries DESC, q.since LIMIT 5
"""  # noqa: S608
LOCK_THREAD = "SELECT user_id FROM chat_thread WHERE id = $1 AND deleted_at IS NULL FOR UPDATE"
# A message that was also sent outside the queue, with the same client_id, is not sent twice.
DELETE_STORED = """
DELETE FROM queued_message q USING chat_message m
WHERE q.thread_id = $1 AND m.thread_id = q.thread_id AND m.client_id = q.client_id
RETURNING q.id
"""
FIRST = f"""
SELECT id, client_id, content, model, head_id, is_next FROM queued_message WHERE thread_id = $1 {queue.ORDER} LIMIT 1
"""  # noqa: S608
DELETE = "DELETE FROM queued_message WHERE id = $1"
# A worker of an older release does not pause the queue when it ends an answer.
LAST_END = "SELECT state FROM generation WHERE thread_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1"
DISABLED = "This account is disabled."


@dataclass(frozen=True, slots=True)
class _Step:
    """What one transaction has changed: the queue, and the message that left it, if it was not refused."""

    event: QueueChanged | None = None
    user: User | None = None
    asked: Asked | None = None


async def resume(deps: Deps, user: User, thread_id: UUID) -> None:
    """End the pause of the user's queue. Raises Refused."""
    await deps.worker.shielded(_resume(deps, user, thread_id), "queue")


async def send_now(deps: Deps, user: User, thread_id: UUID, client_id: UUID) -> None:
    """Send a waiting message as soon as the running answer is stopped. Raises Refused."""
    await deps.worker.shielded(_send_now(deps, user, thread_id, client_id), "queue")


async def run_after(deps: Deps, thread_id: UUID) -> None:
    """After the end of an answer in this thread: send what waits in it, or in another one that had to wait longer."""
    if deps.worker.draining:
        return
    for row in await query(READY_AFTER, admission.most_answers(deps.settings), thread_id):
        await run_next(deps, row["id"])


async def run_next(deps: Deps, thread_id: UUID) -> None:
    """Send the first message that waits in a thread, if nothing keeps it.

    A worker that drains or is full leaves it to another.
    """
    if deps.worker.draining or not await _is_ready(deps, thread_id):
        return
    try:
        with deps.worker.room():
            step = await storing.committed(deps, partial(_step, deps, thread_id), of=lambda step: step.asked)
            await _announce(deps, thread_id, step)
    except Refused:
        return


async def ready(deps: Deps) -> Sequence[UUID]:
    """Threads whose next message no worker has sent: the one that ended the last answer was lost, or full, or the user
    had too many answers in other threads.
    """
    return [row["id"] for row in await query(ALL_READY, admission.most_answers(deps.settings))]


async def _resume(deps: Deps, user: User, thread_id: UUID) -> None:
    await queue.resume(user, thread_id, broadcast=deps.broadcast)
    await run_next(deps, thread_id)


async def _send_now(deps: Deps, user: User, thread_id: UUID, client_id: UUID) -> None:
    running = await queue.choose(user, thread_id, client_id, broadcast=deps.broadcast)
    await deps.worker.stop_marked(running)
    await run_next(deps, thread_id)


async def _step(deps: Deps, thread_id: UUID) -> _Step:
    """The message leaves the queue, is stored with its answer and is paid for in one transaction, or stays."""
    threads = await query(LOCK_THREAD, thread_id)
    if not threads or not await _is_ready(deps, thread_id):
        return _Step()
    was_stored = await query(DELETE_STORED, thread_id)
    first = await query(FIRST, thread_id)
    if not first:
        return _Step(await queue.changed(thread_id) if was_stored else None)
    if not first[0]["is_next"] and (sentence := await _why_not(thread_id)):
        return _Step(await queue.pause(thread_id, sentence))
    try:
        async with in_transaction():
            return await _sent(deps, thread_id, threads[0]["user_id"], first[0])
    except Refused as refused:
        if refused.code == "busy":  # an answer in another thread began just now, and its end makes room
            return _Step(await queue.changed(thread_id) if was_stored else None)
        return _Step(await queue.pause(thread_id, f"The queue is paused. {refused}"))


async def _is_ready(deps: Deps, thread_id: UUID) -> bool:
    return bool(await query(IS_READY, admission.most_answers(deps.settings), thread_id))


async def _why_not(thread_id: UUID) -> str:
    """Why the queue does not continue after the last answer; empty if it does."""
    rows = await query(LAST_END, thread_id)
    return queue.PAUSED.get(State(rows[0]["state"]), "") if rows else ""


async def _sent(deps: Deps, thread_id: UUID, user_id: UUID, first: dict[str, Any]) -> _Step:
    """Raises Refused."""
    user = await User.get(id=user_id)
    if not user.is_active:
        raise Refused("disabled", DISABLED)
    await admission.is_approved(user)
    await query(DELETE, first["id"])
    event = await queue.changed(thread_id)
    message = MessageSend(first["client_id"], first["content"], first["model"], head_id=first["head_id"])
    asked = await storing.store_message(deps, user, thread_id, message, first["content"])
    return _Step(event, user, asked)


async def _announce(deps: Deps, thread_id: UUID, step: _Step) -> None:
    """After COMMIT. The queue changed first: tabs get the changes in the order of their revs."""
    if step.event:
        await deps.broadcast.announce(Append(thread_id, step.event))
    if step.user and step.asked:
        await storing.begin(deps, step.user, step.asked)
