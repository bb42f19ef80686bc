"""A function's signature and docstring as a strict JSON schema, and as a type that validates arguments.

A parameter whose type is a class comes from the caller's context: the model never sees it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

JSON_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # the names that the API allows
_PARAMETER_LINE = re.compile(r"\s*(\w+): (.+)")


class UndescribedToolError(TypeError):
    """A function lacks something that a tool needs; the message says what."""

    def __init__(self, function: Callable[..., Any], lack: str) -> None:
        super().__init__(f"the tool {function.__name__}: {lack}")


@dataclass(frozen=True, slots=True)
class Described:
    """What a function's signature and docstring say.

    `parameters` is the JSON schema of the model's arguments, `arguments` the struct they are decoded into, `context`
    the names and types of the parameters that come from the caller.
    """

    description: str
    parameters: dict[str, Any]
    arguments: type[msgspec.Struct]
    context: dict[str, type]


def described(function: Callable[..., Any]) -> Described:
    """Raises UndescribedToolError if something is missing."""
    if not NAME.fullmatch(function.__name__):  # a name that the provider rejects would fail every call
        raise UndescribedToolError(function, "its name must be 1 to 64 letters (a-z, A-Z), digits or underscores")
    signature, hints = inspect.signature(function), _hints(function)
    description, notes = _documentation(function, set(signature.parameters))
    properties: dict[str, Any] = {}
    arguments: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    context: dict[str, type] = {}
    for name, parameter in signature.parameters.items():
        _check_kind(function, parameter, hints)
        optional = parameter.default is not parameter.empty
        if is_context(hints[name]) and not optional:
            context[name] = hints[name]
            continue
        properties[name] = _property(function, name, hints[name] | None if optional else hints[name], notes)
        arguments.append((name, hints[name] | None, None) if optional else (name, hints[name]))
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    struct = msgspec.defstruct(function.__name__, arguments, forbid_unknown_fields=True, kw_only=True)
    return Described(description, schema, struct, context)


def is_context(hint: Any) -> bool:
    """Whether the annotation is a class; a built-in type is for JSON, or a mistake."""
    return isinstance(hint, type) and get_origin(hint) is None and hint.__module__ not in ("builtins", "typing")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except NameError as error:
        lack = f"a type hint cannot be resolved, {error}: import it outside of TYPE_CHECKING"
        raise UndescribedToolError(function, lack) from None


def _check_kind(function: Callable[..., Any], parameter: inspect.Parameter, hints: dict[str, Any]) -> None:
    if parameter.name not in hints or parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise UndescribedToolError(function, f"{parameter.name} needs a type hint, and must accept a keyword argument")


def _property(function: Callable[..., Any], name: str, hint: Any, notes: dict[str, str]) -> dict[str, Any]:
    try:
        schema = _schema(hint)
    except TypeError as error:
        raise UndescribedToolError(function, f"{name}: {error}") from None
    if name not in notes:
        raise UndescribedToolError(function, f"the docstring needs a line `{name}: what it is`")
    return {**schema, "description": notes[name]}


def _documentation(function: Callable[..., Any], names: set[str]) -> tuple[str, dict[str, str]]:
    lines = inspect.cleandoc(function.__doc__ or "").splitlines()
    matches = [(line, _PARAMETER_LINE.fullmatch(line)) for line in lines]
    notes = {match[1]: match[2].strip() for _, match in matches if match and match[1] in names}
    description = "\n".join(line for line, match in matches if not (match and match[1] in names)).strip()
    if not description:
        raise UndescribedToolError(function, "it needs a docstring that describes it")
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
    raise TypeError(
        f"{hint} is not supported: use str, int, float, bool, Literal, list[...], any of these | None, "
        "or a class from the context, without a default"
    )


def _type_of_choices(choices: tuple[Any, ...]) -> str:
    types = {type(choice) for choice in choices}
    if len(types) != 1 or not types <= {str, int}:
        raise TypeError("a Literal must be all strings or all integers")
    return JSON_TYPES[types.pop()]


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    nullable = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        nullable["enum"] = [*schema["enum"], None]
    return nullable
