"""A provider's stream has exactly one terminal event, whatever the server does."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from chat.llm.events import FAILURES, Code, Completed, Failed, TextDelta
from chat.llm.provider.provider import Provider, ProviderLimits
from tests.support.llm import WHOLE, asking, events_of
from tests.support.offline import OfflineServer, start_offline_model
from tests.support.ports import free_port


def text_of(events: list) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def failure_of(events: list) -> Failed:
    """The last event, and the only terminal one."""
    assert [isinstance(event, Completed | Failed) for event in events].count(True) == 1
    assert isinstance(events[-1], Failed), events[-1]
    return events[-1]


NOTHING, SOME = 0, 5
FAULTS = [
    # script, code, deltas that came before
    ("status=400", Code.BAD_REQUEST, NOTHING),
    ("status=400 code=context_length_exceeded", Code.CONTEXT_TOO_LONG, NOTHING),
    ("status=413", Code.CONTEXT_TOO_LONG, NOTHING),
    ("status=422", Code.BAD_REQUEST, NOTHING),
    ("status=401", Code.UNAUTHORIZED, NOTHING),
    ("status=403", Code.FORBIDDEN, NOTHING),
    ("status=404", Code.MODEL_NOT_FOUND, NOTHING),
    ("status=408", Code.PROVIDER_ERROR, NOTHING),
    ("status=429", Code.RATE_LIMITED, NOTHING),
    ("status=429 code=insufficient_quota", Code.QUOTA_EXCEEDED, NOTHING),
    ("status=500", Code.PROVIDER_ERROR, NOTHING),
    ("status=502", Code.AMBIGUOUS, NOTHING),
    ("status=503", Code.OVERLOADED, NOTHING),
    ("status=504", Code.AMBIGUOUS, NOTHING),
    ("status=520", Code.AMBIGUOUS, NOTHING),
    ("status=529", Code.OVERLOADED, NOTHING),
    ("html=200", Code.WRONG_API, NOTHING),
    ("html=404", Code.WRONG_API, NOTHING),
    ("html=500", Code.PROVIDER_ERROR, NOTHING),
    ("html=502", Code.AMBIGUOUS, NOTHING),
    ("html=503", Code.OVERLOADED, NOTHING),
    ("cut=0", Code.AMBIGUOUS, NOTHING),
    ("eof=0", Code.AMBIGUOUS, NOTHING),
    ("badjson=0", Code.AMBIGUOUS, NOTHING),
    ("midutf8=0", Code.AMBIGUOUS, NOTHING),
    ("cut=5", Code.CUT, SOME),
    ("eof=5", Code.CUT, SOME),
    ("badjson=5", Code.CUT, SOME),
    ("midutf8=5", Code.CUT, SOME),
    ("error=5", Code.PROVIDER_ERROR, SOME),
    ("error=0 code=rate_limit_exceeded", Code.RATE_LIMITED, NOTHING),
    ("error=0 code=server_is_overloaded", Code.OVERLOADED, NOTHING),
    ("failed", Code.PROVIDER_ERROR, SOME),
    ("failed code=context_length_exceeded", Code.CONTEXT_TOO_LONG, SOME),
    ("filter", Code.CONTENT_FILTER, SOME),
]
SILENCES = [
    ("delay=60", Code.AMBIGUOUS, NOTHING),
    ("silence=0", Code.AMBIGUOUS, NOTHING),
    ("delay_first=60", Code.CUT, NOTHING),
    ("silence=5", Code.CUT, SOME),
    ("pause=5:60", Code.CUT, SOME),
]


@pytest.mark.parametrize(("script", "code", "deltas"), FAULTS)
async def test_every_fault_ends_in_its_failure(provider: Provider, script: str, code: Code, deltas: int) -> None:
    assert_fails(await events_of(provider, asking(f"say {WHOLE} [offline: {script}]")), code, deltas)


async def test_silence_ends_in_its_failure(hasty_provider: Provider) -> None:
    requests = [asking(f"say {WHOLE} [offline: {script}]") for script, _, _ in SILENCES]
    answers = await asyncio.gather(*(events_of(hasty_provider, request) for request in requests))
    for events, (_, code, deltas) in zip(answers, SILENCES, strict=True):
        assert_fails(events, code, deltas)


def assert_fails(events: list, code: Code, deltas: int) -> None:
    failure = failure_of(events)
    assert failure.code is code, failure
    assert (failure.retryable, failure.uncertain) == (FAILURES[code].retryable, FAILURES[code].uncertain)
    assert failure.message == FAILURES[code].message
    assert "offline" not in failure.message
    assert failure.detail
    assert [isinstance(event, TextDelta) for event in events].count(True) == deltas
    assert WHOLE.startswith(text_of(events))


@pytest.mark.parametrize("status", ["401 Unauthorized", "200 OK"])
async def test_a_key_that_the_server_repeats_is_in_no_log(status: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = (await reader.readuntil(b"\r\n\r\n")).partition(b"Bearer ")[2].partition(b"\r")[0].decode()
        event = json.dumps({"error": {"message": f"Received API Key = {key}", "code": "invalid_api_key"}})
        body = f"data: {event}\n\n" if status.startswith("200") else event
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        provider = Provider(
            api_key="sk-proj-0123456789", base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        )
        [failed] = await events_of(provider, asking("hello"))
        await provider.close()

    assert isinstance(failed, Failed)
    assert failed.code is Code.UNAUTHORIZED
    assert "Received API Key = [the key]" in failed.detail


def test_every_code_is_described() -> None:
    assert set(FAILURES) == set(Code)


async def test_retry_after_is_passed_on(provider: Provider) -> None:
    failure = failure_of(await events_of(provider, asking("hello [offline: status=429 retry_after=1.5]")))
    assert failure.retry_after_seconds == 1.5


async def test_what_a_failed_run_cost_is_passed_on(provider: Provider) -> None:
    failure = failure_of(await events_of(provider, asking("say something longer [offline: filter]")))
    assert failure.usage is not None
    assert failure.usage.output_tokens > 0


async def test_a_refused_connection_is_unreachable() -> None:
    provider = Provider(api_key="test", base_url=f"http://127.0.0.1:{free_port()}/v1")
    assert failure_of(await events_of(provider, asking("hello"))).code is Code.UNREACHABLE
    await provider.close()


async def test_a_host_that_does_not_exist_is_unreachable() -> None:
    provider = Provider(api_key="test", base_url="http://nowhere.invalid/v1")
    assert failure_of(await events_of(provider, asking("hello"))).code is Code.UNREACHABLE
    await provider.close()


async def test_a_full_pool_is_unreachable_because_nothing_was_sent(offline_url: str) -> None:
    limits = ProviderLimits(pool_seconds=0.1, silence_seconds=5, max_connections=1)
    provider = Provider(api_key="test", base_url=offline_url, limits=limits)
    async with aclosing(provider.stream(asking("hello [offline: silence=1]"))) as busy:
        await anext(busy)
        assert failure_of(await events_of(provider, asking("hello"))).code is Code.UNREACHABLE
    assert isinstance((await events_of(provider, asking("hello")))[-1], Completed)
    await provider.close()


async def test_an_answer_that_takes_too_long_is_cut(offline_url: str) -> None:
    provider = Provider(api_key="test", base_url=offline_url, limits=ProviderLimits(total_seconds=4))
    failure = failure_of(await events_of(provider, asking("something long [offline: pace=50]")))
    assert failure.code is Code.CUT
    assert "4 s" in failure.detail
    await provider.close()


async def test_nothing_is_sent_twice(provider: Provider, offline: OfflineServer, generation_id: str) -> None:
    failure_of(await events_of(provider, asking("hello [offline: status=500 times=1]", generation_id)))
    assert await offline.creates(generation_id) == 0
    await events_of(provider, asking("hello [offline: status=500 times=1]", generation_id))
    assert await offline.creates(generation_id) == 1


async def test_a_provider_that_is_killed_cuts_its_answers() -> None:
    process, url = start_offline_model("--pace-ms", "20")
    provider = Provider(api_key="test", base_url=url)
    events = []
    async for event in provider.stream(asking("something long")):
        events.append(event)
        if len(events) == 5:
            process.kill()
            process.communicate()
    assert failure_of(events).code is Code.CUT
    await provider.close()
