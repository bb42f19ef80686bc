"""When a session has expired: one rule for requests, sockets, the sessions page, pruning and the admin list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chat.database import query
from chat.models import AuthSession, User
from chat.services.accounts import sessions
from chat.services.accounts.sessions import ABSOLUTE, IDLE, STAFF_ABSOLUTE, STAFF_IDLE, UNREMEMBERED_IDLE
from chat.services.admin import pruning
from chat.web.admin.tables.accounts import IS_ACTIVE
from tests.support.cast import Person

MARGIN = timedelta(seconds=30)  # on either side of a border
IN_THE_ADMIN_LIST = f"SELECT {IS_ACTIVE} AS active FROM auth_session t JOIN users u ON u.id = t.user_id WHERE t.id = $1"


async def session_of(user: User, *, remembered: bool, idle: timedelta, age: timedelta) -> tuple[str, AuthSession]:
    """The token and the row of a session last seen `idle` ago and started `age` ago."""
    token = await sessions.start_session(user, ip="", user_agent="", remembered=remembered)
    session = await AuthSession.filter(user_id=user.id).order_by("-id").get(token_sha256=sessions.token_hash(token))
    now = datetime.now(UTC)
    await AuthSession.filter(id=session.id).update(last_seen_at=now - idle, created_at=now - age)
    return token, session


async def answers(user: User, token: str, session: AuthSession) -> list[bool]:
    """Whether each of the five still takes the session as active."""
    pruned = {row["id"] for row in await query(pruning.EXPIRED_SESSIONS)}
    [listed] = await query(IN_THE_ADMIN_LIST, session.id)
    shown, total = await sessions.active_sessions(user)
    assert len(shown) == total
    return [
        session.id not in pruned,
        listed["active"],
        session.id in {one.id for one in shown},
        await sessions.session_lives(session.id),
        await sessions.find_session(token) is not None,  # last: it moves `last_seen_at`
    ]


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize("is_staff", [False, True])
async def test_every_reader_agrees_on_both_sides_of_every_border(
    alice: Person, is_staff: bool, remembered: bool
) -> None:
    user = await User.get(email=alice.email)
    await User.filter(id=user.id).update(is_staff=is_staff)
    idle, absolute = (STAFF_IDLE, STAFF_ABSOLUTE) if is_staff else (IDLE, ABSOLUTE)
    idle = idle if remembered else min(idle, UNREMEMBERED_IDLE)

    for past, is_active in ((-MARGIN, True), (MARGIN, False)):
        by_idle = await session_of(user, remembered=remembered, idle=idle + past, age=idle + past)
        by_age = await session_of(user, remembered=remembered, idle=timedelta(0), age=absolute + past)
        assert await answers(user, *by_idle) == [is_active] * 5
        assert await answers(user, *by_age) == [is_active] * 5


async def test_a_session_of_a_disabled_user_is_not_expired_but_opens_nothing(alice: Person) -> None:
    user = await User.get(email=alice.email)
    token, session = await session_of(user, remembered=True, idle=timedelta(0), age=timedelta(0))
    await User.filter(id=user.id).update(is_active=False)

    assert await answers(user, token, session) == [True, False, False, False, False]
