"""What administrators can change: users, sessions and running replies.

A change, its audit entry and the check of the administrator's rights are one transaction. Other processes and open tabs
are told after it commits; otherwise a tab could reconnect before the change holds. A change that would change nothing
is not recorded. Each function names the dependencies that it needs, and raises NotAdministrator.
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
from chat.models import ALIVE_SQL, AuthSession, Confirms, EmailVerificationToken, User
from chat.security.passwords import Passwords
from chat.services.accounts import invitations, sessions, two_factor
from chat.services.accounts.addresses import normalized_email
from chat.services.accounts.credentials import ensure_superuser, forget_sign_up
from chat.services.accounts.deletion import LOCK_ADMINISTRATORS
from chat.services.admin import audit
from chat.services.admin.audit import AuditContext, CommandLine
from chat.services.errors import NotAdministrator, Refused
from chat.services.replies.worker import Worker
from chat.services.usage import budgets
from chat.settings import Settings

STOP_ALL = f"""
UPDATE generation g SET cancel_at = coalesce(g.cancel_at, now()) FROM chat_thread t
WHERE t.id = g.thread_id AND t.user_id = $1 AND g.state IN {ALIVE_SQL} RETURNING g.id
"""  # noqa: S608
LOCK_REPLY = f"""
SELECT id, cancel_at FROM generation WHERE id = $1 AND state IN {ALIVE_SQL} FOR NO KEY UPDATE
"""  # noqa: S608
IS_ADMINISTRATOR = """
SELECT s.id FROM auth_session s JOIN users u ON u.id = s.user_id
WHERE s.id = $1 AND u.id = $2 AND u.is_staff AND u.is_active
"""
# A logout or a new password waits for the change, or comes before it; updating the session's last use does not wait.
HOLD_SESSION = "FOR KEY SHARE OF s"
GONE = "This no longer exists. Go back and reload the list."


async def verify(context: AuditContext) -> None:
    """Mark the user's email address as confirmed, and delete the links that would confirm it."""
    async with as_administrator(context):
        await _change(context, "users.verify", email_verified=True)
        await forget_sign_up(context.object_id)
        await EmailVerificationToken.filter(user_id=context.object_id, confirms=Confirms.SIGN_UP).delete()


async def disable(context: AuditContext, *, worker: Worker, broadcast: Broadcast) -> None:
    """Close the account to logins, end its sessions, its invitations and its running replies. Raises Refused."""
    _refuse_self(context, "disable your own account")
    async with as_administrator(context):
        await _change(context, "users.disable", is_active=False)
        await invitations.revoke_all(context.object_id)
        ended = await sessions.delete_sessions(AuthSession.filter(user_id=context.object_id))
    await sessions.announce_ended(ended, broadcast=broadcast)
    # After the transaction: the end of a reply locks its generation before the user, so this would deadlock with it.
    running = await query(STOP_ALL, context.object_id)
    await worker.stop_marked([row["id"] for row in running])


async def enable(context: AuditContext) -> None:
    """Let the user log in again."""
    async with as_administrator(context):
        await _change(context, "users.enable", is_active=True)


async def end_sessions(context: AuditContext, *, broadcast: Broadcast) -> None:
    """Log the user out on all devices."""
    async with as_administrator(context):
        ended = await sessions.delete_sessions(AuthSession.filter(user_id=context.object_id))
        if ended:
            await audit.record(context, "users.end_sessions", before={"sessions": len(ended)}, after={"sessions": 0})
    await sessions.announce_ended(ended, broadcast=broadcast)


async def set_budget(context: AuditContext) -> None:
    """Set the user's monthly budget to `context.value`. Raises Refused if that is not an amount."""
    amount = budgets.parse_amount(context.value.strip())
    async with as_administrator(context):
        await _change(context, "users.set_budget", monthly_budget=amount)


async def make_staff(context: AuditContext) -> None:
    """Make the user an administrator. Raises Refused for an account that is disabled or not approved."""
    async with as_administrator(context):
        user = await _locked_user(context)
        if not user.is_active:
            raise Refused("inactive", "This account is disabled. Enable it first.")
        if user.waits:
            raise Refused("not_approved", "This account is waiting for approval. Approve it first.")
        await _change(context, "users.make_staff", is_staff=True)


async def remove_staff(context: AuditContext) -> None:
    """Remove the user's administrator rights, and end the user's invitations. Raises Refused."""
    _refuse_self(context, "remove your own administrator rights; ask another administrator")
    async with as_administrator(context):
        await _change(context, "users.remove_staff", is_staff=False)
        await invitations.revoke_all(context.object_id)


async def end_session(context: AuditContext, *, broadcast: Broadcast) -> None:
    """End one session. Raises Refused if it has ended."""
    async with as_administrator(context):
        ended = await sessions.delete_sessions(AuthSession.filter(id=context.object_id))
        if not ended:
            raise Refused("gone", GONE)
        await audit.record(context, "sessions.end", before={"user": str(ended[0].user_id)})
    await sessions.announce_ended(ended, broadcast=broadcast)


async def stop(context: AuditContext, *, worker: Worker) -> None:
    """Stop a running reply; its text so far stays. Raises Refused if it has ended."""
    # The reply is locked before the users: a reply that starts a round holds its own row when it reads its user.
    async with in_transaction():
        running = await query(LOCK_REPLY, context.object_id)
        async with as_administrator(context):
            if not running:
                raise Refused("over", "This reply has already ended.")
            if running[0]["cancel_at"] is None:
                await query("UPDATE generation SET cancel_at = now() WHERE id = $1", context.object_id)
                await audit.record(context, "generations.stop")
    await worker.stop_marked([row["id"] for row in running])


async def reset_two_factor(context: AuditContext, *, mailer: Mailer, settings: Settings) -> None:
    """Turn off 2FA for a user who lost the app and the codes, or after a change of SECRET_KEY. Raises Refused.

    The user is notified by email.
    """
    _refuse_self(context, "reset your own two-factor authentication; turn it off in your settings, with a code")
    async with as_administrator(context):
        user = await _locked_user(context)
        if not await two_factor.remove(user):
            raise Refused("off", f"{user.email} does not use two-factor authentication. There is nothing to reset.")
        await audit.record(context, "users.reset_second_factor", before={"second_factor": True})
    two_factor.notify_off(user, mailer=mailer, settings=settings)


async def record_access(context: AuditContext, action: str, *, details: Any = None) -> None:
    """Record that private content is about to be shown, or a list downloaded."""
    async with as_administrator(context):
        await audit.record(context, action, after=details)


async def create_administrator(context: AuditContext, email: str, password: str, *, passwords: Passwords) -> None:
    """Make the user with this address an administrator with this password; create the account if needed.

    Raises Refused.
    """
    async with as_administrator(context):
        before = await User.get_or_none(email=normalized_email(email))
        user = await ensure_superuser(email, password, passwords=passwords)
        old = before and {"is_staff": before.is_staff, "is_active": before.is_active}
        new = {"is_staff": True, "is_active": True, "password": "set"}
        await audit.record(replace(context, object_id=user.id), "users.create_admin", before=old, after=new)


async def user_with_email(email: str) -> User:
    """The user with this address. Raises Refused."""
    user = await User.get_or_none(email=email.strip().lower())
    if user is None:
        raise Refused("gone", f"There is no user with the email address {email}.")
    return user


async def is_still_administrator(context: AuditContext) -> bool:
    """Whether the actor still is an administrator with a live session; for work that takes long."""
    return bool(await query(IS_ADMINISTRATOR, context.session_id, context.actor.id))


@asynccontextmanager
async def as_administrator(context: AuditContext) -> AsyncIterator[None]:
    """A transaction in which the actor stays an administrator to its end. Raises NotAdministrator.

    Such transactions take turns: of two administrators who demote each other one comes first, so one always remains.
    """
    async with in_transaction():
        if not isinstance(context.actor, CommandLine):
            await query(LOCK_ADMINISTRATORS)
            if not await query(IS_ADMINISTRATOR + HOLD_SESSION, context.session_id, context.actor.id):
                raise NotAdministrator
        yield


def _refuse_self(context: AuditContext, what: str) -> None:
    if context.object_id == context.actor.id:
        raise Refused("oneself", f"You cannot {what}.")


async def _change(context: AuditContext, action: str, **new: Any) -> None:
    """Set these fields of the user and record it, in the caller's transaction."""
    user = await _locked_user(context)
    before = {name: getattr(user, name) for name in new}
    if before != new:
        await User.filter(id=user.id).update(**new)
        await audit.record(context, action, before=_plain(before), after=_plain(new))


async def _locked_user(context: AuditContext) -> User:
    """The user, locked against other changes, but not against new rows that refer to the user."""
    user = await User.filter(id=context.object_id).select_for_update(no_key=True).first()
    if user is None:
        raise Refused("gone", GONE)
    return user


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, bool | None) else str(value) for name, value in fields.items()}
