"""An overloaded process: new messages wait, lost answers go first, and no answer ends because of a queue."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from chat.database import DatabaseUnavailable
from chat.models import ChatMessage
from chat.services.errors import Refused
from chat.services.replies.capacity import LONGEST_RETRY_MS, RETRY_MS, Capacity
from chat.services.replies.worker import Worker
from tests.support import patches
from tests.support.cast import Person
from tests.support.replies import ended

FIRST, SECOND, THIRD = (uuid.uuid4() for _ in range(3))


class Recorder(Worker):
    """A worker whose replies end when the test says so."""

    def __init__(self, most: int) -> None:
        super().__init__(most_replies=most)
        self.claimed: list[uuid.UUID] = []
        self.enough = asyncio.Event()

    async def _claim_and_run(self, generation_id: uuid.UUID, *, lost: bool = False) -> None:
        self.claimed.append(generation_id)
        await self.enough.wait()

    async def ended(self) -> None:
        """Every reply ends."""
        self.enough.set()
        await asyncio.gather(*self._tasks)


def accepted(capacity: Capacity, count: int) -> Iterator[bool]:
    """Messages that arrive at once: whether each has a place."""
    held = []
    for _ in range(count):
        try:
            place = capacity.room()
            place.__enter__()
        except Refused:
            yield False
        else:
            held.append(place)
            yield True
    for place in held:
        place.__exit__(None, None, None)


def test_messages_that_arrive_at_once_take_no_more_places_than_there_are() -> None:
    capacity = Capacity(2)

    assert list(accepted(capacity, 4)) == [True, True, False, False]
    assert list(accepted(capacity, 3)) == [True, True, False]


def test_the_wait_grows_with_the_number_of_waiting_messages() -> None:
    capacity = Capacity(2)
    capacity.take()
    capacity.take()
    waits = []
    for _ in range(1_000):
        with pytest.raises(Refused) as refused, capacity.room():
            pass
        waits.append(refused.value.retry_ms)

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (RETRY_MS, LONGEST_RETRY_MS)


async def test_a_reply_has_its_place_from_the_start_to_its_end() -> None:
    worker = Recorder(1)
    worker.start(FIRST)
    worker.start(FIRST)  # the reaper finds it again while it waits to be claimed
    with pytest.raises(Refused) as refused, worker.room():
        pass
    await worker.ended()
    with worker.room():
        pass

    assert refused.value.code == "overloaded"
    assert worker.claimed == [FIRST]


async def test_no_more_lost_replies_are_taken_over_than_fit_and_the_rest_go_before_new_messages() -> None:
    worker = Recorder(2)
    worker._take_over([FIRST, SECOND, THIRD])
    await asyncio.sleep(0)
    taken = list(worker.claimed)
    worker._over(FIRST)
    with pytest.raises(Refused), worker.room():  # the place is for the third
        pass
    worker._take_over([SECOND, THIRD])
    await asyncio.sleep(0)
    worker._take_over([])
    worker._over(SECOND)
    with worker.room():
        pass
    worker._started.add(SECOND)  # as before, for its task
    worker.capacity.take()
    worker.capacity.take()
    await worker.ended()

    assert taken == [FIRST, SECOND]
    assert worker.claimed == [FIRST, SECOND, THIRD]


# Queues for the database

REPLY: ContextVar[bool] = ContextVar("reply", default=False)


class Queue:
    """Counts how often a reply asks for a connection; one of these times it gets none, as after a long wait."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails_at = 0

    def reset(self, fails_at: int) -> None:
        self.asked, self.fails_at = 0, fails_at

    def ask(self) -> None:
        self.asked += 1
        if self.asked == self.fails_at:
            raise DatabaseUnavailable("no connection in time")


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The queue in which replies wait, and nothing else."""
    acquire, run, found = patches.POOL_ACQUIRE.value, patches.RUN_REPLY.value, Queue()

    async def acquire_in_turn(*given: Any, **named: Any) -> Any:
        if REPLY.get():
            found.ask()
        return await acquire(*given, **named)

    async def run_marked(*given: Any, **named: Any) -> None:
        REPLY.set(True)
        await run(*given, **named)

    patches.POOL_ACQUIRE.replace(monkeypatch, acquire_in_turn)
    patches.RUN_REPLY.replace(monkeypatch, run_marked)
    patches.RETRY_WITHIN_SECONDS.replace(monkeypatch, -1.0)  # as after a wait in the queue: no second one
    patches.STORE_PAUSE_SECONDS.replace(monkeypatch, 0.01)
    return found


async def test_an_answer_that_gets_no_connection_in_time_waits_wherever_that_happens(
    alice: Person, queue: Queue
) -> None:
    """It asks the model, runs a tool, asks the model again, and is stored."""
    for fails_at in itertools.count(1):
        queue.reset(fails_at)
        posted = await alice.ask("what is the secret number? [offline: tool=get_secret_number]")
        row: ChatMessage = await ended(posted["reply_id"])
        assert (row.status, row.error) == ("final", ""), f"no connection, the {fails_at}. time"
        if queue.asked < fails_at:
            break

    assert fails_at > 10
