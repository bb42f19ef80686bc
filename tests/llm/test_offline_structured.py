"""Structured calls of the offline model satisfy every schema that pydantic makes."""

from __future__ import annotations

import json
from typing import Any, Literal

import pydantic
import pytest
from openai.lib._pydantic import to_strict_json_schema

from chat.devservices.offline_model.structured import instance_of, is_nullable
from tests.support.offline import OfflineServer
from tests.support.offline_requests import answer, structured

Kind = Literal["city", "river"]


class Place(pydantic.BaseModel):
    """Referred to more than once."""

    name: str = pydantic.Field(min_length=3, max_length=10)
    kind: Kind
    height: float | None


class Travel(pydantic.BaseModel):
    """With what strict schemas can have."""

    title: str
    start: Place
    via: list[Place] = pydantic.Field(min_length=2, max_length=3)
    grid: list[list[int]]
    end: Place | None
    mood: Literal["good", "bad"] | None
    choice: int | str
    share: float = pydantic.Field(gt=0, lt=1)
    stars: int = pydantic.Field(ge=1, le=5)
    booked: bool
    fixed: Literal[3]


class Node(pydantic.BaseModel):
    """Recursive by what may be null or empty."""

    value: str = pydantic.Field(min_length=1)
    left: Node | None
    right: Node | None
    children: list[Node]


@pytest.mark.parametrize("model", [Place, Travel, Node])
async def test_an_answer_satisfies_pydantic(offline: OfflineServer, model: type[pydantic.BaseModel]) -> None:
    text = await answer(offline, "many wide rivers", text=structured(to_strict_json_schema(model)))
    model.model_validate_json(text, strict=True)
    assert len(text) < 100_000


async def test_what_may_be_null_is_there(offline: OfflineServer) -> None:
    made = json.loads(await answer(offline, "rivers", text=structured(to_strict_json_schema(Travel))))
    assert made["end"] == {"name": "Rivers", "kind": "city", "height": 1}
    assert made["mood"] == "good"
    assert made["grid"] == [[1]]
    assert len(made["via"]) == 2


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 2.5}, 3),
        ({"type": "integer", "exclusiveMinimum": 4}, 5),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, 0.25),
        ({"type": "number", "minimum": 0.5, "exclusiveMaximum": 1}, 0.5),
        ({"type": ["integer", "null"]}, 1),
        ({"enum": [None, "a"]}, None),
        ({"anyOf": [{"type": "null"}]}, None),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"const": "b"}}}, "b"),
        ({"$ref": "#/nowhere/at/all"}, "Rivers"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "Rivers"),
        ({"type": "string", "pattern": "^[0-9]+$", "format": "date"}, "Rivers"),
    ],
)
def test_an_instance_heeds_limits(schema: dict[str, Any], value: Any) -> None:
    assert instance_of(schema, "rivers") == value


def test_a_schema_that_has_no_instance_comes_to_an_end() -> None:
    schema = {"type": "object", "properties": {"again": {"$ref": "#"}}}
    assert "again" in instance_of(schema, "rivers")


@pytest.mark.parametrize(
    ("schema", "nullable"),
    [
        ({"type": "null"}, True),
        ({"type": ["string", "null"]}, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, True),
        ({"type": ["string", "null"], "enum": ["a"]}, False),
        ({"type": "string"}, False),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, False),
        ({}, False),
    ],
)
def test_nullable_fields_of_a_schema_are_recognized(schema: dict[str, Any], nullable: bool) -> None:
    assert is_nullable(schema) is nullable
