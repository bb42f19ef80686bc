"""A new password: for whoever knows the old one, and by a mailed link for whoever forgot it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast
from chat.database import ping
from chat.durations import in_words
from chat.mailer import Email
from chat.models import AuthSession, Confirms, EmailVerificationToken, PasswordResetToken, User
from chat.security.limits import LOGIN_FAILURE_ACCOUNT
from chat.security.tokens import new_token, token_hash
from chat.services.accounts import two_factor
from chat.services.accounts.credentials import Accounts, check_password
from chat.services.accounts.sessions import end_sessions
from chat.services.errors import Refused
from chat.settings import Settings


async def change_password(
    user: User, old: str, new: str, *, session: AuthSession, accounts: Accounts, broadcast: Broadcast
) -> None:
    """Take the new one for the old one, and log the user out everywhere but here. Raises Refused and TooManyGuesses."""
    check_password(new, email=user.email, settings=accounts.settings, field="new_password1")
    if not await accounts.is_password_of(user, old):
        raise Refused("wrong_password", "This is not your current password. Try again.", field="old_password")
    if new == old:
        raise Refused("same_password", "This is already your password. Choose a different one.", field="new_password1")
    password_hash = await accounts.passwords.hash(new)
    async with in_transaction():
        # A reset in this very moment was by whoever reads the mail: it must not be undone by whoever knew the old one.
        unchanged = User.filter(id=user.id, password_hash=user.password_hash)
        if not await unchanged.select_for_update().first():
            raise Refused(
                "password_changed", "Your password was just changed. Log in with the new one.", field="old_password"
            )
        await _store(user, password_hash)
    await end_sessions(user, but=session, broadcast=broadcast)
    _tell_owner(user, accounts=accounts)


async def send_reset(email: str, *, accounts: Accounts) -> None:
    """Mail a link if an active account has this address; older links die. Takes the same time if there is none.

    An address that was never confirmed gets one too: whoever reads its mail is who the account waits for.
    """
    await ping()  # while the database is unavailable, the page must not promise an email

    async def write() -> Email | None:
        user = await User.get_or_none(email=email, is_active=True)
        return await _reset_email(user, settings=accounts.settings) if user else None

    accounts.mailer.write_later("password_reset", write)


async def find_reset(token: str) -> PasswordResetToken | None:
    """The link, as long as it works; looking at it does not use it up."""
    return await _working(token).first()


async def reset_password(token: str, new: str, *, accounts: Accounts, broadcast: Broadcast) -> User | None:
    """Use up a link; None if it is unknown, used, replaced, too old or for another address. Raises Refused.

    It ends every session, and opens none: the new password is shown to work where it will be needed.
    """
    found = await find_reset(token)
    if found is None:
        return None
    check_password(new, email=found.email, settings=accounts.settings, field="new_password1")
    password_hash, was_on = await accounts.passwords.hash(new), False
    async with in_transaction():
        # The user first, as a deletion of the account does it: two that lock in opposite orders wait for each other.
        user = await User.filter(id=found.user_id, email=found.email, is_active=True).select_for_update().first()
        if not await _working(token).delete() or user is None:  # somebody was faster in this very moment
            return None
        await _store(user, password_hash)
        if not user.email_verified:
            # The link came to this address. Until now nobody knew whose it is: the second factor may be a stranger's,
            # and would lock the owner out.
            await User.filter(id=user.id).update(email_verified=True)
            was_on = await two_factor.take_away(user)
    if was_on:
        two_factor.tell_that_it_is_off(user, mailer=accounts.mailer, settings=accounts.settings)
    await end_sessions(user, broadcast=broadcast)
    await accounts.limits.reset(LOGIN_FAILURE_ACCOUNT, user.email)
    _tell_owner(user, accounts=accounts)
    return user


async def _store(user: User, password_hash: str) -> None:
    """And let links die that somebody with the old password could have asked for."""
    await User.filter(id=user.id).update(password_hash=password_hash, login_failures=0)
    await PasswordResetToken.filter(user_id=user.id).delete()
    await EmailVerificationToken.filter(user_id=user.id, confirms=Confirms.CHANGE).delete()


async def _reset_email(user: User, *, settings: Settings) -> Email:
    token = new_token()
    async with in_transaction():
        await User.filter(id=user.id).select_for_update().first()  # two at once: the later one's link works
        await PasswordResetToken.filter(user_id=user.id).delete()
        await PasswordResetToken.create(
            token_sha256=token_hash(token),
            user_id=user.id,
            email=user.email,
            expires_at=datetime.now(UTC) + timedelta(seconds=settings.password_reset_timeout),
        )
    url = f"{settings.public_url}/accounts/reset/{token}/"
    return Email(user.email, "password_reset", {"url": url, "lifetime": in_words(settings.password_reset_timeout)})


def _working(token: str) -> QuerySet[PasswordResetToken]:
    return PasswordResetToken.filter(token_sha256=token_hash(token), expires_at__gt=datetime.now(UTC))


def _tell_owner(user: User, *, accounts: Accounts) -> None:
    url = f"{accounts.settings.public_url}/accounts/password_reset/"
    accounts.mailer.send_later(user.email, "password_changed", {"url": url})
