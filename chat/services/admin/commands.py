"""What administrators change: users, where they are logged in, and replies that run.

Each change, its entry in the audit log, and the look whether its administrator still is one, are one transaction; what
other processes and open tabs have to learn is told after it, so that nobody comes back before it holds. Asking for
what is so already changes and records nothing. Each names the collaborators that it needs, and raises NoAdministrator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast
from chat.database import query
from chat.mailer import Mailer
from chat.models import AuthSession, Confirms, EmailVerificationToken, User
from chat.security.passwords import Passwords
from chat.services.accounts import sessions, two_factor
from chat.services.accounts.addresses import normalized_email
from chat.services.accounts.credentials import ensure_superuser
from chat.services.accounts.deletion import LOCK_ADMINISTRATORS
from chat.services.admin import audit
from chat.services.admin.audit import CommandLine, Order
from chat.services.errors import NoAdministrator, Refused
from chat.services.replies.worker import Worker
from chat.services.usage import budgets
from chat.services.usage.budgets import CannotSet
from chat.settings import Settings

STOP_ALL = """
UPDATE generation g SET cancel_at = coalesce(g.cancel_at, now()) FROM chat_thread t
WHERE t.id = g.thread_id AND t.user_id = $1 AND g.state IN ('queued', 'running') RETURNING g.id
"""
LOCK_REPLY = """
SELECT id, cancel_at FROM generation WHERE id = $1 AND state IN ('queued', 'running') FOR NO KEY UPDATE
"""
IS_ADMINISTRATOR = """
SELECT s.id FROM auth_session s JOIN users u ON u.id = s.user_id
WHERE s.id = $1 AND u.id = $2 AND u.is_staff AND u.is_active
"""
# Log-out and a new password wait for the change, or come before it; that the session is seen meanwhile does not wait.
TO_THE_END = "FOR KEY SHARE OF s"
GONE = "This is not there any more. Go back and load the list again."


async def verify(order: Order) -> None:
    """Take the user's address for confirmed; a link that was mailed for that is worth nothing any more."""
    async with _ordered(order):
        await _change(order, "users.verify", email_verified=True)
        await EmailVerificationToken.filter(user_id=order.object_id, confirms=Confirms.SIGN_UP).delete()


async def disable(order: Order, *, worker: Worker, broadcast: Broadcast) -> None:
    """Nobody logs in to the account, who is logged in is out, and running replies stop. Raises Refused."""
    _not_oneself(order, "disable your own account")
    async with _ordered(order):
        await _change(order, "users.disable", is_active=False)
        ended = await sessions.delete_sessions(AuthSession.filter(user_id=order.object_id))
    await sessions.announce_ended(ended, broadcast=broadcast)
    # Not above: a reply's end locks its generation before the user, and this would be the other way round.
    running = await query(STOP_ALL, order.object_id)
    await worker.stop_marked([row["id"] for row in running])


async def enable(order: Order) -> None:
    """The user may log in again."""
    async with _ordered(order):
        await _change(order, "users.enable", is_active=True)


async def end_sessions(order: Order, *, broadcast: Broadcast) -> None:
    """Log the user out everywhere."""
    async with _ordered(order):
        ended = await sessions.delete_sessions(AuthSession.filter(user_id=order.object_id))
        if ended:
            await audit.record(order, "users.end_sessions", before={"sessions": len(ended)}, after={"sessions": 0})
    await sessions.announce_ended(ended, broadcast=broadcast)


async def set_budget(order: Order) -> None:
    """What the user may spend in a month from now on. Raises Refused for what is no amount."""
    try:
        amount = budgets.parsed(order.value.strip())
    except CannotSet as error:
        raise Refused("value", str(error)) from None
    async with _ordered(order):
        await _change(order, "users.set_budget", monthly_budget=amount)


async def make_staff(order: Order) -> None:
    """The user becomes an administrator. Raises Refused for a disabled one."""
    async with _ordered(order):
        user = await _locked(order)
        if not user.is_active:
            raise Refused("inactive", "This account is disabled. Enable it first.")
        await _change(order, "users.make_staff", is_staff=True)


async def remove_staff(order: Order) -> None:
    """The user is no administrator any more. Raises Refused."""
    _not_oneself(order, "take this from yourself: another administrator can")
    async with _ordered(order):
        await _change(order, "users.remove_staff", is_staff=False)


async def end_session(order: Order, *, broadcast: Broadcast) -> None:
    """Log out there. Raises Refused if the session has ended."""
    async with _ordered(order):
        ended = await sessions.delete_sessions(AuthSession.filter(id=order.object_id))
        if not ended:
            raise Refused("gone", GONE)
        await audit.record(order, "sessions.end", before={"user": str(ended[0].user_id)})
    await sessions.announce_ended(ended, broadcast=broadcast)


async def stop(order: Order, *, worker: Worker) -> None:
    """Stop a running reply; its text so far stays. Raises Refused if it is over."""
    # Before the order, which locks users: a reply that begins a round has itself when it asks for its user.
    async with in_transaction():
        running = await query(LOCK_REPLY, order.object_id)
        async with _ordered(order):
            if not running:
                raise Refused("over", "This reply is over already. There is nothing to stop.")
            if running[0]["cancel_at"] is None:
                await query("UPDATE generation SET cancel_at = now() WHERE id = $1", order.object_id)
                await audit.record(order, "generations.stop")
    await worker.stop_marked([row["id"] for row in running])


async def reset_second_factor(order: Order, *, mailer: Mailer, settings: Settings) -> None:
    """For whoever has lost app and codes, or after a change of SECRET_KEY; the user is told. Raises Refused."""
    _not_oneself(order, "reset your own second factor: turn it off in your settings, with a code")
    async with _ordered(order):
        user = await _locked(order)
        if not await two_factor.take_away(user):
            raise Refused("off", f"{user.email} has no second factor: there is nothing to reset.")
        await audit.record(order, "users.reset_second_factor", before={"second_factor": True})
    two_factor.tell_that_it_is_off(user, mailer=mailer, settings=settings)


async def look(order: Order, action: str, *, at: Any = None) -> None:
    """Record that somebody's text is looked at, or a list taken away as a file, before it is."""
    async with _ordered(order):
        await audit.record(order, action, after=at)


async def create_administrator(order: Order, email: str, password: str, *, passwords: Passwords) -> None:
    """Whoever has the address becomes one, with this password, and is created if need be. Raises Refused."""
    async with _ordered(order):
        before = await User.get_or_none(email=normalized_email(email))
        user = await ensure_superuser(email, password, passwords=passwords)
        was = before and {"is_staff": before.is_staff, "is_active": before.is_active}
        is_now = {"is_staff": True, "is_active": True, "password": "set"}
        await audit.record(replace(order, object_id=user.id), "users.create_admin", before=was, after=is_now)


async def named(email: str) -> User:
    """The user with this address. Raises Refused."""
    user = await User.get_or_none(email=email.strip().lower())
    if user is None:
        raise Refused("gone", f"There is no user {email}.")
    return user


async def may_still(order: Order) -> bool:
    """Whether whoever ordered something long is an administrator still, and logged in."""
    return bool(await query(IS_ADMINISTRATOR, order.session_id, order.by.id))


@asynccontextmanager
async def _ordered(order: Order) -> AsyncIterator[None]:
    """The transaction of an order, whose administrator is one to its end. Raises NoAdministrator.

    Of two who take it from each other at once, one comes first: so there is always an administrator left.
    """
    async with in_transaction():
        if not isinstance(order.by, CommandLine):
            await query(LOCK_ADMINISTRATORS)
            if not await query(IS_ADMINISTRATOR + TO_THE_END, order.session_id, order.by.id):
                raise NoAdministrator
        yield


def _not_oneself(order: Order, what: str) -> None:
    if order.object_id == order.by.id:
        raise Refused("oneself", f"You cannot {what}.")


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
