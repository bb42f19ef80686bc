"""A server that closes its connections, at whichever moment, costs no answer; and nothing is sent twice."""

from __future__ import annotations

import asyncio

import pytest

from chat.llm.events import Code, Completed, Failed
from chat.llm.provider.connections import KEEPALIVE_SECONDS
from chat.llm.provider.provider import Provider
from tests.support.llm import asking, events_of
from tests.support.raw_server import Answer, chunked, events_of_text, serving, writes

ANSWER = chunked(events_of_text("hello"))
ROUNDS = 20


async def closes_at_once(writer: asyncio.StreamWriter) -> None:
    """As llama.cpp does: the answer says keep-alive, and its last byte comes with the end of the connection."""
    writer.write(ANSWER)
    writer.close()


async def resets(writer: asyncio.StreamWriter) -> None:
    writer.write(ANSWER)
    await writer.drain()
    writer.transport.abort()


async def rounds(provider: Provider, number: int) -> list[object]:
    """The last events of requests back to back, as in tool rounds."""
    return [(await events_of(provider, asking("hello")))[-1] for _ in range(number)]


@pytest.mark.parametrize("answer", [closes_at_once, writes(ANSWER)])
async def test_a_plain_connection_is_used_once(answer: Answer) -> None:
    async with serving(answer, keep=True) as server:
        provider = Provider(api_key="test", base_url=server.url)
        ends = await rounds(provider, ROUNDS)
        await provider.close()
    assert [type(end) for end in ends] == [Completed] * ROUNDS
    assert server.connections == len(server.requests) == ROUNDS


async def test_a_kept_connection_that_was_closed_while_idle_is_not_used() -> None:
    async with serving(closes_at_once, keep=True) as server:
        provider = Provider(api_key="test", base_url=server.url, reuse_connections=True)
        for _ in range(ROUNDS):
            assert isinstance((await rounds(provider, 1))[0], Completed)
            await until_closed(provider)
        await provider.close()
    assert server.connections == ROUNDS


async def until_closed(provider: Provider) -> None:
    """Until the end of the connection has arrived here."""
    pool = provider._openai._client._transport._pool
    while any(not connection.has_expired() for connection in pool.connections):
        await asyncio.sleep(0)


async def test_a_kept_connection_is_used_again() -> None:
    async with serving(writes(ANSWER), keep=True) as server:
        provider = Provider(api_key="test", base_url=server.url, reuse_connections=True)
        await rounds(provider, ROUNDS)
        await provider.close()
    assert (server.connections, len(server.requests)) == (1, ROUNDS)


async def test_a_request_that_a_closing_connection_swallowed_is_not_sent_again() -> None:
    """No one can tell whether it ran: the connection takes it and ends without a byte."""

    async def swallows(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serving(writes(ANSWER), swallows, keep=True) as server:
        provider = Provider(api_key="test", base_url=server.url, reuse_connections=True)
        first, second = await rounds(provider, 2)
        await provider.close()
    assert isinstance(first, Completed)
    assert isinstance(second, Failed)
    assert second.code is Code.AMBIGUOUS
    assert len(server.requests) == 2


def test_connections_are_kept_for_less_time_than_common_servers_keep_them() -> None:
    assert KEEPALIVE_SECONDS < 5  # uvicorn, Node, llama.cpp


async def test_a_second_answer_on_the_same_connection_is_dropped() -> None:
    """A server that answers one request twice must not answer the next request with the rest."""
    async with serving(writes(ANSWER + chunked(events_of_text("foreign"))), writes(ANSWER), keep=True) as server:
        provider = Provider(api_key="test", base_url=server.url, reuse_connections=True)
        ends = await rounds(provider, 2)
        await provider.close()
    assert [end.text for end in ends if isinstance(end, Completed)] == ["hello", "hello"]


async def test_a_reset_after_the_answer_changes_nothing() -> None:
    async with serving(resets) as server:
        provider = Provider(api_key="test", base_url=server.url)
        ends = await rounds(provider, ROUNDS)
        await provider.close()
    assert {type(end) for end in ends} <= {Completed, Failed}
    assert len(server.requests) == ROUNDS
