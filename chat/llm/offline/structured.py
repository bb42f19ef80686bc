"""An instance of a JSON schema, always the same for the same schema and words."""

from __future__ import annotations

import re
from typing import Any

MAX_DEPTH = 12
MAX_ITEMS = 100
MAX_TITLE_WORDS = 6
_SPEAKER = re.compile(r"(?:^|\n)\s*(?:user|human)\s*:\s*(.+)", re.IGNORECASE)
_MARKUP = re.compile(r"[`*_#>~\[\]()\"“”]+")


def instance_of(schema: dict[str, Any], words: str) -> Any:
    """Something that satisfies the schema; strings are made of the words."""
    return _instance(schema, schema, words, depth=0)


def title_of(text: str) -> str:
    """A title in the user's own words: the first few of what they said first."""
    said = _SPEAKER.search(text)
    line = next((line for line in (said[1] if said else text).splitlines() if line.strip()), "")
    words = _MARKUP.sub("", line).split()[:MAX_TITLE_WORDS]
    title = " ".join(words).strip(" .,:;!?-")
    return title[:1].upper() + title[1:] if title else "New conversation"


def _instance(schema: dict[str, Any], root: dict[str, Any], words: str, *, depth: int) -> Any:
    schema = _resolved(schema, root) if depth <= MAX_DEPTH else {"type": "null"}
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    value: Any = None
    match _kind(schema):
        case "object":
            properties = schema.get("properties", {})
            value = {name: _instance(part, root, words, depth=depth + 1) for name, part in properties.items()}
        case "array":
            count = min(max(1, schema.get("minItems", 1)), schema.get("maxItems", MAX_ITEMS))
            value = [_instance(schema.get("items", {}), root, words, depth=depth + 1) for _ in range(count)]
        case "integer" | "number":
            value = _number(schema)
        case "boolean":
            value = True
        case "string":
            value = _string(schema, words)
    return value


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "string")
    return str(next((name for name in kind if name != "null"), "null") if isinstance(kind, list) else kind)


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow $ref and take the first choice that is not null."""
    for _ in range(MAX_DEPTH):
        if "$ref" in schema:
            target: Any = root
            for name in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                target = target.get(name, {}) if name else target
            schema = target
        elif choices := schema.get("anyOf") or schema.get("oneOf"):
            schema = next((choice for choice in choices if choice.get("type") != "null"), choices[0])
        else:
            break
    return schema


def _number(schema: dict[str, Any]) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    high = schema.get("maximum", low)
    number: int | float = min(low, high)
    step = schema.get("multipleOf")
    return -(-number // step) * step if step else number


def _string(schema: dict[str, Any], words: str) -> str:
    text = title_of(words)[: schema.get("maxLength", 200)]
    return text.ljust(schema.get("minLength", 0), ".")
