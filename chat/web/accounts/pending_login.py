"""What waits for a code after the right password, for ten minutes: a login, or a second factor that is set up.

It is kept in the signed form session: nothing of it is in the database, and there is no session row before the code.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from quart import session

from chat.models import SecondFactor, User
from chat.security.tokens import token_hash
from chat.services.accounts import two_factor

LOGIN, SET_UP = "unfinished_login", "unfinished_set_up"
UNFINISHED_SECONDS = 600
TARGET_MAX_BYTES = 1_000  # as the cookie has it, where é takes six; browsers drop cookies of more than 4 kB


@dataclass(frozen=True, slots=True)
class UnfinishedLogin:
    """Whose password was right, and what was chosen then."""

    user: User
    target: str
    remember: bool


def begin_login(user: User, *, target: str, remember: bool) -> None:
    """The password was right, and the code comes next."""
    target = target if len(json.dumps(target)) <= TARGET_MAX_BYTES else "/chat/"
    begun = {"user": str(user.id), "password": _stamp(user), "target": target, "remember": remember}
    session[LOGIN] = begun | {"at": int(time.time())}


async def unfinished_login() -> UnfinishedLogin | None:
    """None if there is none, it is too old, or since then the password, the user or the second factor went."""
    begun = _fresh(LOGIN)
    user = await User.get_or_none(id=begun["user"], is_active=True) if begun else None
    if begun is None or user is None or _stamp(user) != begun["password"] or not await two_factor.factor_of(user):
        return None
    return UnfinishedLogin(user, begun["target"], begun["remember"])


async def begin_set_up(user: User) -> None:
    """The password was right, and the app comes next."""
    session[SET_UP] = {"nonce": await two_factor.begin_set_up(user), "at": int(time.time())}


async def unfinished_set_up(user: User) -> SecondFactor | None:
    """What this browser began to set up; None if that is over, replaced, or too long ago."""
    begun = _fresh(SET_UP)
    return await two_factor.pending_set_up(user, begun["nonce"]) if begun else None


def finish(name: str) -> None:
    """It is over."""
    session.pop(name, None)


def _fresh(name: str) -> dict[str, Any] | None:
    begun: dict[str, Any] | None = session.get(name)
    return begun if begun and time.time() - begun["at"] <= UNFINISHED_SECONDS else None


def _stamp(user: User) -> str:
    """Changes with the password. Whoever reads the cookie learns nothing: what is hashed has a random salt in it."""
    return token_hash(user.password_hash)
