"""The offline model refuses what the real API refuses, with the same messages."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pydantic
import pytest
from openai.lib._pydantic import to_strict_json_schema

from tests.support.offline import OfflineServer
from tests.support.offline_requests import create


class Step(pydantic.BaseModel):
    """One of a plan."""

    what: str
    after: list[Step]


class Plan(pydantic.BaseModel):
    """With all the places where a schema can have an object."""

    first: Step
    other: Step | None
    notes: list[dict[str, str]] | None = None


def schema_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


GOOD = {
    **schema_of(
        title={"type": "string"},
        step={"$ref": "#/$defs/step"},
        list={"type": "array", "items": schema_of(a={"type": "integer"})},
        choice={"anyOf": [schema_of(b={"type": "integer"}), {"type": "null"}]},
        maybe={**schema_of(c={"type": "integer"}), "type": ["object", "null"]},
    ),
    "$defs": {"step": schema_of(up={"anyOf": [{"$ref": "#/$defs/step"}, {"type": "null"}]})},
}
PLACES = [
    (),
    ("$defs", "step"),
    ("properties", "list", "items"),
    ("properties", "choice", "anyOf", 0),
    ("properties", "maybe"),
]


async def refused(offline: OfflineServer, **fields: Any) -> dict[str, Any]:
    response = await create(offline, **fields)
    assert response.status_code == 400, response.text
    return response.json()["error"]


def with_format(schema: Any, **fields: Any) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "name": "plan", "strict": True, "schema": schema, **fields}}


def changed(place: tuple[Any, ...], **fields: Any) -> dict[str, Any]:
    """The good schema with something else at that place."""
    schema = deepcopy(GOOD)
    part: Any = schema
    for name in place:
        part = part[name]
    part.update(fields)
    return schema


async def test_a_strict_schema_is_accepted(offline: OfflineServer) -> None:
    for schema in (GOOD, to_strict_json_schema(Step)):
        assert (await create(offline, text=with_format(schema))).status_code == 200


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "lack", [{"additionalProperties": True}, {"additionalProperties": {"type": "string"}}, {"required": []}]
)
async def test_an_object_that_leaves_something_open_is_refused_wherever_it_is(
    offline: OfflineServer, place: tuple[Any, ...], lack: dict[str, Any]
) -> None:
    error = await refused(offline, text=with_format(changed(place, **lack)))
    assert (error["param"], error["code"]) == ("text.format.schema", "invalid_json_schema")
    assert error["message"].startswith(
        f"Invalid schema for response_format 'plan': In context={tuple(map(str, place))}"
    )


async def test_what_pydantic_writes_without_strictness_is_refused(offline: OfflineServer) -> None:
    error = await refused(offline, text=with_format(Plan.model_json_schema()))
    assert "'additionalProperties' is required" in error["message"]
    assert (await create(offline, text=with_format(Plan.model_json_schema(), strict=False))).status_code == 200


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "array", "items": GOOD},
        {"anyOf": [GOOD]},
        {"$ref": "#/$defs/step", "$defs": GOOD["$defs"]},
        {**GOOD, "required": [*GOOD["required"], "ghost"]},
        schema_of(bare={"type": ["object", "null"]}),
        {"type": "object", "required": 7, "properties": 7, "anyOf": 7},
    ],
)
async def test_a_schema_other_than_a_closed_object_is_refused(offline: OfflineServer, schema: dict[str, Any]) -> None:
    assert (await refused(offline, text=with_format(schema)))["param"] == "text.format.schema"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": None}, "text.format.name"),
        ({"name": ""}, "text.format.name"),
        ({"name": "two words"}, "text.format.name"),
        ({"name": "line\n"}, "text.format.name"),
        ({"name": "x" * 65}, "text.format.name"),
        ({"schema": None}, "text.format.schema"),
        ({"schema": "object"}, "text.format.schema"),
    ],
)
async def test_a_format_needs_a_name_and_a_schema(offline: OfflineServer, fields: dict[str, Any], param: str) -> None:
    error = await refused(offline, text=with_format(**{"schema": GOOD, **fields}))
    assert error["param"] == param


async def test_the_longest_name_is_accepted_and_returned(offline: OfflineServer) -> None:
    text = with_format(GOOD, name="x" * 62 + "_-")
    assert (await create(offline, text=text)).json()["text"] == text
    assert (await create(offline)).json()["text"] == {"format": {"type": "text"}}


async def test_a_strict_tool_is_checked_through_and_through(offline: OfflineServer) -> None:
    tool = {"type": "function", "name": "plan", "strict": True}
    assert (await create(offline, tools=[{**tool, "parameters": GOOD}])).status_code == 200
    error = await refused(offline, tools=[{**tool, "parameters": changed(PLACES[2], required=[])}])
    assert (error["param"], error["code"]) == ("tools", "invalid_function_parameters")


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.1", "o3", "o4-mini"])
async def test_reasoning_models_take_an_effort(offline: OfflineServer, model: str) -> None:
    for effort in ("none", "minimal", "low", "medium", "high", "xhigh", None):
        response = await create(offline, model=model, reasoning={"effort": effort})
        assert response.json()["reasoning"] == {"effort": effort, "summary": None}


@pytest.mark.parametrize("model", ["gpt-4o", "offline", "omni-1", "my-gpt-5", "gpt-4.1-mini"])
async def test_other_models_refuse_an_effort(offline: OfflineServer, model: str) -> None:
    error = await refused(offline, model=model, reasoning={"effort": "low"})
    assert error["message"] == "Unsupported parameter: 'reasoning.effort' is not supported with this model."
    assert (error["param"], error["code"]) == ("reasoning.effort", "unsupported_parameter")
    for nothing in (None, {}, {"effort": None}):
        assert (await create(offline, model=model, reasoning=nothing)).status_code == 200


async def test_an_unknown_effort_is_refused(offline: OfflineServer) -> None:
    assert (await refused(offline, model="gpt-5", reasoning={"effort": "huge"}))["param"] == "reasoning.effort"
