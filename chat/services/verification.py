"""Confirming that an address is its user's: links that are mailed and work once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tortoise.transactions import in_transaction

from chat.durations import in_words
from chat.mailer import Mailer
from chat.models import EmailVerificationToken, User
from chat.security.tokens import new_token, token_hash
from chat.settings import Settings


async def send_verification(user: User, *, mailer: Mailer, settings: Settings) -> None:
    """Mail a new link; older ones of this user die."""
    token = new_token()
    now = datetime.now(UTC)
    async with in_transaction():
        await EmailVerificationToken.filter(user_id=user.id).delete()
        await EmailVerificationToken.create(
            token_sha256=token_hash(token),
            user_id=user.id,
            email=user.email,
            expires_at=now + timedelta(seconds=settings.email_verification_timeout),
        )
        await User.filter(id=user.id).update(verification_sent_at=now)
    url = f"{settings.public_url}/accounts/verify-email/{token}/"
    lifetime = in_words(settings.email_verification_timeout)
    mailer.send_later(user.email, "verify_email", {"url": url, "lifetime": lifetime})


async def verify_email(token: str) -> User | None:
    """Use up a link; None if it is unknown, used, replaced by a newer one or too old."""
    async with in_transaction():
        found = (
            await EmailVerificationToken.filter(token_sha256=token_hash(token), expires_at__gt=datetime.now(UTC))
            .select_for_update()
            .first()
        )
        if found is None:
            return None
        await found.delete()
        user = await User.get_or_none(id=found.user_id, email=found.email, is_active=True)
        if user:
            user.email_verified = True
            await user.save(update_fields=["email_verified"])
        return user
