"""The real API's rules for strict JSON schemas: every object is closed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_BY_NAME = ("properties", "$defs", "definitions")
_IN_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")


def lack_of(schema: dict[str, Any]) -> str:
    """What the schema lacks to be strict, as a sentence; empty if nothing."""
    if schema.get("type") != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'."
    return next(filter(None, (_lack_of_object(path, part) for path, part in _parts(schema) if _is_object(part))), "")


def _parts(schema: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The schema and all schemas in it, with where they are."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), schema)]
    while waiting:
        path, part = waiting.pop(0)
        if not isinstance(part, dict):
            continue
        yield path, part
        for key in _BY_NAME:
            waiting += [((*path, key, name), child) for name, child in _items(part.get(key))]
        for key in _IN_LISTS:
            waiting += [((*path, key, str(index)), child) for index, child in enumerate(_list(part.get(key)))]
        waiting.append(((*path, "items"), part.get("items")))


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_object(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or "object" in _list(kind) or "properties" in schema


def _lack_of_object(path: tuple[str, ...], schema: dict[str, Any]) -> str:
    if schema.get("additionalProperties") is not False:
        return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
    names = [name for name, _ in _items(schema.get("properties"))]
    required = _list(schema.get("required"))
    if missing := [name for name in names if name not in required]:
        return (
            f"In context={path}, 'required' is required to be supplied and to be an array including every key in "
            f"properties. Missing '{missing[0]}'."
        )
    if extra := [name for name in required if name not in names]:
        return f"In context={path}, 'required' names what is no property: {extra[0]!r}."
    return ""
