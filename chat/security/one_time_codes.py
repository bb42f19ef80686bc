"""Codes that work once: app codes, derived from a shared secret and the time, and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata

from pyotp import HOTP, TOTP

STEP_SECONDS = 30
SKEW_STEPS = 1  # phone clocks are inexact, and typing takes time
SECRET_BYTES = 20  # the length of SHA-1, which all apps support; its collisions do not weaken HMAC
CODE = re.compile(r"[0-9]{6}")
RECOVERY_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no two characters look alike
RECOVERY_LENGTH = 16  # 80 bits: cannot be brute-forced even with the table of hashes
RECOVERY_CODE = re.compile(f"[{RECOVERY_ALPHABET}]{{{RECOVERY_LENGTH}}}")
LOOK_ALIKES = str.maketrans("oil", "011")


def shared_secret(key: str, owner: str, nonce: str, change: bytes | None = None) -> str:
    """The secret shared with the app, in base32. Derived from the site's key, so a stolen table reveals no code.

    The owner is part of it: a row copied to another user does not work there. `change` leads from this key's secret to
    the one in the app, if the app was set up under another key.
    """
    made = _derived(key, owner, nonce)
    return base64.b32encode(_xor(made, change) if change else made).decode()


def key_change(secret: str, key: str, owner: str, nonce: str) -> bytes | None:
    """What leads from this key's secret to that of the app; None if they are the same."""
    change = _xor(_derived(key, owner, nonce), base64.b32decode(secret))
    return change if any(change) else None


def _derived(key: str, owner: str, nonce: str) -> bytes:
    return hmac.digest(key.encode(), f"second factor:{owner}:{nonce}".encode(), hashlib.sha256)[:SECRET_BYTES]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def app_link(secret: str, *, email: str, site_name: str) -> str:
    """The URL that a QR code transfers to an app."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=site_name)


def matching_step(secret: str, code: str, *, now: float) -> int | None:
    """The time step near now that the code belongs to; None for any other text."""
    typed = _bare(code)
    if not CODE.fullmatch(typed):
        return None
    newest = int(now) // STEP_SECONDS + SKEW_STEPS
    steps = [step for step in range(newest, newest - 2 * SKEW_STEPS - 1, -1) if step >= 0]
    # All are compared, so that timing does not reveal which step matched.
    matching = [step for step in steps if hmac.compare_digest(HOTP(secret).at(step), typed)]
    return matching[0] if matching else None


def new_recovery_code() -> str:
    """A random code, in groups of four."""
    letters = "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, RECOVERY_LENGTH, 4))


def bare_recovery_code(typed: str) -> str | None:
    """The code in the form that is hashed, however it was typed; None if it cannot be a code."""
    bare = _bare(typed).lower().translate(LOOK_ALIKES)
    return bare if RECOVERY_CODE.fullmatch(bare) else None


def _bare(typed: str) -> str:
    """The code without spaces and dashes, and with ASCII digits: some keyboards type full-width ones."""
    return re.sub(r"[\s\u2010-\u2015-]", "", unicodedata.normalize("NFKC", typed))
