"""A login that waits for its two-factor code, and a two-factor set-up that waits for its first: ten minutes each.

Both are kept in the signed form session, not in the database, and no session row exists before the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quart import session

from chat.database import now
from chat.models import SecondFactor, User
from chat.security.tokens import token_hash
from chat.services.accounts import two_factor
from chat.web.accounts import login_target

# Keys in cookies: with other names, logins would be lost during a rolling deploy.
LOGIN, SET_UP = "unfinished_login", "unfinished_set_up"
PENDING_SECONDS = 600


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A user whose password was right, and the login form's choices."""

    user: User
    target: str
    remember: bool


async def begin(user: User, *, target: str, remember: bool) -> None:
    """Remember that the password was right; the code comes next."""
    target = target if login_target.fits(target) else "/chat/"
    begun = {"user": str(user.id), "password": _stamp(user), "target": target, "remember": remember}
    session[LOGIN] = begun | {"at": await _time()}


async def find() -> PendingLogin | None:
    """The pending login; None if it is too old, or if the password, the user or two-factor authentication changed."""
    begun = await _fresh(LOGIN)
    user = await User.get_or_none(id=begun["user"], is_active=True) if begun else None
    if begun is None or user is None or _stamp(user) != begun["password"] or not await two_factor.factor_of(user):
        return None
    return PendingLogin(user, begun["target"], begun["remember"])


async def begin_set_up(user: User) -> None:
    """Remember that the password was right; the app's first code comes next."""
    session[SET_UP] = {"nonce": await two_factor.begin_set_up(user), "at": await _time()}


async def find_set_up(user: User) -> SecondFactor | None:
    """The set-up that this browser began; None if it is too old, completed or replaced."""
    begun = await _fresh(SET_UP)
    return await two_factor.pending_set_up(user, begun["nonce"]) if begun else None


def forget(name: str) -> None:
    """Forget the pending `LOGIN` or `SET_UP`."""
    session.pop(name, None)


async def _fresh(name: str) -> dict[str, Any] | None:
    begun: dict[str, Any] | None = session.get(name)
    return begun if begun and await _time() - begun["at"] <= PENDING_SECONDS else None


async def _time() -> int:
    """By the database's clock: the next request can reach another host."""
    return int((await now()).timestamp())


def _stamp(user: User) -> str:
    """Changes with the password. The cookie reveals nothing by it: the hashed value contains a random salt."""
    return token_hash(user.password_hash)
