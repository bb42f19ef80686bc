"""The log of a thread on a real Valkey: offsets without holes, epochs that move, owners that are fenced off."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from redis.asyncio import Redis

from chat import broadcast
from chat.broadcast import Append, Appended, Broadcast, LogPosition, Unavailable
from chat.events import ResponseText, TextDelta
from tests.support import patches
from tests.support.stores import Stores
from tests.support.waiting import LONG_SECONDS, eventually


@pytest.fixture(scope="module")
async def redis(stores: Stores) -> AsyncIterator[Redis]:
    client = broadcast.connect(stores.redis_url)
    yield client
    await client.aclose()


@pytest.fixture(scope="module")
async def live(redis: Redis) -> AsyncIterator[Broadcast]:
    live = Broadcast(redis)
    running = asyncio.create_task(live.run())
    yield live
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def thread() -> UUID:
    return uuid.uuid4()


@dataclass
class Frozen:
    url: str = ""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def take(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)


def delta(thread: UUID, pos: int = 0, text: str = "x", **more: object) -> Append:
    return Append(thread, TextDelta(thread, pos, text), **more)  # type: ignore[arg-type]


async def test_events_are_numbered_from_one_and_read_back_in_order(live: Broadcast, thread: UUID) -> None:
    results = [await live.log.append(delta(thread, pos)) for pos in range(5)]
    log = await live.log.read(thread, after=2)

    assert [one.offset for one in results] == [1, 2, 3, 4, 5]
    assert log.continues(LogPosition(results[0].epoch, 2))
    assert [offset for offset, _ in log.entries] == [3, 4, 5]
    assert log.end == LogPosition(results[0].epoch, 5)


async def test_appends_at_once_get_one_offset_each(live: Broadcast, thread: UUID) -> None:
    results = await asyncio.gather(*(live.log.append(delta(thread)) for _ in range(200)))

    assert sorted(one.offset for one in results) == list(range(1, 201))


async def test_an_old_fence_writes_nothing(live: Broadcast, thread: UUID) -> None:
    await live.log.append(delta(thread, fence=4))

    assert (await live.log.append(delta(thread, fence=2))).offset == -1
    assert (await live.log.read(thread)).end.offset == 1


async def test_a_terminal_event_closes_its_own_fence(live: Broadcast, thread: UUID) -> None:
    await live.log.append(delta(thread, fence=4, terminal=True))

    assert (await live.log.append(delta(thread, fence=4))).offset == -1
    assert (await live.log.append(delta(thread, fence=6))).offset == 2


async def test_a_writer_of_another_epoch_writes_nothing_and_learns_why(live: Broadcast, thread: UUID) -> None:
    first = await live.log.append(delta(thread))
    told = await live.log.append(delta(thread, expected_epoch="00000000"))

    assert told == Appended(0, first.epoch)
    assert (await live.log.read(thread)).end.offset == 1


async def test_offsets_that_go_back_start_a_new_epoch(live: Broadcast, redis: Redis, thread: UUID) -> None:
    first = [await live.log.append(delta(thread)) for _ in range(3)][-1]
    await redis.hincrby(f"{{t:{thread}}}:meta", "s", -2)

    told = await live.log.append(delta(thread, expected_epoch=first.epoch, minimum=LogPosition(first.epoch, 3)))

    assert told.offset == 0
    assert told.epoch != first.epoch
    whole = await live.log.append(Append(thread, ResponseText(thread, "all"), minimum=LogPosition(first.epoch, 3)))
    assert whole == Appended(1, told.epoch)


async def test_a_lost_meta_begins_a_new_epoch_and_an_empty_log(live: Broadcast, redis: Redis, thread: UUID) -> None:
    first = await live.log.append(delta(thread))
    await redis.delete(f"{{t:{thread}}}:meta")
    second = await live.log.append(delta(thread))

    assert second.epoch != first.epoch
    assert (await live.log.read(thread)).continues(LogPosition(second.epoch, 0))


async def test_a_log_behind_its_meta_begins_a_new_epoch(live: Broadcast, redis: Redis, thread: UUID) -> None:
    first = await live.log.append(delta(thread))
    await live.log.append(delta(thread))
    await live.log.append(delta(thread))
    await redis.hset(f"{{t:{thread}}}:meta", "s", 1)  # the stream refuses an id that is not the greatest

    assert (await live.log.append(delta(thread, expected_epoch=first.epoch))).offset == 0
    assert (await live.log.append(delta(thread))).offset == 1


async def test_scripts_that_redis_lost_are_sent_again(live: Broadcast, redis: Redis, thread: UUID) -> None:
    await live.log.append(delta(thread))
    await redis.script_flush()

    assert (await live.log.append(delta(thread))).offset == 2


async def test_keys_expire(live: Broadcast, redis: Redis, thread: UUID) -> None:
    await live.log.append(delta(thread))
    running = await redis.pttl(f"{{t:{thread}}}:log")
    await live.log.append(delta(thread, terminal=True, fence=2))
    ended = await redis.pttl(f"{{t:{thread}}}:log")

    assert 0 < ended <= 120_000 < running <= 300_000
    assert await redis.pttl(f"{{t:{thread}}}:meta") > 80_000_000


async def test_reading_an_empty_log_gives_it_an_epoch_that_stays(live: Broadcast, thread: UUID) -> None:
    end = await live.log.end(thread)
    appended = await live.log.append(delta(thread))

    assert end.offset == 0
    assert appended == Appended(1, end.epoch)


async def test_without_redis_an_append_fails_and_the_next_one_works_again(stores: Stores, thread: UUID) -> None:
    nowhere = broadcast.connect("redis://127.0.0.1:1/0")
    live = Broadcast(nowhere)
    writing = asyncio.create_task(live.log.run())
    try:
        with pytest.raises(Unavailable):
            await live.log.append(delta(thread))
        with pytest.raises(Unavailable):
            await live.log.read(thread)
        with pytest.raises(Unavailable):
            await live.log.append(delta(thread))
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await nowhere.aclose()


async def test_the_ends_of_many_logs_come_in_one_round_trip(live: Broadcast, thread: UUID) -> None:
    other = uuid.uuid4()
    last = [await live.log.append(delta(thread)) for _ in range(3)][-1]

    assert await live.log.ends([thread, other]) == {thread: LogPosition(last.epoch, 3)}
    assert await live.log.ends([]) == {}


async def test_a_redis_that_refuses_writes_counts_as_unavailable(live: Broadcast, redis: Redis, thread: UUID) -> None:
    await live.log.append(delta(thread))
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(Unavailable):
            await live.log.append(delta(thread))
        with pytest.raises(Unavailable):
            await live.log.ends([thread])
    finally:
        await redis.config_set("maxmemory", 0)
    assert (await live.log.ends([thread]))[thread].offset == 1


@pytest.fixture
async def frozen() -> AsyncIterator[Frozen]:
    """A server that accepts every connection like Redis and never replies."""
    frozen = Frozen()
    server = await asyncio.start_server(frozen.take, "127.0.0.1", 0)
    frozen.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield frozen
    server.close()
    for writer in frozen.writers:
        writer.transport.abort()


async def test_the_first_caller_waits_briefly_for_a_frozen_redis_and_the_next_not_at_all(
    frozen: Frozen, thread: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = broadcast.connect(frozen.url)
    log = Broadcast(client).log

    async def tried(*, command_seconds: float, open_seconds: float) -> int:
        """The number of commands so far."""
        patches.COMMAND_TIMEOUT_SECONDS.replace(monkeypatch, command_seconds)
        patches.OPEN_SECONDS.replace(monkeypatch, open_seconds)
        for asking in (log.read(thread), log.ends([thread])):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(asking, LONG_SECONDS)
        return len(frozen.writers)

    await tried(command_seconds=0.3, open_seconds=0)
    twice = await tried(command_seconds=0.3, open_seconds=3600)
    none = await tried(command_seconds=3600, open_seconds=3600)
    await client.aclose()

    assert 1 < twice == none


async def test_the_channels_abandon_a_connection_that_never_answers(
    frozen: Frozen, thread: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.CHANNELS_CONNECT_SECONDS.replace(monkeypatch, 0.1)
    client = broadcast.connect(frozen.url)
    listening = asyncio.create_task(Broadcast(client).channels.run())
    await eventually(lambda: len(frozen.writers) >= 3)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await client.aclose()
