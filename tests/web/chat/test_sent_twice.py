"""The same message sent twice at once gets one answer, on any worker and by any path, and counts once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from chat.models import ChatMessage, Generation, User
from chat.security.limits import MESSAGE_EACH_MINUTE, MESSAGE_EACH_SECOND, PAGE_POST, SOCKET_CONNECT, Limits
from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.locks import Held, held
from tests.support.rows import answered, past_thread
from tests.support.site import Beside, Site
from tests.support.stores import Stores

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("unforgiving")]

LOCK_THREAD = "SELECT 1 FROM chat_thread WHERE id = $1 FOR UPDATE"
LOCK_SETTINGS = "SELECT 1 FROM user_settings WHERE user_id = $1 FOR UPDATE"
ROUNDS = 25

Got = TypeVar("Got")
Sites = tuple[Site, Site]
Said = tuple[str, ...]  # the ids of the message and its answer, or a code
Way = Callable[[Person, str, str], Awaitable[Said]]


@pytest.fixture(scope="module")
async def workers(beside: Beside) -> AsyncIterator[Sites]:
    """Two workers of one site, with limits."""
    limited = {"RATE_LIMITS": "on", "LLM_CONCURRENT_REPLIES": "1000"}
    async with beside(**limited) as one, beside(**limited) as two:
        yield one, two


@asynccontextmanager
async def at_both(person: Person, workers: Sites) -> AsyncIterator[tuple[Person, Person]]:
    """The same browser at two workers, with all its allowances."""
    one, two = ({"base_url": at.url, "headers": {"Origin": at.url}, "cookies": person.http.cookies} for at in workers)
    async with new_client(**one) as here, new_client(**two) as there:
        await refill(person, workers[0].resources.limits)
        yield Person(workers[0], here, person.email), Person(workers[1], there, person.email)


async def refill(person: Person, limits: Limits) -> None:
    user = await User.get(email=person.email)
    for limit in (MESSAGE_EACH_SECOND, MESSAGE_EACH_MINUTE, PAGE_POST, SOCKET_CONNECT):
        await limits.reset(limit, str(user.id))


async def by_http(person: Person, thread_id: str, client_id: str) -> Said:
    answer = await person.post("say hello", thread_id, client_id)
    said = answer.json()
    return (said["message_id"], said["reply_id"]) if answer.status_code == 201 else (said["code"],)


async def by_socket(person: Person, thread_id: str, client_id: str) -> Said:
    async with person.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        said = await tab.say("say hello", client_id)
    return (said["message_id"], said["reply_id"]) if said["type"] == "ack" else (said["code"],)


async def counted(person: Person, limits: Limits) -> int:
    """The number of messages counted and not yet forgotten."""
    user = await User.get(email=person.email)
    left_ms = await limits._redis.pttl(f"limit:{MESSAGE_EACH_MINUTE.name}:{user.id}")
    return -(-left_ms // MESSAGE_EACH_MINUTE.interval_ms)


async def held_up(sending: Coroutine[Any, Any, Got], moment: Held, count: int) -> asyncio.Task[Got]:
    """Begin to send, and wait until this is one of `count` transactions that wait; an answer before that is wrong."""
    sent = asyncio.create_task(sending)
    waiting = asyncio.create_task(moment.waiting(count))
    await asyncio.wait({sent, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert not sent.done(), sent.result()
    return sent


async def assert_same(first: Said, second: Said, client_id: str) -> None:
    assert first == second
    assert len(first) == 2, first
    assert await ChatMessage.filter(client_id=client_id).count() == 1
    assert await Generation.filter(user_message_id=first[0]).count() == 1


WAYS = [
    pytest.param("", (by_http, by_http), id="a new thread"),
    pytest.param("existing", (by_http, by_http), id="http"),
    pytest.param("existing", (by_socket, by_socket), id="sockets"),
    pytest.param("existing", (by_socket, by_http), id="a socket and http"),
]


@pytest.mark.parametrize(("thread_id", "ways"), WAYS)
async def test_a_copy_that_comes_before_the_first_is_stored_waits_for_it(
    alice: Person, workers: Sites, stores: Stores, thread_id: str, ways: tuple[Way, Way]
) -> None:
    """The first has passed every check and is held in its transaction while the second one is checked."""
    user, client_id = await User.get(email=alice.email), str(uuid.uuid4())
    thread_id = thread_id and await past_thread(alice)
    lock, locked = (LOCK_THREAD, uuid.UUID(thread_id)) if thread_id else (LOCK_SETTINGS, user.id)
    async with at_both(alice, workers) as persons:
        async with held(stores, lock, locked) as moment:
            sent = [await held_up(ways[0](persons[0], thread_id, client_id), moment, 1)]
            sent.append(await held_up(ways[1](persons[1], thread_id, client_id), moment, 2))
        first, second = await asyncio.gather(*sent)
        assert await counted(alice, workers[0].resources.limits) == 1
    await assert_same(first, second, client_id)


@pytest.mark.parametrize(("thread_id", "ways"), WAYS)
async def test_whatever_the_order_both_get_the_same_answer_and_count_once(
    alice: Person, workers: Sites, thread_id: str, ways: tuple[Way, Way]
) -> None:
    for _ in range(ROUNDS):
        client_id, thread = str(uuid.uuid4()), thread_id and await past_thread(alice)
        async with at_both(alice, workers) as persons:
            sent = [way(person, thread, client_id) for way, person in zip(ways, persons, strict=True)]
            first, second = await asyncio.gather(*sent)
            assert await counted(alice, workers[0].resources.limits) == 1
        await assert_same(first, second, client_id)


async def test_without_redis_a_copy_at_the_same_worker_counts_once(alice: Person, workers: Sites) -> None:
    limits = workers[0].resources.limits
    user, once = await User.get(email=alice.email), uuid.uuid4().hex
    own = f"limit:{MESSAGE_EACH_SECOND.name}:{user.id}"

    assert [limits._own.wait_ms(MESSAGE_EACH_SECOND, own, once) for _ in range(3)] == [0, 0, 0]
    assert limits._own.wait_ms(MESSAGE_EACH_SECOND, own, uuid.uuid4().hex) > 0


@pytest.mark.parametrize("go_on", [False, True])
async def test_an_answer_regenerated_twice_at_once_is_one_attempt(
    alice: Person, workers: Sites, stores: Stores, go_on: bool
) -> None:
    thread_id = await answered(alice, "say hello", "hel")
    question, answer = await ChatMessage.filter(thread_id=thread_id).order_by("number")
    await ChatMessage.filter(id=answer.id).update(status="stopped")
    await Generation.create(
        thread_id=thread_id,
        user_message_id=question.id,
        answer_id=answer.id,
        model="test",
        attempt=1,
        state="cancelled",
    )
    fields = {"message_id": str(answer.id), **({"go_on": "1"} if go_on else {})}

    async def again(person: Person) -> tuple[int, str]:
        wants = {"Accept": "application/json"}
        said = await person.http.post(f"/chat/{thread_id}/again/", data=fields, headers=wants)
        return said.status_code, said.text

    async with at_both(alice, workers) as persons:
        async with held(stores, LOCK_THREAD, uuid.UUID(thread_id)) as moment:
            sent = [await held_up(again(person), moment, count) for count, person in enumerate(persons, start=1)]
        answers = await asyncio.gather(*sent)
        late = await again(persons[1])
        assert await counted(alice, workers[0].resources.limits) == 1

    assert answers == [late] * 2
    assert late[0] == 201
    assert await Generation.filter(thread_id=thread_id).count() == 2
