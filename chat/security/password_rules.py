"""The password rules and their sentences, for every page and command that sets a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from chat.security.guessing import common_passwords, folded, is_guessable

PASSWORD_MAX_BYTES = 1024  # more is an attempt to keep the processor busy
GUESSABLE = (
    "This password is easy to guess: it consists of common words, names, dates, sequences or repeats. "
    "Use a few unrelated words, or let a password manager create one."
)
TOO_SIMILAR = 0.7  # of 1, as in Django
NAME_MAX_LENGTH = 100  # longer ones are only compared as a whole: comparing characters is quadratic


def problems(password: str, *, min_length: int, email: str, site_name: str) -> list[str]:
    """What is wrong with a password, a sentence each; empty if nothing is.

    All characters are accepted; only the comparisons ignore case, invisible characters and surrounding spaces.
    There is no rule about digits or capitals, since such rules produce predictable passwords.
    """
    if len(password.encode("utf-8", "surrogatepass")) > PASSWORD_MAX_BYTES:  # first: bounds the other checks
        return [f"Passwords can be at most {PASSWORD_MAX_BYTES:,} bytes long. Choose a shorter one."]
    found = []
    if len(password) < min_length:
        found.append(f"Use {min_length} characters or more. A few words in a row are easy to remember.")
    if _is_like(password, _names_of_address(email)):
        found.append("The password is too similar to the email address. Choose a different one.")
    if _is_like(password, _names_of_site(site_name)):
        found.append("The password is too similar to the name of this site. Choose a different one.")
    if not found and folded(password) in common_passwords():
        found.append("Many people have this password, so it is guessed first. Choose another, or add your own words.")
    if not found and is_guessable(password, [*_names_of_address(email), *_names_of_site(site_name)]):
        found.append(GUESSABLE)
    return found


def _names_of_address(email: str) -> Iterator[str]:
    local, _, domain = email.strip().partition("@")
    yield from (email.strip(), local, domain, *re.split(r"\W+", email))


def _names_of_site(name: str) -> Iterator[str]:
    yield from (name, re.sub(r"\W+", "", name), *re.split(r"\W+", name))


def _is_like(password: str, names: Iterator[str]) -> bool:
    given = folded(password)
    return any(_are_similar(given, folded(name)) for name in names)


def _are_similar(password: str, name: str) -> bool:
    """Names much shorter than the password cannot be similar, so most comparisons are skipped."""
    most = 2 * min(len(password), len(name)) / max(1, len(password) + len(name))
    if password == name or most < TOO_SIMILAR or len(name) > NAME_MAX_LENGTH:
        return password == name != ""
    matcher = SequenceMatcher(a=password, b=name, autojunk=False)
    return matcher.quick_ratio() >= TOO_SIMILAR and matcher.ratio() >= TOO_SIMILAR
