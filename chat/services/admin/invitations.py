"""Inviting people, and revoking invitations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from chat.database import query
from chat.durations import wait_in_words
from chat.mailer import Mailer
from chat.security.limits import CONFIRM_TO, Limits
from chat.services.accounts import invitations
from chat.services.accounts.addresses import normalized_email
from chat.services.admin import audit
from chat.services.admin.audit import AuditContext, CommandLine
from chat.services.admin.commands import GONE, as_administrator
from chat.services.errors import Refused
from chat.settings import Settings
from chat.settings.sign_up import SignUp

STATES = {
    "approved": "already has an account. Nothing to do.",
    "waits": "is waiting for approval. Approve the account instead.",
    "declined": "was declined. Approve the account instead, on its page under Users.",
}


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation. `link` is empty if it was emailed: only the owner of the address may have it."""

    id: UUID
    email: str
    link: str


async def invite(
    context: AuditContext, email: str, uses: int, *, mailer: Mailer, limits: Limits | None, settings: Settings
) -> Invited:
    """Invite the person with this address, by email if the site can send any; without an address, make a link for
    `uses` people. Raises Refused. Without `limits`, nothing is counted.
    """
    email = await _checked(email, uses, limits, settings)
    is_mailed = bool(email) and settings.email_backend == "smtp"
    maker_id = None if isinstance(context.actor, CommandLine) else context.actor.id
    async with as_administrator(context):
        invitation_id, token = await invitations.add(maker_id, email, uses, is_mailed=is_mailed)
        after = {"email": email, "uses": uses, "mailed": is_mailed}
        await audit.record(replace(context, object_id=invitation_id), "invitations.create", after=after)
    if is_mailed:
        message = invitations.email_with(token, email, settings=settings)
        mailer.send_later(message.to, message.name, message.context)
    return Invited(invitation_id, email, "" if is_mailed else invitations.link(token, settings=settings))


async def revoke(context: AuditContext) -> None:
    """End an invitation; accounts that were created with it stay. Raises Refused if it has ended."""
    async with as_administrator(context):
        if context.object_id is None or not await invitations.revoke(context.object_id):
            raise Refused("gone", GONE)
        await audit.record(context, "invitations.revoke")


async def _checked(email: str, uses: int, limits: Limits | None, settings: Settings) -> str:
    """The normalized address, or none."""
    if settings.sign_up is SignUp.CLOSED:
        raise Refused("sign_up_closed", "Sign-up is closed, so no invitation works. Set SIGNUP=invite first.")
    if not 1 <= uses <= invitations.MOST_USES:
        raise Refused("bad_uses", f"Enter a number from 1 to {invitations.MOST_USES}.", field="uses")
    if not email.strip():
        return ""
    email = normalized_email(email)
    if uses > 1:
        sentence = "An invitation for an address is for one person. Leave the address empty, or enter 1 person."
        raise Refused("bad_uses", sentence, field="uses")
    await _has_no_account(email)
    if limits and (wait_ms := await limits.wait_ms(CONFIRM_TO, email)):
        sentence = f"Too many emails were sent to this address. Try again in {wait_in_words(wait_ms)}."
        raise Refused("rate_limited", sentence, field="email", retry_ms=wait_ms)
    return email


async def _has_no_account(email: str) -> None:
    """Administrators see all accounts, so there is nothing to hide from them."""
    rows = await query("SELECT approved_at, declined_at FROM users WHERE email = $1", email)
    if rows:
        state = "declined" if rows[0]["declined_at"] else "approved" if rows[0]["approved_at"] else "waits"
        raise Refused("has_account", f"{email} {STATES[state]}", field="email")
