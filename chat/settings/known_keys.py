"""Keys that everyone can know: printed in documentation, digits of constants, and hashes of common passwords."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from functools import partial

from chat.checkout import ROOT

# The list that passwords are compared with; only its data, since settings lie below security.
COMMON_PASSWORDS = ROOT / "chat" / "security" / "common_passwords.txt.gz"
MOST_COMMON = 1000  # of them, the most frequent first
MORE_WORDS = (
    "", "key", "secretkey", "secret_key", "secret-key", "s3cr3t", "default", "example", "root", "guest", "admin",
    "administrator", "user", "demo", "public", "private", "token", "jwt", "api", "salt", "login", "pass", "passw0rd",
    "changeit", "hello", "hello world", "foo", "bar", "foobar", "chat", "app", "django", "flask", "production", "123",
)  # fmt: skip
PLACEHOLDERS = (
    "django-insecure-", "changeme", "change-me", "change_me", "example", "your-secret", "your_secret", '{"alg":',
)  # fmt: skip
# Random, but printed in documentation, or the default of a well-known program. Lower case, UUIDs without hyphens.
PUBLISHED = (
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's tutorial
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",  # Flask's quickstart
    '_5#y2l"f4q8z',  # an older one
    "c292a0a3aa32397cdb050e233733900f",  # Redash
    "upnvntn3cdxhjpq99ymc1t1aqgqpc8kfyturgbiya15blrx8etqoxz3gzv1/u2oq",  # Supabase
    "r(m)9nlgnz$(_q3n4z1k(efsmcjjjzx08x9vhnvcfd%6rf#r!6de@+v5zk2x",  # NetBox's image
    "46bkjoqylppoexq0ohdznilnepkff87wfwlbfzqddho",  # Airflow's image
    "wjalrxutnfemi/k7mdeng/bpxrficy",  # AWS's documentation
    "sk_test_4ec39hqlyjwdarjtt1zdp7dc",  # Stripe's
    "2b7e151628aed2a6abf7158809cf4f3c",  # the AES standard
    "603deb1015ca71be2b73aef0857d7781",
    "b374a26a71490437aa024e4fadd5b497fdff1a8ea6ff12f6fb65af2720b59ccf",  # ASP.NET's
    "123e4567e89b12d3a45642",  # UUIDs of documentation and of standards
    "550e8400e29b41d4a716446655440000",
    "f47ac10b58cc4372a5670e02b2c3d479",
    "6ba7b8109dad11d180b400c04fd430c8",
    "6ba7b8119dad11d180b400c04fd430c8",
    "6ba7b8129dad11d180b400c04fd430c8",
    "6ba7b8149dad11d180b400c04fd430c8",
)
DIGITS = (  # of π, e, the roots of 2, 3 and 5, the golden ratio, ln 2 and Euler's constant, without the first digit
    "14159265358979323846", "71828182845904523536", "41421356237309504880", "73205080756887729352",
    "23606797749978969640", "61803398874989484820", "93147180559945309417", "77215664901532860606",
)  # fmt: skip
HEX_WORDS = re.compile(  # the magic numbers that programmers spell in hexadecimal
    "deadbeef|cafebabe|0badf00d|baadf00d|8badf00d|1badb002|defec8ed|feedface|facefeed|c00010ff|deadc0de|deadbabe|"
    "deadcafe|deadf00d|decafbad|cafed00d|cafef00d|cafebeef|beefcafe|beefbabe|abadbabe|abadcafe|b16b00b5|feedbeef"
)
HASH = re.compile(r"[0-9a-f]{32,}")
HASHES = [  # builds of Python that allow approved algorithms only have the first two for other purposes
    partial(one, usedforsecurity=False) for one in (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512)
]
SEPARATORS = re.compile(r"[-.:\s]")


def is_known(text: str) -> bool:
    """Whether the text contains something published, or a hash of a common password or its start; in 10 ms."""
    folded = text.lower()
    bare = SEPARATORS.sub("", folded)
    if any(one in folded or one in bare for one in (*PLACEHOLDERS, *PUBLISHED, *DIGITS)):
        return True
    hashes = (*HASH.findall(folded), *HASH.findall(bare))
    return bool(hashes) and any(_digests_start_with(hashes, word) for word in _common_words())


def _digests_start_with(hashes: tuple[str, ...], word: bytes) -> bool:
    return any(hashed(word).hexdigest().startswith(hashes) for hashed in HASHES)


def _common_words() -> Iterator[bytes]:
    """The common words, also with the end of the line that `echo` adds."""
    passwords = gzip.decompress(COMMON_PASSWORDS.read_bytes()).split()[:MOST_COMMON]
    for word in (*map(str.encode, MORE_WORDS), *passwords):
        yield word
        yield word + b"\n"
