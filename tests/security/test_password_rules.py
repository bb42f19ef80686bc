"""Which passwords are accepted."""

from __future__ import annotations

import random
import string
import time
import tomllib
from pathlib import Path

import pytest

from chat.security.guessing import common_passwords, common_words
from chat.security.password_rules import GUESSABLE, problems


def found(password: str, *, email: str = "dora.long@example.com", site_name: str = "Quart Chat") -> list[str]:
    return problems(password, min_length=8, email=email, site_name=site_name)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "xK3#vv9q",
        "пароль на каждый день",
        "密码是秘密密码吧",
        "🔑🚪🧱🪟🏡🌳🐦🌻",
        "  with spaces around  ",
        "with\x00nul-inside",
        "nineteen lilac crayons " * 44,
        "dora likes long walks on the beach",
    ],
)
def test_good_passwords_of_any_characters_are_accepted(password: str) -> None:
    assert found(password) == []


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short 7", "8 characters or more"),
        ("é" * 7, "8 characters or more"),
        ("é" * 513, "1,024 bytes"),
        ("x" * 1025, "1,024 bytes"),
        ("password1", "Many people have this password"),
        ("PassWord1", "Many people have this password"),
        (" iloveyou1 ", "Many people have this password"),
        ("dora.long@example.com", "the email address"),
        ("DORA.LONG", "the email address"),
        ("dora.long1", "the email address"),
        ("example.com", "the email address"),
        ("d0ra.long@example.com!", "the email address"),
        ("quart chat", "the name of this site"),
        ("QuartChat1", "the name of this site"),
    ],
)
def test_bad_passwords_are_explained_in_one_sentence(password: str, words: str) -> None:
    (sentence,) = found(password)

    assert words in sentence
    assert sentence.count(".") >= 2, "it also says what to do"


def test_all_mistakes_are_reported_together() -> None:
    assert len(found("quart", email="quart@example.com")) == 3


def test_without_an_address_or_a_name_the_other_rules_hold() -> None:
    assert found("correct horse", email="", site_name="") == []
    assert len(found("password", email="", site_name="")) == 1


def test_the_list_is_long_and_compared_without_case() -> None:
    listed = common_passwords()

    assert len(listed) >= 10_000
    assert all(one == one.casefold() for one in listed)


# Predictable passwords

TABLE = tomllib.loads(Path(__file__).with_name("passwords.toml").read_text("utf-8"))


@pytest.mark.parametrize("passwords", TABLE["refused"].values(), ids=TABLE["refused"])
def test_predictable_passwords_are_refused(passwords: list[str]) -> None:
    for password in passwords:
        assert found(password), password
        assert found(password)[0].count(".") >= 2, "it also says what to do"


@pytest.mark.parametrize("passwords", TABLE["accepted"].values(), ids=TABLE["accepted"])
def test_unpredictable_passwords_are_accepted(passwords: list[str]) -> None:
    for password in passwords:
        assert found(password) == [], password


def test_the_sentence_says_what_to_do() -> None:
    assert found("password1234567") == [GUESSABLE]
    assert "Use a few unrelated words, or let a password manager create one." in GUESSABLE


@pytest.mark.parametrize(("alphabet", "length"), [(string.ascii_letters + string.digits, 12), (string.hexdigits, 16)])
def test_random_passwords_are_accepted(alphabet: str, length: int) -> None:
    chance = random.Random(1)
    for _ in range(500):
        password = "".join(chance.choices(alphabet, k=length))
        assert found(password) == [], password


def test_random_words_are_accepted_even_if_all_of_them_are_in_the_list() -> None:
    """Four words of the list are 60 bits; those that leaked most often count as less."""
    chance = random.Random(1)
    words = [word for word in common_passwords() if word.isalpha() and len(word) >= 5]
    for _ in range(500):
        password = " ".join(chance.choices(words, k=4))
        assert found(password) == [], password


@pytest.mark.parametrize(
    ("password", "email"),
    [
        ("ab" * 512, "ba" * 32 + "@" + ".".join(["ab" * 30] * 3)),
        ("İ" * 512, "İ" * 254),
        ("a" * 180, "a" * 100),
        ("", ""),
        ("4@8({[<369&#!1/|0$5+7%2" * 44, ""),  # zxcvbn takes seconds for these
        ("password" * 128, ""),
        ("".join(map(chr, range(0x100, 0x300))), ""),
        ("19902000" * 128, ""),
        ("ﷺ" * 341, ""),  # one of these letters becomes 18
        (("a" * 31 + "b") * 32, ""),
        ("12345678901qwertyuiop" * 48, ""),
    ],
)
def test_the_longest_passwords_are_checked_quickly(password: str, email: str) -> None:
    common_words()
    began = time.thread_time()
    found(password, email=email, site_name="ab" * 500)

    assert time.thread_time() - began < 1
