"""Another e-mail address: asked for with the password, confirmed by a link that goes there, told to the old one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from chat import database
from chat.durations import in_words, wait_in_words
from chat.mailer import Email, Mailer
from chat.models import Confirms, EmailVerificationToken, PasswordResetToken, User
from chat.security.limits import ACCOUNT_EXISTS, CONFIRM_TO, Limits
from chat.security.tokens import new_token, token_hash
from chat.services.accounts.addresses import normalized_email
from chat.services.errors import Refused
from chat.settings import Settings


async def ask_to_change(user: User, email: str, *, limits: Limits, mailer: Mailer, settings: Settings) -> str:
    """Mail a link to the new address and a word to the old one; returns the new one as it would be stored.

    Raises Refused for what is no other address. Whether it has an account is only looked up after the response, and
    told to its owner: neither the page nor its time tell who has one here.
    """
    email = normalized_email(email)
    if email == user.email:
        raise Refused("same_email", "This is already your email address. Enter a different one.", field="email")
    await database.ping()  # while the database is unavailable, the page must not promise an email
    if wait_ms := await limits.wait_ms(CONFIRM_TO, email):
        sentence = f"Too many emails were sent to this address. Try again in {wait_in_words(wait_ms)}."
        raise Refused("rate_limited", sentence, field="email", retry_ms=wait_ms)
    mailer.send_later(user.email, "email_change_requested", {"email": email, "url": _page(settings, "password_change")})
    mailer.write_later("email_change", partial(_email_to, email, user, limits, settings))
    return email


async def find_link(token: str) -> EmailVerificationToken | None:
    """The link with its user, as long as it would change the address; looking at it does not use it up."""
    found = await _alive(token).select_related("user").first()
    return found if found and found.user.is_active else None


async def change(token: str, *, mailer: Mailer) -> User | None:
    """Use up a link; None if it is unknown, used, replaced, too old, or the address was taken in between.

    What was mailed to the old address dies with it.
    """
    try:
        async with in_transaction():
            found = await _alive(token).first()
            # The user before its links, as everywhere.
            user = await User.filter(id=found.user_id, is_active=True).select_for_update().first() if found else None
            if found is None or user is None or not await _alive(token).delete():
                return None
            old, user.email, user.email_verified = user.email, found.email, True
            await user.save(update_fields=["email", "email_verified"])
            await EmailVerificationToken.filter(user_id=user.id).delete()
            await PasswordResetToken.filter(user_id=user.id).delete()
    except IntegrityError:
        return None
    mailer.send_later(old, "email_changed", {"email": user.email})
    return user


def _alive(token: str) -> QuerySet[EmailVerificationToken]:
    return EmailVerificationToken.filter(
        token_sha256=token_hash(token), confirms=Confirms.CHANGE, expires_at__gt=datetime.now(UTC)
    )


async def _email_to(email: str, user: User, limits: Limits, settings: Settings) -> Email | None:
    """The link, in whose place older ones die; a word to the owner if the address has an account."""
    token, seconds = new_token(), settings.email_verification_timeout
    async with in_transaction():
        # Nor if the password was changed since it was asked: whoever asked may have been who knew the old one.
        same = User.filter(id=user.id, is_active=True, password_hash=user.password_hash)
        if not await same.select_for_update().first():
            return None
        await EmailVerificationToken.filter(user_id=user.id, confirms=Confirms.CHANGE).delete()
        is_taken = await User.exists(email=email)
        if not is_taken:
            await EmailVerificationToken.create(
                token_sha256=token_hash(token),
                user_id=user.id,
                email=email,
                confirms=Confirms.CHANGE,
                expires_at=datetime.now(UTC) + timedelta(seconds=seconds),
            )
    if not is_taken:
        url = _page(settings, f"change-email/{token}")
        return Email(email, "confirm_email_change", {"url": url, "lifetime": in_words(seconds)})
    if await limits.wait_ms(ACCOUNT_EXISTS, email):
        return None
    return Email(email, "address_in_use", {"url": _page(settings, "login")})


def _page(settings: Settings, name: str) -> str:
    return f"{settings.public_url}/accounts/{name}/"
