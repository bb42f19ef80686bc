"""Login sessions: start one, find it by its cookie, end it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from tortoise.models import Model
from tortoise.queryset import QuerySet

from chat.broadcast import Broadcast, Publish, user_channel
from chat.database import NOW, DatabaseUnavailable, query
from chat.events import SessionEnded
from chat.models import IP_MAX_LENGTH, USER_AGENT_MAX_LENGTH, AuthSession, SecondFactor, User, UserSettings
from chat.models.ids import uuid7
from chat.security.tokens import new_token, token_hash

IDLE, ABSOLUTE = timedelta(days=14), timedelta(days=30)
UNREMEMBERED_IDLE = timedelta(days=1)  # the cookie ends with the browser, but browsers are left open or restored
STAFF_IDLE, STAFF_ABSOLUTE = timedelta(hours=1), timedelta(hours=12)
CONFIRMED_FOR = timedelta(minutes=15)  # afterwards downloads and administrators' changes ask for the password again
LISTED = 50


def _sql(lifetime: timedelta) -> str:
    return f"interval '{lifetime.total_seconds():.0f} seconds'"


def expired_sql(session: str = "s", user: str = "u") -> str:
    """Whether a session has expired, decided nowhere else; takes the aliases of its row and of its user's."""
    return f"""(
    {session}.created_at < now() - CASE WHEN {user}.is_staff THEN {_sql(STAFF_ABSOLUTE)} ELSE {_sql(ABSOLUTE)} END
    OR {session}.last_seen_at < now() - CASE WHEN {user}.is_staff THEN {_sql(STAFF_IDLE)} ELSE {_sql(IDLE)} END
    OR (NOT {session}.remembered AND {session}.last_seen_at < now() - {_sql(UNREMEMBERED_IDLE)}))"""


def active_sql(session: str = "s", user: str = "u") -> str:
    """Whether a session still logs its user in; takes the same aliases."""
    return f"({user}.is_active AND NOT {expired_sql(session, user)})"


# Times are the database's: otherwise a host whose clock is off could end a session at once.
START = """
INSERT INTO auth_session (id, token_sha256, user_id, ip, user_agent, remembered, created_at, last_seen_at,
    authenticated_at)
VALUES ($1, $2, $3, $4, $5, $6, now(), now(), now())
"""
FIND = """
SELECT {columns}, now() AS found_at
FROM auth_session s JOIN users u ON u.id = s.user_id JOIN user_settings p ON p.user_id = u.id
WHERE s.token_sha256 = $1 AND {active}
"""
ACTIVE_SESSIONS = f"""
SELECT s.*, count(*) OVER () AS total FROM auth_session s JOIN users u ON u.id = s.user_id
WHERE s.user_id = $1 AND {active_sql()} ORDER BY s.last_seen_at DESC, s.id DESC LIMIT {LISTED}
"""  # noqa: S608 - constants
IS_ACTIVE = f"SELECT 1 FROM auth_session s JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND {active_sql()}"  # noqa: S608
IS_CONFIRMED = f"SELECT 1 FROM auth_session WHERE id = $1 AND authenticated_at > now() - {_sql(CONFIRMED_FOR)}"  # noqa: S608
RENEW = "UPDATE auth_session SET token_sha256 = $2, authenticated_at = now() WHERE id = $1"
DELETE = "DELETE FROM auth_session WHERE id = ANY($1::uuid[])"
SEEN_EVERY = timedelta(minutes=1)  # a write for each request would be the site's busiest query


async def start_session(
    user: User, *, ip: str, user_agent: str, remembered: bool = True, with_code: bool = False
) -> str:
    """Start a session; returns the token for the cookie, which is stored nowhere.

    `with_code`: the user has entered a two-factor code.
    """
    session_id, token = uuid7(), new_token()
    where = (ip[:IP_MAX_LENGTH], user_agent[:USER_AGENT_MAX_LENGTH])
    await query(START, session_id, token_hash(token), user.id, *where, remembered)
    # Race: since the check, the password may have changed or two-factor authentication may have been turned on. Both
    # ended all sessions, so this one ends too.
    is_on = not with_code and await SecondFactor.exists(user_id=user.id, confirmed_at__isnull=False)
    if is_on or not await User.exists(id=user.id, password_hash=user.password_hash):
        await query(DELETE, [session_id])
    else:
        await User.filter(id=user.id).update(last_seen_at=NOW)
    return token


async def renew_session(session: AuthSession) -> str:
    """Replace the token of a session. Its sockets stay open, and the old token stops working."""
    token = new_token()
    await query(RENEW, session.id, token_hash(token))
    return token


async def is_confirmed(session: AuthSession) -> bool:
    """Whether the password was entered recently: logging in counts too."""
    return bool(await query(IS_CONFIRMED, session.id))


async def find_session(token: str) -> AuthSession | None:
    """The active session with this token, with its user and the user's settings.

    Every request calls this. Plain SQL takes a quarter of the CPU time of `select_related`, which builds the statement
    on each call.
    """
    rows = await query(_find_sql(), token_hash(token))
    if not rows:
        return None
    session = _from_row(rows[0])
    if session.found_at - session.last_seen_at > SEEN_EVERY:
        with suppress(DatabaseUnavailable):  # pages can be read while it accepts no writes
            await AuthSession.filter(id=session.id).update(last_seen_at=NOW)
            await User.filter(id=session.user.id).update(last_seen_at=NOW)
    return session


async def active_sessions(user: User) -> tuple[list[AuthSession], int]:
    """The user's active sessions, last seen first and at most `LISTED`, and their total number."""
    rows = await query(ACTIVE_SESSIONS, user.id)
    total = rows[0]["total"] if rows else 0
    names = AuthSession._meta.db_fields
    return [AuthSession.construct(_saved_in_db=True, **{name: row[name] for name in names}) for row in rows], total


async def own_session(user: User, session_id: UUID) -> AuthSession | None:
    """The user's session, or None."""
    return await AuthSession.get_or_none(id=session_id, user_id=user.id)


async def end_session(session: AuthSession, *, broadcast: Broadcast) -> None:
    """Log out: the token stops working and the session's sockets close."""
    await announce_ended(await delete_sessions(AuthSession.filter(id=session.id)), broadcast=broadcast)


async def end_sessions(user: User, *, but: AuthSession | None = None, broadcast: Broadcast) -> None:
    """Log the user out of all sessions but one, if given."""
    ending = AuthSession.filter(user_id=user.id)
    ended = await delete_sessions(ending.exclude(id=but.id) if but else ending)
    await announce_ended(ended, broadcast=broadcast)


async def session_lives(session_id: object) -> bool:
    """Whether the session is still active, so that its sockets may stay open."""
    return bool(await query(IS_ACTIVE, session_id))


async def delete_sessions(ending: QuerySet[AuthSession]) -> list[AuthSession]:
    """Delete the sessions and return them. Call `announce_ended` after the caller's transaction, if there is one."""
    ended = await ending
    await query(DELETE, [session.id for session in ended])
    return ended


async def announce_ended(ended: Sequence[AuthSession], *, broadcast: Broadcast) -> None:
    """Close the sockets of deleted sessions, in every worker."""
    await broadcast.announce(*(Publish(user_channel(session.user_id), SessionEnded(session.id)) for session in ended))


@cache
def _find_sql() -> str:
    """Selects every column of the three models, so that new ones need no change here."""
    models: dict[str, type[Model]] = {"s": AuthSession, "u": User, "p": UserSettings}
    columns = (
        f'{table}.{name} AS "{table}.{name}"' for table, model in models.items() for name in model._meta.db_fields
    )
    return FIND.format(columns=", ".join(columns), active=active_sql())


def _from_row(row: dict[str, Any]) -> AuthSession:
    settings = UserSettings.construct(_saved_in_db=True, **_of(row, "p"))
    user = User.construct(_saved_in_db=True, settings=settings, **_of(row, "u"))
    session: AuthSession = AuthSession.construct(_saved_in_db=True, user=user, **_of(row, "s"))
    session.found_at = row["found_at"]
    return session


def _of(row: dict[str, Any], table: str) -> dict[str, Any]:
    return {name.removeprefix(f"{table}."): value for name, value in row.items() if name.startswith(f"{table}.")}
