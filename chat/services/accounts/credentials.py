"""New users, checking passwords, and making administrators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from chat.database import now, query
from chat.mailer import Mailer
from chat.models import (
    MOST_LOGIN_FAILURES,
    AuthSession,
    EmailVerificationToken,
    RecoveryCode,
    SecondFactor,
    User,
    UserSettings,
)
from chat.security import password_rules
from chat.security.limits import (
    LOGIN_FAILURE_ACCOUNT,
    LOGIN_FAILURE_ADDRESS,
    LOGIN_UNCONFIRMED,
    PASSWORD_AGAIN,
    PASSWORD_AGAIN_IN_A_ROW,
    Limit,
    Limits,
)
from chat.security.passwords import Passwords
from chat.security.tokens import token_hash
from chat.services.accounts.addresses import normalized_email, storable_email
from chat.services.errors import Refused, TooManyGuesses, Unconfirmed
from chat.settings import Settings

# Runs for every address, with or without an account, and without waiting for the disk: only a hit writes, and that wait
# would show in the response time.
FORGET_SIGN_UP = "UPDATE users SET sign_up_hash = nullif(sign_up_hash, password_hash) WHERE id = $1"
COUNT_FAILURE = """
WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true))
UPDATE users SET login_failures = login_failures + 1 FROM quickly WHERE email = $1
RETURNING login_failures, is_active
"""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Authenticates users, and has what signing up needs."""

    settings: Settings
    passwords: Passwords
    mailer: Mailer
    limits: Limits

    async def log_in(self, email: str, password: str, *, address: str) -> User | None:
        """The active user with this email and password, who may log in; takes the same time if there is none.

        Raises TooManyGuesses, counted by account and by network address, and Unconfirmed. Whether an address is to be
        confirmed depends only on the password of the latest sign-up with it, for a known address as for a new one:
        otherwise a sign-up followed by a login would reveal the account. Unconfirmed resets no count of guesses, since
        for a known address that would allow endless guessing.
        """
        email = storable_email(email)
        user, right = await self._guessed(email, password, address=address)
        if user and right and self.may_log_in(user):
            await self._succeeded(user, password, address=address)
            return user
        if self.settings.email_verification_required:
            await self._refuse_unconfirmed(user, email, password)
        await self._count_failure(email)
        return None

    async def _refuse_unconfirmed(self, user: User | None, email: str, password: str) -> None:
        """Raise Unconfirmed for the password of the latest sign-up. The same work is done for every address."""
        signed_up = _last_sign_up(user) if user else None
        is_guessed = await self.limits.wait_ms(LOGIN_UNCONFIRMED, email)
        if await self.passwords.verify(signed_up, password) and not is_guessed:
            raise Unconfirmed(email, token_hash(signed_up or ""))

    async def authenticate(self, email: str, password: str, *, address: str) -> User | None:
        """The active user with this email and password, whose address may still be unconfirmed.

        Raises TooManyGuesses. Only for people who have proved that they own the mailbox: see `log_in`.
        """
        user, right = await self._guessed(email, password, address=address)
        if user is None or not right:
            await self._count_failure(email)
            return None
        await self._succeeded(user, password, address=address)
        return user

    async def _guessed(self, email: str, password: str, *, address: str) -> tuple[User | None, bool]:
        """The user with this address, and whether a login with the password would be right."""
        await self.count_guess((LOGIN_FAILURE_ACCOUNT, email), (LOGIN_FAILURE_ADDRESS, address))
        user = await User.get_or_none(email=email)
        right = await self.passwords.verify(user.password_hash if user else None, password)
        return user, right and user is not None and user.is_active and not user.needs_reset

    async def _succeeded(self, user: User, password: str, *, address: str) -> None:
        # Refund only this attempt. If a login reset the account's count, guessers would see by their next wait that its
        # owner has logged in; if it reset the address's, logging in to your own account would allow endless guessing.
        await self.limits.refund(LOGIN_FAILURE_ACCOUNT, user.email)
        await self.limits.refund(LOGIN_FAILURE_ADDRESS, address)
        await _end_failures(user)
        await self._rehash(user, password)

    async def is_password_of(self, user: User, password: str) -> bool:
        """Whether this is the password of a logged-in user, confirmed before changes that cannot be undone.

        Raises TooManyGuesses, counted by user: only someone with a session gets here. Guesses on the login page, even a
        hundred, neither stop this check nor are reset by it.
        """
        key = str(user.id)
        await self.count_guess((PASSWORD_AGAIN, key))
        if await self.limits.wait_ms(PASSWORD_AGAIN_IN_A_ROW, key):  # no secret here: the user is logged in
            raise TooManyGuesses(0, "Too many wrong passwords. Log out, then choose “Forgot your password?”.")
        right = await self.passwords.verify(user.password_hash, password)
        if right:
            await self.limits.reset(PASSWORD_AGAIN, key)
            await self.limits.reset(PASSWORD_AGAIN_IN_A_ROW, key)
            if not user.needs_reset:
                await _end_failures(user)
        else:
            await self._count_failure(user.email)
        return right

    def may_log_in(self, user: User) -> bool:
        """Whether the address is verified, or verification is not required."""
        return user.email_verified or not self.settings.email_verification_required

    async def count_guess(self, *counted: tuple[Limit, str]) -> None:
        """Count an attempt before checking it, so that parallel ones cannot slip through. Raises TooManyGuesses."""
        for limit, key in counted:
            if wait_ms := await self.limits.wait_ms(limit, key):
                raise TooManyGuesses(wait_ms)

    async def _count_failure(self, email: str) -> None:
        """Count the failure; at `MOST_LOGIN_FAILURES` in a row, lock the account and notify its owner by email.

        The login page does not reveal the lock: it answers as for a wrong password.
        """
        for row in await query(COUNT_FAILURE, email):
            if row["login_failures"] == MOST_LOGIN_FAILURES and row["is_active"]:
                url = self.settings.public_url + "/accounts/password_reset/"
                self.mailer.send_later(email, "account_locked", {"url": url, "failures": MOST_LOGIN_FAILURES})

    async def _rehash(self, user: User, password: str) -> None:
        """Store a hash with today's parameters, unless a concurrent login or password change has replaced it."""
        if not self.passwords.needs_rehash(user.password_hash):
            return
        password_hash = await self.passwords.hash(password)
        if not await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=password_hash):
            now = await User.get_or_none(id=user.id)
            if now is None or not await self.passwords.verify(password_hash := now.password_hash, password):
                return  # with the old hash, `start_session` ends the new session at once
        user.password_hash = password_hash


async def is_superuser(email: str, password: str, *, passwords: Passwords) -> bool:
    """Whether this user is an administrator with this password. Raises Refused for the address."""
    user = await User.get_or_none(email=normalized_email(email), is_staff=True, is_active=True, email_verified=True)
    return user is not None and await passwords.verify(user.password_hash, password)


async def ensure_superuser(email: str, password: str, *, passwords: Passwords) -> User:
    """Make this user an administrator with this password, creating the user if missing. Raises Refused."""
    email = normalized_email(email)
    user = await User.get_or_none(email=email)
    if user is None:
        user = await new_user(email, await passwords.hash(password)) or await User.get(email=email)
    elif not await passwords.verify(user.password_hash, password):
        user.password_hash = await passwords.hash(password)
    was_verified = user.email_verified
    user.is_staff = user.is_active = user.email_verified = True
    user.login_failures = 0  # unlocks an administrator whom guessers locked out, even without email
    user.approved_at, user.declined_at = user.approved_at or await now(), None
    user.sign_up_hash = None
    columns = [
        "password_hash",
        "is_staff",
        "is_active",
        "email_verified",
        "login_failures",
        "approved_at",
        "declined_at",
        "sign_up_hash",
    ]
    await user.save(update_fields=columns)  # locks the row
    await AuthSession.filter(user_id=user.id).delete()  # sessions from before must not gain administrator rights
    # Nor must a pending change of the address: its link would hand over the account.
    await EmailVerificationToken.filter(user_id=user.id).delete()
    if not was_verified:  # a stranger may have signed up with the address: see `reset_password`
        await SecondFactor.filter(user_id=user.id).delete()
        await RecoveryCode.filter(user_id=user.id).delete()
    return user


def check_password(password: str, *, email: str, settings: Settings, field: str = "password1") -> None:
    """Raise Refused if the password breaks this site's rules."""
    if found := password_problems(password, email=email, settings=settings):
        raise Refused("password_rejected", " ".join(found), field=field)


def password_problems(password: str, *, email: str, settings: Settings) -> list[str]:
    """The rules of this site that the password breaks, a sentence each."""
    return password_rules.problems(
        password, min_length=settings.password_min_length, email=email, site_name=settings.site_name
    )


async def forget_sign_up(user_id: UUID | str | None) -> None:
    """The address is confirmed, so the user's own password at sign-up decides nothing any more; a stranger's does."""
    await query(FORGET_SIGN_UP, user_id)


def _last_sign_up(user: User) -> str | None:
    """The hash of the password of the latest sign-up; that of a user from before it was stored is the user's own."""
    own = None if user.email_verified or user.needs_reset else user.password_hash
    return user.sign_up_hash or own


async def _end_failures(user: User) -> None:
    """Reset the count of failures in a row."""
    if user.login_failures:
        await User.filter(id=user.id).update(login_failures=0)


async def new_user(email: str, password_hash: str, **rights: Any) -> User | None:
    """The new user with settings; None if the address is taken, even by a concurrent sign-up."""
    try:
        async with in_transaction():  # a savepoint, if the caller has a transaction
            signed_up = None if rights.get("email_verified") else password_hash
            rights |= {"sign_up_hash": signed_up, "created_at": await now()}
            user = await User.create(email=email, password_hash=password_hash, **rights)
            await UserSettings.create(user_id=user.id)
    except IntegrityError:
        return None
    return user
