"""Locks that a test holds in PostgreSQL, to order what happens at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.support.stores import Stores
from tests.support.waiting import eventually

# The second transaction waits for the first one that waits.
WAITING = """
WITH RECURSIVE waiting AS (
    SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
    UNION SELECT l.pid FROM pg_locks l JOIN waiting w ON NOT l.granted AND w.pid = ANY(pg_blocking_pids(l.pid))
) SELECT count(*) FROM waiting
"""


class Held:
    """A separate transaction, which others wait for."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def waiting(self, count: int) -> None:
        """Wait until this number of transactions wait."""

        async def do() -> bool:
            return bool(await self.connection.fetchval(WAITING) >= count)

        await eventually(do)


@asynccontextmanager
async def held(stores: Stores, lock: str, value: object) -> AsyncIterator[Held]:
    connection = await asyncpg.connect(stores.database_url)
    try:
        async with connection.transaction():
            await connection.execute(lock, value)
            yield Held(connection)
    finally:
        await connection.close()
