"""Whether this process should receive requests: checked at most every two seconds, answered within two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from redis.asyncio import Redis

from chat import database

KEPT_SECONDS = 2.0
LIMIT_SECONDS = 2.0


class Readiness:
    """The last answers of PostgreSQL and Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._asking: asyncio.Task[dict[str, bool]] | None = None
        self._until = 0.0

    async def stores(self) -> dict[str, bool]:
        """Whether each of them answers. Concurrent callers share one check."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now >= self._until):
            self._until = now + KEPT_SECONDS
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> dict[str, bool]:
        database_answers, redis_answers = await asyncio.gather(_answers(database.ping()), _answers(self._redis.ping()))
        return {"database": database_answers, "redis": redis_answers}


async def _answers(question: Awaitable[Any]) -> bool:
    """Stop waiting after LIMIT_SECONDS; the check itself ends by its own timeout."""
    task = asyncio.ensure_future(question)
    await asyncio.wait({task}, timeout=LIMIT_SECONDS)
    task.add_done_callback(_seen)
    return task.done() and not task.cancelled() and task.exception() is None


def _seen(task: asyncio.Future[Any]) -> None:
    """Retrieve the exception, or asyncio would log it as never retrieved."""
    if not task.cancelled():
        task.exception()
