"""Commands of administrators: rights are checked in the transaction of the change, whoever calls."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from chat.models import AuditEntry, AuthSession, User
from chat.models.ids import uuid7
from chat.services.admin import commands
from chat.services.admin.audit import AuditContext, CommandLine
from chat.services.errors import NotAdministrator, Refused
from chat.web.admin.tables import TABLES
from tests.support.cast import Person

ACTIONS = {f"{table.name}.{action.name}": action for table in TABLES.values() for action in table.actions}


async def user_of(person: Person) -> User:
    return await User.get(email=person.email)


async def context_of(actor: User, user: User, **more: Any) -> AuditContext:
    return AuditContext(actor, user.id, session_id=(await AuthSession.get(user=actor)).id, **more)


async def test_every_action_checks_the_administrator_and_the_session(root: Person, alice: Person) -> None:
    by, user = await user_of(root), await user_of(alice)
    context = await context_of(by, user, value="1")
    for was, name in product(({"is_staff": False}, {"is_active": False}, {}), ACTIONS):
        await User.filter(id=by.id).update(**{"is_staff": True, "is_active": True} | was)
        now = context if was else replace(context, session_id=uuid7())  # an ended session
        opened = {one: getattr(root.site.resources, one) for one in ACTIONS[name].dependencies}
        with pytest.raises(NotAdministrator):
            await ACTIONS[name].change(now, **opened)

    assert await user_of(alice) == user
    assert await AuthSession.exists(user=user)
    assert not await AuditEntry.exists(object_id=str(user.id))


async def test_one_of_two_administrators_who_demote_each_other_remains(root: Person, alice: Person) -> None:
    one, other = await user_of(root), await user_of(alice)
    await User.filter(id=other.id).update(is_staff=True)
    results = await asyncio.gather(
        commands.remove_staff(await context_of(one, other)),
        commands.remove_staff(await context_of(other, one)),
        return_exceptions=True,
    )

    assert [type(result) for result in results].count(NotAdministrator) == 1
    assert sum(user.is_staff for user in (await user_of(root), await user_of(alice))) == 1


async def test_access_to_content_is_refused_to_a_former_administrator(root: Person, alice: Person) -> None:
    context = await context_of(await user_of(root), await user_of(alice))
    assert await commands.is_still_administrator(context)
    await User.filter(email=root.email).update(is_staff=False)

    assert not await commands.is_still_administrator(context)
    with pytest.raises(NotAdministrator):
        await commands.record_access(context, "threads.look")
    assert not await AuditEntry.exists(object_id=str(context.object_id))


async def test_the_command_line_needs_no_session(alice: Person) -> None:
    user = await user_of(alice)
    await commands.make_staff(AuditContext(CommandLine("command line, a test"), user.id))

    assert (await user_of(alice)).is_staff
    assert (await AuditEntry.get(object_id=str(user.id))).actor_email == "command line, a test"


async def test_a_refused_or_needless_change_leaves_no_entry(alice: Person) -> None:
    user = await user_of(alice)
    context = AuditContext(CommandLine("command line, a test"), user.id)
    await commands.enable(context)
    await User.filter(id=user.id).update(is_active=False)
    with pytest.raises(Refused, match="Enable it first"):
        await commands.make_staff(context)
    with pytest.raises(Refused, match="no longer exists"):
        await commands.enable(replace(context, object_id=uuid7()))

    assert not await AuditEntry.exists(object_id=str(user.id))
