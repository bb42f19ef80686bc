"""A pool of PostgreSQL connections with bounded waits, which survives a restart of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import NestedTransactionContext, TransactionContextPooled
from tortoise.connection import get_connections

from chat.database.outages import DatabaseLocked, DatabaseUnavailable, is_outage, unavailable
from chat.lateness import Limit

Result = TypeVar("Result")

MIN_SIZE = 0  # asyncpg would restore a minimum during an outage, with a traceback in the log for each attempt
ACQUIRE_SECONDS = 3.0  # to get a connection from the pool, or open a new one
QUERY_SECONDS = 6.0  # with ACQUIRE_SECONDS, less than the ten seconds that a request may take
RETRY_SECONDS = (0.2, 1.0)  # after as many attempts at once as the pool has connections
URGENT_LOCK_TIMEOUT = "1s"  # a locked table must not keep the one urgent connection from leases and health checks
CLOSE_SECONDS = 1.0
READS = ("SELECT", "WITH RECURSIVE")  # how statements begin that change nothing
RETRY_WITHIN_SECONDS = 2.0  # a caller that had to wait, and was not refused at once, does not wait twice


class Connection(asyncpg.Connection):
    """Closes itself when a query takes too long: asyncpg's own timeouts wait for the server to confirm them."""

    def get_reset_query(self) -> str:
        """Nothing: no statement of ours changes a session, and resetting it cost as much as the statement itself."""
        return ""

    async def execute(self, *args: Any, **more: Any) -> Any:
        with self._limited():
            return await super().execute(*args, **more)

    async def fetch(self, *args: Any, **more: Any) -> Any:
        with self._limited():
            return await super().fetch(*args, **more)

    async def fetchrow(self, *args: Any, **more: Any) -> Any:
        with self._limited():
            return await super().fetchrow(*args, **more)

    async def executemany(self, *args: Any, **more: Any) -> Any:
        with self._limited():
            return await super().executemany(*args, **more)

    @contextmanager
    def _limited(self) -> Iterator[None]:
        limit = Limit(QUERY_SECONDS, self.terminate)
        try:
            yield
        except asyncpg.InternalClientError as error:  # the server announced its shutdown while the connection was idle
            self.terminate()
            raise unavailable(error) from error
        except asyncpg.InterfaceError as error:
            if not self.is_closed():
                raise
            raise unavailable(error) from error
        except (OSError, asyncpg.PostgresError) as error:
            if not is_outage(error):
                raise
            raise unavailable(error) from error
        finally:
            limit.cancel()


class Pool(asyncpg.Pool):
    """A pool that waits at most ACQUIRE_SECONDS for a connection."""

    async def acquire(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - asyncpg's own signature
        try:
            return await super().acquire(timeout=timeout or ACQUIRE_SECONDS)
        except (OSError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
            raise unavailable(error) from error  # whatever the reason, PostgreSQL accepts no connection

    async def release(self, connection: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """A connection that is lost after its last statement is closed, and changes nothing about the result."""
        try:
            return await super().release(connection, timeout=timeout)
        except (OSError, asyncpg.PostgresError):
            return None


class Client(AsyncpgDBClient):
    """Tortoise's client, with retries where they do no harm: for SELECTs and for beginning a transaction."""

    connection_class = Connection
    _urgent: Pool | None = None

    async def create_pool(self, **options: Any) -> Pool:
        """Like asyncpg.create_pool, with our class, and beside it the connection for urgent statements."""
        plain = {"max_queries": 50_000, "max_inactive_connection_lifetime": 300.0, "record_class": asyncpg.Record}
        plain |= dict.fromkeys(("connect", "setup", "init", "reset"))
        pool: Pool = await Pool(**plain | options | {"init_size": 1})
        settings = options.get("server_settings") or {}
        if "lock_timeout" in settings:  # not behind a pooler, where the role has one
            settings = settings | {"lock_timeout": URGENT_LOCK_TIMEOUT}
        self._urgent = await Pool(**plain | options | {"max_size": 1, "server_settings": settings})
        return pool

    async def execute_urgent(self, query: str, values: list[Any]) -> list[dict[str, Any]]:
        """Rows of a statement that may run twice, over a connection reserved for urgent statements."""
        await self.acquire_connection().ensure_connection()
        return await self.with_retries(lambda: self._fetch_urgent(query, values))

    async def _fetch_urgent(self, query: str, values: list[Any]) -> list[dict[str, Any]]:
        pool = self._urgent  # the process may end meanwhile, which sets it to None
        if pool is None:
            raise DatabaseUnavailable("the pool is closed")
        connection = await pool.acquire()
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await pool.release(connection)

    async def _close(self) -> None:
        urgent, self._urgent = self._urgent, None
        if urgent:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await urgent.close()
            except TimeoutError:
                urgent.terminate()
        await super()._close()

    def _in_transaction(self) -> Transaction:
        return Transaction(OneConnection(self), self._pool_init_lock)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> Any:
        return await self._retry_reads(query, lambda: super(Client, self).execute_query(query, values))

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> Any:
        return await self._retry_reads(query, lambda: super(Client, self).execute_query_dict(query, values))

    async def _retry_reads(self, query: str, ask: Callable[[], Awaitable[Result]]) -> Result:
        return await (self.with_retries(ask) if query.lstrip().startswith(READS) else ask())

    async def with_retries(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """The result of what may run twice. After a restart each dead connection of the pool fails once."""
        loop = asyncio.get_running_loop()
        last = loop.time() + RETRY_WITHIN_SECONDS
        for pause in (*[0.0] * self.pool_maxsize, *RETRY_SECONDS):
            try:
                return await ask()
            except DatabaseUnavailable as error:
                if loop.time() > last or isinstance(error, DatabaseLocked):  # it would wait for the same lock again
                    raise
            await asyncio.sleep(pause)
        return await ask()


client_class = Client  # the name that Tortoise looks up


class OneConnection(TransactionWrapper):
    """The client inside a transaction, where nothing is retried."""

    def _in_transaction(self) -> NestedTransactionContext:
        return NestedTransactionContext(OneConnection(self))

    async def _translate_exceptions(self, *args: Any, **more: Any) -> Any:
        try:
            return await super()._translate_exceptions(*args, **more)
        except asyncpg.InterfaceError as error:
            if not self._is_lost():
                raise
            raise DatabaseUnavailable("the connection was lost") from error

    async def commit(self) -> None:
        """Raises DatabaseUnavailable, after which it is unknown whether the transaction was committed."""
        if self._is_lost():
            raise DatabaseUnavailable("the connection was lost before COMMIT")
        await super().commit()

    async def rollback(self) -> None:
        """A lost connection has rolled back already; asyncpg would hide the reason under another error."""
        if not self._is_lost():
            await super().rollback()

    def _is_lost(self) -> bool:
        try:
            return bool(self._connection.is_closed())
        except asyncpg.InterfaceError:  # already released to the pool
            return True


class Transaction(TransactionContextPooled):
    """Tortoise never releases a connection on which BEGIN failed; this returns it to the pool."""

    async def __aenter__(self) -> Any:
        return await cast(Client, self.client._parent).with_retries(self._begin)

    async def _begin(self) -> Any:
        try:
            return await super().__aenter__()
        except BaseException:
            if self.client._connection is not None:
                await self.client._parent._pool.release(self.client._connection)
                self.client._connection = None
            if hasattr(self, "token"):
                get_connections().reset(self.token)
                del self.token
            raise
