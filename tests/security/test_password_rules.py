"""Which passwords are accepted."""

from __future__ import annotations

import gzip
import time

import pytest

from chat.security.password_rules import COMMON, common_passwords, problems


def found(password: str, *, email: str = "dora.long@example.com", site_name: str = "Quart Chat") -> list[str]:
    return problems(password, min_length=8, email=email, site_name=site_name)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "xK3#vv9q",
        "пароль на каждый день",
        "密码是秘密密码吧",
        "🔑🔑🔑🔑🔑🔑🔑🔑",
        "  with spaces around  ",
        "with\x00nul-inside",
        "x" * 1024,
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
    listed = gzip.decompress(COMMON.read_bytes()).decode().split()

    assert len(listed) >= 10_000
    assert all(one == one.casefold() for one in listed)


@pytest.mark.parametrize(
    ("password", "email"),
    [
        ("ab" * 512, "ba" * 32 + "@" + ".".join(["ab" * 30] * 3)),
        ("İ" * 512, "İ" * 254),
        ("a" * 180, "a" * 100),
        ("", ""),
    ],
)
def test_the_longest_passwords_are_checked_quickly(password: str, email: str) -> None:
    common_passwords()
    began = time.thread_time()
    found(password, email=email, site_name="ab" * 500)

    assert time.thread_time() - began < 1
