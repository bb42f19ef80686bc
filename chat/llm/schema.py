"""A function's signature and docstring, read as a strict JSON schema and as a type that checks arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

JSON_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_PARAMETER_LINE = re.compile(r"\s*(\w+): (.+)")


class UndescribedToolError(TypeError):
    """A function lacks what a model has to know about it; the message names the function and the lack."""

    def __init__(self, function: Callable[..., Any], lack: str) -> None:
        super().__init__(f"the tool {function.__name__}: {lack}")


def parameters_of(function: Callable[..., Any]) -> tuple[str, dict[str, Any], type[msgspec.Struct]]:
    """Its description, the JSON schema of its parameters, and the struct that its arguments are decoded into."""
    signature = inspect.signature(function)
    hints = get_type_hints(function)
    description, notes = _documentation(function, set(signature.parameters))
    properties: dict[str, Any] = {}
    arguments: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, parameter in signature.parameters.items():
        if name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UndescribedToolError(function, f"{name} needs a type hint, and must not be starred")
        if name not in notes:
            raise UndescribedToolError(function, f"the docstring needs a line `{name}: what it is`")
        optional = parameter.default is not parameter.empty
        try:
            properties[name] = {**_schema(hints[name] | None if optional else hints[name]), "description": notes[name]}
        except TypeError as error:
            raise UndescribedToolError(function, f"{name}: {error}") from None
        arguments.append((name, hints[name] | None, None) if optional else (name, hints[name]))
    struct = msgspec.defstruct(function.__name__, arguments, forbid_unknown_fields=True, kw_only=True)
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return description, schema, struct


def _documentation(function: Callable[..., Any], names: set[str]) -> tuple[str, dict[str, str]]:
    lines = inspect.cleandoc(function.__doc__ or "").splitlines()
    matches = [(line, _PARAMETER_LINE.fullmatch(line)) for line in lines]
    notes = {match[1]: match[2].strip() for _, match in matches if match and match[1] in names}
    description = "\n".join(line for line, match in matches if not (match and match[1] in names)).strip()
    if not description:
        raise UndescribedToolError(function, "it needs a docstring that says what it does")
    return description, notes


def _schema(hint: Any) -> dict[str, Any]:
    origin, parts = get_origin(hint), get_args(hint)
    if hint in JSON_TYPES:
        return {"type": JSON_TYPES[hint]}
    if origin is Literal:
        return {"type": _type_of_choices(parts), "enum": list(parts)}
    if origin is list:
        return {"type": "array", "items": _schema(parts[0])}
    if origin in (Union, UnionType) and NoneType in parts:
        inner = [part for part in parts if part is not NoneType]
        if len(inner) == 1:
            return _or_null(_schema(inner[0]))
    raise TypeError(f"{hint} is not supported: take str, int, float, bool, Literal, list[...] or one of them | None")


def _type_of_choices(choices: tuple[Any, ...]) -> str:
    types = {type(choice) for choice in choices}
    if len(types) != 1 or not types <= {str, int}:
        raise TypeError("a Literal has to be all strings or all integers")
    return JSON_TYPES[types.pop()]


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    nullable = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable
