"""The table of o200k_base, whose ranks are shipped in `data/`: no download, no network. Loaded, it takes 80 MB.

As a program it answers requests: `python token_table.py` reads a line of JSON from its input, `{"count": [texts]}` or
`{"ids": [texts]}`, and writes a line with the result. It imports nothing of `chat`, so it is small and starts quickly.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

import tiktoken

DATA = Path(__file__).parent / "data"
RANKS = DATA / "fb374d419588a4632f3f557e76b4b70aebbca790"  # tiktoken looks for the SHA-1 of the file's address
MAX_PIECE = 20_000  # characters: a word of 8 million took 20 s and 400 MB
RANKS_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
IDLE_SECONDS = 300  # without a request the program ends


def load() -> None:
    """Load the ranks in this process: it takes a second."""
    _encoding()


def is_loaded() -> bool:
    """Whether this process has the ranks, perhaps from the one that it was forked from."""
    return _encoding.cache_info().currsize > 0


def counted(texts: list[str]) -> list[int]:
    """The tokens of each text."""
    return list(map(_counted, texts))


def token_ids(text: str) -> list[tuple[int, int]]:
    """The number of each token, which is its rank by frequency, and its length in bytes."""
    encoding = _encoding()
    return [(token, len(encoding.decode_single_token_bytes(token))) for token in encoding.encode_ordinary(text)]


def _counted(text: str) -> int:
    """Piece by piece, which can count one token more for each piece."""
    pieces = (text[start : start + MAX_PIECE] for start in range(0, len(text), MAX_PIECE))
    return sum(len(_encoding().encode_ordinary(piece)) for piece in pieces)


@cache
def _encoding() -> tiktoken.Encoding:
    # tiktoken deletes a damaged file and then asks the network, so it is checked before tiktoken sees it.
    if sha256(RANKS.read_bytes()).hexdigest() != RANKS_SHA256:
        raise RuntimeError(f"{RANKS} is damaged: restore it from the repository")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(DATA)
    return tiktoken.get_encoding("o200k_base")


def _answer_requests() -> None:
    """Until the input ends, with the process that asks, or nothing was asked for a while.

    A signal to all processes, as hosts send it before a restart, must not end it while answers are being stored.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    load()
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.buffer.readline()):
        request = json.loads(line)
        result = list(map(token_ids, request["ids"])) if "ids" in request else counted(request["count"])
        sys.stdout.buffer.write(json.dumps(result).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _answer_requests()
