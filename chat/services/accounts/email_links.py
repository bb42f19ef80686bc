"""Emailed links that confirm an address, at sign-up or for a change; each works once, and only a user's newest."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from chat import database
from chat.durations import in_words, wait_in_words
from chat.mailer import Email, Mailer
from chat.models import Confirms, EmailVerificationToken, PasswordResetToken, User
from chat.security.limits import ACCOUNT_EXISTS, CONFIRM_TO, RESEND_BACKOFF, Limits, asked_by
from chat.security.tokens import new_token, token_hash
from chat.services.accounts.addresses import normalized_email
from chat.services.accounts.credentials import forget_sign_up
from chat.services.accounts.sign_up_rules import SignUpRules
from chat.services.errors import Refused
from chat.settings import Settings

# The wait of the mailbox, for all who ask: of two clicks one gets a row. The browser's own wait, which pages show, is
# counted before the response and this after it, hence the tolerance of 5 seconds.
COUNT_RESEND = """
UPDATE users SET
    verification_resends = CASE
        WHEN verification_sent_at > now() - make_interval(secs => $5) THEN verification_resends + 1 ELSE 0 END,
    verification_sent_at = now()
WHERE email = $1 AND is_active AND NOT email_verified AND (NOT $2 OR verification_sent_at IS NULL
    OR verification_sent_at + make_interval(secs => LEAST($3::float8 * 2 ^ LEAST(verification_resends, 10), $4))
        < now() + interval '5 seconds')
RETURNING id
"""
EMAIL_AND_PATH = {
    Confirms.SIGN_UP: ("verify_email", "verify-email"),
    Confirms.CHANGE: ("confirm_email_change", "change-email"),
}


async def first_email(user: User, *, settings: Settings) -> Email:
    """The email that a new user gets after signing up."""
    await User.filter(id=user.id).update(verification_sent_at=database.NOW)
    return await _email_with_new_link(user.id, user.email, Confirms.SIGN_UP, new_token(), settings)


async def begin_wait(email: str, browser: str, *, limits: Limits) -> None:
    """Count the email of this browser's sign-up, with or without an account, so that the next one has to wait."""
    await limits.back_off(RESEND_BACKOFF, asked_by(browser, email))


async def wait_left_ms(email: str, browser: str, *, limits: Limits) -> int:
    """The milliseconds until this browser can have another link sent, by what it asked for itself."""
    return await limits.left_ms(RESEND_BACKOFF, asked_by(browser, email))


async def resend(email: str, browser: str, *, limits: Limits, mailer: Mailer, settings: Settings) -> int:
    """Email another sign-up link and return 0, or return the milliseconds to wait for it.

    The wait is this browser's own, and everything that depends on the address happens after the response: neither the
    wait nor the response time reveals who has an account, or what others have asked for.
    """
    await database.ping()  # while the database is unavailable, the page must not promise an email
    own = asked_by(browser, email)
    if wait_ms := await limits.wait_ms(CONFIRM_TO, own):  # first: an email that is not sent must not extend the wait
        return wait_ms
    if wait_ms := await limits.back_off(RESEND_BACKOFF, own):
        await limits.refund(CONFIRM_TO, own)
        return wait_ms
    write = partial(another_email, email, new_token(), limits=limits, settings=settings)
    mailer.write_later("verification_resend", write)
    return 0


async def another_email(email: str, token: str, *, limits: Limits, settings: Settings) -> Email | None:
    """A new sign-up link in place of older ones; None without a pending sign-up, or if its mailbox got too many."""
    if await EmailVerificationToken.exists(token_sha256=token_hash(token)):  # by an attempt whose answer was lost
        return _email_with_link(email, Confirms.SIGN_UP, token, settings)
    if await limits.wait_ms(CONFIRM_TO, email):
        return None
    async with in_transaction():
        waits = (RESEND_BACKOFF.first_seconds, RESEND_BACKOFF.longest_seconds, RESEND_BACKOFF.reset_seconds)
        found = await database.query(COUNT_RESEND, email, settings.rate_limits, *waits)
        if found:
            return await _email_with_new_link(found[0]["id"], email, Confirms.SIGN_UP, token, settings)
    await limits.refund(CONFIRM_TO, email)
    return None


async def request_change(user: User, email: str, *, limits: Limits, mailer: Mailer, settings: Settings) -> str:
    """Email a link to the new address and a notice to the old one; returns the new address, normalized.

    Raises Refused. Whether the address has an account, and how many emails it got, is looked up after the response:
    neither the page nor its response time reveals who has one, or what others have asked for.
    """
    email = normalized_email(email)
    SignUpRules.of(settings).check_domain(email)
    if email == user.email:
        raise Refused("same_email", "This is already your email address. Enter a different one.", field="email")
    await database.ping()  # while the database is unavailable, the page must not promise an email
    if wait_ms := await limits.wait_ms(CONFIRM_TO, asked_by(str(user.id), email)):
        sentence = f"You had too many emails sent to this address. Try again in {wait_in_words(wait_ms)}."
        raise Refused("rate_limited", sentence, field="email", retry_ms=wait_ms)
    url = f"{settings.public_url}/accounts/password_change/"
    mailer.send_later(user.email, "email_change_requested", {"email": email, "url": url})
    mailer.write_later("email_change", partial(_change_email, user, email, limits, settings))
    return email


async def find(token: str, confirms: Confirms) -> EmailVerificationToken | None:
    """The link with its user, if it still works; finding it does not use it up."""
    link = await _unexpired(token, confirms).select_related("user").first()
    return link if link and _may_confirm(link, link.user) else None


async def verify(token: str) -> User | None:
    """Use up a sign-up link; returns its user, or None if it does not work any more."""
    async with in_transaction():
        link = await _use(token, Confirms.SIGN_UP)
        if link is None:
            return None
        link.user.email_verified = True
        await link.user.save(update_fields=["email_verified"])
        await forget_sign_up(link.user_id)
        return link.user


async def change(token: str, *, mailer: Mailer, settings: Settings) -> User | None:
    """Use up a link that changes the address; None if it no longer works, or the address was taken meanwhile or
    has a domain that is no longer accepted.

    Links that were sent to the old address stop working.
    """
    try:
        async with in_transaction():
            link = await _use(token, Confirms.CHANGE)
            if link is None or not SignUpRules.of(settings).admits_domain_of(link.email):
                return None
            user, old = link.user, link.user.email
            user.email, user.email_verified = link.email, True
            await user.save(update_fields=["email", "email_verified"])
            await EmailVerificationToken.filter(user_id=user.id).delete()
            await PasswordResetToken.filter(user_id=user.id).delete()
    except IntegrityError:
        return None
    mailer.send_later(old, "email_changed", {"email": user.email})
    return user


async def _use(token: str, confirms: Confirms) -> EmailVerificationToken | None:
    """Delete the link and lock its user, in the caller's transaction; None if it does not work any more."""
    link = await find(token, confirms)
    # Lock order everywhere: a user before the rows that belong to it.
    user = await User.filter(id=link.user_id).select_for_update().first() if link else None
    if link is None or user is None or not _may_confirm(link, user) or not await _unexpired(token, confirms).delete():
        return None
    link.user = user
    return link


def _unexpired(token: str, confirms: Confirms) -> QuerySet[EmailVerificationToken]:
    return EmailVerificationToken.filter(token_sha256=token_hash(token), confirms=confirms, expires_at__gt=database.NOW)


def _may_confirm(link: EmailVerificationToken, user: User) -> bool:
    """A sign-up link logs in without a password, so it works only until the address is confirmed."""
    is_pending = not user.email_verified and user.email == link.email
    return user.is_active and (is_pending or link.confirms is Confirms.CHANGE)


async def _change_email(user: User, email: str, limits: Limits, settings: Settings) -> Email | None:
    """The link to the new address in place of older ones, or a notice to the owner of a taken address."""
    if await limits.wait_ms(CONFIRM_TO, email):
        return None
    async with in_transaction():
        # Not if the password was changed meanwhile: the request may be from someone who knew the old one.
        same = User.filter(id=user.id, is_active=True, password_hash=user.password_hash)
        if not await same.select_for_update().first():
            return None
        if not await User.exists(email=email):
            return await _email_with_new_link(user.id, email, Confirms.CHANGE, new_token(), settings)
        await EmailVerificationToken.filter(user_id=user.id, confirms=Confirms.CHANGE).delete()
    if await limits.wait_ms(ACCOUNT_EXISTS, email):
        return None
    return Email(email, "address_in_use", {"url": f"{settings.public_url}/accounts/login/"})


async def _email_with_new_link(user_id: UUID, email: str, confirms: Confirms, token: str, settings: Settings) -> Email:
    expires_at = await database.now() + timedelta(seconds=settings.email_verification_timeout)
    async with in_transaction():
        await EmailVerificationToken.filter(user_id=user_id, confirms=confirms).delete()
        await EmailVerificationToken.create(
            token_sha256=token_hash(token), user_id=user_id, email=email, confirms=confirms, expires_at=expires_at
        )
    return _email_with_link(email, confirms, token, settings)


def _email_with_link(email: str, confirms: Confirms, token: str, settings: Settings) -> Email:
    name, path = EMAIL_AND_PATH[confirms]
    url = f"{settings.public_url}/accounts/{path}/{token}/"
    return Email(email, name, {"url": url, "lifetime": in_words(settings.email_verification_timeout)})
