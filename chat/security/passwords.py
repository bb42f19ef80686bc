"""Password hashing by argon2id, off the event loop; hashes made by Django are accepted, and replaced at login."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's parameters: 37 ms and 19 MiB per hash. The library's defaults take 240 ms and 64 MiB.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
Result = TypeVar("Result")
DJANGO = "pbkdf2_sha256$"
DJANGO_MAX_ITERATIONS = 2_000_000  # half a second; more would delay the logins of others
THREADS = 2  # bounds memory, and keeps a burst of logins from using every core


class Passwords:
    """Hashes and verifies in its own threads; argon2 releases the GIL."""

    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        self._hasher = hasher
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._dummy = hasher.hash("no user has this password")

    async def hash(self, password: str) -> str:
        """The text to store."""
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; without a stored hash it takes as long, so that timing reveals nothing."""
        matches = await self._run(self._matches, self._dummy if stored is None else stored, password)
        return matches and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Whether the hash was made by Django or with other parameters than today's."""
        return stored.startswith(DJANGO) or self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Stop the threads."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        if stored.startswith(DJANGO):
            return _matches_django(stored, password)
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[..., Result], *arguments: str) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)


def _matches_django(stored: str, password: str) -> bool:
    """Django stores `pbkdf2_sha256$<iterations>$<salt>$<base64>`."""
    _, iterations, salt, expected = f"{stored}$$$".split("$")[:4]
    if not iterations.isdecimal() or not 0 < int(iterations) <= DJANGO_MAX_ITERATIONS:
        return False
    found = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), int(iterations))
    return hmac.compare_digest(base64.b64encode(found), expected.encode())
