"""Secrets that are handed out once and known here by their hash only."""

import secrets
from hashlib import sha256


def new_token() -> str:
    """32 random bytes, fit for a cookie or a URL."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What the database keeps: a stolen table opens nothing. No salt or stretching: the token is random already."""
    return sha256(token.encode()).hexdigest()
