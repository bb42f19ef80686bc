"""Password hashing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
import sys

import pytest
from argon2 import PasswordHasher

from chat.checkout import ROOT
from chat.security.passwords import HASHER, Passwords
from chat.security.tokens import new_token, token_hash
from tests.support.waiting import LONG_SECONDS

COST = "$argon2id$v=19$m=19456,t=2,p=1$"
# Made by Django 5.2 itself.
DJANGO_600K = "pbkdf2_sha256$600000$seasalt$OAXyhAQ/4ZDA9V5RMExt3C1OwQdUpLZ99vm1McFlLRA="


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    """As in every process but that of the tests, which hash at almost no cost."""
    return Passwords(HASHER)


def test_a_process_hashes_at_full_cost() -> None:
    ask = "import asyncio; from chat.security.passwords import Passwords; print(asyncio.run(Passwords().hash('x')))"
    said = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)

    assert said.stdout.startswith(COST)


@pytest.mark.parametrize(
    "password", ["a-good-long-passphrase", "пароль-парольный", "🙂" * 8, "with\x00nul-inside", " x  y "]
)
async def test_only_the_same_password_matches(passwords: Passwords, password: str) -> None:
    stored = await passwords.hash(password)

    assert stored.startswith(COST)
    assert await passwords.verify(stored, password)
    assert not await passwords.verify(stored, password + "x")


@pytest.mark.parametrize("stored", [None, "", "garbage", "$argon2id$v=19$m=8,t=1,p=1$bad"])
async def test_no_hash_matches_nothing(passwords: Passwords, stored: str | None) -> None:
    assert not await passwords.verify(stored, "no user has this password")


async def test_a_hash_of_other_parameters_wants_a_new_one(passwords: Passwords) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("password")

    assert passwords.needs_rehash(old)
    assert not passwords.needs_rehash(await passwords.hash("password"))


def django_hash(password: str, *, iterations: int = 1000, salt: str = "Zv8XsQ0aSalt") -> str:
    """A hash as django.contrib.auth.hashers.PBKDF2PasswordHasher makes it."""
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(made).decode()}"


async def test_a_hash_that_django_made_is_understood_and_wants_a_new_one(passwords: Passwords) -> None:
    assert await passwords.verify(DJANGO_600K, "lètmein")
    assert not await passwords.verify(DJANGO_600K, "letmein")
    assert passwords.needs_rehash(DJANGO_600K)


@pytest.mark.parametrize(
    "stored",
    [
        django_hash("password").replace("$1000$", "$999999999999$"),
        django_hash("password").replace("$1000$", "$0$"),
        django_hash("password").replace("$1000$", "$-1$"),
        django_hash("password").rsplit("$", 1)[0] + "$",
        "pbkdf2_sha256$",
        "pbkdf2_sha256$1000",
        "pbkdf2_sha256$x$y$z",
        "pbkdf2_sha256$1000$salt$ünïcödé",
        "pbkdf2_sha1$1000$salt$hash",
    ],
)
async def test_a_broken_hash_matches_nothing_and_blocks_nothing(passwords: Passwords, stored: str) -> None:
    async with asyncio.timeout(LONG_SECONDS):
        assert not await passwords.verify(stored, "password")
    assert await passwords.verify(django_hash("password"), "password")


async def test_the_event_loop_continues_while_hashing(passwords: Passwords) -> None:
    hashing = asyncio.gather(*(passwords.hash("password") for _ in range(4)))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0)
    await hashing

    assert turns > 10


def test_tokens_are_long_different_and_known_by_their_hash() -> None:
    one, two = new_token(), new_token()

    assert one != two
    assert len(one) >= 43
    assert len(token_hash(one)) == 64
