"""Redis: a log and a channel for each thread, written by one task per worker and listened to by another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost

from chat.broadcast.address import connection_options
from chat.broadcast.channels import GAP, Channels, Event, Gap, Publish, Subscription, control_channel, user_channel
from chat.broadcast.log import (
    Append,
    Appended,
    Log,
    LogPosition,
    LogSlice,
    Unavailable,
    rev_of,
    thread_channel,
)
from chat.broadcast.ticks import Ticks
from chat.lateness import time_limit

__all__ = [
    "GAP",
    "Append",
    "Appended",
    "Broadcast",
    "Event",
    "Gap",
    "LogPosition",
    "LogSlice",
    "Publish",
    "Subscription",
    "Unavailable",
    "connect",
    "control_channel",
    "rev_of",
    "thread_channel",
    "user_channel",
]

logger = logging.getLogger(__name__)

CONNECTIONS = 4
CONNECT_TIMEOUT_SECONDS = 2
COMMAND_TIMEOUT_SECONDS = 2
OPEN_SECONDS = 1  # after a timeout, fail at once for this long


class CircuitBreaker:
    """A command may take two seconds; after a timeout the next ones fail at once, since a page sends several."""

    def __init__(self) -> None:
        self._open_until = 0.0

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._open_until:
            raise TimeoutError("Redis did not answer a moment ago")
        try:
            async with time_limit(COMMAND_TIMEOUT_SECONDS):
                yield
        except TimeoutError:
            self._open_until = loop.time() + OPEN_SECONDS
            raise


class Client(Redis):
    """A client that raises every error at once, and whose commands take two seconds, or longer if the loop is late.

    The limit is our own. redis-py's `socket_timeout` uses `asyncio.wait_for`, which in Python 3.11 can swallow a
    cancellation, so that a cancelled loop or socket would live on.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.breaker = CircuitBreaker()

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Raises RedisError or OSError, of which TimeoutError is one."""
        async with self.breaker.attempt():
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """A pipeline with the same limit."""
        pipe = LimitedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipe.breaker = self.breaker
        return pipe


class LimitedPipeline(Pipeline):
    """A pipeline with the same limit on its round trip."""

    breaker: CircuitBreaker

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Raises RedisError or OSError."""
        async with self.breaker.attempt():
            results: list[Any] = await super().execute(raise_on_error)
            return results


def connect(url: str, tls_verify: str = "on") -> Redis:
    """A client of this server; it connects when first used. Raises SettingsError."""
    options = connection_options(url, tls_verify)
    kind: type[Any] = SSLConnection if "ssl_cert_reqs" in options else Connection
    if "path" in options:
        kind = UnixDomainSocketConnection
    pool = BlockingConnectionPool(
        connection_class=_reporting(kind),
        max_connections=CONNECTIONS,
        timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=None,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
        **options,
    )
    return Client.from_pool(pool)


def _reporting(kind: type[Any]) -> type[Any]:
    """Connections that report every loss as one: for a closed transport uvloop raises RuntimeError."""

    class Reporting(kind):
        async def send_packed_command(self, *args: Any, **options: Any) -> None:
            try:
                await super().send_packed_command(*args, **options)
            except RuntimeError as error:
                raise ConnectionLost(str(error)) from error

    return Reporting


class Broadcast:
    """The live side of a worker: the logs of threads, and the channels to every worker."""

    def __init__(self, redis: Redis) -> None:
        self.log = Log(redis)
        self.channels = Channels(redis)
        self.ticks = Ticks()

    async def announce(self, *events: Append | Publish) -> None:
        """Announce stored changes to tabs and workers. Without Redis they find it in the database, a little later."""
        try:
            for event in events:
                if isinstance(event, Append):
                    await self.log.append(event)
                else:
                    await self.channels.publish(event.channel, event.event)
        except Unavailable as error:
            names = ", ".join(sorted({type(event.event).__name__ for event in events}))
            logger.warning("Redis is unavailable: not announced: %s (%s)", names, error)

    async def run(self) -> None:
        """Append and listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.log.run(), name="broadcast log")
            group.create_task(self.channels.run(), name="broadcast channels")
