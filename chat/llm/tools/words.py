"""How a tool call is described to people: what the tool does or did, and to what, in a few words."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from chat.text import storable

MAX_CHARACTERS = 64
CAMEL_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Words:
    """`doing` while the tool runs, `done` afterwards; `about` names the argument that is shown beside them."""

    doing: str
    done: str
    about: str = ""

    def detail(self, arguments_json: str) -> str:
        """The argument's value on one line, as the model wrote it; empty if there is none that reads as a phrase."""
        value = _arguments(arguments_json).get(self.about) if self.about else None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        try:
            return _short(str(value))
        except ValueError:  # an integer of more than 4,300 digits
            return ""


def words_of(name: str, doing: str = "", done: str = "", about: str = "", *, parameters: Collection[str] = ()) -> Words:
    """The words that a tool has chosen, or its name as words. Raises TypeError if they don't fit the tool."""
    if bool(doing) != bool(done):
        raise TypeError(f"{name}: give both `doing` and `done`, or neither")
    if about and about not in parameters:
        raise TypeError(f"{name}: `about` is {about!r}, which is not a parameter that the model fills in")
    return Words(doing or _from_name(name), done or _from_name(name), about)


def _from_name(name: str) -> str:
    """`get_secret_number` and `getSecretNumber` become "Get secret number"."""
    words = _short(re.sub(r"[_\-.]+", " ", CAMEL_HUMP.sub(" ", name))) or "Tool"
    lower = " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words.split(" "))
    return lower[:1].upper() + lower[1:]


def _short(text: str) -> str:
    line = " ".join(storable(text[: MAX_CHARACTERS * 4]).split())
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1].rstrip() + "…"


def _arguments(text: str) -> dict[str, object]:
    """No arguments if the model's JSON is broken, or was cut off for the preview."""
    try:
        arguments = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return arguments if isinstance(arguments, dict) else {}
