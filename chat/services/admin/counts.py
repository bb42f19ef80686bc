"""The sums of what all processes have counted, in one hash in Redis, to which each process adds its own."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from redis.asyncio import Redis

from chat.metrics import Metrics

SUMS = "metrics"
SENT = "sent:"  # and a worker's name: the number of its last batch, and when that was added
KEPT_SECONDS = 86_400  # of a worker that adds nothing any more
SCRIPT = (Path(__file__).parent / "add_counts.lua").read_text()


class Counts:
    """One for each process; `push` is called every few seconds.

    A batch whose reply was lost is sent again with its number, so that it is added once. If the sums were lost with
    Redis, each process adds all that it has counted since its start.
    """

    def __init__(self, redis: Redis, name: str, metrics: Metrics) -> None:
        self._redis, self._name, self._metrics = redis, name, metrics
        self._add = redis.register_script(SCRIPT)
        self._added: dict[str, int] = {}  # totals that are in the sums
        self._batch: dict[str, int] | None = None  # totals that were sent, and of which no reply came yet
        self._number = 0

    async def push(self) -> None:
        """Add what was counted since the last time. Raises RedisError, OSError; then the next call tries again."""
        if self._batch is None:
            self._batch, self._number = self._metrics.totals(), self._number + 1
        result = await self._send(self._batch)
        if result < 0:
            self._added, self._batch, self._number = {}, self._metrics.totals(), self._number + 1
            await self._send(self._batch)
        if self._number == 1:
            await self._forget_old()
        self._added, self._batch = self._batch, None

    async def sums(self) -> dict[str, int]:
        """The sums of all processes. Raises RedisError, OSError."""
        found = await self._stored()
        pairs = ((field.decode(errors="replace"), number) for field, number in found.items())
        return {field: int(number) for field, number in pairs if not field.startswith(SENT)}

    async def _send(self, totals: dict[str, int]) -> int:
        new = {field: total - self._added.get(field, 0) for field, total in totals.items()}
        pairs: list[str | int] = [part for pair in new.items() if pair[1] for part in pair]
        everything = "" if self._added else "1"
        arguments: list[str | int] = [self._name, self._number, everything, *pairs]
        result: int = await self._add(keys=[SUMS], args=arguments)
        return result

    async def _forget_old(self) -> None:
        """Remove the numbers of workers that ended long ago."""
        found = await self._stored()
        now, _ = await self._redis.time()
        oldest = now - KEPT_SECONDS
        old = [field for field, sent in found.items() if field.startswith(SENT.encode()) and _time(sent) < oldest]
        if old:
            await self._redis.hdel(SUMS, *old)

    async def _stored(self) -> dict[bytes, bytes]:
        return cast(dict[bytes, bytes], await self._redis.hgetall(SUMS))


def _time(sent: bytes) -> float:
    return float(sent.split()[-1])
