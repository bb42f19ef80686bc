"""Deleting a thread or an account: rows, live logs, running replies and open tabs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Publish, Unavailable, user_channel
from chat.database import query
from chat.events import AccountDeleted, Frame, ThreadDeleted
from chat.mailer import Mailer
from chat.models import ALIVE_SQL, User
from chat.services.errors import Refused
from chat.services.replies.worker import DeletedGeneration, Worker
from chat.services.usage import budgets

THREADS_AT_ONCE = 100  # keeps each statement short; all of them are one transaction

# Opening a thread waits for this row (see replies/send.py) and then finds no account.
LOCK_OPENING = "SELECT user_id FROM user_settings WHERE user_id = $1 FOR UPDATE"
# Lock order everywhere: thread, generation, reservation, user (see replies/lease.py).
LOCK_THREADS = """
SELECT id FROM chat_thread WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY id FOR UPDATE
"""
LOCK_RUNNING = f"""
SELECT id, model, CASE WHEN background AND (owner IS NULL OR lease_until < now()) THEN response_id END AS orphan,
    request_at IS NOT NULL AS asked
FROM generation WHERE thread_id = ANY($1::uuid[]) AND state IN {ALIVE_SQL} ORDER BY id FOR UPDATE
"""  # noqa: S608
LOCK_RESERVATIONS = "SELECT id FROM budget_reservation WHERE user_id = $1 ORDER BY id FOR UPDATE"
# Makes two administrators who delete their accounts at the same time wait for each other.
LOCK_ADMINISTRATORS = "SELECT id FROM users WHERE is_staff AND is_active ORDER BY id FOR NO KEY UPDATE"
LOCK_USER = "SELECT id FROM users WHERE id = $1 FOR UPDATE"  # no new row can refer to it from now on
DELETE_THREADS = "DELETE FROM chat_thread WHERE id = ANY($1::uuid[])"
DELETE_USER = "DELETE FROM users WHERE id = $1"  # cascades; the ledger keeps its rows without the user

LAST_ADMINISTRATOR = (
    "You are the only administrator. Create another one with `chat create-admin` first, then delete this account."
)


@dataclass(frozen=True, slots=True)
class Deleted:
    """The deleted threads, and their generations that were still running."""

    threads: list[UUID]
    running: list[DeletedGeneration]


async def delete_thread(user: User, thread_id: UUID, *, worker: Worker, broadcast: Broadcast) -> bool:
    """Delete the user's thread permanently; False if there is no such thread."""
    async with in_transaction():
        deleted = await _delete_threads(user, thread_id)
    if deleted.threads:
        await _clean_up(user, deleted, ThreadDeleted(thread_id), worker, broadcast)
    return bool(deleted.threads)


async def delete_account(user: User, *, worker: Worker, broadcast: Broadcast, mailer: Mailer) -> None:
    """Delete the user and everything but the usage ledger's figures, which become anonymous. Raises Refused."""
    async with in_transaction():
        await query(LOCK_OPENING, user.id)
        deleted = await _delete_threads(user)
        await query(LOCK_RESERVATIONS, user.id)
        if user.is_staff and [row["id"] for row in await query(LOCK_ADMINISTRATORS)] == [user.id]:
            raise Refused("last_administrator", LAST_ADMINISTRATOR, field="password")
        await query(LOCK_USER, user.id)
        await query(DELETE_USER, user.id)
    await _clean_up(user, deleted, AccountDeleted(), worker, broadcast)
    mailer.send_later(user.email, "account_deleted", {})


async def _delete_threads(user: User, thread_id: UUID | None = None) -> Deleted:
    """Delete in the caller's transaction."""
    threads = [row["id"] for row in await query(LOCK_THREADS, user.id, thread_id)]
    running = [DeletedGeneration(**row) for row in await query(LOCK_RUNNING, threads)]
    for start in range(0, len(threads), THREADS_AT_ONCE):
        await query(DELETE_THREADS, threads[start : start + THREADS_AT_ONCE])
    await budgets.drop([one.id for one in running if not one.asked])  # they may have no owner, who would do so
    return Deleted(threads, running)


async def _clean_up(user: User, deleted: Deleted, frame: Frame, worker: Worker, broadcast: Broadcast) -> None:
    """After COMMIT: stop running replies, which records their cost, close tabs, and drop the logs."""
    await worker.stop_deleted(deleted.running)
    await broadcast.announce(Publish(user_channel(user.id), frame))
    with suppress(Unavailable):  # the logs expire on their own
        await broadcast.log.forget(deleted.threads)
