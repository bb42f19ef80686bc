"""Whether a SECRET_KEY could be guessed: how much of it is words, patterns and repeats, or published elsewhere."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from contextlib import suppress

from chat.llm.tokens import token_ids
from chat.settings.known_keys import HEX_WORDS, is_known

MIN_BYTES = 32
MIN_DISTINCT = 8
# Bits per character, as `_bits` counts them. Of 400,000 keys by `secrets.token_hex(16)`, the least had 4.2; of 200,000
# by `token_urlsafe(24)` 5.0, and 4.2 with digits read as text. Ten times as many keys have 0.25 less, so fewer than
# one in a hundred million is below these bounds, and of longer keys none. Sentences have 2 to 3.8.
LEAST_HEX, LEAST, LEAST_READ = 3.2, 3.9, 3.4
# Of 100,000 `token_urlsafe(24)` read in words, the least had 4.6; ten times as many have 0.25 less.
LEAST_WORDS = 3.7
HEX = re.compile(r"[0-9a-f-]+", re.IGNORECASE)
DIGITS_AS_TEXT = str.maketrans("0134578@$!", "oleastbasi")
DIGITS_AS_VOWELS = str.maketrans("0134578@$!", "oieastbasi")
URLSAFE = str.maketrans("-_", "+/")
LABEL = re.compile(r"^[a-z0-9]{3,9}:", re.IGNORECASE)
KEYBOARD = (
    "1234567890 qwertyuiop asdfghjkl zxcvbnm azertyuiop qsdfghjklm qwertzuiop yxcvbnm !@#$%^&*() "
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p 8ik,9ol.0p;/ zaq12wsxcde34rfvbgt56yhnmju78ik,.lo90p;/"
)
WALKS = f"{KEYBOARD} {KEYBOARD[::-1]}"
# A new word may begin at a capital; digits inside words and years are what people add to them.
NEW_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
DIGIT_IN_WORD = re.compile(r"(?<=[a-z])[0134578@$!](?=[a-z])")
YEAR = re.compile(r"(?:19|20)\d\d")


def is_guessable(key: str) -> bool:
    """Whether a guesser who tries words, patterns, sentences and published keys, also encoded, would find the key."""
    texts, digits = [key], []
    for data in _decoded(LABEL.sub("", key).strip()):
        if text := _text(data):
            texts.append(text)
        elif not HEX.fullmatch(key):
            digits.append(data.hex())
    return (
        len(key.encode()) < MIN_BYTES
        or any(len(set(text)) < MIN_DISTINCT for text in texts)
        or any(map(is_known, (*texts, *digits)))
        or any(2 * sum(_expected(one)) > len(one) for one in digits)
        or _is_predictable(texts)
    )


def _decoded(key: str) -> Iterator[bytes]:
    """What a key stands for as hexadecimal, or else as either Base64."""
    with suppress(ValueError):
        yield bytes.fromhex(key.replace("-", ""))
        return
    coded = key.rstrip("=").translate(URLSAFE)
    with suppress(ValueError):
        yield base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)


def _text(data: bytes) -> str:
    """The bytes as text; empty if they are none."""
    with suppress(ValueError):
        text = data.decode().strip()
        return text if text.isprintable() else ""
    return ""


def _is_predictable(texts: list[str]) -> bool:
    """Whether one of the texts has too little information for its length, in one of the ways to read it."""
    ways = [(text, *way) for text in texts for way in _ways_to_read(text)]
    tokens = token_ids([read for _, _, read, _ in ways])  # all at once: each call can start a process
    return any(
        _bits(expected, read) < least * len(text) for (text, expected, _, least), read in zip(ways, tokens, strict=True)
    )


def _ways_to_read(text: str) -> Iterator[tuple[list[bool], str, float]]:
    """What is expected of the text, how it is read, and the least bits per character to have."""
    expected = _expected(text.lower())
    if HEX.fullmatch(text):
        yield expected, text, LEAST_HEX
        return
    yield expected, text, LEAST
    yield expected, text.lower().translate(DIGITS_AS_TEXT), LEAST_READ
    if text not in (text.lower(), text.upper()):
        words = _in_words(text)
        yield _expected(words), words, LEAST_WORDS


def _in_words(text: str) -> str:
    """The text with its words apart, without years, and with digits inside words as the vowels they stand for."""
    apart = NEW_WORD.sub(" ", text).lower()
    return YEAR.sub("", DIGIT_IN_WORD.sub(lambda found: found[0].translate(DIGITS_AS_VOWELS), apart))


def _bits(expected: list[bool], tokens: list[tuple[int, int]]) -> float:
    """The information in a text, as a tokenizer of text reads it: a common word costs as much as 3 random characters.

    A token's number is its rank, so its logarithm is its cost. A token that only continues a pattern costs nothing.
    """
    bits, start = 0.0, 0
    for token, length in tokens:
        if not all(expected[start : start + length]):
            bits += math.log2(max(token, 64))
        start += length
    return bits


def _expected(text: str) -> list[bool]:
    """Which characters continue a pattern: a row of the keyboard, an earlier part, or steps like abc, aaa or a1b2c3."""
    codes = list(map(ord, text))
    spelled = {place for found in HEX_WORDS.finditer(text) for place in range(*found.span())}
    return [
        place in spelled
        or _is_step(codes, place)
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
