"""Foreign words in markdown, where they cannot turn into markup."""

from __future__ import annotations

import re
from urllib.parse import quote

MAX_QUOTE_CHARACTERS = 500
MAX_CODE_CHARACTERS = 2_000
_SPECIAL = re.compile(r"([\\`*_\[\]<>~|#&])")
_ADDRESS = ":/?#@!$&'*+,;=-._~%"


def escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def quotation(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in escaped(_short(text, MAX_QUOTE_CHARACTERS)).splitlines())


def code(text: str) -> str:
    """A span of code in one line."""
    words = _short(text, MAX_CODE_CHARACTERS).replace("`", "'").split()
    return f"`{' '.join(words)}`"


def link(title: str, url: str) -> str:
    """A link; only its title in bold where there is no address."""
    words = escaped(" ".join(title.split())) or "untitled"
    return f"[{words}]({quote(url, safe=_ADDRESS)})" if url else f"**{words}**"


def _short(text: str, most: int) -> str:
    return (text if len(text) <= most else text[:most] + "…") or "(nothing)"
