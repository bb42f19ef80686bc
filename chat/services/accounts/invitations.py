"""Invitations: making one, finding it by its token, and taking one of its uses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chat.database import query
from chat.durations import in_words
from chat.mailer import Email
from chat.models import Invitation
from chat.models.ids import uuid7
from chat.security.tokens import new_token, token_hash
from chat.settings import Settings

LIFETIME_SECONDS = 7 * 86_400
MOST_USES = 1000

# By the database's clock. Links of a maker who was demoted or disabled don't work, whenever they were made.
WORKS = """(t.uses_left > 0 AND t.revoked_at IS NULL AND t.expires_at > now() AND (t.maker_id IS NULL
    OR EXISTS (SELECT FROM users m WHERE m.id = t.maker_id AND m.is_staff AND m.is_active)))"""
FIND = f"SELECT t.* FROM invitation t WHERE t.token_sha256 = $1 AND {WORKS}"  # noqa: S608 - a constant
# One statement decides: of two people who accept at once, the second waits here and finds no use left.
TAKE = f"""
UPDATE invitation t SET uses_left = t.uses_left - 1
WHERE t.token_sha256 = $1 AND {WORKS} AND t.email IN ('', $2) RETURNING t.*
"""  # noqa: S608 - a constant
ADD = """
INSERT INTO invitation (id, token_sha256, maker_id, email, is_mailed, uses, uses_left, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $6, now(), now() + make_interval(secs => $7))
"""
REVOKE = """
UPDATE invitation SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL AND uses_left > 0 AND expires_at > now()
RETURNING id
"""
REVOKE_ALL = "UPDATE invitation SET revoked_at = now() WHERE maker_id = $1 AND revoked_at IS NULL"


async def add(maker_id: UUID | None, email: str, uses: int, *, is_mailed: bool) -> tuple[UUID, str]:
    """Store an invitation, in the caller's transaction; returns its id, and its token, which is stored nowhere."""
    invitation_id, token = uuid7(), new_token()
    lifetime = float(LIFETIME_SECONDS)
    await query(ADD, invitation_id, token_hash(token), maker_id, email, is_mailed, uses, lifetime)
    return invitation_id, token


async def find(token: str) -> Invitation | None:
    """The invitation, if it works; finding it takes no use."""
    return _one(await query(FIND, token_hash(token)))


async def take(token: str, email: str) -> Invitation | None:
    """Take a use for this address, in the caller's transaction; None if the invitation does not work for it."""
    return _one(await query(TAKE, token_hash(token), email))


async def revoke(invitation_id: UUID) -> bool:
    """End an invitation, in the caller's transaction; False if it had ended. Accounts created with it stay."""
    return bool(await query(REVOKE, invitation_id))


async def revoke_all(maker_id: UUID | None) -> None:
    """End the invitations of someone who is no longer an administrator, in the caller's transaction."""
    await query(REVOKE_ALL, maker_id)


def link(token: str, *, settings: Settings) -> str:
    """The URL that accepts the invitation."""
    return f"{settings.public_url}/accounts/invitation/{token}/"


def email_with(token: str, email: str, *, settings: Settings) -> Email:
    """The email to the invited person."""
    return Email(email, "invitation", {"url": link(token, settings=settings), "lifetime": in_words(LIFETIME_SECONDS)})


def _one(rows: list[dict[str, Any]]) -> Invitation | None:
    return Invitation(**rows[0]) if rows else None
