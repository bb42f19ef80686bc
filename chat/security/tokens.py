"""Random tokens that are given out once and stored only as hashes."""

import secrets
from hashlib import sha256


def new_token() -> str:
    """32 random bytes, in characters that are safe in cookies and URLs."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """The stored form, useless to a thief. Needs no salt or stretching, because the token is random."""
    return sha256(token.encode()).hexdigest()
