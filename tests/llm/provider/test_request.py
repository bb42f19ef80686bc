"""The body of a request: what is sent, and what is left out of it."""

from __future__ import annotations

from typing import Any

import pytest

from chat.llm.provider.request import LEAVABLE, PREVIOUS_RESPONSE_ID, ModelRequest, body_of

USER = {"type": "message", "role": "user", "content": "hello"}
CALL = {"type": "function_call", "call_id": "c1", "name": "double", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "42"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
TOOL = {"type": "function", "name": "double", "parameters": {}}


def body(**fields: Any) -> dict[str, Any]:
    return body_of(ModelRequest(**{"model": "m", "input": (USER,), "max_output_tokens": 100, **fields}))


def full(*left_out: str, items: tuple[dict[str, Any], ...] = (USER,)) -> dict[str, Any]:
    return body(
        input=items,
        tools=(TOOL,),
        output_format={"type": "json_schema"},
        reasoning_effort="low",
        reasoning_summary=True,
        keep_reasoning=True,
        metadata={"a": "b"},
        prompt_cache_key="key",
        leave_out=frozenset(left_out),
    )


def test_empty_fields_are_not_sent() -> None:
    assert body() == {"model": "m", "input": [USER], "max_output_tokens": 100, "stream": True, "store": False}


def test_reasoning_is_asked_for_and_kept() -> None:
    sent = full()
    assert sent["reasoning"] == {"effort": "low", "summary": "auto"}
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["prompt_cache_key"] == "key"


def test_a_background_run_names_the_round_before_and_includes_nothing() -> None:
    sent = body(background=True, keep_reasoning=True, previous_response_id="resp_1")
    assert sent["background"] is sent["store"] is True
    assert sent["previous_response_id"] == "resp_1"
    assert "include" not in sent


def test_a_run_that_names_the_round_before_has_the_results_of_its_calls_only() -> None:
    items = (USER, THOUGHT, CALL, OUTPUT, THOUGHT, CALL, CALL, OUTPUT, OUTPUT)
    whole = body(input=items)["input"]
    sent = body(input=items, background=True, previous_response_id="resp_1")
    assert (sent["input"], sent["previous_response_id"]) == ([OUTPUT, OUTPUT], "resp_1")
    left_out = frozenset({PREVIOUS_RESPONSE_ID})
    without = body(input=items, background=True, previous_response_id="resp_1", leave_out=left_out)
    assert (without["input"], "previous_response_id" in without) == (whole, False)


@pytest.mark.parametrize("word", sorted(word for word in LEAVABLE - {PREVIOUS_RESPONSE_ID} if "." not in word))
def test_a_field_is_left_out(word: str) -> None:
    assert word in full()
    assert word not in full(word)


def test_parts_of_fields_are_left_out() -> None:
    assert full("reasoning.summary")["reasoning"] == {"effort": "low"}
    assert full("reasoning.effort")["reasoning"] == {"summary": "auto"}
    assert "reasoning" not in full("reasoning.effort", "reasoning.summary")
    assert "text" not in full("text.format")


def test_reasoning_and_tools_of_earlier_turns_are_left_out_of_the_input() -> None:
    items = (USER, THOUGHT, CALL, OUTPUT, USER, THOUGHT, CALL, OUTPUT)
    assert full(items=items)["input"] == list(items)
    assert full("history.reasoning", items=items)["input"] == [USER, CALL, OUTPUT, USER, CALL, OUTPUT]
    assert full("history.tools", items=items)["input"] == [USER, THOUGHT, USER, THOUGHT, CALL, OUTPUT]


def test_reasoning_that_the_provider_cannot_read_again_is_not_sent_back() -> None:
    raw = {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    bare = {"type": "reasoning", "id": "rs_3", "summary": [{"type": "summary_text", "text": "hm"}]}
    assert body(input=(USER, THOUGHT, raw, bare, CALL, OUTPUT))["input"] == [USER, THOUGHT, raw, CALL, OUTPUT]


def test_what_is_too_long_for_the_strictest_server_is_cut() -> None:
    sent = body(metadata={f"{n}{'k' * 70}": "v" * 600 for n in range(20)}, prompt_cache_key="c" * 100)
    assert len(sent["metadata"]) == 16
    assert {len(name) for name in sent["metadata"]} == {64}
    assert {len(value) for value in sent["metadata"].values()} == {512}
    assert len(sent["prompt_cache_key"]) == 64
