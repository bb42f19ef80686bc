"""Changing a password, and resetting a forgotten one by an emailed link."""

from __future__ import annotations

from datetime import timedelta

from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast
from chat.database import NOW, now, ping
from chat.durations import in_words
from chat.mailer import Email
from chat.models import AuthSession, Confirms, EmailVerificationToken, PasswordResetToken, User
from chat.security.limits import LOGIN_FAILURE_ACCOUNT, RESET_ADDRESS
from chat.security.tokens import new_token, token_hash
from chat.services.accounts import two_factor
from chat.services.accounts.credentials import Accounts, check_password
from chat.services.accounts.sessions import end_sessions
from chat.services.errors import Refused
from chat.settings import Settings


async def change_password(
    user: User, old: str, new: str, *, session: AuthSession, accounts: Accounts, broadcast: Broadcast
) -> None:
    """Replace the password and end all other sessions. Raises Refused and TooManyGuesses."""
    check_password(new, email=user.email, settings=accounts.settings, field="new_password1")
    if not await accounts.is_password_of(user, old):
        raise Refused("wrong_password", "This is not your current password. Try again.", field="old_password")
    if new == old:
        raise Refused("same_password", "This is already your password. Choose a different one.", field="new_password1")
    password_hash = await accounts.passwords.hash(new)
    async with in_transaction():
        # A concurrent reset came from the owner of the mailbox; someone who knew the old password must not undo it.
        unchanged = User.filter(id=user.id, password_hash=user.password_hash)
        if not await unchanged.select_for_update().first():
            raise Refused(
                "password_changed", "Your password was just changed. Log in with the new one.", field="old_password"
            )
        await _store(user, password_hash)
    await end_sessions(user, but=session, broadcast=broadcast)
    _notify_owner(user, accounts=accounts)


async def send_reset(email: str, *, accounts: Accounts) -> None:
    """Email a link in place of older ones if an active account has this address; takes the same time if none has.

    Unconfirmed addresses get one too: the owner of the mailbox is the person the account is waiting for. A mailbox that
    got too many gets none, without a word: the wait would tell what others have asked for.
    """
    await ping()  # while the database is unavailable, the page must not promise an email

    async def write() -> Email | None:
        user = await User.get_or_none(email=email, is_active=True)
        if user is None or await accounts.limits.wait_ms(RESET_ADDRESS, email):
            return None
        return await _reset_email(user, settings=accounts.settings)

    accounts.mailer.write_later("password_reset", write)


async def find_reset(token: str) -> PasswordResetToken | None:
    """The link, if it still works; finding it does not use it up."""
    return await _working(token).first()


async def reset_password(token: str, new: str, *, accounts: Accounts, broadcast: Broadcast) -> User | None:
    """Use up a link and set the password; None if the link does not work any more. Raises Refused.

    Ends all sessions and starts none, so that the next login shows that the new password works.
    """
    found = await find_reset(token)
    if found is None:
        return None
    check_password(new, email=found.email, settings=accounts.settings, field="new_password1")
    password_hash, was_on = await accounts.passwords.hash(new), False
    async with in_transaction():
        # Lock order as when an account is deleted: the user before their links (avoids deadlock).
        user = await User.filter(id=found.user_id, email=found.email, is_active=True).select_for_update().first()
        if not await _working(token).delete() or user is None:  # a concurrent request used it
            return None
        await _store(user, password_hash)
        await User.filter(id=user.id).update(sign_up_hash=None)  # the reset has proved who owns the mailbox
        if not user.email_verified:
            # The link proves who owns the address. Until now a stranger could have signed up with it and turned on
            # two-factor authentication, which would lock the owner out.
            await User.filter(id=user.id).update(email_verified=True)
            was_on = await two_factor.remove(user)
    if was_on:
        two_factor.notify_off(user, mailer=accounts.mailer, settings=accounts.settings)
    await end_sessions(user, broadcast=broadcast)
    await accounts.limits.reset(LOGIN_FAILURE_ACCOUNT, user.email)
    _notify_owner(user, accounts=accounts)
    return user


async def _store(user: User, password_hash: str) -> None:
    """Store the hash and delete links that someone with the old password could have requested."""
    await User.filter(id=user.id).update(password_hash=password_hash, login_failures=0)
    await User.filter(id=user.id, email_verified=False).update(sign_up_hash=password_hash)
    await PasswordResetToken.filter(user_id=user.id).delete()
    await EmailVerificationToken.filter(user_id=user.id, confirms=Confirms.CHANGE).delete()


async def _reset_email(user: User, *, settings: Settings) -> Email:
    token = new_token()
    async with in_transaction():
        await User.filter(id=user.id).select_for_update().first()  # of two requests at once, the later one's link works
        await PasswordResetToken.filter(user_id=user.id).delete()
        await PasswordResetToken.create(
            token_sha256=token_hash(token),
            user_id=user.id,
            email=user.email,
            expires_at=await now() + timedelta(seconds=settings.password_reset_timeout),
        )
    url = f"{settings.public_url}/accounts/reset/{token}/"
    return Email(user.email, "password_reset", {"url": url, "lifetime": in_words(settings.password_reset_timeout)})


def _working(token: str) -> QuerySet[PasswordResetToken]:
    return PasswordResetToken.filter(token_sha256=token_hash(token), expires_at__gt=NOW)


def _notify_owner(user: User, *, accounts: Accounts) -> None:
    url = f"{accounts.settings.public_url}/accounts/password_reset/"
    accounts.mailer.send_later(user.email, "password_changed", {"url": url})
