"""Whatever a conversation holds, its items are such that the strictest server accepts them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chat.llm.items import NO_OUTPUT, NO_RESULT, message_item, sendable, text_of, tool_items

USER = message_item("user", "hello")
CALL = {"type": "function_call", "call_id": "c1", "name": "double", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "42"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


def sent(*items: dict[str, Any]) -> list[dict[str, Any]]:
    once = sendable(items)
    assert sendable(once) == once
    return list(once)


def kinds(*items: dict[str, Any]) -> list[str]:
    return [item["type"] for item in sent(*items)]


def test_messages_have_a_type_a_role_and_parts() -> None:
    assert USER == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
    answer = message_item("assistant", "hi")
    assert answer.pop("id").startswith("msg_")
    assert answer == {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "hi", "annotations": []}],
    }


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
@pytest.mark.parametrize(
    "content",
    ["hello", [{"type": "input_text", "text": "hello"}], [{"type": "output_text", "text": "hello"}, ""], ["hello"]],
)
def test_every_way_to_write_a_message_becomes_the_same_one(role: str, content: Any) -> None:
    assert sent({"role": role, "content": content}) == [message_item(role, "hello")]
    assert sent({"type": "message", "role": role, "content": content}) == [message_item(role, "hello")]


def test_a_refusal_is_sent_back_as_text_and_an_image_as_it_is() -> None:
    [refusal] = sent({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]})
    assert refusal == message_item("assistant", "no")
    image = {"type": "input_image", "image_url": "data:,"}
    assert sent({"role": "user", "content": [image]})[0]["content"] == [image]


def test_equal_answers_have_different_ids_and_the_providers_are_not_sent() -> None:
    answer = {"type": "message", "id": "msg_theirs", "role": "assistant", "content": "hi"}
    ids = [item["id"] for item in sent(answer, answer, answer)]
    assert len(set(ids)) == 3
    assert "msg_theirs" not in ids


@pytest.mark.parametrize("blank", ["", " \n\t", None, [], [{"type": "output_text", "text": " "}]])
def test_a_message_without_words_is_not_sent(blank: Any) -> None:
    assert sent(USER, {"role": "assistant", "content": blank}, USER) == [USER, USER]
    assert len(sent({"role": "user", "content": blank})) == 1  # a request without input is refused


@pytest.mark.parametrize(
    "arguments",
    ['{"a": ', "[]", "null", '"{}"', "42", '{"a": NaN}', '{"a": "\\ud83d"}', '{"\\ud83d": 1}', "[" * 100_000, "{}}"],
)
def test_arguments_that_are_no_object_are_told_and_not_sent(arguments: str) -> None:
    call, output = sent({**CALL, "arguments": arguments}, OUTPUT)
    assert call["arguments"] == "{}"
    assert arguments[:100] in output["output"]
    assert output["output"].endswith("\n42")
    assert len(output["output"]) < 700


@pytest.mark.parametrize("arguments", ['{"a": 1}', '{ "a" :\n"é😀" }', "{}"])
def test_good_arguments_are_sent_as_they_were_written(arguments: str) -> None:
    assert sent({**CALL, "arguments": arguments}, OUTPUT) == [{**CALL, "arguments": arguments}, OUTPUT]


@pytest.mark.parametrize("arguments", ["", "  ", None])
def test_no_arguments_are_an_empty_object(arguments: str | None) -> None:
    assert sent({**CALL, "arguments": arguments}, OUTPUT) == [CALL, OUTPUT]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("functions.current_time", "functions_current_time"),
        ("söme tool", "s_me_tool"),
        ("", "unnamed"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_name_that_is_not_allowed_is_told_and_not_sent(name: str, allowed: str) -> None:
    call, output = sent({**CALL, "name": name}, OUTPUT)
    assert call["name"] == allowed
    assert f'"{name}"' in output["output"]


def test_ids_that_are_too_long_are_shortened_alike_in_call_and_result() -> None:
    call, output = sent({**CALL, "call_id": "c" * 500}, {**OUTPUT, "call_id": "c" * 500})
    assert call["call_id"] == output["call_id"]
    assert len(call["call_id"]) == 64


def test_an_id_that_comes_twice_is_two_ids() -> None:
    items = sent(USER, CALL, OUTPUT, USER, CALL, {**OUTPUT, "output": "43"})
    calls = [item["call_id"] for item in items if item["type"] == "function_call"]
    outputs = {item["call_id"]: item["output"] for item in items if item["type"] == "function_call_output"}
    assert [outputs[call_id] for call_id in calls] == ["42", "43"]
    assert len(set(calls)) == 2


def test_twins_in_one_round_keep_their_own_results() -> None:
    items = sent(CALL, CALL, {**OUTPUT, "output": "1"}, {**OUTPUT, "output": "2"})
    assert [item["call_id"] for item in items] == ["c1", "c1_2", "c1", "c1_2"]
    assert [item["output"] for item in items[2:]] == ["1", "2"]


def test_a_result_without_a_call_is_not_sent_and_a_call_without_a_result_gets_one() -> None:
    assert sent(USER, OUTPUT, CALL) == [USER, CALL, {**OUTPUT, "output": NO_RESULT}]
    other = {**CALL, "call_id": "c2"}
    missing = {**OUTPUT, "call_id": "c2", "output": NO_RESULT}
    assert sent(CALL, other, OUTPUT, USER) == [CALL, other, OUTPUT, missing, USER]


@pytest.mark.parametrize("output", ["", " \n", None, []])
def test_an_output_is_never_empty(output: Any) -> None:
    expected = "[]" if output == [] else NO_OUTPUT
    assert sent(CALL, {**OUTPUT, "output": output})[1]["output"] == expected


def test_an_output_is_text_or_parts() -> None:
    assert sent(CALL, {**OUTPUT, "output": {"é": 1}})[1]["output"] == '{"é": 1}'
    parts = [{"type": "input_text", "text": "42"}]
    assert sent(CALL, {**OUTPUT, "output": parts})[1]["output"] == parts


def test_reasoning_is_sent_unchanged_before_what_followed_it() -> None:
    assert sent(USER, THOUGHT, CALL, OUTPUT) == [USER, THOUGHT, CALL, OUTPUT]
    assert kinds(USER, THOUGHT, message_item("assistant", "hi")) == ["message", "reasoning", "message"]


def test_reasoning_that_nothing_followed_is_not_sent() -> None:
    assert sent(USER, THOUGHT, USER, THOUGHT) == [USER, USER]
    assert sent(USER, THOUGHT, message_item("assistant", " "), USER) == [USER, USER]


def test_rows_of_tool_calls_become_items() -> None:
    items = tool_items([("a", "double", "{}", "1"), ("b", "bad name", '{"x', "no such tool")])
    assert [item["type"] for item in items] == ["function_call"] * 2 + ["function_call_output"] * 2
    assert all(json.loads(item["arguments"]) == {} for item in items[:2])
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", item["name"]) for item in items[:2])


def test_the_text_of_an_item_is_what_the_model_reads() -> None:
    assert [text_of(item) for item in (USER, CALL, OUTPUT, THOUGHT)] == [
        "hello",
        "{}",
        "42",
        THOUGHT["encrypted_content"][:1],
    ]
    assert text_of(message_item("user", "a", "b")) == "a\nb"
