"""Scripts make the offline model fail as providers sometimes do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import openai
import pytest

from chat.devservices.offline_model.calls import wanted_in
from chat.devservices.offline_model.script import without_scripts
from chat.devservices.offline_model.structured import title_of
from chat.llm.items import message_item
from chat.tools import load
from tests.support.offline import OfflineServer
from tests.support.offline_requests import TITLE_SCHEMA, background, create, events_in, resumed, structured

TITLED = {"text": structured(TITLE_SCHEMA)}


@pytest.mark.parametrize("reads", [without_scripts, wanted_in, title_of])
@pytest.mark.parametrize("piece", [" ", "\n\n", "find ", "[offline: a] ", "what did we say "])
def test_a_long_hostile_text_is_read_at_once(reads: Callable[[str], object], piece: str) -> None:
    reads(f"say\u00a0no {piece * 500_000}")  # in quadratic time it would take minutes


def test_scripts_are_cut_out_with_the_spaces_around_them() -> None:
    assert without_scripts(" say  [offline: a]  one [offline-structured: b]\n[offline: c] two  ") == "say one  two"


async def streamed(offline: OfflineServer, asked: str, **fields: Any) -> list[dict[str, Any]]:
    return events_in((await create(offline, asked, stream=True, **fields)).text)


def kinds_of(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


async def test_a_reasoning_item_comes_first(offline: OfflineServer) -> None:
    events = await streamed(offline, "say one [offline: reasoning=3]")
    assert kinds_of(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    summary = "".join(event["delta"] for event in events[4:7])
    reasoning, message = events[-1]["response"]["output"]
    assert reasoning == events[9]["item"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": summary}]
    assert events[2]["item"] == {**reasoning, "summary": []}
    assert {event["output_index"] for event in events[2:10]} == {0}
    assert {event["output_index"] for event in events[10:16]} == {1}
    assert message["content"][0]["text"] == "one"


async def test_the_official_sdk_understands_reasoning_calls_and_text_in_one_response(offline: OfflineServer) -> None:
    async with openai.AsyncOpenAI(api_key="test", base_url=offline.base_url, max_retries=0) as sdk:
        asked = "say one two [offline: reasoning=3 tools=a,b also]"
        async with sdk.responses.stream(model="offline", input=asked) as stream:
            deltas = [event.delta async for event in stream if event.type == "response.reasoning_summary_text.delta"]
            final = await stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "function_call", "function_call", "message"]
    assert final.output[0].type == "reasoning"
    assert final.output[0].summary[0].text == "".join(deltas)
    assert final.output_text == "one two"


async def test_reasoning_tokens_are_among_those_of_the_output(offline: OfflineServer) -> None:
    without = (await create(offline, "say one")).json()["usage"]
    assert without["output_tokens_details"] == {"reasoning_tokens": 0}
    for script in ("[offline: reasoning=3]", "[offline: reasoning=6]"):
        usage = (await create(offline, f"say one {script}")).json()["usage"]
        thought = usage["output_tokens_details"]["reasoning_tokens"]
        assert thought > 10
        assert usage["output_tokens"] == without["output_tokens"] + thought
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


async def test_reasoning_uses_up_the_tokens_of_the_output(offline: OfflineServer) -> None:
    asked = "count to 99 [offline: reasoning=3]"
    short = (await create(offline, asked, max_output_tokens=50)).json()
    assert short["incomplete_details"] == {"reason": "max_output_tokens"}
    assert 45 < short["usage"]["output_tokens"] <= 50
    assert (await create(offline, asked, max_output_tokens=500)).json()["status"] == "completed"


@pytest.mark.parametrize(
    ("script", "cached", "written"),
    [
        ("cached=10", 10, 0),
        ("cache_write=10", 0, 10),
        ("cached=3 cache_write=4", 3, 4),
        ("cached=10000", 0, 0),
        ("cache_write=10000 cached=3", 3, -3),
    ],
)
async def test_input_tokens_can_be_cached(offline: OfflineServer, script: str, cached: int, written: int) -> None:
    usage = (await create(offline, f"say something [offline: {script}]")).json()["usage"]
    count = usage["input_tokens"]
    if "10000" in script:  # more than there are
        cached, written = (cached, count + written) if written else (count, 0)
    assert usage["input_tokens_details"] == {"cached_tokens": cached, "cache_write_tokens": written}
    assert usage["total_tokens"] == count + usage["output_tokens"]


async def test_usage_can_be_missing(offline: OfflineServer, generation_id: str) -> None:
    events = await streamed(offline, "say one [offline: nousage]", metadata={"generation_id": generation_id})
    assert events[-1]["response"]["usage"] is None
    [line] = await offline.billed(generation_id)
    assert line["total_tokens"] > 0


@pytest.mark.parametrize("structured_call", [False, True])
async def test_a_response_can_be_empty(offline: OfflineServer, structured_call: bool) -> None:
    fields = TITLED if structured_call else {}
    script = "offline-structured" if structured_call else "offline"
    events = await streamed(offline, f"say one [{script}: empty]", **fields)
    assert kinds_of(events) == ["created", "in_progress", "completed"]
    response = events[-1]["response"]
    assert (response["status"], response["output"], response["usage"]["output_tokens"]) == ("completed", [], 0)


async def test_an_empty_response_can_be_incomplete(offline: OfflineServer) -> None:
    response = (await create(offline, "x [offline: empty incomplete]")).json()
    assert (response["output"], response["incomplete_details"]) == ([], {"reason": "max_output_tokens"})


async def test_calls_are_complete_while_text_still_comes(offline: OfflineServer) -> None:
    tools = list(load().schemas())
    events = await streamed(offline, "What is the secret number? [offline: also]", tools=tools)
    done = kinds_of(events).index("output_item.done")
    assert events[done]["item"]["name"] == "get_secret_number"
    assert kinds_of(events)[done:].count("output_text.delta") > 10
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["function_call", "message"]
    silent = await streamed(offline, "What is the secret number?", tools=tools)
    assert [item["type"] for item in silent[-1]["response"]["output"]] == ["function_call"]


async def test_several_tools_are_called_in_one_response(offline: OfflineServer) -> None:
    output = (await create(offline, "x [offline: tools=a,b,a]")).json()["output"]
    assert [(call["name"], call["arguments"]) for call in output] == [("a", "{}"), ("b", "{}"), ("a", "{}")]
    assert len({call["call_id"] for call in output}) == 3
    told = [{"type": "function_call_output", "call_id": call["call_id"], "output": "1"} for call in output]
    again = [message_item("user", "x [offline: tools=a,b,a]"), *output, *told]
    assert (await create(offline, input=again)).json()["output"][0]["type"] == "message"


@pytest.mark.parametrize("arguments", ['{"a b": ["]", "ü", 1]}', "not JSON", "[]"])
async def test_scripted_calls_have_scripted_arguments(offline: OfflineServer, arguments: str) -> None:
    for words in ("tool=a", "tools=a,b"):
        events = await streamed(offline, f"x [offline: {words} arguments={quote(arguments, safe='')}]")
        output = events[-1]["response"]["output"]
        assert {call["arguments"] for call in output} == {arguments}
        deltas = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
        assert "".join(deltas) == arguments * len(output)


async def test_events_of_an_unknown_type_come_before_the_text(offline: OfflineServer) -> None:
    asked = "say one [offline: unknown=3]"
    assert kinds_of(await streamed(offline, asked))[1:6] == [
        "in_progress",
        *["offline_unknown"] * 3,
        "output_item.added",
    ]
    assert (await create(offline, asked)).json()["output"][0]["content"][0]["text"] == "one"


@pytest.mark.parametrize(("word", "reason"), [("incomplete", "max_output_tokens"), ("filter", "content_filter")])
async def test_a_response_with_calls_can_be_incomplete(offline: OfflineServer, word: str, reason: str) -> None:
    response = (await create(offline, f"x [offline: tool=a {word}]")).json()
    assert response["incomplete_details"] == {"reason": reason}
    assert response["output"][0]["type"] == "function_call"


FAULTS = {
    "status=500": 500,
    "html=502": 502,
    "failed": "failed",
    "error=1": "error",
    "incomplete": "incomplete",
    "filter": "incomplete",
    "cut=1": "cut",
    "eof=1": "output_text.delta",
    "midutf8=1": "cut",
    "empty": "empty",
    "nousage": "nousage",
    "refusal": "refusal",
    "notjson": "notjson",
    "invalid": "invalid",
}


async def outcome(offline: OfflineServer, asked: str, **fields: Any) -> int | str:
    """How a create ended: a status, the last event, or what is odd about a completed response."""
    try:
        response = await create(offline, asked, stream=True, **fields)
    except httpx.RemoteProtocolError:
        return "cut"
    if response.status_code != 200:
        return response.status_code
    last = events_in(response.text)[-1]
    return oddity(last["response"]) if last["type"] == "response.completed" else kinds_of([last])[0]


def oddity(response: dict[str, Any]) -> str:
    if not response["usage"]:
        return "nousage"
    if not response["output"]:
        return "empty"
    part = response["output"][0]["content"][0]
    if part["type"] == "refusal":
        return "refusal"
    try:
        return "fine" if set(json.loads(part["text"])) == {"title"} else "invalid"
    except ValueError:
        return "notjson"


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_affects_structured_calls_as_often_as_requested(
    offline: OfflineServer, generation_id: str, fault: str
) -> None:
    asked = f"many wide rivers [offline-structured: {fault} times=2]"
    fields = TITLED | {"metadata": {"generation_id": generation_id}}
    outcomes = [await outcome(offline, asked, **fields) for _ in range(3)]
    assert outcomes == [FAULTS[fault], FAULTS[fault], "fine"]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ("notjson", "invalid")])
async def test_each_fault_affects_answers_as_often_as_requested(
    offline: OfflineServer, generation_id: str, fault: str
) -> None:
    asked = f'say {{"title": "many wide rivers"}} [offline: {fault} times=2]'
    outcomes = [await outcome(offline, asked, metadata={"generation_id": generation_id}) for _ in range(3)]
    assert outcomes == [FAULTS[fault], FAULTS[fault], "fine"]


async def test_a_title_does_not_use_up_the_faults_of_its_answer(offline: OfflineServer, generation_id: str) -> None:
    asked = "x [offline: status=500 times=1] [offline-structured: status=503 times=1]"
    metadata = {"metadata": {"generation_id": generation_id}}
    outcomes = [await outcome(offline, asked, **metadata, **fields) for fields in (TITLED, {}, TITLED)]
    assert outcomes == [503, 500, "fine"]


@pytest.mark.parametrize(("word", "odd"), [("nul", "\x00"), ("surrogates", "\ud83d")])
async def test_the_strings_of_a_structured_call_can_be_odd(offline: OfflineServer, word: str, odd: str) -> None:
    response = (await create(offline, f"x [offline-structured: {word}]", **TITLED)).json()
    title = json.loads(response["output"][0]["content"][0]["text"])["title"]
    assert odd in title


async def test_resumes_and_retrieves_fail_as_often_as_requested(offline: OfflineServer) -> None:
    response_id = await background(offline, "say one two three [offline: repeat times=1]")
    assert [(await resumed(offline, response_id, 6))[0]["sequence_number"] for _ in range(3)] == [4, 7, 7]
    response_id = await background(offline, "say one two three [offline: skip times=2]")
    assert [(await resumed(offline, response_id, 4))[0]["sequence_number"] for _ in range(3)] == [6, 6, 5]
    response_id = await background(offline, "say one [offline: expire times=2]")
    statuses = [(await offline.http.get(f"/v1/responses/{response_id}")).status_code for _ in range(3)]
    assert Counter(statuses) == {404: 2, 200: 1}
    assert statuses[-1] == 200


@pytest.mark.parametrize("words", ["reasoning=many", "empty=3", "pause=5:x", "cached=1.5", "surprise"])
async def test_words_that_mean_nothing_are_refused(offline: OfflineServer, words: str) -> None:
    response = await create(offline, f"x [offline: {words}]")
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
