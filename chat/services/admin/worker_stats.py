"""Worker stats: each worker reports its load to Redis every few seconds, and the overview adds them up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
TTL_MS = 15_000  # a worker without a heartbeat for this long is gone
WORKERS = "workers"  # the set of names; each worker has its own key, since members of a set cannot expire


class WorkerLoad(msgspec.Struct, frozen=True):
    """The load of one worker."""

    tabs: int = 0
    emails: int = msgspec.field(default=0, name="letters")  # queued; the name in Redis is that of earlier releases
    answers: int = 0  # being written
    starting: int = 0  # wait for a store or a lease
    capacity: int = 0
    lag_ms: int = 0  # of the event loop
    redis_ms: int = 0  # of a round trip
    memory: int = 0  # bytes
    version: str = ""
    python: str = ""


class TotalLoad(msgspec.Struct, frozen=True):
    """The load of all workers; or of this one only (not `everywhere`), if Redis is unavailable."""

    workers: int
    tabs: int
    emails: int
    everywhere: bool


class WorkerStats:
    """One for each worker."""

    def __init__(self, redis: Redis, name: str, load: Callable[[], WorkerLoad]) -> None:
        self._redis, self._name, self._load = redis, name, load

    async def run(self) -> None:
        """Send heartbeats until cancelled, then remove this worker."""
        try:
            while True:
                with contextlib.suppress(RedisError, OSError):  # others log the outage; the next heartbeat tries again
                    await self._send_heartbeat()
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await self._redis.delete(_key(self._name))

    async def loads(self) -> list[WorkerLoad]:
        """The stats of each worker, as in `total`. Raises RedisError, OSError."""
        return [self._load(), *await self._others()]

    async def total(self) -> TotalLoad:
        """The stats of all workers; this worker's figures are current, the others' up to TTL_MS old."""
        try:
            loads = await self.loads()
        except (RedisError, OSError) as error:
            logger.warning("Redis is unavailable, so the other workers are not counted: %s", error)
            return _sum([self._load()], everywhere=False)
        return _sum(loads, everywhere=True)

    async def _send_heartbeat(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.sadd(WORKERS, self._name)
            pipe.set(_key(self._name), msgspec.json.encode(self._load()), px=TTL_MS)
            await pipe.execute()

    async def _others(self) -> list[WorkerLoad]:
        known: set[bytes] = await self._redis.smembers(WORKERS)  # type: ignore[assignment]
        names = [name for name in (member.decode() for member in known) if name != self._name]
        found = await self._redis.mget([_key(name) for name in names]) if names else []
        gone = [name for name, load in zip(names, found, strict=True) if load is None]
        if gone:
            await self._redis.srem(WORKERS, *gone)
        return [msgspec.json.decode(load, type=WorkerLoad) for load in found if load is not None]


def _key(name: str) -> str:
    return f"worker:{name}"


def _sum(loads: list[WorkerLoad], *, everywhere: bool) -> TotalLoad:
    return TotalLoad(
        workers=len(loads),
        tabs=sum(load.tabs for load in loads),
        emails=sum(load.emails for load in loads),
        everywhere=everywhere,
    )
