"""Whether a SECRET_KEY could be guessed: how much of it is words, patterns and repeats, or published elsewhere."""

from __future__ import annotations

import math
import re

from chat.llm.tokens import token_ids

MIN_BYTES = 32
MIN_DISTINCT = 8
# Bits per character, as `_bits` counts them. Of 400,000 keys by `secrets.token_hex(16)`, the least had 4.2; of 200,000
# by `token_urlsafe(24)` 5.0, and 4.2 with digits read as text. Ten times as many keys have 0.25 less, so fewer than
# one in a hundred million is below these bounds, and of longer keys none. Sentences have 2 to 3.8.
LEAST_HEX, LEAST, LEAST_READ = 3.2, 3.9, 3.4
HEX = re.compile(r"[0-9a-f-]+", re.IGNORECASE)
DIGITS_AS_TEXT = str.maketrans("0134578@$!", "oleastbasi")
KEYBOARD = (
    "1234567890 qwertyuiop asdfghjkl zxcvbnm azertyuiop qsdfghjklm qwertzuiop yxcvbnm !@#$%^&*() "
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p 8ik,9ol.0p;/ zaq12wsxcde34rfvbgt56yhnmju78ik,.lo90p;/"
)
WALKS = f"{KEYBOARD} {KEYBOARD[::-1]}"
PLACEHOLDERS = ("django-insecure-", "changeme", "change-me", "change_me", "example", "your-secret", "your_secret")
# Random, but printed in documentation, or the default of a well-known program: everyone knows them.
KNOWN = (
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's tutorial
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",  # Flask's quickstart
    "c292a0a3aa32397cdb050e233733900f",  # Redash
    "upnvntn3cdxhjpq99ymc1t1aqgqpc8kfyturgbiya15blrx8etqoxz3gzv1/u2oq",  # Supabase
    "r(m)9nlgnz$(_q3n4z1k(efsmcjjjzx08x9vhnvcfd%6rf#r!6de@+v5zk2x",  # NetBox's image
    "46bkjoqylppoexq0ohdznilnepkff87wfwlbfzqddho",  # Airflow's image
    "wjalrxutnfemi/k7mdeng/bpxrficy",  # AWS's documentation
    "2b7e151628aed2a6abf7158809cf4f3c",  # the AES standard
    "603deb1015ca71be2b73aef0857d7781",
    "31415926535897932384626433832795",
    "27182818284590452353602874713526",
)


def is_guessable(key: str) -> bool:
    """Whether a guesser who tries words, patterns, sentences and published keys would find the key."""
    folded = key.lower()
    if len(key.encode()) < MIN_BYTES or len(set(key)) < MIN_DISTINCT:
        return True
    if any(known in folded for known in (*KNOWN, *PLACEHOLDERS)):
        return True
    if HEX.fullmatch(key):
        return _bits(key, key) < LEAST_HEX * len(key)
    read = folded.translate(DIGITS_AS_TEXT)
    return _bits(key, key) < LEAST * len(key) or _bits(key, read) < LEAST_READ * len(key)


def _bits(key: str, read: str) -> float:
    """The information in a key, as a tokenizer of text reads it: a common word costs as much as 3 random characters.

    A token's number is its rank, so its logarithm is its cost. A token that only continues a pattern costs nothing.
    """
    expected = _expected(key.lower())
    bits, start = 0.0, 0
    for token, length in token_ids(read):
        if not all(expected[start : start + length]):
            bits += math.log2(max(token, 64))
        start += length
    return bits


def _expected(text: str) -> list[bool]:
    """Which characters continue a pattern: a row of the keyboard, an earlier part, or steps like abc, aaa or a1b2c3."""
    codes = list(map(ord, text))
    return [
        _is_step(codes, place)
        or (place >= 2 and text[place - 2 : place + 1] in WALKS)  # noqa: PLR2004
        or (place >= 3 and text.find(text[place - 3 : place + 1]) < place - 3)  # noqa: PLR2004
        for place in range(len(text))
    ]


def _is_step(codes: list[int], place: int) -> bool:
    for distance in (1, 2, 3):
        if place >= 2 * distance:
            last = codes[place] - codes[place - distance]
            if abs(last) <= 1 and last == codes[place - distance] - codes[place - 2 * distance]:
                return True
    return False
