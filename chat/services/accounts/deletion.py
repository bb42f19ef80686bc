"""Deleting a thread, or an account with everything in it: the rows, the live logs, what is being written, open tabs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Unavailable, user_channel
from chat.database import query
from chat.events import AccountDeleted, Frame, ThreadDeleted
from chat.mailer import Mailer
from chat.models import User
from chat.services.errors import Refused
from chat.services.replies.worker import Lost, Worker

logger = logging.getLogger(__name__)

THREADS_AT_ONCE = 100  # so that no statement takes long; all of them are one transaction

# From now on no thread is opened: whoever opens one waits for this row, see messages.py, and then has no account.
LOCK_OPENING = "SELECT user_id FROM user_settings WHERE user_id = $1 FOR UPDATE"
# In the order in which everybody else takes them, see ownership.py: thread, generation, reservation, user.
LOCK_THREADS = """
SELECT id FROM chat_thread WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY id FOR UPDATE
"""
LOCK_RUNNING = """
SELECT id, CASE WHEN background AND (owner IS NULL OR lease_until < now()) THEN response_id END AS orphan
FROM generation WHERE thread_id = ANY($1::uuid[]) AND state IN ('queued', 'running') ORDER BY id FOR UPDATE
"""
LOCK_RESERVATIONS = "SELECT id FROM budget_reservation WHERE user_id = $1 ORDER BY id FOR UPDATE"
# Two administrators who go at the same moment wait for each other here.
LOCK_ADMINISTRATORS = "SELECT id FROM users WHERE is_staff AND is_active ORDER BY id FOR NO KEY UPDATE"
LOCK_USER = "SELECT id FROM users WHERE id = $1 FOR UPDATE"  # from now on nobody can refer to the row
DELETE_THREADS = "DELETE FROM chat_thread WHERE id = ANY($1::uuid[])"
DELETE_USER = "DELETE FROM users WHERE id = $1"  # what refers to it goes with it; the ledger loses the name

LAST_ADMINISTRATOR = (
    "You are the only administrator. Make another one first, with `chat create-admin`, and then delete this account."
)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What there was: threads, and the generations that were alive in them."""

    threads: list[UUID]
    running: list[Lost]


async def delete_thread(user: User, thread_id: UUID, *, worker: Worker, broadcast: Broadcast) -> bool:
    """Delete the user's thread for good; False if there is no such thread."""
    async with in_transaction():
        deleted = await _delete_threads(user, thread_id)
    if deleted.threads:
        await _clear_away(user, deleted, ThreadDeleted(thread_id), worker, broadcast)
    return bool(deleted.threads)


async def delete_account(user: User, *, worker: Worker, broadcast: Broadcast, mailer: Mailer) -> None:
    """Delete the user with everything but the ledger's figures, which lose the name. Raises Refused."""
    async with in_transaction():
        await query(LOCK_OPENING, user.id)
        deleted = await _delete_threads(user)
        await query(LOCK_RESERVATIONS, user.id)
        if user.is_staff and [row["id"] for row in await query(LOCK_ADMINISTRATORS)] == [user.id]:
            raise Refused("last_administrator", LAST_ADMINISTRATOR, field="password")
        await query(LOCK_USER, user.id)
        await query(DELETE_USER, user.id)
    await _clear_away(user, deleted, AccountDeleted(), worker, broadcast)
    mailer.send_later(user.email, "account_deleted", {})


async def _delete_threads(user: User, thread_id: UUID | None = None) -> Deleted:
    """In the caller's transaction."""
    threads = [row["id"] for row in await query(LOCK_THREADS, user.id, thread_id)]
    running = [Lost(**row) for row in await query(LOCK_RUNNING, threads)]
    for start in range(0, len(threads), THREADS_AT_ONCE):
        await query(DELETE_THREADS, threads[start : start + THREADS_AT_ONCE])
    return Deleted(threads, running)


async def _clear_away(user: User, deleted: Deleted, word: Frame, worker: Worker, broadcast: Broadcast) -> None:
    """After COMMIT: owners stop, which also enters what they spent; tabs close; then nobody writes to the logs."""
    await worker.stop_deleted(deleted.running)
    try:
        await broadcast.channels.publish(user_channel(user.id), word)
        await broadcast.log.forget(deleted.threads)
    except Unavailable as error:
        logger.warning("Redis is away: tabs learn of a deletion later, and logs expire by themselves: %s", error)
