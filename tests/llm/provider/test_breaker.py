"""The circuit breaker: what opens it, who may probe, and what closes it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from uuid import uuid4

import pytest

from chat.llm import errors
from chat.llm.catalogue import Catalogue, ModelSpec, ProviderSpec
from chat.llm.client import LLMClient
from chat.llm.events import Code, Failed, TextDelta
from chat.llm.provider import failures
from chat.llm.provider.breaker import OPEN_SECONDS, PROBE_SECONDS, THRESHOLD, WINDOW_SECONDS, Breaker
from tests.support import patches
from tests.support.llm import MemoryJournal
from tests.support.ports import free_port
from tests.support.waiting import eventually

UNREACHABLE = failures.failed(Code.UNREACHABLE, "refused")
FAILING = failures.from_response(500, {}, b"")
LONGEST = OPEN_SECONDS[-1] * 1.25


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("local", clock=clock)


def fail(breaker: Breaker, times: int = THRESHOLD, failure: Failed = UNREACHABLE) -> None:
    for number in range(times):
        breaker.failed(failure, f"user {number}")


def test_it_opens_after_failures_with_no_answer_in_between(breaker: Breaker) -> None:
    fail(breaker, THRESHOLD - 1)
    breaker.answered()
    fail(breaker, THRESHOLD - 1)
    assert breaker.admit()
    fail(breaker, 1)

    assert breaker.is_open
    assert not breaker.admit()
    assert (breaker.refusal().code, breaker.refusal().retryable, breaker.refusal().uncertain) == (
        Code.UNREACHABLE, True, False,
    )  # fmt: skip


def test_old_failures_do_not_count(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, THRESHOLD - 1)
    clock.now += WINDOW_SECONDS + 1
    fail(breaker, THRESHOLD - 1)

    assert not breaker.is_down


def test_the_errors_of_one_user_count_once_unless_the_requests_never_arrived(breaker: Breaker) -> None:
    for _ in range(THRESHOLD * 2):
        breaker.failed(FAILING, "alice")
    assert not breaker.is_down
    for _ in range(THRESHOLD - 1):
        breaker.failed(UNREACHABLE, "alice")
    assert breaker.is_down


def test_one_probe_at_a_time_and_longer_waits_after_each_failure(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    waits = []
    for _ in range(8):
        opened = clock.now
        while not breaker.is_due:
            clock.now += 0.25
        waits.append(clock.now - opened)
        assert breaker.admit()
        assert breaker.is_half_open
        assert not breaker.admit()
        breaker.failed(UNREACHABLE, "a late one")  # sent before the provider went down
        assert breaker.is_half_open
        breaker.failed(UNREACHABLE, "the probe", probe=True)
        assert breaker.is_open
    steps = waits[: len(OPEN_SECONDS)]
    assert steps == sorted(steps)
    assert waits[0] <= OPEN_SECONDS[0] * 1.25 + 0.25
    assert OPEN_SECONDS[-1] <= waits[-1] <= LONGEST + 0.25


def test_an_answer_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += LONGEST
    assert breaker.admit()
    breaker.answered()

    assert not breaker.is_down
    assert breaker.admit()
    assert breaker.admit()


def test_an_abandoned_or_hanging_probe_makes_room_for_another(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += LONGEST
    assert breaker.admit()
    breaker.probe_withdrawn()
    assert breaker.admit()
    assert not breaker.admit()
    clock.now += PROBE_SECONDS
    assert breaker.admit()


@pytest.mark.parametrize(
    ("failure", "is_outage"),
    [
        (failures.from_response(500, {}, b""), True),
        (failures.from_response(502, {}, b"<html>Bad gateway"), True),
        (failures.from_response(503, {}, b'{"error": {"message": "Loading model"}}'), True),
        (failures.from_response(529, {}, b""), True),
        (failures.from_response(500, {}, b'{"error": {"message": "tools param requires --jinja flag"}}'), False),
        (failures.from_response(501, {}, b""), False),
        (failures.from_response(400, {}, b""), False),
        (failures.from_response(401, {}, b""), False),
        (failures.from_response(404, {}, b""), False),
        (failures.from_response(408, {}, b""), False),
        (failures.from_response(429, {}, b""), False),
        (failures.from_response(429, {}, b'{"error": {"code": "insufficient_quota"}}'), False),
        (failures.from_response(302, {"location": "/login"}, b""), False),
        (failures.from_body({"code": "server_error", "message": "it failed"}), False),
        (failures.failed(Code.AMBIGUOUS, "the request took more than 30 s"), False),
    ],
)
def test_only_failures_of_the_provider_as_a_whole_are_outages(failure: Failed, is_outage: bool) -> None:
    assert failure.outage is is_outage


# The client


class Down:
    """A client of a server that is not there yet."""

    def __init__(self, *names: str) -> None:
        self.port = free_port()
        url = f"http://127.0.0.1:{self.port}/v1"
        models = tuple(ModelSpec(name=name, id=name, provider="local", label=name.title()) for name in names)
        self.llm = LLMClient(
            Catalogue(providers=(ProviderSpec(name="local", base_url=url, api_key="test"),), models=models)
        )

    async def ask(self, model: str = "") -> errors.ProviderFailed:
        with pytest.raises(errors.ProviderFailed) as failed:
            await self.llm.call("hello", **({"model": model} if model else {}))
        return failed.value


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    patches.PAUSES.replace(monkeypatch, dict.fromkeys(patches.PAUSES.value, (0.01, 0.01, 0.01)))


async def test_a_hundred_messages_to_a_provider_that_is_down_are_a_few_requests_and_one_line_each(
    hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chat.llm")
    down = Down("one", "two")
    failed = await asyncio.gather(*(down.ask(("one", "two")[number % 2]) for number in range(120)))
    lines = [record.getMessage() for record in caplog.records]
    later = [await down.ask(name) for name in ("one", "two")]

    assert {(one.code, one.retryable) for one in (*failed, *later)} == {(Code.UNREACHABLE, True)}
    assert [log.attempts for one in later for log in one.calls] == [0, 0]
    assert not any(log.uncertain or log.cost for one in later for log in one.calls)
    assert sum("is down" in line for line in lines) == 1
    assert len(lines) <= 121
    assert [model.name for model in down.llm.unavailable()] == ["one", "two"]
    assert down.llm.providers_up() == {"local": False}
    await down.llm.close()


@pytest.fixture
def open_breaker(llm: LLMClient) -> Breaker:
    """The breaker of a provider that was down until now."""
    [provider] = llm._providers.values()
    fail(provider.breaker)
    return provider.breaker


async def test_a_provider_that_is_back_is_found_without_calling_a_model_and_closes_with_the_next_answer(
    llm: LLMClient, open_breaker: Breaker, journal: MemoryJournal
) -> None:
    await llm.probe()
    assert llm.unavailable()  # too early to ask
    open_breaker._probe_at = 0
    await llm.probe()
    assert (llm.unavailable(), open_breaker.is_down) == ((), True)
    assert (await llm.call("say hello")).text == "hello"

    assert not open_breaker.is_down
    assert journal.log.attempts == 1


async def test_messages_sent_during_a_probe_wait_for_it_and_are_answered(llm: LLMClient, open_breaker: Breaker) -> None:
    open_breaker._probe_at = 0
    answers = await asyncio.gather(*(llm.call(f"say {number} [offline: delay_first=0.2]") for number in range(5)))

    assert [answer.text for answer in answers] == ["0", "1", "2", "3", "4"]


async def test_a_message_waits_for_a_probe_for_longer_than_its_retries_take(
    hasty: None, llm: LLMClient, open_breaker: Breaker
) -> None:
    open_breaker._probe_at = 0
    probe = asyncio.create_task(llm.call("say slow [offline: delay=0.5]"))
    await eventually(lambda: open_breaker.is_half_open)
    waiting = await llm.call("say waited")

    assert (probe.done(), waiting.text, [log.attempts for log in waiting.calls]) == (True, "waited", [1])


async def test_a_message_does_not_wait_for_a_probe_forever_nor_without_retries(
    llm: LLMClient, open_breaker: Breaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.MAX_WAIT_SECONDS.replace(monkeypatch, 0.5)
    open_breaker._probe_at = 0
    probe = asyncio.create_task(llm.call("hello [offline: delay=60]"))
    await eventually(lambda: open_breaker.is_half_open)
    for options in ({}, {"retries": 0}):
        with pytest.raises(errors.ProviderFailed) as failed:
            await llm.call("hello", **options)
        assert [log.attempts for log in failed.value.calls] == [0]
    probe.cancel()
    await asyncio.wait({probe})


@pytest.mark.parametrize("chats_of_one_user", [True, False])
async def test_chats_of_one_user_that_a_server_fails_do_not_stop_the_others(
    llm: LLMClient, hasty: None, chats_of_one_user: bool
) -> None:
    alice, bob = uuid4(), uuid4()
    for number in range(THRESHOLD + 1):
        user = alice if chats_of_one_user else uuid4()
        with pytest.raises(errors.ProviderFailed):
            await llm.call("hello [offline: status=500]", user=user, prompt_cache_key=f"chat {number}")
    assert bool(llm.unavailable()) is not chats_of_one_user
    if chats_of_one_user:
        assert (await llm.call("say hello", user=bob)).text == "hello"


async def test_a_probe_that_is_stopped_makes_room_for_another(llm: LLMClient, open_breaker: Breaker) -> None:
    open_breaker._probe_at = 0
    stopped = asyncio.create_task(llm.call("hello [offline: delay=60]"))
    await eventually(lambda: open_breaker.is_half_open)
    stopped.cancel()
    await asyncio.wait({stopped})

    assert (await llm.call("say hello")).text == "hello"


async def test_a_failing_request_is_an_answer_and_closes_it(llm: LLMClient, open_breaker: Breaker) -> None:
    open_breaker._probe_at = 0
    with pytest.raises(errors.ProviderFailed):
        await llm.call("hello [offline: status=400]")

    assert not open_breaker.is_down


async def test_a_background_run_is_resumed_while_the_provider_counts_as_down(
    llm: LLMClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.RESUME_PAUSES.replace(monkeypatch, (0.01,) * 5)
    [provider] = llm._providers.values()
    text = ""
    async with aclosing(llm.stream("say one two three four five [offline: cut=3]", background=True)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                if not text:
                    fail(provider.breaker)
                text += event.text

    assert text == "one two three four five"
    assert not provider.breaker.is_down


@pytest.mark.parametrize(("status", "is_down"), [(503, True), (502, True), (404, False)])
def test_a_refused_resume_says_as_much_about_the_provider_as_a_refused_request(status: int, is_down: bool) -> None:
    refused = failures.Refused(status, {}, b"")

    assert failures.from_exception(refused, began=True).outage is is_down
    assert failures.from_exception(refused, began=False).outage is is_down


async def test_another_model_answers_at_once_while_a_provider_is_down(offline_url: str) -> None:
    down = f"http://127.0.0.1:{free_port()}/v1"
    providers = (
        ProviderSpec(name="down", base_url=down, api_key="test"),
        ProviderSpec(name="same", base_url=down, api_key="test"),
        ProviderSpec(name="up", base_url=offline_url, api_key="test"),
    )
    models = (
        ModelSpec(name="first", id="first", provider="down", label="First", fallback=("second",)),
        ModelSpec(name="second", id="second", provider="up", label="Second"),
        ModelSpec(name="third", id="third", provider="same", label="Third"),
    )
    async with LLMClient(Catalogue(providers=providers, models=models)) as llm:
        fail(llm._providers["down"].breaker)
        result = await llm.call("say hello", model="first")

        assert [log.attempts for log in result.calls] == [0, 1]
        assert [model.name for model in llm.unavailable()] == ["third"]
        assert llm.providers_up() == {"down": False, "same": False, "up": True}
