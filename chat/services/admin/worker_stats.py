"""What the other workers have under way: each says it every few seconds, in Redis, and whoever asks adds it up."""

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
TTL_MS = 15_000  # a worker that says nothing for so long is gone
WORKERS = "workers"  # the names; each has a key of its own, since that can expire


class Load(msgspec.Struct, frozen=True):
    """What one worker has under way."""

    replies: int = 0
    tabs: int = 0
    letters: int = 0  # that are to be sent, or sent again


class Loads(msgspec.Struct, frozen=True):
    """The sum over all workers; or this one alone, where Redis does not answer."""

    workers: int
    replies: int
    tabs: int
    letters: int
    everywhere: bool


class Presence:
    """One for each worker."""

    def __init__(self, redis: Redis, name: str, load: Callable[[], Load]) -> None:
        self._redis, self._name, self._load = redis, name, load

    async def run(self) -> None:
        """Say it until cancelled, and then that this worker is gone."""
        try:
            while True:
                with contextlib.suppress(RedisError, OSError):  # others say that it is away; this comes again
                    await self._say()
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await self._redis.delete(_key(self._name))

    async def everywhere(self) -> Loads:
        """Of all workers, this one as it is now."""
        try:
            others = await self._others()
        except (RedisError, OSError) as error:
            logger.warning("Redis is away, the other workers are not counted: %s", error)
            return _sum([self._load()], everywhere=False)
        return _sum([self._load(), *others], everywhere=True)

    async def _say(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.sadd(WORKERS, self._name)
            pipe.set(_key(self._name), msgspec.json.encode(self._load()), px=TTL_MS)
            await pipe.execute()

    async def _others(self) -> list[Load]:
        known: set[bytes] = await self._redis.smembers(WORKERS)  # type: ignore[assignment]
        names = [name for name in (one.decode() for one in known) if name != self._name]
        found = await self._redis.mget([_key(name) for name in names]) if names else []
        gone = [name for name, said in zip(names, found, strict=True) if said is None]
        if gone:
            await self._redis.srem(WORKERS, *gone)
        return [msgspec.json.decode(said, type=Load) for said in found if said is not None]


def _key(name: str) -> str:
    return f"worker:{name}"


def _sum(loads: list[Load], *, everywhere: bool) -> Loads:
    return Loads(
        workers=len(loads),
        replies=sum(load.replies for load in loads),
        tabs=sum(load.tabs for load in loads),
        letters=sum(load.letters for load in loads),
        everywhere=everywhere,
    )
