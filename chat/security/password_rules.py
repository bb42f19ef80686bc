"""Which passwords are taken, said in sentences that help: the one place for every page and command that sets one."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

PASSWORD_MAX_BYTES = 1024  # more is an attempt to keep the processor busy
COMMON = Path(__file__).with_name("common_passwords.txt.gz")
TOO_SIMILAR = 0.7  # of 1, as in Django
NAME_MAX_LENGTH = 100  # longer ones are only looked at as a whole: comparing letter by letter takes the square of it


def problems(password: str, *, min_length: int, email: str, site_name: str) -> list[str]:
    """What is wrong with a password, a sentence each; empty if nothing is.

    Any characters are taken as they are: only for the comparisons letters' case and spaces around them do not count.
    There is no rule about digits or capitals, since such rules make passwords that are easy to foresee.
    """
    if len(password.encode("utf-8", "surrogatepass")) > PASSWORD_MAX_BYTES:  # first: it bounds the work of the rest
        return [f"The password can have {PASSWORD_MAX_BYTES} bytes at most, and this one has more. Shorten it."]
    found = []
    if len(password) < min_length:
        found.append(f"The password needs {min_length} characters or more. A few words in a row are easy to remember.")
    if _is_like(password, _names_of_address(email)):
        found.append("The password must not be the e-mail address or look like it. Choose words of another kind.")
    if _is_like(password, _names_of_site(site_name)):
        found.append("The password must not be the name of this site or look like it. Choose words of another kind.")
    if not found and password.casefold().strip() in common_passwords():
        found.append("Many people have this password, so it is guessed first. Choose another, or add words of yours.")
    return found


@cache
def common_passwords() -> frozenset[str]:
    """Those that leaked most often; read once, which takes 5 ms, and 1.6 MB from then on."""
    return frozenset(gzip.decompress(COMMON.read_bytes()).decode().split("\n"))


def _names_of_address(email: str) -> Iterator[str]:
    local, _, domain = email.strip().partition("@")
    yield from (email.strip(), local, domain, *re.split(r"\W+", email))


def _names_of_site(name: str) -> Iterator[str]:
    yield from (name, re.sub(r"\W+", "", name), *re.split(r"\W+", name))


def _is_like(password: str, names: Iterator[str]) -> bool:
    given = password.casefold().strip()
    return any(_are_similar(given, name.casefold()) for name in names)


def _are_similar(password: str, name: str) -> bool:
    """Names that are much shorter than the password cannot be, so a long one is not compared letter by letter."""
    most = 2 * min(len(password), len(name)) / max(1, len(password) + len(name))
    if password == name or most < TOO_SIMILAR or len(name) > NAME_MAX_LENGTH:
        return password == name != ""
    matcher = SequenceMatcher(a=password, b=name, autojunk=False)
    return matcher.quick_ratio() >= TOO_SIMILAR and matcher.ratio() >= TOO_SIMILAR
