"""Telling the administrators about accounts waiting for approval.

Not beside a site with SIGNUP=approval in this process: its own look, every 30 seconds, would take a turn.
"""

from __future__ import annotations

import asyncio
import logging

import pytest
from tortoise.expressions import RawSQL

from chat.database import DatabaseUnavailable, query
from chat.models import ApprovalNotice, User
from chat.models.ids import uuid7
from chat.services.accounts import approval
from tests.support import patches
from tests.support.mailbox import Mailbox
from tests.support.production import Production
from tests.support.sign_up import member, new_address


async def test_administrators_are_told_once_in_fifteen_minutes_with_the_count(
    production: Production, mailbox: Mailbox
) -> None:
    opened, boss = production.site.resources, await member(production, "boss", is_staff=True)

    async def announced(workers: int = 5) -> list[int]:
        """What each of several workers told, that look at the same time."""
        looks = (approval.announce(mailer=opened.mailer, settings=opened.settings) for _ in range(workers))
        return sorted(await asyncio.gather(*looks))

    await User.filter(approved_at=None).update(is_announced=True)
    await ApprovalNotice.all().delete()
    assert await announced() == [0] * 5, "no one has come"

    for _ in range(2):
        await member(production, "crowd", approved_at=None)
    await member(production, "crowd", approved_at=None, email_verified=False)
    assert await announced() == [0, 0, 0, 0, 2]
    message = await mailbox.next_email(boss.email)
    count = await approval.waiting_count(opened.settings)
    assert message["Subject"].startswith(f"{count} accounts are waiting for approval")

    await member(production, "late", approved_at=None)
    await ApprovalNotice.all().update(sent_at=RawSQL("now() - interval '14 minutes'"))
    assert await announced() == [0] * 5, "too early"
    await ApprovalNotice.all().update(sent_at=RawSQL("now() - interval '15 minutes'"))
    assert await announced() == [0, 0, 0, 0, 1]
    assert f"{count + 1} accounts are waiting" in (await mailbox.next_email(boss.email))["Subject"]
    assert mailbox.is_empty(boss.email)


async def test_the_check_continues_after_an_outage(
    production: Production, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened, seen, looked = production.site.resources, [], asyncio.Event()

    async def announce(**_: object) -> int:
        seen.append(1)
        if len(seen) == 1:
            raise DatabaseUnavailable("none")
        looked.set()
        return 0

    patches.ANNOUNCE.replace(monkeypatch, announce)
    patches.LOOK_SECONDS.replace(monkeypatch, 0)
    with caplog.at_level(logging.WARNING):
        looking = asyncio.create_task(approval.keep_announcing(mailer=opened.mailer, settings=opened.settings))
        await asyncio.wait_for(looked.wait(), 20)
        looking.cancel()

    assert "Could not look for accounts waiting for approval: none" in caplog.text


FORMER_SIGN_UP = """
INSERT INTO users (id, email, password_hash, display_name, is_active, is_staff, email_verified, login_failures,
    verification_resends, created_at)
VALUES ($1, $2, '', '', true, false, true, 0, 0, now())
"""


async def test_a_sign_up_through_the_former_release_does_not_wait(production: Production) -> None:
    """While a release is deployed, its former one still serves, and knows nothing of approval."""
    email = new_address()
    await query(FORMER_SIGN_UP, uuid7(), email)

    assert not (await User.get(email=email)).waits
