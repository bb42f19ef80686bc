"""Deleting what is over: what is recorded is what is gone, wherever it is stopped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.models import AuditEntry, LLMCallLog
from chat.models.ids import uuid7
from chat.services.admin import audit, pruning
from chat.services.admin.audit import CommandLine, Order
from tests.site import Site

DAYS = 36_000  # no other test has calls as old


@pytest.mark.parametrize("stop", [asyncio.CancelledError, OSError])  # Ctrl-C, and a database that goes away
async def test_what_is_recorded_is_what_is_gone_wherever_it_is_stopped(
    site: Site, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    made = [await LLMCallLog.create(status="completed", model_asked="m") for _ in range(5)]
    mine = LLMCallLog.filter(id__in=[one.id for one in made])
    await mine.update(created_at=datetime.now(UTC) - timedelta(days=DAYS + 1))
    order, record = Order(CommandLine(f"command line, {uuid7()}"), None), audit.record

    async def stopped_in_the_second(*what: Any, **more: Any) -> None:
        await record(*what, **more)
        if await mine.count() < 3:
            raise stop

    monkeypatch.setattr(pruning, "BATCH", 2)
    with monkeypatch.context() as patch, pytest.raises(stop):
        patch.setattr(audit, "record", stopped_in_the_second)
        await pruning.logs(order, DAYS)
    assert (await mine.count(), await recorded(order)) == (3, [2])
    await pruning.logs(None, DAYS)
    assert (await mine.count(), await recorded(order)) == (3, [2]), "without an order it is only counted"

    await pruning.logs(order, DAYS)
    assert (await mine.count(), await recorded(order)) == (0, [2, 2, 1])


async def recorded(order: Order) -> list[int]:
    """How many rows each entry says."""
    entries = await AuditEntry.filter(actor_email=order.by.email, action="prune.logs").order_by("id")
    return [entry.after["rows"] for entry in entries]
