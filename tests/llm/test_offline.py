"""The offline model speaks the Responses API as the real one does, and bills every response."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from typing import Any

import httpx
import openai
import pytest

from chat.devservices.offline_model.http import MAX_BODY_BYTES
from chat.devservices.offline_model.structured import instance_of
from chat.llm.items import message_item
from chat.tools import load
from tests.support.offline import OfflineServer, start_offline_model
from tests.support.offline_requests import TITLE_SCHEMA, answer, background, create, events_in, resumed, structured


async def test_a_stream_has_the_events_of_the_real_one_in_their_order(offline: OfflineServer) -> None:
    events = events_in((await create(offline, "say one two", stream=True)).text)
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))


async def test_a_call_has_the_events_of_the_real_one_in_their_order(offline: OfflineServer) -> None:
    tools = list(load().schemas())
    body = (await create(offline, "What time is it in Asia/Tokyo?", stream=True, tools=tools)).text
    kinds = [event["type"] for event in events_in(body)]
    assert list(dict.fromkeys(kinds)) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]


async def test_the_official_sdk_understands_it(offline: OfflineServer) -> None:
    async with openai.AsyncOpenAI(api_key="test", base_url=offline.base_url, max_retries=0) as sdk:
        whole = await sdk.responses.create(model="offline", input="say hello")
        assert whole.output_text == "hello"
        assert whole.usage is not None
        async with sdk.responses.stream(model="offline", input="say hello") as stream:
            kinds = [event.type async for event in stream]
            assert (await stream.get_final_response()).output_text == "hello"
        assert kinds[-1] == "response.completed"
        assert [model.id async for model in sdk.models.list()] == ["offline"]
        with pytest.raises(openai.BadRequestError) as refused:
            await sdk.responses.create(model="offline", input="hello", max_output_tokens=1)
        assert refused.value.param == "max_output_tokens"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"no json", None),
        (b"[]", None),
        (b"{}", None),
        (b'{"model": 7, "input": "x"}', "model"),
        (b'{"model": "m"}', None),
        (b'{"model": "m", "input": 7}', "input"),
        (b'{"model": "m", "input": "x", "stream": "yes"}', "stream"),
        (b'{"model": "m", "input": "x", "max_output_tokens": 15}', "max_output_tokens"),
        (b'{"model": "m", "input": "x", "metadata": {"a": 1}}', "metadata[...]"),
        (b'{"model": "m", "input": "x", "background": true, "store": false}', "background"),
        (b'{"model": "m", "input": [{"type": "message", "role": "wizard", "content": "x"}]}', "input"),
        (b'{"model": "m", "input": [{"type": "spell"}]}', "input[0]"),
        (
            b'{"model": "m", "input": [{"type": "message", "role": "user", "content": "x"},'
            b' {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}]}',
            "input",
        ),
        (
            b'{"model": "m", "input": [{"type": "message", "role": "user", "content": "x"},'
            b' {"type": "function_call_output", "call_id": "c", "output": "1"}]}',
            "input",
        ),
        (b'{"model": "m", "input": "x", "tools": [{"type": "function", "name": "a b"}]}', "tools[0].name"),
        (
            b'{"model": "m", "input": "x", "tools": [{"type": "function", "name": "a", "strict": true,'
            b' "parameters": {"type": "object", "properties": {"b": {"type": "string"}}}}]}',
            "tools",
        ),
        (b'{"model": "m", "input": "x [offline: explode]"}', None),
        (b'{"model": "m", "input": "x [offline: cut=soon]"}', None),
    ],
)
async def test_a_bad_request_is_refused_as_the_real_api_does(
    offline: OfflineServer, body: bytes, param: str | None
) -> None:
    response = await offline.http.post("/v1/responses", content=body)
    assert response.status_code == 400
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert (response.json()["error"]["param"] or None) == param


async def test_a_body_that_is_too_large_is_refused(offline: OfflineServer) -> None:
    response = await offline.http.post("/v1/responses", content=b" " * (MAX_BODY_BYTES + 1))
    assert response.status_code == 413


async def test_a_missing_key_and_a_missing_page_are_refused(offline: OfflineServer) -> None:
    async with httpx.AsyncClient(base_url=offline.root) as stranger:
        assert (await stranger.get("/v1/models")).status_code == 401
    for method, path in (("GET", "/v1/nothing"), ("GET", "/"), ("DELETE", "/v1/responses")):
        assert (await offline.http.request(method, path)).status_code == 404


async def test_an_answer_explains_itself_and_quotes_the_question(offline: OfflineServer) -> None:
    text = await answer(offline, "Tell me about <b>rivers</b>\n```and *fjords*")
    assert "offline model" in text
    assert "this answer is written by rules" in text
    assert "> Tell me about \\<b\\>rivers\\</b\\>\n> \\`\\`\\`and \\*fjords\\*" in text
    for markup in ("## ", "**bold**", "*italic*", "~~struck~~", "- ", "|:--|", "```python", "```bash", "```json",
                   "\n> A", "](https://", "\n---\n", ":sparkles:", ":tada:"):  # fmt: skip
        assert markup in text, markup


async def test_its_repertoire_follows_the_words(offline: OfflineServer) -> None:
    assert await answer(offline, "say  exactly *this*\n ok") == "exactly *this*\n ok"
    assert await answer(offline, "please count to 5") == "1, 2, 3, 4, 5"
    assert "| Planet |" in await answer(offline, "Show me a table")
    assert "```python" in await answer(offline, "Write some code")
    assert "Hello!" in await answer(offline, "Hi there!")
    assert 6000 <= len(await answer(offline, "something long")) < 6600
    assert "no tool" in await answer(offline, "What is the secret number?")
    assert await answer(offline, "Hi there!") == await answer(offline, "Hi there!")


async def test_the_answer_shows_the_number_of_messages(offline: OfflineServer) -> None:
    turns = [
        message_item("developer", "Be kind."),
        message_item("user", "first"),
        message_item("assistant", "answer"),
        message_item("user", "second thing"),
    ]
    text = await answer(offline, "", input=turns)
    assert "I have seen 2 messages from you" in text
    assert "> second thing" in text


async def test_a_script_is_not_part_of_the_message(offline: OfflineServer) -> None:
    assert await answer(offline, "say hello [offline: pace=0]") == "hello"
    assert "[offline" not in await answer(offline, "Rivers? [offline: pace=0] Fjords?")


async def test_metadata_can_carry_the_script(offline: OfflineServer) -> None:
    response = await create(offline, metadata={"offline_script": "status=429 retry_after=2"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")
    assert response.json()["error"]["code"] == "rate_limit_exceeded"


async def test_two_tools_can_be_called_at_once_and_their_results_are_quoted(offline: OfflineServer) -> None:
    tools = list(load().schemas())
    question = message_item("user", "What time is it in UTC, and what is the secret number?")
    calls = (await create(offline, input=[question], tools=tools)).json()["output"]
    assert [call["name"] for call in calls] == ["get_secret_number", "current_time"]
    outputs = [{"type": "function_call_output", "call_id": call["call_id"], "output": "12"} for call in calls]
    text = await answer(offline, "", input=[question, *calls, *outputs], tools=tools)
    assert "**12**" in text
    assert "`current_time` says: `12`" in text
    again = [question, *calls, *outputs, message_item("user", "The secret number, please")]
    assert (await create(offline, input=again, tools=tools)).json()["output"][0]["type"] == "function_call"


async def test_tools_can_be_called_by_script(offline: OfflineServer) -> None:
    [call] = (await create(offline, "x [offline: tool=nobody]")).json()["output"]
    assert (call["name"], call["arguments"]) == ("nobody", "{}")
    tools = list(load().schemas())
    items: list[dict[str, Any]] = [message_item("user", "x [offline: loop]")]
    for _ in range(3):
        [call] = (await create(offline, input=items, tools=tools)).json()["output"]
        items += [call, {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}]
    assert (await create(offline, input=items, tools=tools, tool_choice="none")).json()["output"][0][
        "type"
    ] == "message"


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("how do I bake rye bread without an oven?", "How do I bake rye bread"),
        ("Make a title.\n\nUser: **Fjords** of Norway!\nAssistant: There are many.", "Fjords of Norway"),
        ("rivers [offline: status=500]", "Rivers"),
        ("", "New conversation"),
    ],
)
async def test_a_title_is_made_of_the_user_s_words(offline: OfflineServer, asked: str, title: str) -> None:
    assert json.loads(await answer(offline, asked, text=structured(TITLE_SCHEMA))) == {"title": title}


async def test_structured_calls_have_separate_scripts(offline: OfflineServer) -> None:
    text = structured(TITLE_SCHEMA)
    assert (await create(offline, "rivers [offline-structured: status=500]", text=text)).status_code == 500
    assert (await create(offline, "rivers [offline-structured: status=500]")).status_code == 200


def test_an_instance_satisfies_its_schema() -> None:
    schema = {
        "type": "object",
        "$defs": {
            "kind": {"enum": ["b", "a"]},
            "tree": {"type": "object", "properties": {"up": {"$ref": "#/$defs/tree"}}},
        },
        "properties": {
            "kind": {"$ref": "#/$defs/kind"},
            "fixed": {"const": 3},
            "count": {"type": "integer", "minimum": 7, "maximum": 9},
            "few": {"type": "integer", "maximum": -1},
            "even": {"type": "number", "minimum": 3, "multipleOf": 2},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "boolean"}]},
            "none": {"type": ["null"]},
            "short": {"type": "string", "maxLength": 3},
            "padded": {"type": ["string", "null"], "minLength": 12},
            "list": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
            "empty": {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
            "tree": {"$ref": "#/$defs/tree"},
        },
    }
    made = instance_of(schema, "many rivers")
    assert "up" in made.pop("tree")
    assert made == {
        "kind": "b", "fixed": 3, "count": 7, "few": -1, "even": 4, "maybe": True, "none": None, "short": "Man",
        "padded": "Many rivers.", "list": [1, 1], "empty": [],
    }  # fmt: skip


async def test_accepted_creates_are_counted_and_refused_ones_are_not(
    offline: OfflineServer, generation_id: str
) -> None:
    metadata = {"generation_id": generation_id}
    total = (await offline.http.get("/control/creates")).json()["creates"]
    statuses = [
        (await create(offline, "x [offline: status=503 times=2]", metadata=metadata)).status_code for _ in range(4)
    ]
    assert statuses == [503, 503, 200, 200]
    await create(offline, metadata=metadata | {"round": "2"})
    assert await offline.creates(generation_id) == 3
    query = metadata | {"round": "2"}
    assert (await offline.http.get("/control/creates", params=query)).json() == {"creates": 1}
    assert (await offline.http.get("/control/creates")).json()["creates"] == total + 3


async def test_the_bill_matches_the_responses_usage(offline: OfflineServer, generation_id: str) -> None:
    metadata = {"generation_id": generation_id}
    usages = [(await create(offline, text, metadata=metadata)).json()["usage"] for text in ("hello", "count to 99")]
    billed = await offline.billed(generation_id)
    assert [entry["total_tokens"] for entry in billed] == [usage["total_tokens"] for usage in usages]


async def test_a_background_run_can_be_read_from_any_event_and_then_live(offline: OfflineServer) -> None:
    response_id = await background(offline, "say one two three four five [offline: pace=10]")
    live = await resumed(offline, response_id, 6)
    assert [event["sequence_number"] for event in live] == list(range(7, 7 + len(live)))
    assert live[-1]["type"] == "response.completed"
    assert await resumed(offline, response_id, 6) == live
    everything = await resumed(offline, response_id, -1)
    assert everything[7:] == live
    assert "".join(event["delta"] for event in everything if "delta" in event) == "one two three four five"
    stored = (await offline.http.get(f"/v1/responses/{response_id}")).json()
    assert stored == everything[-1]["response"]


async def test_only_the_first_stream_is_cut_and_the_run_continues(offline: OfflineServer) -> None:
    got = b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with offline.http.stream(
            "POST",
            "/v1/responses",
            json={"model": "m", "input": "say one two three [offline: cut=2]", "background": True, "stream": True},
        ) as response:
            async for chunk in response.aiter_bytes():
                got += chunk
    seen = events_in(got.decode())
    rest = await resumed(offline, seen[0]["response"]["id"], seen[-1]["sequence_number"])
    deltas = [event["delta"] for event in seen + rest if "delta" in event]
    assert "".join(deltas) == "one two three"


async def test_a_resume_can_repeat_skip_and_find_nothing(offline: OfflineServer) -> None:
    repeating = await resumed(offline, await background(offline, "say one two three [offline: repeat]"), 6)
    assert repeating[0]["sequence_number"] == 4
    skipping = await resumed(offline, await background(offline, "say one two three [offline: skip]"), 4)
    assert skipping[0]["sequence_number"] == 6
    response_id = await background(offline, "say one [offline: expire]")
    assert (await offline.http.get(f"/v1/responses/{response_id}")).status_code == 404
    assert (await offline.http.get("/v1/responses/resp_unknown")).status_code == 404


async def test_a_background_run_can_be_cancelled(offline: OfflineServer) -> None:
    response = (await create(offline, "something long [offline: pace=50]", background=True)).json()
    assert response["status"] in ("queued", "in_progress")
    response_id = response["id"]
    reading = asyncio.create_task(resumed(offline, response_id, -1))
    cancelled = (await offline.http.post(f"/v1/responses/{response_id}/cancel")).json()
    assert cancelled["status"] == "cancelled"
    assert (await reading)[-1]["type"] != "response.completed"


async def test_a_plain_run_can_be_retrieved_but_not_streamed_again_or_cancelled(offline: OfflineServer) -> None:
    response = (await create(offline, "say one")).json()
    assert (await offline.http.get(f"/v1/responses/{response['id']}")).json() == response
    assert (await offline.http.get(f"/v1/responses/{response['id']}?stream=true")).status_code == 400
    assert (await offline.http.post(f"/v1/responses/{response['id']}/cancel")).status_code == 400
    forgotten = (await create(offline, "say one", store=False)).json()
    assert (await offline.http.get(f"/v1/responses/{forgotten['id']}")).status_code == 404


async def test_the_command_prints_one_line_keeps_its_pace_and_ends_at_once() -> None:
    process, url = start_offline_model("--pace-ms", "20")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", url)
    async with httpx.AsyncClient(headers={"authorization": "Bearer x"}, timeout=20) as http:
        started = asyncio.get_running_loop().time()
        body = {"model": "m", "input": "say one two three four five", "stream": True}
        await http.post(f"{url}/responses", json=body)
        assert asyncio.get_running_loop().time() - started >= 0.08
        await http.post(f"{url.removesuffix('/v1')}/control/reset")
        assert (await http.get(f"{url.removesuffix('/v1')}/control/creates")).json() == {"creates": 0}
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.to_thread(process.communicate, timeout=20)
    assert (output, process.returncode) == ("", 0)
