"""Models and providers by name, and a client of several providers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from chat.llm.catalogue import Catalogue, ModelSpec, ProviderSpec, provider_name
from chat.llm.client import LLMClient
from tests.support.llm import MemoryJournal, double, replaying

ANSWER = (
    b'data: {"type":"response.completed","response":{"id":"r","model":"m","output":[{"type":"message","content":'
    b'[{"type":"output_text","text":"Hi"}]}]}}\n\n'
)


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that keeps the first line and the key of each request, and our id of it."""
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        seen.append(lines[0])
        seen.extend(line.lower() for line in lines if line.lower().startswith(("authorization", "x-client-request-id")))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + ANSWER)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", seen


def model(name: str, provider: str, **more: object) -> ModelSpec:
    return ModelSpec(**{"name": name, "id": name, "provider": provider, "label": name, **more})  # type: ignore[arg-type]


def test_the_environment_makes_one_provider_and_a_model_for_each_name() -> None:
    catalogue = Catalogue.single(
        api_key="k", base_url="http://models.local:8080/v1", models=("a", "b", "a"), title_model="t"
    )

    assert [spec.name for spec in catalogue.providers] == ["models.local"]
    assert [spec.name for spec in catalogue.offered] == ["a", "b"]
    assert (catalogue.default.id, catalogue.for_titles.id) == ("a", "t")
    assert catalogue.provider_of(catalogue.default).api_key == "k"


def test_a_model_that_was_removed_is_replaced_by_the_default() -> None:
    catalogue = Catalogue.single(models=("a", "b"))

    assert [catalogue.resolve(name).name for name in ("b", "", "removed")] == ["b", "a", "a"]
    assert catalogue.for_titles.name == "a"


def test_a_name_that_only_the_program_knows_is_sent_as_it_is() -> None:
    assert Catalogue.single(models=("a",), base_url="http://x/v1").named("other").id == "other"


@pytest.mark.parametrize(
    ("base_url", "name"),
    [("", "openai"), ("https://openrouter.ai/api/v1", "openrouter.ai"), (f"http://{'h' * 60}/v1", "h" * 40)],
)
def test_a_provider_is_named_after_its_host(base_url: str, name: str) -> None:
    assert provider_name(base_url) == name


@pytest.mark.parametrize(
    ("model_id", "reasons"),
    [
        *((name, True) for name in ("gpt-6-luna", "gpt-5", "gpt-10-x", "openai/gpt-6.1-sol", "o3", "o4-mini")),
        *((name, False) for name in ("gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "omni-1", "my-gpt-5", "llama-3")),
    ],
)
def test_a_model_reasons_by_its_id_unless_the_catalogue_says_otherwise(model_id: str, reasons: bool) -> None:
    assert model("a", "one", id=model_id).reasons == reasons
    assert not model("a", "one", id=model_id, reasoning=False).reasons
    assert model("a", "one", id=model_id, reasoning=True).reasons


def test_a_key_is_never_shown() -> None:
    assert "sk-secret" not in repr(Catalogue.single(api_key="sk-secret"))


async def test_each_provider_gets_its_own_key_and_its_own_ids() -> None:
    journal = MemoryJournal()
    async with recording() as (first_url, first), recording() as (second_url, second):
        catalogue = Catalogue(
            providers=(
                ProviderSpec(name="one", base_url=first_url, api_key="key-one"),
                ProviderSpec(name="two", base_url=second_url, api_key="key-two"),
            ),
            models=(model("fast", "one", id="id-1"), model("large", "two", id="id-2")),
        )
        async with LLMClient(catalogue, journal=journal) as llm:
            await asyncio.gather(*(llm.call("hello", model=name) for name in ("fast", "large", "fast", "", "large")))
            await llm.cancel("run", model="large")

    assert {line for line in first if line.startswith("auth")} == {"authorization: bearer key-one"}
    assert {line for line in second if line.startswith("auth")} == {"authorization: bearer key-two"}
    assert len([line for line in first if line.startswith("POST")]) == 3
    assert "POST /v1/responses/run/cancel HTTP/1.1" in second
    asked = {(log.plan.model, log.plan.request.model, log.plan.provider) for log in journal.logs}
    assert asked == {("fast", "id-1", "one"), ("large", "id-2", "two")}


async def test_a_request_has_only_what_the_model_can_do() -> None:
    provider = ProviderSpec(name="one", base_url="http://localhost/v1")
    small = model("small", "one", tools=False, reasoning=False, max_output=500, leave_out=frozenset({"text.format"}))
    async with LLMClient(Catalogue(providers=(provider,), models=(model("large", "one"), small))) as llm:
        request = llm.plan("hello", model="small", tools=[double], max_output_tokens=1000).request
        usual = llm.plan("hello", tools=[double], max_output_tokens=1000).request

    assert (request.tools, request.max_output_tokens) == ((), 500)
    assert request.leave_out == {"text.format", "history.tools", "reasoning", "history.reasoning"}
    assert ([tool["name"] for tool in usual.tools], usual.max_output_tokens) == (["double"], 1000)
    assert usual.leave_out == frozenset()


async def test_the_tier_that_the_provider_says_it_used_is_recorded() -> None:
    journal = MemoryJournal()
    output = '[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]'
    completed = f'{{"type":"response.completed","response":{{"id":"r","service_tier":"flex","output":{output}}}}}'
    async with replaying(completed) as url, LLMClient(base_url=url, journal=journal) as llm:
        await llm.call("hello")

    assert journal.log.service_tier == "flex"


async def test_a_provider_gets_our_id_of_a_call_with_each_round() -> None:
    call_id = uuid4()
    async with recording() as (url, seen), LLMClient(base_url=url, api_key="k", model="m") as llm:
        await llm.call("hello", call_id=call_id)
        await llm.call("hello again")

    ours, another = [line for line in seen if line.startswith("x-client-request-id")]
    assert ours == f"x-client-request-id: {call_id}"
    assert another != ours
