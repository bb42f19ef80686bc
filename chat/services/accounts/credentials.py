"""Becoming a user and proving to be one: sign-up, passwords, and administrators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from chat.database import query
from chat.mailer import Email, Mailer
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
    ACCOUNT_EXISTS,
    LOGIN_FAILURE_ACCOUNT,
    LOGIN_FAILURE_ADDRESS,
    PASSWORD_AGAIN,
    RESEND_BACKOFF,
    Limit,
    Limits,
)
from chat.security.passwords import Passwords
from chat.services.accounts import email_links
from chat.services.accounts.addresses import normalized_email, storable_email
from chat.services.errors import Refused, TooManyGuesses
from chat.settings import Settings

# The same statement for every address, whoever has it; and nobody waits for the disk, which only a hit would do.
COUNT_FAILURE = """
WITH quickly AS (SELECT set_config('synchronous_commit', 'off', true))
UPDATE users SET login_failures = login_failures + 1 FROM quickly WHERE email = $1
RETURNING login_failures, is_active
"""
# A taken address costs no wait for the disk, so a new one must not either. The link that is stored next waits for both.
DO_NOT_WAIT = "SET LOCAL synchronous_commit TO off"


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the workflows of this module need."""

    settings: Settings
    passwords: Passwords
    mailer: Mailer
    limits: Limits

    def check_sign_up(self, email: str, password: str) -> str:
        """The address as `sign_up` takes it. Raises Refused for what no account can have, whoever has one."""
        email = normalized_email(email)
        check_password(password, email=email, settings=self.settings)
        return email

    async def sign_up(self, email: str, password: str) -> User | None:
        """Make a user of what was checked; None if with verification the address is known.

        With verification, but for the row itself all that depends on whether the address is
        known comes after the response: so neither page nor time tell a stranger who has an account, and the owner of
        a known one is told by e-mail. Without verification that cannot be hidden, and Refused says it.
        """
        password_hash = await self.passwords.hash(password)
        user = await _new_user(email, password_hash)
        if self.settings.email_verification_required:
            await self.limits.back_off(RESEND_BACKOFF, email)
            self.mailer.write_later("sign_up", partial(self._email_to, email, user))
        elif user is None:
            raise Refused("email_taken", "An account with this email already exists. Log in instead.", field="email")
        return user

    async def _email_to(self, email: str, user: User | None) -> Email | None:
        """The link for the new user; a word to the old one, whose password stays."""
        if user:
            return await email_links.first_email(user, settings=self.settings)
        if await self.limits.wait_ms(ACCOUNT_EXISTS, email):
            return None
        entrance = f"{self.settings.public_url}/accounts"
        links = {"url": f"{entrance}/login/", "reset_url": f"{entrance}/password_reset/"}
        return Email(email, "account_exists", links)

    async def authenticate(self, email: str, password: str, *, address: str) -> User | None:
        """The user with this e-mail and password, if active. Takes the same time when there is none.

        Raises TooManyGuesses, counted for the account and for the network address.
        """
        email = storable_email(email)
        await self.count_guess((LOGIN_FAILURE_ACCOUNT, email), (LOGIN_FAILURE_ADDRESS, address))
        user = await User.get_or_none(email=email)
        right = await self.passwords.verify(user.password_hash if user else None, password)
        if user is None or not right or not user.is_active or user.needs_reset:
            await self._count_failure(email)
            return None
        await self.limits.reset(LOGIN_FAILURE_ACCOUNT, email)
        # No other guess of this address: one's own account would be the way to guess at others' without end.
        await self.limits.refund(LOGIN_FAILURE_ADDRESS, address)
        await _end_failures(user)
        await self._hash_anew(user, password)
        return user

    async def is_password_of(self, user: User, password: str) -> bool:
        """Whether whoever is logged in knows the password too; asked again before what cannot be undone.

        Raises TooManyGuesses, counted for the user alone: whoever guesses here has a session.
        """
        if user.needs_reset:  # no secret here: whoever asks is logged in
            raise TooManyGuesses(0, "There were too many wrong passwords. Log out and choose “Forgot your password?”.")
        await self.count_guess((PASSWORD_AGAIN, str(user.id)))
        right = await self.passwords.verify(user.password_hash, password)
        if right:
            await self.limits.reset(PASSWORD_AGAIN, str(user.id))
            await _end_failures(user)
        else:
            await self._count_failure(user.email)
        return right

    def may_log_in(self, user: User) -> bool:
        """Whether the address is verified, or need not be."""
        return user.email_verified or not self.settings.email_verification_required

    async def count_guess(self, *counted: tuple[Limit, str]) -> None:
        """Raises TooManyGuesses. Counted before it is looked at, so that parallel ones cannot slip through together."""
        for limit, key in counted:
            if wait_ms := await self.limits.wait_ms(limit, key):
                raise TooManyGuesses(wait_ms)

    async def _count_failure(self, email: str) -> None:
        """At a hundred in a row no password opens the account any more, and its owner is told what does.

        The login page tells nobody: the answer stays the one for a wrong password.
        """
        for row in await query(COUNT_FAILURE, email):
            if row["login_failures"] == MOST_LOGIN_FAILURES and row["is_active"]:
                url = self.settings.public_url + "/accounts/password_reset/"
                self.mailer.send_later(email, "account_locked", {"url": url, "failures": MOST_LOGIN_FAILURES})

    async def _hash_anew(self, user: User, password: str) -> None:
        """By today's parameters, unless somebody was faster in this very moment: another login, or a new password."""
        if not self.passwords.needs_rehash(user.password_hash):
            return
        password_hash = await self.passwords.hash(password)
        if not await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=password_hash):
            now = await User.get_or_none(id=user.id)
            if now is None or not await self.passwords.verify(password_hash := now.password_hash, password):
                return  # a session with the old hash begins dead
        user.password_hash = password_hash


async def is_superuser(email: str, password: str, *, passwords: Passwords) -> bool:
    """Whether this user is an administrator with this password. Raises Refused for the address."""
    user = await User.get_or_none(email=normalized_email(email), is_staff=True, is_active=True, email_verified=True)
    return user is not None and await passwords.verify(user.password_hash, password)


async def ensure_superuser(email: str, password: str, *, passwords: Passwords) -> User:
    """Make this user an administrator with this password, creating it if need be. Raises Refused for the address."""
    email = normalized_email(email)
    user = await User.get_or_none(email=email)
    if user is None:
        user = await _new_user(email, await passwords.hash(password)) or await User.get(email=email)
    elif not await passwords.verify(user.password_hash, password):
        user.password_hash = await passwords.hash(password)
    was_verified = user.email_verified
    user.is_staff = user.is_active = user.email_verified = True
    await user.save(update_fields=["password_hash", "is_staff", "is_active", "email_verified"])  # locked from now on
    await AuthSession.filter(user_id=user.id).delete()  # whoever is logged in there is no administrator by that
    # Nor is who asked for another address of the account: the link would hand the administrator over.
    await EmailVerificationToken.filter(user_id=user.id).delete()
    if not was_verified:  # anybody may have signed up with the address: see the first reset of a password
        await SecondFactor.filter(user_id=user.id).delete()
        await RecoveryCode.filter(user_id=user.id).delete()
    return user


def check_password(password: str, *, email: str, settings: Settings, field: str = "password1") -> None:
    """Raise Refused for a password that the rules do not take."""
    if found := password_problems(password, email=email, settings=settings):
        raise Refused("password_rejected", " ".join(found), field=field)


def password_problems(password: str, *, email: str, settings: Settings) -> list[str]:
    """What the rules of this site have against a password; empty if nothing."""
    return password_rules.problems(
        password, min_length=settings.password_min_length, email=email, site_name=settings.site_name
    )


async def _end_failures(user: User) -> None:
    """They were not in a row."""
    if user.login_failures:
        await User.filter(id=user.id).update(login_failures=0)


async def _new_user(email: str, password_hash: str) -> User | None:
    """The new user with its settings; None if the address is taken, be it in this very moment."""
    try:
        async with in_transaction():
            await query(DO_NOT_WAIT)
            user = await User.create(email=email, password_hash=password_hash)
            await UserSettings.create(user_id=user.id)
    except IntegrityError:
        return None
    return user
