"""Counting tokens with o200k_base, whose ranks are shipped in `data/`: no download, no network."""

from __future__ import annotations

import asyncio
import os
from functools import cache
from hashlib import sha256
from pathlib import Path

import tiktoken

DATA = Path(__file__).parent / "data"
RANKS = DATA / "fb374d419588a4632f3f557e76b4b70aebbca790"  # tiktoken looks for the SHA-1 of the file's address
MAX_PIECE = 20_000  # characters: a word of 8 million took 20 s and 400 MB
RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"


def load() -> None:
    """Load the ranks ahead of the first count: it takes a second and 80 MB."""
    _encoding()


async def count_tokens(texts: list[str]) -> list[int]:
    """The tokens of each text, counted in a thread: a long text takes long."""
    return await asyncio.to_thread(lambda: list(map(_counted, texts)))


def _counted(text: str) -> int:
    """Piece by piece, which can count one token more for each piece."""
    pieces = (text[start : start + MAX_PIECE] for start in range(0, len(text), MAX_PIECE))
    return sum(len(_encoding().encode_ordinary(piece)) for piece in pieces)


def token_ids(text: str) -> list[tuple[int, int]]:
    """The number of each token, which is its rank by frequency, and its length in bytes."""
    encoding = _encoding()
    return [(token, len(encoding.decode_single_token_bytes(token))) for token in encoding.encode_ordinary(text)]


def most_tokens(text: str) -> int:
    """A cheap upper bound: no text has more tokens than bytes."""
    return len(text.encode())


@cache
def _encoding() -> tiktoken.Encoding:
    # tiktoken deletes a damaged file and then asks the network, so it is checked before tiktoken sees it.
    if sha256(RANKS.read_bytes()).hexdigest() != RANKS_SHA256:
        raise RuntimeError(f"{RANKS} is damaged: restore it from the repository")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(DATA)
    return tiktoken.get_encoding("o200k_base")
