"""What administrators change: users, where they are logged in, and replies that run.

Each change and its entry in the audit log are one transaction; what other processes and open tabs have to learn is
told after it, so that nobody comes back before it holds. Asking for what is so already changes and records nothing.
"""

from __future__ import annotations

from typing import Any

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast
from chat.database import query
from chat.models import AuthSession, Confirms, EmailVerificationToken, User
from chat.services import audit, budgets, sessions
from chat.services.audit import Order
from chat.services.budgets import CannotSet
from chat.services.deletion import LOCK_ADMINISTRATORS
from chat.services.refusals import Refused
from chat.services.worker import Worker

STOP_ALL = """
UPDATE generation g SET cancel_at = coalesce(g.cancel_at, now()) FROM chat_thread t
WHERE t.id = g.thread_id AND t.user_id = $1 AND g.state IN ('queued', 'running') RETURNING g.id
"""
STOP_ONE = """
UPDATE generation SET cancel_at = coalesce(cancel_at, now())
WHERE id = $1 AND state IN ('queued', 'running') RETURNING id
"""

GONE = "This is not there any more. Go back and load the list again."


async def verify(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """Take the user's address for confirmed; a link that was mailed for that is worth nothing any more."""
    async with in_transaction():
        await _change(order, "users.verify", email_verified=True)
        await EmailVerificationToken.filter(user_id=order.object_id, confirms=Confirms.SIGN_UP).delete()


async def disable(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """Nobody logs in to the account, who is logged in is out, and running replies stop. Raises Refused."""
    async with in_transaction():
        await _still_administrator(order, not_oneself="disable your own account")
        await _change(order, "users.disable", is_active=False)
        ended = await sessions.delete_sessions(AuthSession.filter(user_id=order.object_id))
    await sessions.announce_ended(ended, broadcast=broadcast)
    # Not above: a reply's end locks its generation before the user, and this would be the other way round.
    running = await query(STOP_ALL, order.object_id)
    await worker.stop_marked([row["id"] for row in running])


async def enable(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """The user may log in again."""
    async with in_transaction():
        await _change(order, "users.enable", is_active=True)


async def end_sessions(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """Log the user out everywhere."""
    async with in_transaction():
        ended = await sessions.delete_sessions(AuthSession.filter(user_id=order.object_id))
        if ended:
            await audit.record(order, "users.end_sessions", before={"sessions": len(ended)}, after={"sessions": 0})
    await sessions.announce_ended(ended, broadcast=broadcast)


async def set_budget(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """What the user may spend in a month from now on. Raises Refused for what is no amount."""
    try:
        amount = budgets.parsed(order.value.strip())
    except CannotSet as error:
        raise Refused("value", str(error)) from None
    async with in_transaction():
        await _change(order, "users.set_budget", monthly_budget=amount)


async def make_staff(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """The user becomes an administrator. Raises Refused for a disabled one."""
    async with in_transaction():
        user = await _locked(order)
        if not user.is_active:
            raise Refused("inactive", "This account is disabled. Enable it first.")
        await _change(order, "users.make_staff", is_staff=True)


async def remove_staff(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """The user is no administrator any more. Raises Refused."""
    async with in_transaction():
        await _still_administrator(order, not_oneself="take this from yourself: another administrator can")
        await _change(order, "users.remove_staff", is_staff=False)


async def end_session(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """Log out there. Raises Refused if the session has ended."""
    async with in_transaction():
        ended = await sessions.delete_sessions(AuthSession.filter(id=order.object_id))
        if not ended:
            raise Refused("gone", GONE)
        await audit.record(order, "sessions.end", before={"user": str(ended[0].user_id)})
    await sessions.announce_ended(ended, broadcast=broadcast)


async def stop(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """Stop a running reply; its text so far stays. Raises Refused if it is over."""
    async with in_transaction():
        if not await query(STOP_ONE, order.object_id):
            raise Refused("over", "This reply is over already. There is nothing to stop.")
        await audit.record(order, "generations.stop")
    await worker.stop_marked([order.object_id])


async def look(order: Order, action: str) -> None:
    """Record that somebody's text is looked at, before it is shown."""
    await audit.record(order, action)


async def _still_administrator(order: Order, *, not_oneself: str) -> None:
    """Of two who take it from each other at once, one comes first: so there is always an administrator left."""
    if order.object_id == order.by.id:
        raise Refused("oneself", f"You cannot {not_oneself}.")
    if order.by.id not in [row["id"] for row in await query(LOCK_ADMINISTRATORS)]:
        raise Refused("no_administrator", "You are no administrator any more.")


async def _change(order: Order, action: str, **new: Any) -> None:
    """Set these fields of the user and record it, in the caller's transaction."""
    user = await _locked(order)
    before = {name: getattr(user, name) for name in new}
    if before != new:
        await User.filter(id=user.id).update(**new)
        await audit.record(order, action, before=_plain(before), after=_plain(new))


async def _locked(order: Order) -> User:
    """Against others who change the user, and not against those who only refer to it."""
    user = await User.filter(id=order.object_id).select_for_update(no_key=True).first()
    if user is None:
        raise Refused("gone", GONE)
    return user


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, bool | None) else str(value) for name, value in fields.items()}
