"""Adds messages to the index in the background: those of this process at once, and what lost workers have left."""

from __future__ import annotations

import asyncio
import logging
import secrets
from uuid import UUID

from chat.database import DatabaseUnavailable, OutageLog
from chat.search import indexing

logger = logging.getLogger(__name__)

FIRST_SWEEP_SECONDS = (2.0, 10.0)
SWEEP_SECONDS = (45.0, 75.0)
FIRST_SWEEP_BACK_SECONDS = 86_400.0  # what was written while no worker ran
SWEEP_BACK_SECONDS = 7_200.0  # longer than an answer takes; its id is as old as its beginning
MOST_SWEPT = 500
PAUSE_SECONDS = 1.0  # after an outage


class Indexer:
    """One per process. It takes one batch at a time, and one connection, however many answers end at once."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, None] = {}
        self._woken = asyncio.Event()
        self._outages = OutageLog(logger)

    def add(self, *message_ids: UUID) -> None:
        """Index these messages soon, if they have ended. What is lost with this process, a sweep finds."""
        self._waiting.update(dict.fromkeys(message_ids))
        self._woken.set()

    async def run(self) -> None:
        """Index and sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._index(), name="indexing")
            group.create_task(self._sweep(), name="sweeping for the index")

    async def _index(self) -> None:
        while True:
            await self._woken.wait()
            batch = list(self._waiting)[: indexing.BATCH]
            try:
                await indexing.index(batch)
            except DatabaseUnavailable as error:
                self._outages.tell("indexing messages", error)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            except Exception:  # the loop must continue, whatever failed
                logger.exception("Could not index messages")
            for message_id in batch:
                del self._waiting[message_id]
            if not self._waiting:
                self._woken.clear()

    async def _sweep(self) -> None:
        pause, back = FIRST_SWEEP_SECONDS, FIRST_SWEEP_BACK_SECONDS
        while True:
            await asyncio.sleep(pause[0] + (pause[1] - pause[0]) * secrets.randbelow(1000) / 1000)
            try:
                self.add(*await indexing.missing_since(back, most=MOST_SWEPT))
                pause, back = SWEEP_SECONDS, SWEEP_BACK_SECONDS
            except DatabaseUnavailable as error:
                self._outages.tell("looking for messages to index", error)
            except Exception:
                logger.exception("Could not look for messages to index")
