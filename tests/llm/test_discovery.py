"""What providers say about their models, and a clear sentence for each that says something else."""

from __future__ import annotations

import gzip
import socket
from typing import Any

import pytest

from chat.llm.catalogue import ProviderSpec
from chat.llm.discovery import MAX_BYTES, NoList, OfferedModel, offered_models
from chat.llm.price import parse_price
from tests.support.model_lists import LLAMA_CPP, OPENAI, OPENROUTER, VLLM, answering, response


def provider(base_url: str, **more: str) -> ProviderSpec:
    return ProviderSpec(name="one", base_url=base_url, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "models"),
    [
        (LLAMA_CPP, [OfferedModel(id="gemma-3", context=2048, vision=True)]),
        (VLLM, [OfferedModel(id="qwen", context=40960)]),
        (OPENAI, [OfferedModel(id="gpt-6-luna")]),
        (
            OPENROUTER,
            [
                OfferedModel(
                    id="mistralai/mistral-medium-3.1",
                    context=131072,
                    vision=True,
                    tools=True,
                    price=parse_price("0.4/0.04/0.4/2"),
                ),
                OfferedModel(id="openrouter/auto", context=2000000),
            ],
        ),
        ({"models": [{"name": "a"}, {"model": "b"}]}, [OfferedModel(id="a"), OfferedModel(id="b")]),
        ([{"id": "a"}, {"id": "a"}, {"id": ""}, {}, "b", None], [OfferedModel(id="a")]),
        ({"data": [{"id": "a", "meta": None, "pricing": [], "context_length": "8k"}]}, [OfferedModel(id="a")]),
        ({"data": [{"id": "a", "context_length": True, "max_model_len": -1}]}, [OfferedModel(id="a")]),
        ([{"id": "a\x1b[31m\n", "pricing": {"prompt": "x", "completion": 1}}], [OfferedModel(id="a\ufffd[31m")]),
        ({"data": []}, None),
        ({"data": {}}, None),
        ({"data": "models"}, None),
        ({}, None),
        (5, None),
    ],
)  # fmt: skip
async def test_the_lists_of_servers_are_read(told: Any, models: list[OfferedModel] | None) -> None:
    async with answering(response(told)) as server:
        if models is None and told != {"data": []}:
            with pytest.raises(NoList, match="answered with JSON that is not a list of models"):
                await offered_models(provider(server.base_url))
        else:
            assert await offered_models(provider(server.base_url)) == (models or [])


async def test_the_key_is_sent_and_without_one_none() -> None:
    async with answering(response(OPENAI)) as server:
        await offered_models(provider(server.base_url, api_key="sk-one"))
        await offered_models(provider(server.base_url))

    with_key, without = (request.lower() for request in server.requests)
    assert with_key.startswith("get /v1/models http/1.1\r\n")
    assert "authorization: bearer sk-one\r\n" in with_key
    assert "authorization" not in without


NO_JSON = "answered with something that is not JSON instead of a list of models"
HTML = response(b"<html>Sign in</html>", head="content-type: text/html")
ELSEWHERE = response(b"", status="302 Found", head="location: https://me:hunter2@login.example.com/in?token=hunter2")
NOWHERE = response(b"", status="308 Permanent Redirect", head="location: http://[bad")
BOMB = response(gzip.compress(b"[" * 50_000_000), head="content-encoding: gzip")
FAULTS = [
    (HTML, "answered with a page of HTML instead of a list of models"),
    (response(b"\xff\xfe\x00garbage"), NO_JSON),
    (response(b""), NO_JSON),
    (response(b"[" * 1_000_000), NO_JSON),
    (response({"error": "x"}, status="401 Unauthorized"), "rejects the key in ONE_KEY (HTTP 401)"),
    (response({"error": "x"}, status="403 Forbidden"), "rejects the key in ONE_KEY (HTTP 403)"),
    (response({"error": "x"}, status="404 Not Found"), "has no list of models at this address (HTTP 404)"),
    (response({"error": "x"}, status="503 Service Unavailable"), "answered with HTTP 503"),
    (ELSEWHERE, "redirects to https://login.example.com/in (HTTP 302)"),
    (response(b"", status="301 Moved", head="location: /v2/models"), "redirects to /v2/models (HTTP 301)"),
    (NOWHERE, "redirects to an address that is none (HTTP 308)"),
    (BOMB, "compressed its answer, although it was asked not to"),
    (b"SSH-2.0-OpenSSH_9.9\r\n", "can't be reached: "),
    (b"", "can't be reached: "),
    (response(b"{}", head="content-length: 100"), "can't be reached: "),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "said"), FAULTS, ids=range(len(FAULTS)))
async def test_a_provider_that_gives_no_list_gets_a_clear_sentence(answer: bytes, said: str) -> None:
    async with answering(answer) as server:
        with pytest.raises(NoList) as raised:
            await offered_models(provider(server.base_url, api_key="hunter2", key_env="ONE_KEY"))

    assert str(raised.value).startswith(said)
    assert "hunter2" not in str(raised.value)


async def test_a_hundred_megabytes_are_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    async with answering(head, *[b" " * 1_000_000] * 100) as server:
        with pytest.raises(NoList, match=f"answered with more than {MAX_BYTES // 1_000_000} MB"):
            await offered_models(provider(server.base_url))


async def test_a_provider_that_is_silent_or_down_is_not_waited_for() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n", stays_open=True) as server:
        with pytest.raises(NoList, match=r"did not answer within 0\.2 s"):
            await offered_models(provider(server.base_url), total_seconds=0.2)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(NoList, match="can't be reached: "):
        await offered_models(provider(f"http://127.0.0.1:{port}/v1"))
