"""Hashing."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher

from chat.security.passwords import Passwords
from chat.security.tokens import new_token, token_hash


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.mark.parametrize(
    "password", ["a-good-long-passphrase", "пароль-парольный", "🙂" * 8, "with\x00nul-inside", " x  y "]
)
async def test_only_the_same_password_matches(passwords: Passwords, password: str) -> None:
    stored = await passwords.hash(password)

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(stored, password)
    assert not await passwords.verify(stored, password + "x")


@pytest.mark.parametrize("stored", [None, "", "garbage", "$argon2id$v=19$m=8,t=1,p=1$bad"])
async def test_no_hash_matches_nothing(passwords: Passwords, stored: str | None) -> None:
    assert not await passwords.verify(stored, "no user has this password")


async def test_a_hash_of_other_parameters_wants_a_new_one(passwords: Passwords) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("password")

    assert passwords.needs_rehash(old)
    assert not passwords.needs_rehash(await passwords.hash("password"))


async def test_the_event_loop_goes_on_while_hashing(passwords: Passwords) -> None:
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
