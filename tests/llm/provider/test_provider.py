"""A request is sent as it is, and its answer is read completely; connections are reused and closed."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing, suppress
from itertools import pairwise

import pytest
from msgspec.structs import replace

from chat.llm.events import Completed, Created, RefusalDelta, TextDelta, ToolCall
from chat.llm.items import message_item
from chat.llm.provider.provider import Provider
from chat.tools import load
from tests.support import patches
from tests.support.llm import WHOLE, asking, events_of
from tests.support.offline import OfflineServer
from tests.support.waiting import LONG_SECONDS


def text_of(events: list) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_an_answer_is_created_streamed_and_completed(provider: Provider, generation_id: str) -> None:
    events = await events_of(provider, asking("say smørbrød and 🎉!", generation_id))
    created, *deltas, completed = events
    assert isinstance(created, Created)
    assert isinstance(completed, Completed)
    assert all(isinstance(delta, TextDelta) for delta in deltas)
    assert text_of(events) == completed.text == "smørbrød and 🎉!"
    assert completed.response_id == created.response_id
    assert completed.model == created.model == "offline"
    assert completed.incomplete_reason is None
    assert completed.request_id.startswith("req_")
    assert all(first.sequence < second.sequence for first, second in pairwise(events))


async def test_usage_is_what_the_provider_bills(provider: Provider, offline: OfflineServer, generation_id: str) -> None:
    completed = (await events_of(provider, asking("hello", generation_id)))[-1]
    assert isinstance(completed, Completed)
    [billed] = await offline.billed(generation_id)
    assert completed.usage.input_tokens == billed["input_tokens"] > 0
    assert completed.usage.output_tokens == billed["output_tokens"] > 0
    assert completed.usage.total_tokens == billed["total_tokens"]


async def test_a_request_is_sent_as_it_is(provider: Provider, offline: OfflineServer, generation_id: str) -> None:
    request = asking("hello", generation_id, instructions="Be brief.", tools=load().schemas())
    await events_of(provider, request)
    bodies = (await offline.http.get("/control/requests")).json()["requests"]
    [body] = [body for body in bodies if body.get("metadata", {}).get("generation_id") == generation_id]
    assert body == {
        "model": "offline",
        "input": [message_item("user", "hello")],
        "max_output_tokens": 4096,
        "metadata": {"generation_id": generation_id},
        "instructions": "Be brief.",
        "tools": list(load().schemas()),
        "stream": True,
        "store": False,
    }


async def test_a_background_run_is_requested_and_stored(provider: Provider, offline: OfflineServer) -> None:
    created = (await events_of(provider, asking("hello", background=True)))[0]
    assert isinstance(created, Created)
    stored = (await offline.http.get(f"/v1/responses/{created.response_id}")).json()
    assert (stored["background"], stored["status"]) == (True, "completed")


async def test_a_tool_call_comes_with_its_complete_arguments(provider: Provider) -> None:
    events = await events_of(provider, asking("What time is it in Europe/Oslo?", tools=load().schemas()))
    [call] = [event for event in events if isinstance(event, ToolCall)]
    assert (call.name, call.arguments) == ("current_time", '{"timezone": "Europe/Oslo"}')
    assert call.call_id
    assert isinstance(events[-1], Completed)
    assert events[-1].text == ""


async def test_a_tool_s_result_leads_to_the_answer(provider: Provider) -> None:
    registry = load()
    question = message_item("user", "What is the secret number?")
    first = await events_of(provider, asking("", input=(question,), tools=registry.schemas()))
    [call] = [event for event in first if isinstance(event, ToolCall)]
    result = await registry.dispatch(call.name, call.arguments)
    items = (
        question,
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": result.output},
    )
    second = await events_of(provider, asking("", input=items, tools=registry.schemas()))
    assert "**7421**" in text_of(second)


async def test_a_refusal_says_so(provider: Provider) -> None:
    events = await events_of(provider, asking("say no, thank you [offline: refusal]"))
    assert isinstance(events[-1], Completed)
    assert events[-1].refused
    assert "".join(event.text for event in events if isinstance(event, RefusalDelta)) == "no, thank you"
    assert events[-1].text == "no, thank you"


async def test_an_answer_that_hits_the_token_limit_is_completed_and_says_so(provider: Provider) -> None:
    events = await events_of(provider, asking("something long", max_output_tokens=16))
    assert isinstance(events[-1], Completed)
    assert events[-1].incomplete_reason == "max_output_tokens"
    assert events[-1].usage.output_tokens <= 16
    assert text_of(events) == events[-1].text != ""


async def test_an_incomplete_answer_is_completed_with_its_reason(provider: Provider) -> None:
    events = await events_of(provider, asking(f"say {WHOLE} [offline: incomplete]"))
    assert isinstance(events[-1], Completed)
    assert events[-1].incomplete_reason == "max_output_tokens"
    assert WHOLE.startswith(text_of(events))


async def test_what_postgresql_cannot_store_is_replaced(provider: Provider) -> None:
    surrogates = await events_of(provider, asking("hello [offline: surrogates]"))
    assert text_of(surrogates) == "An emoji in halves: 😀, and half of one: \ufffd - the end."
    assert isinstance(surrogates[-1], Completed)
    assert surrogates[-1].text == text_of(surrogates)
    nul = await events_of(provider, asking("hello [offline: nul]"))
    assert text_of(nul) == "Before the NUL\ufffdand after."
    assert isinstance(nul[-1], Completed)
    assert nul[-1].text == text_of(nul)


def test_an_address_without_a_scheme_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"must start with http:// or https://, like https://host/v1"):
        Provider(api_key="test", base_url="127.0.0.1:8000/v1")


async def test_a_pause_shorter_than_the_limit_is_allowed(provider: Provider) -> None:
    events = await events_of(provider, asking(f"say {WHOLE} [offline: pause=5:0.1]"))
    assert text_of(events) == WHOLE
    assert isinstance(events[-1], Completed)


async def test_cancelling_hangs_up_at_once(provider: Provider, offline: OfflineServer, generation_id: str) -> None:
    request = asking("something long [offline: pace=20]", generation_id)
    streaming = asyncio.Event()

    async def read() -> None:
        async for event in provider.stream(request):
            if isinstance(event, TextDelta):
                streaming.set()

    task = asyncio.create_task(read())
    await streaming.wait()
    assert await offline.open(until=1) == 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert await offline.open(until=0) == 0
    [billed] = await offline.billed(generation_id)
    assert billed["status"] == "cancelled"
    assert billed["output_tokens"] < 500


async def test_cancelling_before_the_headers_hangs_up_too(
    provider: Provider, offline: OfflineServer, generation_id: str
) -> None:
    task = asyncio.create_task(events_of(provider, asking("hello [offline: delay=60]", generation_id)))
    assert await offline.open(until=1) == 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await offline.open(until=0) == 0
    assert await offline.creates(generation_id) == 1


async def test_leaving_the_loop_early_hangs_up(provider: Provider, offline: OfflineServer, generation_id: str) -> None:
    async with aclosing(provider.stream(asking("something long [offline: pace=20]", generation_id))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    assert await offline.open(until=0) == 0
    [billed] = await offline.billed(generation_id)
    assert billed["status"] == "cancelled"


async def test_a_background_run_continues_when_its_reader_hangs_up(provider: Provider, offline: OfflineServer) -> None:
    request = asking(f"say {WHOLE} [offline: pace=20]", background=True)
    async with aclosing(provider.stream(request)) as events:
        created = await anext(events)
    assert isinstance(created, Created)
    assert await offline.open(until=0) == 0
    replayed = await offline.http.get(f"/v1/responses/{created.response_id}", params={"stream": "true"})
    assert "response.completed" in replayed.text


async def test_a_finished_answer_leaves_its_connection_for_the_next(
    offline_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.DRAIN_SECONDS.replace(monkeypatch, LONG_SECONDS)
    provider = Provider(api_key="test", base_url=offline_url, reuse_connections=True)
    await events_of(provider, asking("hello"))
    pool = provider._openai._client._transport._pool
    before = [connection for connection in pool.connections if connection.is_idle()]
    await events_of(provider, asking("hello"))
    assert before
    assert set(before) & {connection for connection in pool.connections if connection.is_idle()}
    await provider.close()


async def test_warming_up_needs_no_provider_and_bills_nothing(offline: OfflineServer, offline_url: str) -> None:
    before = (await offline.http.get("/control/creates")).json()
    for url in (offline_url, "http://nowhere.invalid/v1"):
        provider = Provider(api_key="test", base_url=url)
        await provider.warm_up()
        await provider.close()
    assert (await offline.http.get("/control/creates")).json() == before


async def test_many_answers_at_once_do_not_mix(provider: Provider) -> None:
    texts = [f"answer number {number} " * 20 for number in range(60)]
    answers = await asyncio.gather(*(events_of(provider, asking(f"say {text}")) for text in texts))
    assert [text_of(events) for events in answers] == [text.strip() for text in texts]


async def test_a_long_conversation_costs_no_walk_through_the_types_of_its_messages(
    provider: Provider, generation_id: str
) -> None:
    """Counted in calls of Python functions, which don't depend on the machine."""

    async def calls(messages: int) -> int:
        told = tuple(message_item(("user", "assistant")[n % 2], f"hello {n}") for n in range(messages))
        request = asking("hello", generation_id)
        counted = 0

        def count(_: object, event: str, __: object) -> None:
            nonlocal counted
            counted += event == "call"

        sys.setprofile(count)
        try:
            events = await events_of(provider, replace(request, input=told + request.input))
        finally:
            sys.setprofile(None)
        assert isinstance(events[-1], Completed), events[-1].detail
        return counted

    await calls(2)
    short, long = await calls(0), await calls(400)
    assert (long - short) / 400 < 10
