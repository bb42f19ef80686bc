"""Pruning: the audit log records exactly what was deleted, even if the run is interrupted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.models import AuditEntry, ChatThread, LLMCallLog, User
from chat.models.ids import uuid7
from chat.services.admin import audit, pruning
from chat.services.admin.audit import AuditContext, CommandLine
from tests.support import patches
from tests.support.site import Site

DAYS = 36_000  # no other test has requests this old


class Unplugged(OSError):
    """Stands for an unavailable database; a real outage during the test is another exception."""


@pytest.mark.parametrize("stop", [asyncio.CancelledError, Unplugged])  # Ctrl-C, and an unavailable database
async def test_an_interrupted_run_records_exactly_what_it_deleted(
    site: Site, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    made = [await LLMCallLog.create(status="completed", model_asked="m") for _ in range(5)]
    mine = LLMCallLog.filter(id__in=[one.id for one in made])
    await mine.update(created_at=datetime.now(UTC) - timedelta(days=DAYS + 1))
    context, record = AuditContext(CommandLine(f"command line, {uuid7()}"), None), audit.record

    async def stopped_in_the_second(*what: Any, **more: Any) -> None:
        await record(*what, **more)
        if await mine.count() < 3:
            raise stop

    patches.PRUNING_BATCH.replace(monkeypatch, 2)
    with monkeypatch.context() as patch, pytest.raises(stop):
        patches.AUDIT_RECORD.replace(patch, stopped_in_the_second)
        await pruning.logs(context, DAYS)
    assert (await mine.count(), await recorded(context)) == (3, [2])
    await pruning.logs(None, DAYS)
    assert (await mine.count(), await recorded(context)) == (3, [2]), "without a context it only counts"

    await pruning.logs(context, DAYS)
    assert (await mine.count(), await recorded(context)) == (0, [2, 2, 1])


async def recorded(context: AuditContext) -> list[int]:
    """The number of rows in each entry. Ids of the same millisecond are in no order, hence the time."""
    entries = await AuditEntry.filter(actor_email=context.actor.email, action="prune.logs").order_by("created_at")
    return [entry.after["rows"] for entry in entries]


async def test_deleted_chats_are_pruned_at_once_and_others_stay(site: Site) -> None:
    user = await User.create(email=f"alice-{uuid7().hex}@example.com", password_hash="x")
    kept, deleted = [await ChatThread.create(user=user) for _ in range(2)]
    await ChatThread.filter(id=deleted.id).update(deleted_at=datetime.now(UTC))  # it could still be brought back
    context = AuditContext(CommandLine(f"command line, {uuid7()}"), None)
    [would] = await pruning.chats(None)
    assert would.count >= 1
    assert await ChatThread.filter(user=user).count() == 2
    [did] = await pruning.chats(context)

    assert did.count >= 1
    assert await ChatThread.filter(user=user).values_list("id", flat=True) == [kept.id]
    entries = await AuditEntry.filter(actor_email=context.actor.email, action="prune.chats")
    assert sum(entry.after["rows"] for entry in entries) == did.count
