"""Codes of apps by the standard's own examples, and what people type."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from pyotp import TOTP

from chat.security.one_time_codes import (
    RECOVERY_ALPHABET,
    app_link,
    bare_recovery_code,
    key_change,
    matching_step,
    new_recovery_code,
    shared_secret,
)

KEY = "a site's key of more than 32 bytes, as it has to be"
STANDARD = base64.b32encode(b"12345678901234567890").decode()  # RFC 6238, appendix B
NOW = 1_800_000_015


def code_at(moment: float) -> str:
    return TOTP(STANDARD).at(moment)


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")],
)
def test_the_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    assert matching_step(STANDARD, code, now=moment) == moment // 30


@pytest.mark.parametrize(("seconds", "is_taken"), [(-46, False), (-45, True), (0, True), (44, True), (45, False)])
def test_a_clock_may_be_one_step_off(seconds: int, is_taken: bool) -> None:
    assert (matching_step(STANDARD, code_at(NOW + seconds), now=NOW) is not None) == is_taken


def test_the_step_of_each_code_is_returned() -> None:
    steps = [matching_step(STANDARD, code_at(NOW + seconds), now=NOW) for seconds in (-30, 0, 30)]

    assert steps == [NOW // 30 - 1, NOW // 30, NOW // 30 + 1]


def test_spaces_and_wide_digits_are_accepted() -> None:
    code = code_at(NOW)
    wide = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in code)
    for typed in (f" {code[:3]} {code[3:]}\n", f"{code[:3]}-{code[3:]}", f"{code[:3]}\u2009{code[3:]}", wide):
        assert matching_step(STANDARD, typed, now=NOW) == NOW // 30, typed


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "²³¹²³¹a", "\x00" * 6, "1" * 100, "-1e5.0"]
)
def test_other_input_is_not_a_code(typed: str) -> None:
    assert matching_step(STANDARD, typed, now=NOW) is None
    assert bare_recovery_code(typed) is None


def test_at_the_beginning_of_time_there_is_no_step_before() -> None:
    assert matching_step(STANDARD, code_at(0), now=0) == 0


def test_a_secret_needs_the_key_the_user_and_the_nonce() -> None:
    secrets = {
        shared_secret(key, owner, nonce)
        for key in (KEY, KEY + "!")
        for owner in ("alice", "bob")
        for nonce in ("one", "two")
    }

    assert len(secrets) == 8
    assert shared_secret(KEY, "alice", "one") == shared_secret(KEY, "alice", "one")
    assert all(re.fullmatch("[A-Z2-7]{32}", secret) for secret in secrets)


def test_the_secret_of_an_app_can_be_reached_from_every_key() -> None:
    secret = shared_secret(KEY, "alice", "one")
    second = key_change(secret, "second", "alice", "one")
    third = key_change(shared_secret("second", "alice", "one", second), "third", "alice", "one")

    assert second and third
    assert shared_secret("third", "alice", "one", third) == secret
    assert key_change(secret, KEY, "alice", "one") is None
    assert secret not in {shared_secret(key, "alice", "one") for key in ("second", "third")}
    assert secret not in {shared_secret("third", "bob", "one", third), shared_secret("third", "alice", "two", third)}
    assert len({second, third, base64.b32decode(secret)}) == 3


def test_the_link_names_the_account_and_the_site() -> None:
    secret = shared_secret(KEY, "alice", "one")
    link = urlsplit(app_link(secret, email="dora+x@example.com", site_name="Chat: ours & yours"))

    assert (link.scheme, link.netloc) == ("otpauth", "totp")
    assert unquote(link.path) == "/Chat: ours & yours:dora+x@example.com"
    assert parse_qs(link.query) == {"secret": [secret], "issuer": ["Chat: ours & yours"]}


def test_recovery_codes_are_all_different_and_easy_to_read() -> None:
    codes = [new_recovery_code() for _ in range(1000)]

    assert len(set(codes)) == 1000
    assert set("".join(codes)) == {*RECOVERY_ALPHABET, "-"}
    assert all(re.fullmatch("([0-9a-z]{4}-){3}[0-9a-z]{4}", code) for code in codes)


def test_a_recovery_code_can_be_typed_in_many_ways() -> None:
    for typed in (
        "10ab-cdef-gh12-3456",
        "10AB CDEF GH12 3456",
        "IOabcdefgh123456",
        " lo-ab\u2013cd\u2014ef gh12 3456 ",
    ):
        assert bare_recovery_code(typed) == "10abcdefgh123456", typed
    for wrong in ("10ab-cdef-gh12-345", "10ab-cdef-gh12-34567", "10ab-cdef-gh12-345u", "10ab-cdef-gh12-345é"):
        assert bare_recovery_code(wrong) is None, wrong
