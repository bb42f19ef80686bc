"""Reading a table of a TOML file key by key: each problem is collected with the key's place, and no secret is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MAX_SHOWN = 60  # characters of a wrong value in its complaint
_TYPES = {
    bool: "true or false",
    int: "a whole number",
    str: "a string",
    list: "a list",
    dict: "a table",
    float: "a number",
}
_KEY = re.compile(
    r"(?:(?:sk|rk|pk|gsk|hf|xai|nvapi|pplx|ghp|key)[-_]|AIza|AKIA)[A-Za-z0-9_-]{16,}"
)  # of known providers


class Table:
    """One table; `place` is the beginning of each of its keys in a complaint, like `model[2].`."""

    def __init__(self, values: dict[str, Any], place: str, problems: list[str]) -> None:
        self._left = dict(values)
        self._known: list[str] = []
        self.place = place
        self.problems = problems

    def complain(self, key: str, sentence: str) -> None:
        self.problems.append(f"{self.place}{key}: {sentence}")

    def text(self, key: str, *, longest: int, required: bool = False) -> str:
        """The text without spaces around it; empty if it is missing or wrong."""
        value: str = self._take(key, str, "").strip()
        if looks_like_key(value):
            self.complain(
                key, "holds what looks like a key; put it in an environment variable and name the variable in key_env"
            )
        elif not value.isprintable():
            self.complain(key, "has a character that can't be shown, like a line break")
        elif len(value) > longest:
            self.complain(key, f"has {len(value)} characters; the maximum is {longest}")
        elif required and not value and not self.complained(key):
            self.complain(key, "is missing")
        else:
            return value
        return ""

    def whole(self, key: str, *, least: int, most: int) -> int | None:
        value: int | None = self._take(key, int, None)
        if value is not None and not least <= value <= most:
            self.complain(key, f"is {str(value)[:MAX_SHOWN]}; it must be from {least:,} to {most:,}")
            return None
        return value

    def flag(self, key: str) -> bool | None:
        value: bool | None = self._take(key, bool, None)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts, each once."""
        value: list[Any] = self._take(key, list, [])
        if not all(isinstance(word, str) for word in value):
            self.complain(key, "must be a list of strings")
            return ()
        return tuple(dict.fromkeys(word.strip() for word in value))

    def tables(self, key: str) -> list[Table]:
        """The tables `[[key]]`, which complaints number from 1."""
        values: list[Any] = self._take(key, list, [], wanted=f"written as [[{key}]], with two brackets")
        if not all(isinstance(value, dict) for value in values):
            self.complain(key, f"must be tables, each starting with [[{key}]]")
            return []
        return [
            Table(value, f"{self.place}{key}[{number}].", self.problems) for number, value in enumerate(values, start=1)
        ]

    def close(self, advice: Mapping[str, str]) -> None:
        """Complain about the keys that were never read; `advice` has sentences for keys that are often tried."""
        for key in self._left:
            if key in advice:
                self.complain(key, advice[key])
                continue
            name = "a key" if looks_like_key(key) else key[:MAX_SHOWN] if key.isprintable() else repr(key)[:MAX_SHOWN]
            self.complain(name, f"is unknown; the keys here are {', '.join(self._known)}")

    def _take(self, key: str, kind: type, default: Any, *, wanted: str = "") -> Any:
        self._known.append(key)
        if key not in self._left:
            return default
        value = self._left.pop(key)
        if type(value) is not kind:  # in Python, True is a whole number
            was = _TYPES.get(type(value), "a date")
            self.complain(key, f"must be {wanted or _TYPES[kind]}, not {was}")
            return default
        return value

    def complained(self, key: str) -> bool:
        return any(problem.startswith(f"{self.place}{key}: ") for problem in self.problems)


def looks_like_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def quoted(words: Iterable[str]) -> str:
    """The words as a complaint quotes them."""
    shown = (word if word.isprintable() and not looks_like_key(word) else "…" for word in words)
    return ", ".join(f'"{word[:MAX_SHOWN]}"' for word in shown)
