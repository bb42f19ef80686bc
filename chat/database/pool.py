"""A pool of connections to PostgreSQL for which nobody waits long, and which a restart of the server does not spoil."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionContextPooled
from tortoise.connection import get_connections

Result = TypeVar("Result")

POOL = {"minsize": 1, "maxsize": 10}  # a small managed PostgreSQL has 20 connections for everybody
ACQUIRE_SECONDS = 3.0  # for a connection of the pool, or a new one
QUERY_SECONDS = 6.0  # both together stay under the ten seconds in which a request has its end
AGAIN_SECONDS = (*[0.0] * POOL["maxsize"], 0.2, 1.0)  # a restart leaves a pool of dead connections, each to fail once
AGAIN_WITHIN_SECONDS = 2.0  # who was kept waiting instead of refused does not wait twice
AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it is starting, stopping or crashing, or a statement took too long
    asyncpg.LockNotAvailableError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,  # its disk is full, or it is a replica now
)


class DatabaseUnavailable(ConnectionError):
    """PostgreSQL does not answer, or takes no writes. A COMMIT that was asked for may have happened all the same."""


class Connection(asyncpg.Connection):
    """Whatever takes too long ends the connection: asyncpg's own timeouts wait for the server to agree to them."""

    async def execute(self, *args: Any, **more: Any) -> Any:
        with self._limited():
            return await super().execute(*args, **more)

    async def fetch(self, *args: Any, **more: Any) -> Any:
        with self._limited():
            return await super().fetch(*args, **more)

    async def fetchrow(self, *args: Any, **more: Any) -> Any:
        with self._limited():
            return await super().fetchrow(*args, **more)

    @contextmanager
    def _limited(self) -> Iterator[None]:
        giving_up = asyncio.get_running_loop().call_later(QUERY_SECONDS, self.terminate)
        try:
            yield
        except asyncpg.InternalClientError as error:  # it was told while idle that the server ends, and does not say so
            self.terminate()
            raise DatabaseUnavailable(str(error)) from error
        except (*AWAY, asyncpg.InterfaceError) as error:
            if isinstance(error, asyncpg.InterfaceError) and not self.is_closed():
                raise
            raise DatabaseUnavailable(str(error) or type(error).__name__) from error
        finally:
            giving_up.cancel()


class Pool(asyncpg.Pool):
    """A pool for whose connections nobody waits long."""

    async def acquire(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - asyncpg's own signature
        try:
            return await super().acquire(timeout=timeout or ACQUIRE_SECONDS)
        except AWAY as error:
            raise DatabaseUnavailable(str(error) or type(error).__name__) from error


class Client(AsyncpgDBClient):
    """Tortoise's client, which asks again where that does no harm: for what only reads, and for a transaction."""

    connection_class = Connection

    async def create_pool(self, **options: Any) -> Pool:
        """As asyncpg's own function makes it, of our class."""
        plain = {"max_queries": 50_000, "max_inactive_connection_lifetime": 300.0, "record_class": asyncpg.Record}
        plain |= dict.fromkeys(("connect", "setup", "init", "reset"))
        pool: Pool = await Pool(**plain | options)
        return pool

    def _in_transaction(self) -> Transaction:
        return Transaction(OneConnection(self), self._pool_init_lock)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> Any:
        return await _asked(query, lambda: super(Client, self).execute_query(query, values))

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> Any:
        return await _asked(query, lambda: super(Client, self).execute_query_dict(query, values))


client_class = Client  # where Tortoise looks for it


class OneConnection(TransactionWrapper):
    """The client inside of a transaction, where nothing is asked twice."""

    async def _translate_exceptions(self, *args: Any, **more: Any) -> Any:
        try:
            return await super()._translate_exceptions(*args, **more)
        except asyncpg.InterfaceError as error:
            if not self._is_lost():
                raise
            raise DatabaseUnavailable("the connection was lost") from error

    async def commit(self) -> None:
        """Raises DatabaseUnavailable: then nobody knows whether it happened."""
        if self._is_lost():
            raise DatabaseUnavailable("the connection was lost before COMMIT")
        await super().commit()

    async def rollback(self) -> None:
        """What was lost with its connection is rolled back; asyncpg would hide the reason under another error."""
        if not self._is_lost():
            await super().rollback()

    def _is_lost(self) -> bool:
        try:
            return bool(self._connection.is_closed())
        except asyncpg.InterfaceError:  # the pool has taken it back already
            return True


class Transaction(TransactionContextPooled):
    """Tortoise's context keeps a connection for ever on which it could not begin; here the pool gets it back."""

    async def __aenter__(self) -> Any:
        return await _again(self._begun)

    async def _begun(self) -> Any:
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


async def _asked(query: str, ask: Callable[[], Awaitable[Result]]) -> Result:
    return await (_again(ask) if query.lstrip().startswith("SELECT") else ask())


async def _again(ask: Callable[[], Awaitable[Result]]) -> Result:
    loop = asyncio.get_running_loop()
    last = loop.time() + AGAIN_WITHIN_SECONDS
    for pause in AGAIN_SECONDS:
        try:
            return await ask()
        except DatabaseUnavailable:
            if loop.time() > last:
                raise
        await asyncio.sleep(pause)
    return await ask()
