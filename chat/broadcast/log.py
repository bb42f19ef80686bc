"""A thread's log: each live event gets an offset in an epoch, is kept for some minutes, and is published at once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from chat.events import Frame, encode

MAX_EVENTS = 1000
TTL_RUNNING_MS = 300_000
TTL_ENDED_MS = 120_000  # by then the text is in PostgreSQL
META_TTL_MS = 86_400_000  # much longer than the log's, so that an epoch outlives its events
FORGOTTEN_AT_ONCE = 500
NEVER = 2**53  # no log gets this far
PROBE, PROBE_TTL_MS = "chat:probe", 60_000
OFFSET_MAX_DIGITS = 16
FOLDER = Path(__file__).parent


class Unavailable(Exception):
    """Redis did not answer, or refused to write."""


def thread_channel(thread_id: UUID) -> str:
    """Carries one thread's events, which are numbered and logged."""
    return f"t:{thread_id}"


@dataclass(frozen=True, slots=True)
class LogPosition:
    """An offset in an epoch of a thread's log; a tab's cursor is its text."""

    epoch: str = ""
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}" if self.epoch else ""

    @classmethod
    def parse(cls, cursor: str) -> LogPosition | None:
        """None for an empty or invalid cursor."""
        epoch, colon, offset = cursor.partition(":")
        if not (colon and epoch and offset.isascii() and offset.isdigit() and len(offset) < OFFSET_MAX_DIGITS):
            return None
        return cls(epoch, int(offset))


NOWHERE = LogPosition()


@dataclass(frozen=True, slots=True)
class Append:
    """One event for a thread's log."""

    thread_id: UUID
    event: Frame
    fence: int | None = None
    terminal: bool = False
    expected_epoch: str = ""
    minimum: LogPosition = NOWHERE  # already reached: an end before it means that Redis went back in time

    def keys(self) -> list[str]:
        """The log and its metadata; the braces keep both on one node of a cluster."""
        return _keys(self.thread_id)

    def arguments(self) -> list[str | int]:
        """The arguments in the order that append.lua documents."""
        return [
            thread_channel(self.thread_id),
            self.expected_epoch,
            _new_epoch(),
            MAX_EVENTS,
            TTL_ENDED_MS if self.terminal else TTL_RUNNING_MS,
            META_TTL_MS,
            "" if self.fence is None else self.fence,
            int(self.terminal),
            encode(self.event),
            self.minimum.offset,
            self.minimum.epoch,
        ]


@dataclass(frozen=True, slots=True)
class Appended:
    """The result of an append. `offset` is 0 if the epoch has moved, -1 if the fence is old: nothing was written."""

    offset: int
    epoch: str


@dataclass(frozen=True, slots=True)
class LogSlice:
    """The log after an offset: `end` is its last position, `entries` are (offset, payload) of its events in order."""

    end: LogPosition
    entries: list[tuple[int, str]]

    def continues(self, after: LogPosition) -> bool:
        """Whether the log begins right after this position and has no hole."""
        expected = list(range(after.offset + 1, self.end.offset + 1))
        return (
            after.epoch == self.end.epoch
            and after.offset <= self.end.offset
            and [offset for offset, _ in self.entries] == expected
        )


class _Change(msgspec.Struct):
    type: str
    rev: Any = 0  # an integer, unless a newer release uses it differently


def rev_of(payload: str) -> int:
    """The `rev` of the change that an event announces; 0 if none. The start of an answer isn't a change.

    Raises msgspec.MsgspecError if the payload is not an event of any release.
    """
    change = msgspec.json.decode(payload, type=_Change)
    return change.rev if type(change.rev) is int and change.type != "response.started" else 0


def _is_event(payload: str) -> bool:
    try:
        rev_of(payload)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


Waiting = tuple[Append, "asyncio.Future[Appended]"]


class Log:
    """Appends of all of a worker's threads share round trips: those that arrive during one form the next."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._append = redis.register_script((FOLDER / "append.lua").read_text())
        self._read = redis.register_script((FOLDER / "read.lua").read_text())
        self._pending: list[Waiting] = []
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            batch, self._pending = self._pending, []
            try:
                await self._write(batch)
            finally:
                for _, future in batch:
                    future.cancel()  # only those without a result: the worker is ending

    async def append(self, item: Append) -> Appended:
        """Write one event and publish it. Raises Unavailable; the event may have been written anyway."""
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._pending.append((item, future))
        self._wanted.set()
        return await future

    async def read(self, thread_id: UUID, *, after: int = 0) -> LogSlice:
        """The log after an offset; an empty one gets an epoch. Raises Unavailable."""
        try:
            top, epoch, entries = await self._read(
                keys=_keys(thread_id), args=[max(after, 0), _new_epoch(), MAX_EVENTS, META_TTL_MS]
            )
        except (RedisError, OSError) as error:
            raise Unavailable(str(error)) from error
        pairs = [(int(entry_id.split(b"-")[0]), fields[1].decode(errors="replace")) for entry_id, fields in entries]
        return LogSlice(LogPosition(epoch.decode(), top), [pair for pair in pairs if _is_event(pair[1])])

    async def end(self, thread_id: UUID) -> LogPosition:
        """The position of the log's last event. Raises Unavailable."""
        return (await self.read(thread_id, after=NEVER)).end

    async def ends(self, thread_ids: Sequence[UUID]) -> dict[UUID, LogPosition]:
        """The ends of many logs in one round trip; threads without a log are left out.

        Raises Unavailable, also if Redis answers but refuses writes: it is full, or a replica.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(PROBE, 1, px=PROBE_TTL_MS)
            for thread_id in thread_ids:
                pipe.hmget(_keys(thread_id)[1], "e", "s")
            try:
                _, *found = await pipe.execute()
            except (RedisError, OSError) as error:
                raise Unavailable(str(error)) from error
        pairs = zip(thread_ids, found, strict=True)
        return {
            thread_id: LogPosition(epoch.decode(), int(offset or 0)) for thread_id, (epoch, offset) in pairs if epoch
        }

    async def forget(self, thread_ids: Sequence[UUID]) -> None:
        """Remove the logs of deleted threads. Raises Unavailable."""
        for start in range(0, len(thread_ids), FORGOTTEN_AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipe:
                for thread_id in thread_ids[start : start + FORGOTTEN_AT_ONCE]:
                    pipe.unlink(*_keys(thread_id))
                try:
                    await pipe.execute()
                except (RedisError, OSError) as error:
                    raise Unavailable(str(error)) from error

    async def _write(self, batch: list[Waiting]) -> None:
        results: list[Any]
        try:
            results = await self._pipeline([item for item, _ in batch])
        except (RedisError, OSError) as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(Unavailable(str(result)))
            else:
                future.set_result(Appended(int(result[0]), result[1].decode()))

    async def _pipeline(self, items: list[Append]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for item in items:
                keys = item.keys()
                pipe.evalsha(self._append.sha, len(keys), *keys, *item.arguments())
            results: list[Any] = await pipe.execute(raise_on_error=False)
        if any(isinstance(result, NoScriptError) for result in results):  # the first call, or Redis was restarted
            results = [
                await self._append(keys=item.keys(), args=item.arguments())
                if isinstance(result, NoScriptError)
                else result
                for item, result in zip(items, results, strict=True)
            ]
        return results


def _keys(thread_id: UUID) -> list[str]:
    name = f"{{t:{thread_id}}}"
    return [f"{name}:log", f"{name}:meta"]


def _new_epoch() -> str:
    return secrets.token_hex(4)
