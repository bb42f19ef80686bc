"""Where somebody is logged in: start a session, find it by its cookie, end it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from chat.broadcast import Broadcast, Unavailable, user_channel
from chat.database import query
from chat.events import SessionEnded
from chat.models import IP_MAX_LENGTH, USER_AGENT_MAX_LENGTH, AuthSession, SecondFactor, User, UserSettings
from chat.security.tokens import new_token, token_hash

IDLE, ABSOLUTE = timedelta(days=14), timedelta(days=30)
UNREMEMBERED_IDLE = timedelta(days=1)  # the cookie goes with the browser, and browsers can be left open or restored
STAFF_IDLE, STAFF_ABSOLUTE = timedelta(hours=1), timedelta(hours=12)
LISTED = 50
FIND = """
SELECT {columns} FROM auth_session s JOIN users u ON u.id = s.user_id JOIN user_settings p ON p.user_id = u.id
WHERE s.token_sha256 = $1
"""
DELETE = "DELETE FROM auth_session WHERE id = ANY($1::uuid[])"
SEEN_EVERY = timedelta(minutes=1)  # a write for each request would be the site's busiest query


async def start_session(
    user: User, *, ip: str, user_agent: str, remembered: bool = True, with_code: bool = False
) -> str:
    """A new session; returns the token for the cookie, stored nowhere. `with_code`: a second factor was asked for."""
    token = new_token()
    session = await AuthSession.create(
        token_sha256=token_hash(token),
        user_id=user.id,
        ip=ip[:IP_MAX_LENGTH],
        user_agent=user_agent[:USER_AGENT_MAX_LENGTH],
        remembered=remembered,
    )
    # A password that was changed between its check and here ended the sessions that there were: so this one ends too.
    # So did a second factor that was turned on.
    is_on = not with_code and await SecondFactor.exists(user_id=user.id, confirmed_at__isnull=False)
    if is_on or not await User.exists(id=user.id, password_hash=user.password_hash):
        await session.delete()
    else:
        await User.filter(id=user.id).update(last_seen_at=session.last_seen_at)
    return token


async def renew_session(session: AuthSession) -> str:
    """Another token for the same session, whose sockets stay; the old token is worth nothing from now on."""
    token = new_token()
    await AuthSession.filter(id=session.id).update(token_sha256=token_hash(token), authenticated_at=datetime.now(UTC))
    return token


async def find_session(token: str) -> AuthSession | None:
    """The living session of a token, with its user and the user's settings.

    Every request asks this: by SQL it takes a quarter of the CPU time that `select_related` takes, which writes the
    statement anew each time.
    """
    rows = await query(_find_sql(), token_hash(token))
    session = _from_row(rows[0]) if rows else None
    if session is None or not session.user.is_active or _is_over(session, now := datetime.now(UTC)):
        return None
    if now - session.last_seen_at > SEEN_EVERY:
        await AuthSession.filter(id=session.id).update(last_seen_at=now)
        await User.filter(id=session.user.id).update(last_seen_at=now)
    return session


async def living_sessions(user: User) -> tuple[list[AuthSession], int]:
    """Where the user is logged in, last seen first, and how many there are: of very many only the newest are listed."""
    living = AuthSession.filter(Q(*(_living(user, remembered) for remembered in (True, False)), join_type="OR"))
    return await living.order_by("-last_seen_at", "-id").limit(LISTED), await living.count()


async def own_session(user: User, session_id: UUID) -> AuthSession | None:
    """The user's session, or None."""
    return await AuthSession.get_or_none(id=session_id, user_id=user.id)


async def end_session(session: AuthSession, *, broadcast: Broadcast) -> None:
    """Log out: the token stops working, and the session's sockets close."""
    await announce_ended(await delete_sessions(AuthSession.filter(id=session.id)), broadcast=broadcast)


async def end_sessions(user: User, *, but: AuthSession | None = None, broadcast: Broadcast) -> None:
    """Log the user out everywhere, or everywhere else."""
    ending = AuthSession.filter(user_id=user.id)
    ended = await delete_sessions(ending.exclude(id=but.id) if but else ending)
    await announce_ended(ended, broadcast=broadcast)


async def session_lives(session_id: object) -> bool:
    """Whether a socket may stay open."""
    session = await AuthSession.filter(id=session_id).select_related("user").first()
    return session is not None and session.user.is_active and not _is_over(session, datetime.now(UTC))


async def delete_sessions(ending: QuerySet[AuthSession]) -> list[AuthSession]:
    """Those that there were, in the caller's transaction, if there is one; `announce_ended` has to come after it."""
    ended = await ending
    await query(DELETE, [session.id for session in ended])
    return ended


async def announce_ended(ended: Sequence[AuthSession], *, broadcast: Broadcast) -> None:
    """Close the sockets of sessions that are gone, wherever they are."""
    for session in ended:
        try:
            await broadcast.channels.publish(user_channel(session.user_id), SessionEnded(session.id))
        except Unavailable:
            return  # each socket looks for its session once a minute as well


@cache
def _find_sql() -> str:
    """With all columns of the three models, whatever is added to them."""
    models: dict[str, type[Model]] = {"s": AuthSession, "u": User, "p": UserSettings}
    columns = (
        f'{table}.{name} AS "{table}.{name}"' for table, model in models.items() for name in model._meta.db_fields
    )
    return FIND.format(columns=", ".join(columns))


def _from_row(row: dict[str, Any]) -> AuthSession:
    settings = UserSettings.construct(_saved_in_db=True, **_of(row, "p"))
    user = User.construct(_saved_in_db=True, settings=settings, **_of(row, "u"))
    return AuthSession.construct(_saved_in_db=True, user=user, **_of(row, "s"))


def _of(row: dict[str, Any], table: str) -> dict[str, Any]:
    return {name.removeprefix(f"{table}."): value for name, value in row.items() if name.startswith(f"{table}.")}


def _is_over(session: AuthSession, now: datetime) -> bool:
    idle, absolute = _lifetimes(session.user, remembered=session.remembered)
    return now - session.last_seen_at > idle or now - session.created_at > absolute


def _living(user: User, remembered: bool) -> Q:
    now, (idle, absolute) = datetime.now(UTC), _lifetimes(user, remembered=remembered)
    still = Q(last_seen_at__gte=now - idle) & Q(created_at__gte=now - absolute)
    return Q(user_id=user.id) & Q(remembered=remembered) & still


def _lifetimes(user: User, *, remembered: bool) -> tuple[timedelta, timedelta]:
    idle, absolute = (STAFF_IDLE, STAFF_ABSOLUTE) if user.is_staff else (IDLE, ABSOLUTE)
    return (idle if remembered else min(idle, UNREMEMBERED_IDLE)), absolute
