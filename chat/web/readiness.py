"""Whether this process should receive requests: checked at most every two seconds, answered within two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from chat import database

KEPT_SECONDS = 2.0
LIMIT_SECONDS = 2.0
# An overloaded process gets every answer late, and no balancer should give its work to others. A frozen store does
# not answer at all.
DOWN_SECONDS = 8.0
LATE = (TimeoutError, RedisTimeoutError)


class Readiness:
    """The last answers of PostgreSQL and Redis."""

    def __init__(self, redis: Redis) -> None:
        self._database = Store(database.ping)
        self._redis = Store(redis.ping)

    async def stores(self) -> dict[str, bool]:
        """Whether each of them is up. Concurrent callers share one check."""
        up = await asyncio.gather(self._database.is_up(), self._redis.is_up())
        return dict(zip(("database", "redis"), up, strict=True))


class Store:
    """One store: down after an error, or when it has not answered for DOWN_SECONDS."""

    def __init__(self, ask: Callable[[], Awaitable[Any]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[None] | None = None
        self._until = 0.0
        self._unanswered_since: float | None = None
        self._failed = False

    async def is_up(self) -> bool:
        """The last answer, or a new one if it comes within LIMIT_SECONDS."""
        now = asyncio.get_running_loop().time
        if self._asking is None or (self._asking.done() and now() >= self._until):
            self._until = now() + KEPT_SECONDS
            self._asking = asyncio.create_task(self._question())
        await asyncio.wait({self._asking}, timeout=LIMIT_SECONDS)
        since = self._unanswered_since
        return not self._failed and (since is None or now() - since < DOWN_SECONDS)

    async def _question(self) -> None:
        if self._unanswered_since is None:
            self._unanswered_since = asyncio.get_running_loop().time()
        try:
            await self._ask()
        except Exception as error:  # noqa: BLE001 - whatever the error, the store can't be used
            if isinstance(error, LATE) or isinstance(error.__cause__, LATE):
                return
            self._failed = True
        else:
            self._failed = False
        self._unanswered_since = None
