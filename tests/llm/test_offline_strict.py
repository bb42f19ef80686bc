"""The offline model refuses whatever any strict server refuses, unless it speaks like a more lenient one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest

from chat.devservices.offline_model.app import OfflineModel
from chat.devservices.offline_model.servers import DIALECTS
from chat.llm.client import LLMClient
from chat.llm.items import message_item
from tests.support.llm import double
from tests.support.offline import OfflineServer, start_offline_model
from tests.support.offline_requests import create

USER = message_item("user", "say hello")
ANSWER = message_item("assistant", "Hi.")
CALL = {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "1"}
GOOD = (USER, ANSWER, USER, CALL, RESULT)


def user(**fields: Any) -> list[dict[str, Any]]:
    return [{**USER, **fields}]


def answer(**fields: Any) -> list[dict[str, Any]]:
    return [USER, {**ANSWER, **fields}, USER]


def call(**fields: Any) -> list[dict[str, Any]]:
    return [USER, {**CALL, **fields}, {**RESULT, **{k: v for k, v in fields.items() if k == "call_id"}}]


def part(**fields: Any) -> list[dict[str, Any]]:
    return [{"type": "output_text", "text": "Hi.", "annotations": [], **fields}]


# What is wrong, and the servers (besides the strict one) that refuse it.
WRONG: dict[str, tuple[Any, str]] = {
    "no type": ([{"role": "user", "content": "hi"}], "azure llamacpp vllm ollama deepseek"),
    "an unknown type": ([USER, {"type": "spell"}], "openai azure llamacpp vllm ollama deepseek transformers"),
    "an answer without an id": (answer(id=None), "azure vllm"),
    "an answer without a status": (answer(status=None), "azure vllm"),
    "an answer that is a string": (answer(content="Hi."), "azure vllm"),
    "an answer without annotations": (answer(content=[{"type": "output_text", "text": "Hi."}]), "azure vllm"),
    "input text in an answer": (answer(content=part(type="input_text")), "openai azure"),
    "output text of a user": (user(content=[{"type": "output_text", "text": "x"}]), "openai azure"),
    "a blank message": (user(content=[{"type": "input_text", "text": " \n"}]), ""),
    "arguments that are not JSON": (call(arguments='{"a"'), "llamacpp vllm ollama deepseek"),
    "arguments that are no object": (call(arguments="[]"), "llamacpp vllm ollama deepseek"),
    "no arguments": (call(arguments=""), "llamacpp vllm ollama deepseek"),
    "a name with a dot": (call(name="functions.t"), "openai azure deepseek"),
    "a name that is too long": (call(name="t" * 65), "openai azure deepseek"),
    "an id that is too long": (call(call_id="c" * 65), "openai azure"),
    "the id of another kind": (answer(id="resp_1"), "openai azure"),
    "an id that comes twice": ([USER, ANSWER, USER, ANSWER, USER], "openai azure"),
    "an output without text": ([USER, CALL, {**RESULT, "output": ""}], "openai azure"),
    "an output that is a number": ([USER, CALL, {**RESULT, "output": 1}], "openai azure"),
    "two messages of a user": ([USER, USER], ""),
    "two answers": ([USER, ANSWER, {**ANSWER, "id": "msg_2"}], ""),
    "an answer at the beginning": ([ANSWER, USER], ""),
}


@asynccontextmanager
async def speaking(like: str, script: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """The offline model in this process, like that server."""
    transport = httpx.ASGITransport(OfflineModel(pace_seconds=0, like=like, script=script))  # type: ignore[arg-type]
    headers = {"authorization": "Bearer x"}
    async with httpx.AsyncClient(transport=transport, base_url="http://offline", headers=headers) as client:
        yield client


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    process, url = start_offline_model("--pace-ms", "0", *arguments)
    with ExitStack() as stack:
        stack.callback(process.communicate)
        stack.callback(process.kill)
        yield url


@pytest.mark.parametrize("like", DIALECTS)
async def test_every_server_takes_what_is_right(like: str) -> None:
    async with speaking(like) as client:
        body: dict[str, Any] = {"model": "gpt-5", "input": GOOD, "prompt_cache_key": "k", "metadata": {"a": "b"}}
        body |= {} if like == "transformers" else {"store": False}
        assert (await client.post("/v1/responses", json=body)).status_code == 200


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_is_refused_by_the_strict_and_by_the_servers_that_do(wrong: str) -> None:
    items, refusing = WRONG[wrong]
    refused = set()
    for like in DIALECTS:
        async with speaking(like) as client:
            response = await client.post("/v1/responses", json={"model": "gpt-5", "input": items})
            if response.status_code != 200:
                assert response.status_code in (400, 422)
                refused.add(like)
    assert refused == {"strict", "plain", *refusing.split()}


async def test_a_parameter_that_there_is_not_is_refused(offline: OfflineServer) -> None:
    response = await create(offline, n_predict=1)
    assert response.json()["error"]["message"] == "Unknown parameter: 'n_predict'."
    assert (await create(offline, temperature=0.5, truncation="auto")).status_code == 200


@pytest.mark.parametrize("empty", [{"instructions": ""}, {"tools": []}, {"include": []}, {"prompt_cache_key": ""}])
async def test_a_parameter_that_is_empty_is_refused(offline: OfflineServer, empty: dict[str, Any]) -> None:
    response = await create(offline, **empty)
    assert (response.status_code, response.json()["error"]["param"]) == (400, next(iter(empty)))


@pytest.mark.parametrize(
    ("like", "error"),
    [
        ("llamacpp", {"code": 400, "message": "Cannot determine type of 'item'", "type": "invalid_request_error"}),
        ("azure", {"param": "input[0]", "code": "invalid_value"}),
        ("vllm", {"type": "Bad Request", "param": None, "code": 400}),
        ("ollama", {"type": "invalid_request_error", "code": None}),
        ("deepseek", {"type": "invalid_request_error", "code": "invalid_request_error"}),
    ],
)
async def test_a_refusal_has_the_shape_of_its_server(like: str, error: dict[str, Any]) -> None:
    async with speaking(like) as client:
        response = await client.post("/v1/responses", json={"model": "m", "input": [{"role": "user", "content": "x"}]})
    assert error.items() <= response.json()["error"].items()


async def test_transformers_refuses_several_fields_in_one_sentence() -> None:
    async with speaking("transformers") as client:
        body = {"model": "m", "input": "x", "store": False, "include": ["reasoning.encrypted_content"]}
        response = await client.post("/v1/responses", json=body)
    assert response.status_code == 422
    assert response.json() == {"detail": "Unsupported fields in the request: {'include', 'store'}"}


async def test_deepseek_wants_the_reasoning_before_a_call_back() -> None:
    question = message_item("user", "x [offline: raw=1 tool=t]")
    async with speaking("deepseek") as client:
        first = await client.post("/v1/responses", json={"model": "m", "input": [question]})
        thought, called = first.json()["output"]
        result = {**RESULT, "call_id": called["call_id"]}
        with_it = await client.post("/v1/responses", json={"model": "m", "input": [question, thought, called, result]})
        without = await client.post("/v1/responses", json={"model": "m", "input": [question, called, result]})
    assert (with_it.status_code, without.status_code) == (200, 400)
    assert "must be passed back" in without.json()["error"]["message"]


async def test_a_script_can_apply_to_every_message_of_a_server() -> None:
    async with speaking("vllm", script="context=20") as client:
        said = "word " * 100
        long = await client.post("/v1/responses", json={"model": "m", "input": said})
        other = await client.post("/v1/responses", json={"model": "m", "input": f"{said}[offline: context=999]"})
    assert "maximum context length is 20 tokens" in long.json()["error"]["message"]
    assert other.status_code == 200


async def test_llamacpp_numbers_nothing_and_calls_a_cut_answer_complete() -> None:
    async with speaking("llamacpp") as client:
        body = {"model": "m", "input": "count to 99", "max_output_tokens": 16, "stream": True}
        text = (await client.post("/v1/responses", json=body)).text
    assert "sequence_number" not in text
    assert "output_index" not in text
    assert '"status":"completed"' in text.rpartition("event: response.completed")[2]
    assert '"output_tokens":16' in text
    assert "output_tokens_details" not in text


async def test_vllm_names_no_events_and_says_null_for_what_is_absent() -> None:
    async with speaking("vllm") as client:
        body = {"model": "m", "input": "say hello [offline: raw=1]", "stream": True}
        text = (await client.post("/v1/responses", json=body)).text
    assert "event:" not in text
    assert '"type":"response.reasoning_text.delta"' in text
    assert '"encrypted_content":null' in text


@pytest.mark.parametrize("like", [name for name in DIALECTS if name != "strict"])
async def test_the_client_talks_with_every_server(like: str) -> None:
    """Three turns with two tools in each, one of which does not exist, back to back."""
    said = "say Hi. [offline: rawtext=2 tools=double,no.such arguments=%7B%22number%22:4%7D]"
    if like == "plain":
        said = "say Hi. [offline: tools=double,no.such arguments=%7B%22number%22:4%7D]"
    with running("--like", like) as url:
        async with asyncio.timeout(30), LLMClient(api_key="x", base_url=url, model="m") as llm:
            turns: list[dict[str, Any]] = []
            for _ in range(3):
                turns.append({"role": "user", "content": said})
                result = await llm.call(turns, tools=[double], keep_reasoning=True, prompt_cache_key="k")
                turns.append({"role": "assistant", "content": result.text})
                assert "`double` says: `8`" in result.text
