"""The offline model's reasoning: in each form that servers send, and refused when it does not come back as it was."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.support.offline import OfflineServer
from tests.support.offline_requests import background, create, events_in, resumed

ENCRYPTED = {"model": "gpt-5", "include": ["reasoning.encrypted_content"], "store": False}


def asked(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text}


async def deltas(offline: OfflineServer, words: str, kind: str) -> str:
    events = events_in((await create(offline, f"say hello [offline: {words}]", stream=True)).text)
    return "".join(event["delta"] for event in events if event["type"] == kind)


async def reasoned(offline: OfflineServer, words: str = "", **fields: Any) -> list[dict[str, Any]]:
    """The input of a second round: the question, the output of the first round, and the call's result."""
    question = asked(f"x [offline: reasoning=2 tool=t {words}]")
    response = await create(offline, input=[question], **{**ENCRYPTED, **fields})
    output = response.json()["output"]
    result = {"type": "function_call_output", "call_id": output[-1]["call_id"], "output": "1"}
    return [question, *output, result]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("reasoning=2", "response.reasoning_summary_text.delta"),
        ("raw=2", "response.reasoning.delta"),
        ("rawtext=2", "response.reasoning_text.delta"),
    ],
)
async def test_reasoning_comes_in_the_form_that_is_asked_for(offline: OfflineServer, words: str, kind: str) -> None:
    assert await deltas(offline, words, kind) == "**Thought 1** by the rules. **Thought 2** by the rules. "
    assert await deltas(offline, words, "response.output_text.delta") == "hello"


async def test_reasoning_can_be_part_of_the_text(offline: OfflineServer) -> None:
    text = await deltas(offline, "think=1", "response.output_text.delta")
    assert text == "<think>\n**Thought 1** by the rules. </think>\n\nhello"


async def test_reasoning_takes_as_long_as_it_is_told_to(offline: OfflineServer) -> None:
    began = time.monotonic()
    await create(offline, "say hello [offline: reasoning=3 reason_for=0.3]", stream=True)
    assert time.monotonic() - began >= 0.2  # the first delta does not wait


async def test_encrypted_content_comes_only_if_it_is_included(offline: OfflineServer) -> None:
    assert "encrypted_content" in (await reasoned(offline))[1]
    assert "encrypted_content" not in (await reasoned(offline, include=None))[1]


async def test_a_round_with_its_reasoning_unchanged_is_accepted(offline: OfflineServer) -> None:
    items = await reasoned(offline, "reasoning_required")
    assert (await create(offline, input=items, **ENCRYPTED)).status_code == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rs, call: [{**rs, "summary": []}, call], "is not as it was given"),
        (lambda rs, call: [{**rs, "encrypted_content": "gAAAx"}, call], "is not as it was given"),
        (lambda rs, call: [{**rs, "id": "rs_other"}, call], "could not be verified"),
        (lambda rs, call: [call, rs], "without its required following item"),
        (lambda rs, call: [call], "without its required 'reasoning' item"),
    ],
)
async def test_a_round_with_other_reasoning_is_refused(offline: OfflineServer, change: Any, message: str) -> None:
    question, rs, call, result = await reasoned(offline, "reasoning_required")
    response = await create(offline, input=[question, *change(rs, call), result], **ENCRYPTED)
    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


async def test_reasoning_is_only_required_where_the_script_says_so(offline: OfflineServer) -> None:
    question, _, call, result = await reasoned(offline)
    assert (await create(offline, input=[question, call, result], **ENCRYPTED)).status_code == 200


async def test_reasoning_that_was_neither_stored_nor_encrypted_is_gone(offline: OfflineServer) -> None:
    items = await reasoned(offline, include=None)
    response = await create(offline, input=items, **ENCRYPTED)
    assert response.status_code == 404
    assert "Items are not persisted" in response.json()["error"]["message"]


async def test_a_background_round_continues_the_stored_one(offline: OfflineServer) -> None:
    response_id = await background(offline, "x [offline: reasoning=1 tool=t reasoning_required]", model="gpt-5")
    call = (await resumed(offline, response_id, -1))[-1]["response"]["output"][-1]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "42"}
    fields = {"model": "gpt-5", "input": [result], "background": True, "previous_response_id": response_id}
    second = (await create(offline, **fields)).json()
    events = await resumed(offline, second["id"], -1)
    assert "`t` says: `42`" in events[-1]["response"]["output"][-1]["content"][0]["text"]


async def test_an_unknown_response_cannot_be_continued(offline: OfflineServer) -> None:
    response = await create(offline, previous_response_id="resp_unknown")
    assert response.json()["error"]["code"] == "previous_response_not_found"


async def test_a_silence_can_have_keepalives(offline: OfflineServer) -> None:
    body = {"model": "m", "input": "say one two [offline: silence=1 keepalive=0.05]", "stream": True}
    received = b""
    async with asyncio.timeout(10), offline.http.stream("POST", "/v1/responses", json=body) as response:
        async for chunk in response.aiter_bytes():
            received += chunk
            if received.count(b": keepalive\n\n") >= 2:
                break
    assert b"response.completed" not in received
