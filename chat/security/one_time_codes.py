"""Codes that are good once: those that an app makes from a shared secret and the time, and recovery codes on paper."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata

from pyotp import HOTP, TOTP

STEP_SECONDS = 30
SKEW_STEPS = 1  # clocks of phones are not exact, and typing takes its time
SECRET_BYTES = 20  # as long as the SHA-1 that all apps know; what they make of it is not weakened by its collisions
CODE = re.compile(r"[0-9]{6}")
RECOVERY_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nothing that looks like another one
RECOVERY_LENGTH = 16  # 80 bits: out of reach even for whoever has the table of hashes
RECOVERY_CODE = re.compile(f"[{RECOVERY_ALPHABET}]{{{RECOVERY_LENGTH}}}")
LOOK_ALIKES = str.maketrans("oil", "011")


def shared_secret(key: str, owner: str, nonce: str) -> str:
    """What the app and the site know, in base32. Made from the site's key, so that a stolen table tells nobody a code.

    The owner is in it too: a row that was copied to another user is worth nothing there.
    """
    made = hmac.digest(key.encode(), f"second factor:{owner}:{nonce}".encode(), hashlib.sha256)
    return base64.b32encode(made[:SECRET_BYTES]).decode()


def app_link(secret: str, *, email: str, site_name: str) -> str:
    """The address that a QR code brings into an app."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=site_name)


def matching_step(secret: str, code: str, *, now: float) -> int | None:
    """The time step that a code belongs to, about now; None for every other text."""
    typed = _bare(code)
    if not CODE.fullmatch(typed):
        return None
    newest = int(now) // STEP_SECONDS + SKEW_STEPS
    steps = [step for step in range(newest, newest - 2 * SKEW_STEPS - 1, -1) if step >= 0]
    # All of them are compared, so that the time does not tell how near a guess was.
    matching = [step for step in steps if hmac.compare_digest(HOTP(secret).at(step), typed)]
    return matching[0] if matching else None


def new_recovery_code() -> str:
    """Random, in groups of four."""
    letters = "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, RECOVERY_LENGTH, 4))


def bare_recovery_code(typed: str) -> str | None:
    """As it is hashed, however it was typed; None for what cannot be one."""
    bare = _bare(typed).lower().translate(LOOK_ALIKES)
    return bare if RECOVERY_CODE.fullmatch(bare) else None


def _bare(typed: str) -> str:
    """Without spaces and dashes, and with the digits of this world: some keyboards write wide ones."""
    return re.sub(r"[\s\u2010-\u2015-]", "", unicodedata.normalize("NFKC", typed))
