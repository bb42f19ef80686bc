"""Several workers race for the queues of several chats, and die between the end of an answer and the next message."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from chat.models import ChatMessage, Generation, QueuedMessage
from tests.support import patches
from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.offline import OfflineServer
from tests.support.queues import all_answered, asked, posted
from tests.support.site import Beside, Site
from tests.support.waiting import PAUSE_SECONDS

pytestmark = pytest.mark.timeout(180)
CHATS, MESSAGES = 6, 12  # messages of each chat, after the first
DIES = 0.3


@pytest.fixture
async def workers(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Site]]:
    """Three workers that look for queues often, beside one that limits how many answers a user has at once."""
    patches.REAPER_SECONDS.replace(monkeypatch, (0.1, 0.2))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(beside(RATE_LIMITS="on"))
        yield [await stack.enter_async_context(beside()) for _ in range(3)]


class Deaths:
    """Some workers die after they have stored the end of an answer: they never look into the queue."""

    def __init__(self, patch: pytest.MonkeyPatch, chance: random.Random) -> None:
        self.count = 0
        self._chance = chance
        self._run_queue = patches.RUN_QUEUE.value
        deaths = self

        def run_queue(worker: object, *what: object) -> None:
            if deaths.strikes():
                deaths.count += 1
            else:
                deaths._run_queue(worker, *what)

        patches.RUN_QUEUE.replace(patch, run_queue)

    def strikes(self) -> bool:
        return self._chance.random() < DIES


async def sends(people: list[Person], thread_id: str, chance: random.Random) -> Counter[int]:
    """One message after the other, each up to three times at once, at any worker; a full queue is tried again."""
    statuses: Counter[int] = Counter()
    for number in range(1, MESSAGES + 1):
        client_id, status = str(uuid.uuid4()), 409
        while status == 409:
            copies = [
                posted(chance.choice(people), thread_id, f"say {number}", client_id)
                for _ in range(chance.randint(1, 3))
            ]
            answers = await asyncio.gather(*copies)
            assert {answer.status_code for answer in answers} <= {201, 202, 409}, [answer.text for answer in answers]
            statuses.update(answer.status_code for answer in answers)
            status = min(answer.status_code for answer in answers)
            await asyncio.sleep(chance.random() * PAUSE_SECONDS)  # so that some find a queue and some find none
    return statuses


async def test_no_message_is_lost_doubled_or_out_of_order(
    alice: Person, workers: list[Site], model: OfflineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    deaths = Deaths(monkeypatch, chance)
    threads = [(await alice.ask("say 0"))["thread_id"] for _ in range(CHATS)]
    async with AsyncExitStack() as stack:
        people = []
        for site in workers:
            headers = {"base_url": site.url, "headers": {"Origin": site.url}, "cookies": alice.http.cookies}
            http = await stack.enter_async_context(new_client(**headers))
            people.append(Person(site, http, alice.email))
        statuses = sum(await asyncio.gather(*(sends(people, one, chance) for one in threads)), Counter())
        answers = [await all_answered(one, MESSAGES + 1) for one in threads]

    expected = [str(number) for number in range(MESSAGES + 1)]
    for thread_id, said in zip(threads, answers, strict=True):
        assert await asked(thread_id) == [f"say {text}" for text in expected]
        assert [(one.content, one.status) for one in said] == [(text, "final") for text in expected]
        messages = await ChatMessage.filter(thread_id=thread_id).order_by("number")
        assert [one.parent_id for one in messages] == [None, *(one.id for one in messages[:-1])], "one path, unbroken"
    generations = await Generation.filter(thread_id__in=threads)
    assert len(generations) == CHATS * (MESSAGES + 1)
    assert {await model.creates(str(one.id)) for one in generations} == {1}, "each was paid for once"
    assert not await QueuedMessage.filter(thread_id__in=threads).exists()
    assert deaths.count > 5
    assert statuses[202] > CHATS
