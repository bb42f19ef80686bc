"""Structured output: the schema that is sent, and the answer validated against it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import fastjsonschema
import openai
import pydantic

from chat.llm.provider.redaction import redacted

Schema = type[pydantic.BaseModel] | dict[str, Any]
MAX_NAME = 64
NOT_JSON = "the answer is not JSON"
MAX_DETAIL_ERRORS = 5
MAX_COMPLAINT_CHARACTERS = 1000
_NAME = re.compile(r"\w{1,40}")
# In JSON's text: a pair of surrogates or another escape; also NUL or half of a pair, which PostgreSQL cannot store.
_ESCAPE = re.compile(r"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\[^u])|\\u(?:0000|[dD][89a-fA-F]..)")


class OutputSchema:
    """A pydantic model, or a JSON schema in which every object is closed and all its properties are required."""

    def __init__(self, schema: Schema, name: str = "") -> None:
        if not (isinstance(schema, dict) or (isinstance(schema, type) and issubclass(schema, pydantic.BaseModel))):
            raise TypeError(f"{schema!r} is not a schema: pass a pydantic model class, or a JSON schema as a dict")
        self.name = re.sub(r"[^a-zA-Z0-9_-]", "_", name or _name_of(schema))[:MAX_NAME]
        if isinstance(schema, dict):
            self.json, self._parse = schema, _parser(schema)
        else:
            self.json, self._parse = _strict_schema(schema), schema.model_validate_json

    @property
    def format(self) -> dict[str, Any]:
        """The request's `text.format`."""
        return {"type": "json_schema", "name": self.name, "schema": self.json, "strict": True}

    def parsed(self, text: str) -> Any:
        """The text as an instance of the model, or as a JSON value. Raises ValueError, which says what is wrong.

        The errors are logged and stored, so they do not repeat the answer.
        """
        try:
            return self._parse(_ESCAPE.sub(_storable, text))
        except pydantic.ValidationError as error:
            complaint = _complaints(error)
        except fastjsonschema.JsonSchemaValueException as error:
            complaint = error.message
        except json.JSONDecodeError:
            complaint = NOT_JSON
        except RecursionError:
            complaint = "it is nested too deeply"
        except Exception as error:  # noqa: BLE001 - the model's own validators may raise anything
            complaint = f"its validation failed: {error!r}"
        raise ValueError(redacted(complaint[:MAX_COMPLAINT_CHARACTERS], _words_of(text)))


def _storable(escape: re.Match[str]) -> str:
    return escape[1] or r"\ufffd"


def _name_of(schema: Schema) -> str:
    return str(schema.get("title") or "output") if isinstance(schema, dict) else schema.__name__


def _parser(schema: dict[str, Any]) -> Callable[[str], Any]:
    validate = fastjsonschema.compile(schema, use_default=False)
    return lambda text: validate(json.loads(text))


def _strict_schema(model: type[pydantic.BaseModel]) -> dict[str, Any]:
    strict: dict[str, Any] = _without_defaults(openai.pydantic_responses_function_tool(model)["parameters"])
    return strict


def _without_defaults(schema: Any) -> Any:
    """The schema without defaults: some servers reject them if strict, where all properties are required anyway."""
    if isinstance(schema, list):
        return [_without_defaults(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    are_names = "type" not in schema  # of properties or definitions: one of them may be called "default"
    return {key: _without_defaults(part) for key, part in schema.items() if key != "default" or are_names}


def _complaints(error: pydantic.ValidationError) -> str:
    """The place and reason of each error, without the values: they can be long, and are logged anyway."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_DETAIL_ERRORS]
    if any(one["type"] == "json_invalid" and not one["loc"] for one in found):
        return NOT_JSON
    return "; ".join(f"{'.'.join(str(step) for step in one['loc']) or 'the answer'}: {one['msg']}" for one in found)


def _words_of(text: str) -> list[str]:
    """The strings and numbers of an answer, and its properties that are words and no names."""
    try:
        return list(_leaves(json.loads(text)))
    except (ValueError, RecursionError):
        return [text]


def _leaves(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        match left.pop():
            case dict() as properties:
                left += [name for name in properties if not _NAME.fullmatch(name)]
                left += properties.values()
            case list() as items:
                left += items
            case leaf:
                yield str(leaf)
