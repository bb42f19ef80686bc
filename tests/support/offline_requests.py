"""Plain HTTP requests to the offline model, as any client could send them."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.support.offline import OfflineServer

TITLE_SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}


async def create(offline: OfflineServer, asked: str = "hello", **fields: Any) -> httpx.Response:
    return await offline.http.post("/v1/responses", json={"model": "offline", "input": asked, **fields})


async def answer(offline: OfflineServer, asked: str, **fields: Any) -> str:
    response = (await create(offline, asked, **fields)).json()
    assert response["status"] == "completed"
    return response["output"][0]["content"][0]["text"]


def events_in(stream: str) -> list[dict[str, Any]]:
    """The events of a body, whose `event:` lines have to agree with their data."""
    blocks = [block.split("\n") for block in stream.removesuffix("\n\n").split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == [event["type"] for event in events]
    return events


def structured(schema: dict[str, Any]) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": schema}}


async def background(offline: OfflineServer, text: str, **fields: Any) -> str:
    return (await create(offline, text, background=True, **fields)).json()["id"]


async def resumed(offline: OfflineServer, response_id: str, after: int) -> list[dict[str, Any]]:
    query = {"stream": "true", "starting_after": str(after)}
    return events_in((await offline.http.get(f"/v1/responses/{response_id}", params=query)).text)
