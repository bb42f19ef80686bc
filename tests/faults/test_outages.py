"""Requests while Redis or PostgreSQL is unavailable: no error 500, no long wait, and a recovery."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from chat.web.readiness import DOWN_SECONDS, KEPT_SECONDS
from tests.faults.cluster import Cluster
from tests.faults.stores import Store
from tests.faults.story import asked, counting
from tests.faults.visitors import visitor
from tests.support.cast import PASSWORD, Person
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)
JSON = {"Accept": "application/json"}
REQUEST_SECONDS = 10.0
SLACK_SECONDS = 1.0  # two cores, three processes


async def timed(request: Awaitable[httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return await request, time.monotonic() - began


async def not_ready(person: Person) -> tuple[httpx.Response, float]:
    """The last response of /readyz and its duration: a store that answers late is not down at once."""
    deadline = time.monotonic() + DOWN_SECONDS + 2 * KEPT_SECONDS
    while (found := await timed(person.http.get("/readyz")))[0].status_code == 200 and time.monotonic() < deadline:
        await asyncio.sleep(0.1)  # not `eventually`: the caller asserts the last answer
    return found


@contextmanager
def away(store: Store, how: str = "stopped") -> Iterator[None]:
    if how == "frozen":
        with store.frozen():
            yield
        return
    store.stop()
    try:
        yield
    finally:
        store.start()


@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_without_redis_everything_except_live_text_works_and_nothing_waits_long(
    cluster: Cluster, how: str
) -> None:
    [one] = await cluster.workers(1)
    async with asked(cluster, *counting(5), at=one, tabs=[one]) as story, visitor(one.url) as nobody:
        await story.over(10)
        [tab] = story.tabs
        with away(cluster.valkey, how):
            await tab.until(lambda: tab.live == [False], seconds=15)
            answers = {
                "login": await timed(nobody.http.get("/accounts/login/")),
                "logged in": await timed(nobody.log_in(story.person.email)),
                "page": await timed(story.person.http.get(f"/chat/{story.thread_id}/")),
                "new thread": await timed(story.person.post("say Hello")),
                "older": await timed(story.person.http.get(f"/chat/api/threads/{story.thread_id}/messages/")),
                "ready": await not_ready(nobody),
            }
            client_id = await tab.post("say It goes on")
            await tab.until(lambda: client_id in tab.said, seconds=10)
            story.reply_id, story.text = tab.said[client_id]["reply_id"], "It goes on"
            await story.over(10)
        await tab.until(lambda: tab.live[-1], seconds=15)

    codes = {name: answer.status_code for name, (answer, _) in answers.items()}
    assert codes == {
        "login": 200, "logged in": 303, "page": 200, "new thread": 201, "older": 200, "ready": 503,
    }  # fmt: skip
    assert max(took for _, took in answers.values()) < 5 + SLACK_SECONDS
    assert tab.live == [False, True]
    assert tab.codes == [], "the socket stays"


async def test_without_redis_a_worker_counts_wrong_passwords_by_itself(cluster: Cluster) -> None:
    one = cluster.launch("serve", "strict_limits")
    await one.until_ready()
    async with cluster.alice(one) as alice, visitor(one.url) as stranger:
        with away(cluster.valkey):
            guesses = [await stranger.log_in(alice.email, "wrong-" * 3) for _ in range(7)]
            page = await alice.http.get("/chat/")
    one.kill()  # other tests want workers without limits

    assert [guess.status_code for guess in guesses] == [422] * 5 + [429] * 2
    assert ["Too many attempts" in guess.text for guess in guesses] == [False] * 5 + [True] * 2
    assert page.status_code == 200


@pytest.mark.parametrize("how", ["stopped", "frozen"])
async def test_without_postgres_every_request_has_its_503_and_sockets_stay(cluster: Cluster, how: str) -> None:
    [one] = await cluster.workers(1)
    async with asked(cluster, *counting(5), at=one, tabs=[one]) as story, visitor(one.url) as nobody:
        await story.over(10)
        [tab] = story.tabs
        with away(cluster.postgres, how):
            client_id, known = await tab.post("say It came back"), story.person.http
            found = await asyncio.gather(
                timed(known.get(f"/chat/{story.thread_id}/")),
                timed(known.get("/")),
                timed(known.get("/nowhere/")),
                timed(known.post("/chat/", data={"message": "x"})),
                timed(known.get(f"/chat/api/threads/{story.thread_id}/messages/", headers=JSON)),
                timed(known.post("/chat/", data={"message": "x", "client_id": str(uuid.uuid4())}, headers=JSON)),
                timed(nobody.log_in("alice@example.com", PASSWORD)),
            )
            public, healthy = [await timed(nobody.http.get(path)) for path in ("/", "/healthz")]
            unready = await not_ready(nobody)
            await tab.until(lambda: tab.live == [False], seconds=20)
            assert client_id not in tab.said
        await tab.until(lambda: client_id in tab.said, seconds=30)
        await tab.until(lambda: tab.live[-1], seconds=15)
        story.reply_id, story.text = tab.said[client_id]["reply_id"], "It came back"
        await story.over(20)
        page = await eventually(lambda: readable(story.person), seconds=10)
        stored = await cluster.rows("SELECT 1 FROM chat_message WHERE client_id = $1", client_id)

    html, root, missing, form, older, posted, login = [answer for answer, _ in found]
    assert [one.status_code for one in (html, root, form, older, posted, login)] == [503] * 6
    assert missing.status_code == 404
    assert all(one.headers["Retry-After"] == "5" for one in (html, form, older, posted))
    assert "tries again every few seconds" in html.text
    assert html.headers["Refresh"] == "5"
    assert "Refresh" not in form.headers, "the browser would ask for the page and forget what was typed"
    assert [one.json()["code"] for one in (older, posted)] == ["unavailable"] * 2
    assert max(took for _, took in found) < REQUEST_SECONDS + SLACK_SECONDS
    assert [answer.status_code for answer, _ in (public, healthy, unready)] == [200, 200, 503]
    assert max(took for _, took in (public, healthy, unready)) < 2 + SLACK_SECONDS
    assert tab.codes == [], "the socket stays"
    assert page
    assert len(stored) == 1


async def readable(person: Person) -> bool:
    return (await person.http.get("/chat/")).status_code == 200


async def test_a_restart_of_postgres_is_a_delay_and_no_error_even_with_a_full_pool(cluster: Cluster) -> None:
    [one] = await cluster.workers(1)
    async with cluster.alice(one) as alice:
        before = await asyncio.gather(*(alice.http.get("/chat/") for _ in range(30)))
        cluster.postgres.stop()
        cluster.postgres.start()
        after = await asyncio.gather(*(timed(alice.http.get("/chat/")) for _ in range(30)))

    assert {answer.status_code for answer in before} == {200}
    assert {answer.status_code for answer, _ in after} == {200}


async def test_a_socket_opened_while_postgres_is_down_is_asked_to_retry(cluster: Cluster) -> None:
    [one] = await cluster.workers(1)
    async with asked(cluster, *counting(5), at=one, tabs=[one]) as story:
        await story.over(10)
        [tab] = story.tabs
        with away(cluster.postgres):
            await tab.disconnect()
            await tab.until(lambda: 1013 in tab.codes, seconds=15)
        await tab.until(lambda: tab.connections == 2, seconds=20)


async def test_without_the_model_the_answer_says_so_and_the_message_is_kept(cluster: Cluster) -> None:
    [one] = await cluster.workers(1)
    cluster.model_proxy.refusing = True
    cluster.model_proxy.cut()
    async with asked(cluster, "say Hello", "", at=one, tabs=[one]) as story:
        row = await story.over(30)
        [tab] = story.tabs

    assert row["status"] == "error"
    assert row["error"]
    assert tab.store.messages[0]["content"] == "say Hello"
