"""A minimal compatible server sends less than the real API, and refuses more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chat.tools import load
from tests.support.offline import OfflineServer
from tests.support.offline_requests import TITLE_SCHEMA, answer, create, structured

KNOWN_KINDS = {
    "response.output_text.delta",
    "response.output_item.done",
    "response.completed",
    "response.offline_unknown",
}


@pytest.fixture
async def plain(plain_url: str) -> AsyncIterator[OfflineServer]:
    server = OfflineServer(plain_url)
    yield server
    await server.http.aclose()


def plain_events_in(stream: str) -> list[dict[str, Any]]:
    """The events of a body, which has to end as these servers' bodies do."""
    *lines, done = [line for line in stream.splitlines() if line.startswith("data: ")]
    assert stream.endswith("data: [DONE]\n\n")
    assert done == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_a_minimal_server_sends_text_an_end_and_unknown_events(plain: OfflineServer) -> None:
    asked = "say one two [offline: reasoning=2]"
    response = await create(plain, asked, stream=True, model="gpt-6-luna")
    events = plain_events_in(response.text)
    kinds = [event["type"] for event in events]
    assert kinds == ["response.offline_unknown", *["response.output_text.delta"] * 2, "response.completed"]
    assert not any("sequence_number" in event for event in events)
    assert "".join(event["delta"] for event in events[1:3]) == "one two"
    assert events[-1]["response"]["model"] == "gpt-6-luna"
    assert set(events[-1]["response"]["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}
    assert "x-request-id" not in response.headers


async def test_its_calls_come_whole(plain: OfflineServer) -> None:
    asked = "What time is it in Asia/Tokyo? [offline: also]"
    body = (await create(plain, asked, stream=True, tools=list(load().schemas()))).text
    events = plain_events_in(body)
    assert {event["type"] for event in events} == KNOWN_KINDS
    [done] = [event for event in events if event["type"] == "response.output_item.done"]
    assert (done["item"]["name"], json.loads(done["item"]["arguments"])) == ("current_time", {"timezone": "Asia/Tokyo"})


async def test_a_minimal_server_also_answers_without_a_stream(plain: OfflineServer, generation_id: str) -> None:
    response = await create(plain, "say one", model="gpt-5", metadata={"generation_id": generation_id})
    assert response.json()["output"][0]["content"][0]["text"] == "one"
    assert response.json()["model"] == "gpt-5"
    assert "input_tokens_details" not in response.json()["usage"]
    assert "x-request-id" not in response.headers
    [line] = await plain.billed(generation_id)
    assert (line["model"], line["cost"]) == ("gpt-5", "0.0000175")


async def test_structured_calls_are_answered(plain: OfflineServer) -> None:
    text = structured(TITLE_SCHEMA)
    assert json.loads(await answer(plain, "rivers", text=text)) == {"title": "Rivers"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"reasoning": {"effort": "low"}}, "reasoning.effort"),
        ({"reasoning": {"summary": "auto"}}, "reasoning.summary"),
    ],
)
async def test_a_minimal_server_refuses_what_only_the_real_api_can_do(
    plain: OfflineServer, fields: dict[str, Any], param: str
) -> None:
    response = await create(plain, model="gpt-5", **fields)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert "x-request-id" not in response.headers


async def test_a_minimal_server_stores_no_responses(plain: OfflineServer) -> None:
    response_id = (await create(plain, "say one")).json()["id"]
    for method, path in (
        ("GET", response_id),
        ("GET", f"{response_id}?stream=true"),
        ("POST", f"{response_id}/cancel"),
    ):
        assert (await plain.http.request(method, f"/v1/responses/{path}")).status_code == 404


@pytest.mark.parametrize(
    ("script", "last"),
    [("failed", "response.failed"), ("incomplete", "response.incomplete"), ("error=1", "error")],
)
async def test_its_streams_end_badly_on_demand(plain: OfflineServer, script: str, last: str) -> None:
    events = plain_events_in((await create(plain, f"say one two [offline: {script}]", stream=True)).text)
    assert events[-1]["type"] == last


async def test_its_streams_can_be_cut(plain: OfflineServer) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await create(plain, "say one two three [offline: cut=2]", stream=True)
    assert "[DONE]" not in (await create(plain, "say one two three [offline: eof=2]", stream=True)).text
