"""Confirming that an address is its user's: links that are mailed and work once, and asking for another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from chat import database
from chat.durations import in_words
from chat.mailer import Email, Mailer
from chat.models import Confirms, EmailVerificationToken, User
from chat.security.limits import CONFIRM_TO, RESEND_LADDER, Limits
from chat.security.tokens import new_token, token_hash
from chat.settings import Settings

# The same ladder as in Redis, decided by one statement: of two clicks one gets a row, whatever became of Redis. Redis
# counts before the response and this after it, so a few seconds are let off.
CLIMB = """
UPDATE users SET
    verification_resends = CASE
        WHEN verification_sent_at > now() - make_interval(secs => $5) THEN verification_resends + 1 ELSE 0 END,
    verification_sent_at = now()
WHERE email = $1 AND is_active AND NOT email_verified AND (NOT $2 OR verification_sent_at IS NULL
    OR verification_sent_at + make_interval(secs => LEAST($3::float8 * 2 ^ LEAST(verification_resends, 10), $4))
        < now() + interval '5 seconds')
RETURNING id
"""


async def first_email(user: User, *, settings: Settings) -> Email:
    """The link for somebody who has just signed up."""
    await User.filter(id=user.id).update(verification_sent_at=datetime.now(UTC))
    return await _email_with_new_link(user.id, new_token(), user.email, settings)


async def resend(email: str, *, limits: Limits, mailer: Mailer, settings: Settings) -> int:
    """Mail another link, and return 0; or the milliseconds to wait for the next one.

    The wait is counted by address, with or without an account, and whether there is somebody who waits for a link is
    only looked up after the response: neither wait nor time tell.
    """
    await database.ping()  # while the database is unavailable, the page must not promise an email
    if wait_ms := await limits.wait_ms(
        CONFIRM_TO, email
    ):  # first: an email that is not sent does not lengthen the wait
        return wait_ms
    if wait_ms := await limits.climb(RESEND_LADDER, email):
        await limits.give_back(CONFIRM_TO, email)
        return wait_ms
    mailer.write_later("verification_resend", partial(another_email, email, new_token(), settings=settings))
    return 0


async def another_email(email: str, token: str, *, settings: Settings) -> Email | None:
    """A new link, in whose place older ones die; None for who waits for none or has had one a moment ago."""
    async with in_transaction():
        if await EmailVerificationToken.exists(token_sha256=token_hash(token)):  # by a try whose answer was lost
            return _email_with_link(token, email, settings)
        ladder = (RESEND_LADDER.first_seconds, RESEND_LADDER.longest_seconds, RESEND_LADDER.forgotten_seconds)
        found = await database.query(CLIMB, email, settings.rate_limits, *ladder)
        return await _email_with_new_link(found[0]["id"], token, email, settings) if found else None


async def find_link(token: str) -> EmailVerificationToken | None:
    """The link with its user, as long as it would confirm the address; looking at it does not use it up."""
    found = await _alive(token).select_related("user").first()
    return found if found and _waits(found.user, found.email) else None


async def verify_email(token: str) -> User | None:
    """Use up a link; None if it is unknown, used, replaced by a newer one, too old, or its user is switched off."""
    async with in_transaction():
        found = await _alive(token).first()
        if found is None:
            return None
        user = (
            await User.filter(id=found.user_id).select_for_update().first()
        )  # before its links, as in `another_email`
        if user is None or not _waits(user, found.email) or not await _alive(token).delete():
            return None
        user.email_verified = True
        await user.save(update_fields=["email_verified"])
        return user


def _alive(token: str) -> QuerySet[EmailVerificationToken]:
    return EmailVerificationToken.filter(
        token_sha256=token_hash(token), confirms=Confirms.SIGN_UP, expires_at__gt=datetime.now(UTC)
    )


def _waits(user: User, email: str) -> bool:
    """Whether a link may still confirm this: it logs in without a password, so only until the address is confirmed."""
    return user.is_active and not user.email_verified and user.email == email


async def _email_with_new_link(user_id: UUID, token: str, email: str, settings: Settings) -> Email:
    seconds = settings.email_verification_timeout
    async with in_transaction():
        await EmailVerificationToken.filter(user_id=user_id, confirms=Confirms.SIGN_UP).delete()
        await EmailVerificationToken.create(
            token_sha256=token_hash(token),
            user_id=user_id,
            email=email,
            expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
        )
    return _email_with_link(token, email, settings)


def _email_with_link(token: str, email: str, settings: Settings) -> Email:
    url = f"{settings.public_url}/accounts/verify-email/{token}/"
    return Email(email, "verify_email", {"url": url, "lifetime": in_words(settings.email_verification_timeout)})
