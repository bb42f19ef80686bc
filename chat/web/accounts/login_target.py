"""Where a login leads, remembered in the form session during a sign-up, a reset or an email confirmation."""

from __future__ import annotations

import json

from quart import session

TARGET = "target"
TARGET_MAX_BYTES = 1_000  # as JSON, where é takes 6 bytes; browsers drop cookies of more than 4 kB


def remember(target: str) -> None:
    """Remember the target, unless it is too long for the cookie."""
    if fits(target):
        session[TARGET] = target


def remembered() -> str:
    """The remembered target, or the chat."""
    target: str = session.get(TARGET, "/chat/")
    return target


def forget() -> None:
    session.pop(TARGET, None)


def fits(target: str) -> bool:
    """Whether a cookie can hold the target."""
    return len(json.dumps(target)) <= TARGET_MAX_BYTES
