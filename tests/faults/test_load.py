"""More answers at once than one process writes: every message is answered, none fails, and health checks pass."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.faults.cluster import Cluster, Worker
from tests.faults.scale import ANSWERS
from tests.faults.story import counting
from tests.support.cast import Person
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)
PROCESSES = 4
RETRIED = ("draining", "overloaded", "unavailable", "rate_limited")  # by a tab, from its outbox
ENDED = """
SELECT m.status, g.reason, g.takeovers, count(*) AS count
FROM chat_message m JOIN generation g ON g.answer_id = m.id WHERE m.id = ANY($1::uuid[]) GROUP BY 1, 2, 3
"""


async def stored(person: Person, question: str) -> tuple[str, int]:
    """The id of the answer to a message that is sent until it is stored, as by a tab, and how often it was refused."""
    client_id, refusals = str(uuid.uuid4()), 0
    while True:
        try:
            response = await person.post(question, client_id=client_id)
        except httpx.TransportError:  # a tab doesn't wait longer, either
            refusals += 1
            continue
        if response.status_code == 201:
            return response.json()["reply_id"], refusals
        assert response.json()["code"] in RETRIED, response.text
        refusals += 1
        await asyncio.sleep(response.json()["retry_ms"] / 1000)  # as it is asked to


async def never_unready(worker: Worker, http: Person) -> None:
    """Ask /readyz until cancelled."""
    while True:
        ready = await http.http.get("/readyz")
        assert ready.status_code == 200, ready.text
        await asyncio.sleep(1)  # as balancers do


async def test_many_answers_at_once_on_four_processes_all_end_well(
    cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    workers = await cluster.workers(PROCESSES)
    question, text = counting(100, 50)
    async with AsyncExitStack() as stack:
        turns = asyncio.Semaphore(PROCESSES)

        async def signed_up(number: int) -> Person:
            async with turns:
                return await stack.enter_async_context(cluster.alice(workers[number % PROCESSES]))

        people = await asyncio.gather(*map(signed_up, range(ANSWERS)))
        probes = [asyncio.create_task(never_unready(one, people[n])) for n, one in enumerate(workers)]
        began = time.monotonic()
        found = await asyncio.gather(*(stored(person, question) for person in people))
        ids = [reply_id for reply_id, _ in found]

        async def all_ended() -> bool:
            return not any(row["status"] == "streaming" for row in await cluster.rows(ENDED, ids))

        await eventually(all_ended, seconds=120)
        took = time.monotonic() - began
        assert not [probe.exception() for probe in probes if probe.done()]
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
    rows = await cluster.rows(ENDED, ids)
    wrong = await cluster.rows("SELECT id FROM chat_message WHERE id = ANY($1::uuid[]) AND content <> $2", ids, text)
    refused = sum(refusals for _, refusals in found)
    record_property("figure", f"{len(ids)} answers at once ended in {took:.1f} s; {refused} messages waited for room")

    assert [(row["status"], row["reason"], row["takeovers"], row["count"]) for row in rows] == [
        ("final", "", 0, ANSWERS)
    ]
    assert not wrong
