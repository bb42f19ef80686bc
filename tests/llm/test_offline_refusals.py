"""The offline model's refusals are those of real servers, word for word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chat.devservices.offline_model.problems import PROBLEMS
from chat.devservices.offline_model.script import Script
from chat.llm.provider.request import LEAVABLE, PREVIOUS_RESPONSE_ID
from tests.support.offline import OfflineServer
from tests.support.offline_requests import create, events_in

DOCUMENT = Path(__file__).parents[2] / "docs" / "offline-model.md"
TOOL = {"type": "function", "name": "t"}
CALL = {"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c", "output": "1"}
FULL: dict[str, Any] = {
    "model": "gpt-5",
    "tools": [TOOL],
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "text": {"format": {"type": "text"}},
    "prompt_cache_key": "k",
    "metadata": {"a": "b"},
    "store": True,
    "max_output_tokens": 100,
}


def error_in(response: Any) -> Any:
    return response.json()["error"]


@pytest.mark.parametrize("name", sorted(PROBLEMS))
async def test_every_problem_can_be_asked_for_by_name(offline: OfflineServer, name: str) -> None:
    response = await create(offline, f"x [offline: problem={name}]")
    assert response.status_code == PROBLEMS[name][0]
    assert not re.search(r"\{(model|asked|tokens|limit)\}", response.text)


async def test_an_unknown_problem_is_refused(offline: OfflineServer) -> None:
    assert "'bad_luck' is not one of" in error_in(await create(offline, "x [offline: problem=bad_luck]"))["message"]


@pytest.mark.parametrize("word", sorted(LEAVABLE))
async def test_each_field_that_can_be_left_out_can_be_refused(offline: OfflineServer, word: str) -> None:
    question = {"type": "message", "role": "user", "content": f"say hello [offline: refuse={word}]"}
    history = {"history.tools": [question, CALL, RESULT], "history.reasoning": [{"type": "reasoning", "id": "rs_1"}]}
    items = [*history.get(word, []), question]
    more = {word: "resp_1"} if word == PREVIOUS_RESPONSE_ID else {}
    assert (await create(offline, input=items, **FULL, **more)).status_code >= 400
    assert (await create(offline, input=[question], model="gpt-5")).status_code == 200


async def test_an_organization_that_is_not_verified_gets_no_summary(offline: OfflineServer) -> None:
    error = error_in(await create(offline, "x [offline: nosummary]", **FULL))
    assert (error["code"], error["param"]) == ("unsupported_value", "reasoning.summary")
    without = {**FULL, "reasoning": {"effort": "low"}}
    assert (await create(offline, "x [offline: nosummary]", **without)).status_code == 200


async def test_an_input_that_is_too_long_is_refused_with_the_limit(offline: OfflineServer) -> None:
    error = error_in(await create(offline, f"{'word ' * 100} [offline: context=50]"))
    assert (error["type"], error["n_ctx"]) == ("exceed_context_size_error", 50)
    assert error["n_prompt_tokens"] > 100
    assert (await create(offline, "short [offline: context=50]")).status_code == 200


async def test_an_output_limit_above_the_models_is_refused(offline: OfflineServer) -> None:
    fields = {"max_output_tokens": 200}
    error = error_in(await create(offline, "x [offline: max_output=100]", **fields))
    assert error["message"].endswith("Expected a value <= 100, but got 200 instead.")
    assert (await create(offline, "x [offline: max_output=200]", **fields)).status_code == 200


async def test_a_cut_answer_can_claim_to_be_complete(offline: OfflineServer) -> None:
    answer = (await create(offline, "say one two three four [offline: capped]", max_output_tokens=64)).json()
    assert (answer["status"], answer["usage"]["output_tokens"]) == ("completed", 64)
    assert answer["output"][0]["content"][0]["text"] == "one two"


@pytest.mark.parametrize(
    ("place", "last"),
    [
        ("done", "response.output_text.done"),
        ("item", "response.output_item.done"),
        ("end", "response.completed"),
    ],
)
async def test_text_can_come_late(offline: OfflineServer, place: str, last: str) -> None:
    events = events_in((await create(offline, f"say hello [offline: text_in={place}]", stream=True)).text)
    assert next(event["type"] for event in events if "hello" in str(event)) == last


async def test_a_stream_can_end_without_its_last_event(offline: OfflineServer) -> None:
    events = events_in((await create(offline, "say hello [offline: noend]", stream=True)).text)
    assert events[-1]["type"] == "response.output_item.done"


async def test_the_text_can_come_in_two_messages(offline: OfflineServer) -> None:
    output = (await create(offline, "say one two [offline: messages=2]")).json()["output"]
    assert [item["content"][0]["text"] for item in output] == ["one", " two"]
    assert len({item["id"] for item in output}) == 2


@pytest.mark.parametrize("word", Script.__struct_fields__)
def test_every_word_is_documented(word: str) -> None:
    assert f"`{word}" in DOCUMENT.read_text()
