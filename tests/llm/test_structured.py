"""Structured output: the schema that is sent, and the answer validated against it."""

from __future__ import annotations

import enum
import json
import re
from datetime import date
from typing import Any, Literal

import pydantic
import pytest

from chat.devservices.offline_model.strict import lack_of
from chat.llm.structured import OutputSchema


class Kind(enum.Enum):
    BOOK = "book"
    FILM = "film"


class Part(pydantic.BaseModel):
    title: str = ""
    default: int = 3  # a property may have this name


class Work(pydantic.BaseModel):
    """A book or a film."""

    name: str = pydantic.Field(description="its title", min_length=1)
    kind: Kind = Kind.BOOK
    parts: list[Part] = []
    published: date | None = None
    best: Part | None = None
    language: Literal["en", "de"] = "en"
    default: str | None = None


WORK: dict[str, Any] = {
    "name": "Emma", "kind": "book", "parts": [{"title": "One", "default": 1}], "published": "1815-12-23", "best": None,
    "language": "en", "default": None,
}  # fmt: skip
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 20}, "count": {"type": ["integer", "null"]}},
    "required": ["title", "count"],
    "additionalProperties": False,
}


def parts_of(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [part for item in schema for part in parts_of(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(part for item in schema.values() for part in parts_of(item))]


def test_a_model_becomes_a_strict_schema() -> None:
    schema = OutputSchema(Work)
    assert schema.format == {"type": "json_schema", "name": "Work", "schema": schema.json, "strict": True}
    assert lack_of(schema.json) == ""
    assert schema.json["properties"]["name"]["description"] == "its title"
    assert set(schema.json["required"]) == set(WORK)


def test_no_default_is_sent_and_a_property_may_be_called_default() -> None:
    parts = parts_of(OutputSchema(Work).json)
    assert [part for part in parts if "default" in part and "type" in part] == []
    assert sum("default" in part for part in parts) == 2  # the properties of the work and of a part


def test_a_schema_is_sent_as_it_is() -> None:
    assert OutputSchema(SCHEMA).json == SCHEMA


@pytest.mark.parametrize(
    ("schema", "name", "sent"),
    [
        (Work, "", "Work"),
        (Work, "my work!", "my_work_"),
        ({**SCHEMA, "title": "Größe"}, "", "Gr__e"),
        (SCHEMA, "", "output"),
        (SCHEMA, "x" * 80, "x" * 64),
    ],
)
def test_names_are_made_valid_for_the_api(schema: Any, name: str, sent: str) -> None:
    assert OutputSchema(schema, name).name == sent


def test_an_answer_becomes_an_instance() -> None:
    work = OutputSchema(Work).parsed(json.dumps(WORK))
    assert isinstance(work, Work)
    assert (work.kind, work.published, work.parts[0].default) == (Kind.BOOK, date(1815, 12, 23), 1)
    assert OutputSchema(SCHEMA).parsed('{"title": "Emma", "count": null}') == {"title": "Emma", "count": None}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ""),
        ("Of course!", ""),
        ("[]", ""),
        ("null", ""),
        ('{"title": "Emma"}', "count"),
        ('{"title": "Emma", "count": "many"}', "count"),
        ('{"title": "Emma", "count": 1, "more": 2}', "more"),
        ('{"title": "A title that is much too long for that", "count": 1}', "title"),
        ('{"title": "Emma", "count": 1} and more', ""),
        ('{"title": "Em', ""),
        ('{"title": ' * 100_000, ""),
        ("[" * 100_000, ""),
        ("9" * 100_000, ""),
    ],
)
def test_an_answer_that_does_not_match_is_a_complaint(text: str, complaint: str) -> None:
    class Strict(pydantic.BaseModel):
        model_config = {"extra": "forbid"}
        title: str = pydantic.Field(max_length=20)
        count: int | None

    for schema in (SCHEMA, Strict):
        with pytest.raises(ValueError, match=complaint or None):
            OutputSchema(schema).parsed(text)


def test_a_complaint_is_short_and_does_not_repeat_the_answer() -> None:
    class Many(pydantic.BaseModel):
        numbers: list[int]

    with pytest.raises(ValueError, match=r"numbers\.0") as raised:
        OutputSchema(Many).parsed(json.dumps({"numbers": ["secret"] * 100}))
    assert "secret" not in str(raised.value)
    assert str(raised.value).count(";") == 4


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), AssertionError("x"), RuntimeError("x")])
def test_every_validator_error_is_reported(error: Exception) -> None:
    class Picky(pydantic.BaseModel):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def check(cls, _: str) -> str:
            raise error

    with pytest.raises(ValueError, match="x"):
        OutputSchema(Picky).parsed('{"name": "Emma"}')


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"a\u0000b", "a\ufffdb"),
        (r"half \ud83d.", "half \ufffd."),
        (r"half \uDE00", "half \ufffd"),
        (r"whole \ud83d\ude00", "whole 😀"),
        (r"two \ud83d\ud83d\ude00", "two \ufffd😀"),
        (r"\\u0000", r"\u0000"),
        (r"\\\u0000", "\\\ufffd"),
        (r"\u00e6\n\"", 'æ\n"'),
    ],
)
def test_strings_can_be_stored(written: str, read: str) -> None:
    class Said(pydantic.BaseModel):
        said: str

    schema = {"type": "object", "properties": {"said": {"type": "string"}}}
    text = f'{{"said": "{written}"}}'
    assert OutputSchema(Said).parsed(text) == Said(said=read)
    assert OutputSchema(schema).parsed(text) == {"said": read}


def test_an_empty_schema_is_a_schema() -> None:
    assert OutputSchema({}).parsed("[1]") == [1]


@pytest.mark.parametrize("schema", [int, list[int], "City"])
def test_anything_but_a_schema_is_refused_with_advice(schema: Any) -> None:
    with pytest.raises(TypeError, match="is not a schema: pass a pydantic model class"):
        OutputSchema(schema)


@pytest.mark.parametrize("schema", [Work, SCHEMA])
@pytest.mark.parametrize("text", ["Of course!", '{"name": ', "{} {}"])
def test_an_answer_that_is_not_json_is_called_that(schema: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"^the answer is not JSON$"):
        OutputSchema(schema).parsed(text)


class Told(pydantic.BaseModel):
    name: str
    inhabitants: int

    @pydantic.field_validator("name")
    @classmethod
    def of_a_capital(cls, name: str) -> str:
        if name == "quoted":
            raise RuntimeError(name)
        raise ValueError(f"{name} is no capital")


PRIVATE = "Alice's diagnosis"


@pytest.mark.parametrize(
    ("schema", "answer", "complaint"),
    [
        (SCHEMA, {"title": "a", "count": 1, PRIVATE: 2}, '{"[…]"} properties'),
        (SCHEMA, {"title": PRIVATE * 2, "count": 1}, "data.title must be shorter than or equal to 20 characters"),
        (Work, {**WORK, "language": PRIVATE}, "language: Input should be 'en' or 'de'"),
        (Told, {"name": PRIVATE, "inhabitants": PRIVATE}, "name: Value error, […] is no capital; inhabitants: Input"),
        (Told, {"name": "quoted", "inhabitants": 1}, "its validation failed: RuntimeError('[…]')"),
    ],
)
def test_a_complaint_names_the_schema_and_does_not_repeat_the_answer(
    schema: Any, answer: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)) as error:
        OutputSchema(schema).parsed(json.dumps(answer))
    assert "diagnosis" not in str(error.value)
