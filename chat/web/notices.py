"""A sentence that the next page says once: what was just done."""

from __future__ import annotations

from quart import session


def notify(sentence: str) -> None:
    """Say it on the next page, also after a logout: it travels in the signed cookie, so nothing secret belongs here."""
    session["notice"] = sentence


def take_notice() -> str:
    """What is to be said, and not again."""
    sentence: str = session.pop("notice", "")
    return sentence
