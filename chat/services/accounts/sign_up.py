"""Signing up, with or without an invitation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from tortoise.transactions import in_transaction

from chat.database import query
from chat.mailer import Email
from chat.models import Invitation, User
from chat.security.limits import ACCOUNT_EXISTS
from chat.security.tokens import token_hash
from chat.services.accounts import email_links, invitations
from chat.services.accounts.addresses import normalized_email
from chat.services.accounts.credentials import Accounts, check_password, new_user
from chat.services.accounts.sign_up_rules import SignUpRules
from chat.services.errors import Refused

REMEMBER = "UPDATE users SET sign_up_hash = $2 WHERE email = $1"
# A taken address does not wait for the disk, so a new one must not either. Storing the link, later, waits for both.
DO_NOT_WAIT = "SET LOCAL synchronous_commit TO off"

DEAD_INVITATION = "This invitation no longer works."


def check(email: str, password: str, *, accounts: Accounts, invitation: Invitation | None = None) -> str:
    """The normalized address for `sign_up`. Raises Refused if no new account could have this address or password."""
    email = normalized_email(email)
    SignUpRules.of(accounts.settings).check(email, invitation)
    check_password(password, email=email, settings=accounts.settings)
    return email


@dataclass(frozen=True, slots=True)
class SignedUp:
    """The result of a sign-up: the user, unless the address was taken, and the proof that the password is known."""

    user: User | None
    stamp: str


async def sign_up(email: str, password: str, *, accounts: Accounts, token: str = "") -> SignedUp:
    """Create a user from what `check` accepted, with a use of the invitation if a token is given.

    For a taken address: with email verification there is no user, and its owner gets an email; without, raises
    Refused, since it cannot be hidden. With verification, everything that depends on whether the address is taken,
    except the row itself, happens after the response: neither page nor response time reveals who has an account.
    Also raises Refused if the invitation no longer works.
    """
    password_hash = await accounts.passwords.hash(password)
    user = await _stored(email, password_hash, accounts, token)
    if accounts.settings.email_verification_required and not (user and user.email_verified):
        accounts.mailer.write_later("sign_up", partial(_email_to, email, user, accounts))
    return SignedUp(user, token_hash(password_hash))


async def _stored(email: str, password_hash: str, accounts: Accounts, token: str) -> User | None:
    """The user and the use of the invitation: both or neither, except that a taken address takes a use too.

    Otherwise a link with one use left would reveal the account by still working. A taken address stores the password's
    hash, so that a login with the password gets the same answer as for a new address.
    """
    async with in_transaction():
        await query(DO_NOT_WAIT)
        invitation = await invitations.take(token, email) if token else None
        if token and invitation is None:
            raise Refused("dead_invitation", DEAD_INVITATION)
        user = await new_user(email, password_hash, **_rights(email, accounts, invitation))
        if user is None and not accounts.settings.email_verification_required:
            raise Refused("email_taken", "An account with this email already exists. Log in instead.", field="email")
        if user is None:
            await query(REMEMBER, email, password_hash)
    return user


def _rights(email: str, accounts: Accounts, invitation: Invitation | None) -> dict[str, Any]:
    """What a new user starts with. Only an emailed link proves that the address is the user's."""
    rights: dict[str, Any] = {}
    if invitation:
        rights["invitation_id"] = invitation.id
        rights["email_verified"] = invitation.is_mailed and invitation.email == email
    if SignUpRules.of(accounts.settings).must_wait(invitation):
        rights["approved_at"] = None
    return rights


async def _email_to(email: str, user: User | None, accounts: Accounts) -> Email | None:
    """The link for a new user, or a notice to an existing one, whose password stays unchanged."""
    if user:
        return await email_links.first_email(user, settings=accounts.settings)
    if await accounts.limits.wait_ms(ACCOUNT_EXISTS, email):
        return None
    accounts_url = f"{accounts.settings.public_url}/accounts"
    return Email(
        email, "account_exists", {"url": f"{accounts_url}/login/", "reset_url": f"{accounts_url}/password_reset/"}
    )
