"""Every few seconds: how late the event loop was, whether the stores answer, and what was counted, for the metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path

from redis.exceptions import RedisError

from chat import metrics
from chat.metrics import Metrics
from chat.services.admin.counts import Counts
from chat.web.readiness import Readiness

logger = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
LAG_SECONDS = 0.5  # between two timers
LAST_SECONDS = 1.0  # to add the last counts before the process ends
STATM = Path("/proc/self/statm")
NAMES = {"database": "PostgreSQL", "redis": "Redis"}


class Pulse:
    """One for each process."""

    def __init__(self, counts: Counts, counted: Metrics, readiness: Readiness) -> None:
        self._counts, self._counted, self._readiness = counts, counted, readiness
        self._down: dict[str, float] = {}  # the stores that do not answer, and since when
        self.lag_ms = 0
        self.redis_ms = 0

    async def run(self) -> None:
        """Run until cancelled, then add the last counts."""
        try:
            while True:
                await self._look_at_stores()
                await self._push()
                self.lag_ms = await _latest(EVERY_SECONDS)
        finally:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self._counts.push()

    async def _push(self) -> None:
        began = asyncio.get_running_loop().time()
        try:
            await self._counts.push()
        except (RedisError, OSError):  # others log the outage; the next beat tries again
            return
        except Exception:  # without this loop the worker would end
            logger.exception("The counts were not added")
        self.redis_ms = round((asyncio.get_running_loop().time() - began) * 1000)

    async def _look_at_stores(self) -> None:
        now = asyncio.get_running_loop().time()
        for store, is_up in (await self._readiness.stores()).items():
            if is_up and store in self._down:
                logger.warning("%s answers again after %.0f s", NAMES[store], now - self._down.pop(store))
            elif not is_up:
                self._counted.count(metrics.UNAVAILABLE, store, by=round(EVERY_SECONDS))
                if store not in self._down:
                    self._down[store] = now
                    logger.warning("%s does not answer", NAMES[store])


async def _latest(seconds: float) -> int:
    """How late the latest timer of this time was, in milliseconds."""
    loop, worst = asyncio.get_running_loop(), 0.0
    end = loop.time() + seconds
    while (began := loop.time()) < end:
        await asyncio.sleep(LAG_SECONDS)
        worst = max(worst, loop.time() - began - LAG_SECONDS)
    return round(worst * 1000)


def memory_bytes() -> int:
    """The resident memory of this process; 0 where the system does not tell."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
