"""Deleting an account: its rows and live logs, running replies and open tabs."""

from __future__ import annotations

from contextlib import suppress

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Publish, Unavailable, user_channel
from chat.database import query
from chat.events import AccountDeleted
from chat.mailer import Mailer
from chat.models import User
from chat.services.errors import Refused
from chat.services.replies import thread_deletion
from chat.services.replies.worker import Worker

# Opening a thread waits for this row (see replies/send.py) and then finds no account.
LOCK_OPENING = "SELECT user_id FROM user_settings WHERE user_id = $1 FOR UPDATE"
# For the order, see "The order of locks" in docs/architecture.md. Deleted chats are included.
LOCK_THREADS = "SELECT id FROM chat_thread WHERE user_id = $1 ORDER BY id FOR UPDATE"
LOCK_RESERVATIONS = "SELECT id FROM budget_reservation WHERE user_id = $1 ORDER BY id FOR UPDATE"
# Makes two administrators who delete their accounts at the same time wait for each other.
LOCK_ADMINISTRATORS = "SELECT id FROM users WHERE is_staff AND is_active ORDER BY id FOR NO KEY UPDATE"
LOCK_USER = "SELECT id FROM users WHERE id = $1 FOR UPDATE"  # no new row can refer to it from now on
DELETE_USER = "DELETE FROM users WHERE id = $1"  # cascades; the ledger keeps its rows without the user

LAST_ADMINISTRATOR = (
    "You are the only administrator. Create another one with `chat create-admin` first, then delete this account."
)


async def delete_account(user: User, *, worker: Worker, broadcast: Broadcast, mailer: Mailer) -> None:
    """Delete the user and everything but the usage ledger's figures, which become anonymous. Raises Refused."""
    async with in_transaction():
        await query(LOCK_OPENING, user.id)
        deleted = await thread_deletion.delete_rows([row["id"] for row in await query(LOCK_THREADS, user.id)])
        await query(LOCK_RESERVATIONS, user.id)
        if user.is_staff and [row["id"] for row in await query(LOCK_ADMINISTRATORS)] == [user.id]:
            raise Refused("last_administrator", LAST_ADMINISTRATOR, field="password")
        await query(LOCK_USER, user.id)
        await query(DELETE_USER, user.id)
    # Running replies record their cost as they stop.
    await worker.stop_deleted(deleted.running)
    await broadcast.announce(Publish(user_channel(user.id), AccountDeleted()))
    with suppress(Unavailable):  # the logs expire on their own
        await broadcast.log.forget(deleted.threads)
    mailer.send_later(user.email, "account_deleted", {})
