"""An instance of a JSON schema, always the same for the same schema and words."""

from __future__ import annotations

import math
import re
from typing import Any

MAX_REFERENCES = 12
MAX_DEPTH = 3  # from there on, what may be null or empty is
ABSURD_DEPTH = 30  # a schema that needs more than that has no instance
MAX_ITEMS = 100
MAX_TITLE_WORDS = 6
MAX_LOOKED_AT = 2000  # characters that are searched for a speaker
_SPEAKER = re.compile(r"(?:^|\n)\s*(?:user|human)\s*:\s*(.+)", re.IGNORECASE)
_MARKUP = re.compile(r"[`*_#>~\[\]()\"“”]+")


def instance_of(schema: dict[str, Any], words: str) -> Any:
    """Something that satisfies the schema; strings are made of the words."""
    return _instance(schema, schema, words, depth=0)


def title_of(text: str) -> str:
    """A title in the user's own words: the first few of the first message."""
    said = _SPEAKER.search(text[:MAX_LOOKED_AT])
    line = next((line for line in (said[1] if said else text).splitlines() if line.strip()), "")
    words = _MARKUP.sub("", line).split()[:MAX_TITLE_WORDS]
    title = " ".join(words).strip(" .,:;!?-")
    return title[:1].upper() + title[1:] if title else "New conversation"


def is_nullable(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return None in schema.get("enum", [None])
    return any(is_nullable(choice) for choice in _choices(schema))


def _instance(schema: dict[str, Any], root: dict[str, Any], words: str, *, depth: int) -> Any:
    if depth > ABSURD_DEPTH or (depth > MAX_DEPTH and is_nullable(schema)):
        return None
    schema = _resolved(schema, root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    value: Any = None
    match _kind(schema):
        case "object":
            properties = schema.get("properties", {})
            value = {name: _instance(part, root, words, depth=depth + 1) for name, part in properties.items()}
        case "array":
            count = _count(schema, wanted=depth <= MAX_DEPTH)
            value = [_instance(schema.get("items", {}), root, words, depth=depth + 1) for _ in range(count)]
        case "integer" | "number":
            value = _number(schema)
        case "boolean":
            value = True
        case "string":
            value = _string(schema, words)
    return value


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return str(next((name for name in kind if name != "null"), "null") if isinstance(kind, list) else kind)


def _choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return schema.get("anyOf") or schema.get("oneOf") or []


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow $ref and take the first choice that is not null."""
    for _ in range(MAX_REFERENCES):
        if "$ref" in schema:
            target: Any = root
            for name in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                target = target.get(name, {}) if name and isinstance(target, dict) else target
            schema = target
        elif choices := _choices(schema):
            schema = next((choice for choice in choices if choice.get("type") != "null"), choices[0])
        elif len(parts := schema.get("allOf", ())) == 1:  # what pydantic writes around a reference with a default
            schema = parts[0]
        else:
            break
    return schema


def _count(schema: dict[str, Any], *, wanted: bool) -> int:
    return int(min(max(int(wanted), schema.get("minItems", 0)), schema.get("maxItems", MAX_ITEMS)))


def _number(schema: dict[str, Any]) -> int | float:
    """The smallest allowed number, or 1, or the largest allowed if less."""
    whole = schema.get("type") == "integer" or "integer" in schema.get("type", ())
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = schema.get("minimum", None if over is None else over + 1)
    high = schema.get("maximum", None if under is None else under - 1)
    most = schema.get("maximum", under)
    number: int | float = low if low is not None else min(1, 1 if high is None else high)
    if over is not None and most is not None and not whole:
        number = (over + most) / 2
    step = schema.get("multipleOf")
    number = -(-number // step) * step if step else number
    return math.ceil(number) if whole else number


def _string(schema: dict[str, Any], words: str) -> str:
    text = title_of(words)[: schema.get("maxLength", 200)]
    return text.ljust(schema.get("minLength", 0), ".")
