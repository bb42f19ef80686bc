"""What a check finds: ok, a warning or a problem, in a sentence, and what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """A problem keeps the site from working, or lets it work wrongly, until someone changes something.

    A warning is a risk, or may pass by itself: it must not stop a release.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """One line of the report."""

    check: str
    level: Level
    says: str
    to_do: str = ""


def ok(check: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Level.OK, says)


def warning(check: str, says: str, to_do: str) -> Finding:
    """The site works."""
    return Finding(check, Level.WARNING, says, to_do)


def problem(check: str, says: str, to_do: str) -> Finding:
    """The site does not work as it should."""
    return Finding(check, Level.PROBLEM, says, to_do)
