"""Compares this host's clock with the database's, by which everything expires."""

from __future__ import annotations

import asyncio
import logging
import time

from chat.database import DatabaseUnavailable, query

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
TOLERATED_SECONDS = 5.0  # far more than NTP leaves
TIME = "SELECT extract(epoch FROM clock_timestamp())::float8 AS time"


class ClockCheck:
    """Logs once that the clocks differ, and once that they agree again."""

    def __init__(self) -> None:
        self._differs = False

    async def run(self) -> None:
        """Check at the start and then every minute, until cancelled."""
        while True:
            try:
                await self.check()
            except DatabaseUnavailable:
                pass  # others log it
            except Exception:  # without this loop the worker would end
                logger.exception("Could not compare the clocks")
            await asyncio.sleep(EVERY_SECONDS)

    async def check(self) -> None:
        """Compare the clocks; the answer may have been given at any moment between the request and its arrival."""
        before = time.time()
        theirs: float = (await query(TIME))[0]["time"]
        after = time.time()
        ahead = before - theirs if before > theirs else min(after - theirs, 0.0)
        if (abs(ahead) > TOLERATED_SECONDS) == self._differs:
            return
        self._differs = not self._differs
        if self._differs:
            logger.warning(
                "This host's clock is %.0f s %s PostgreSQL's. Sessions, links and codes go by PostgreSQL's. "
                "Check NTP on both hosts.",
                abs(ahead),
                "ahead of" if ahead > 0 else "behind",
            )
        else:
            logger.warning("This host's clock agrees with PostgreSQL's again")
