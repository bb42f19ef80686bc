"""The Open Responses specification of 2026-04-24: what differs from it.

The specification is Apache 2.0 (tests/llm/open_responses/LICENSE), from the Open Responses project; it is unchanged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parents[1] / "llm" / "open_responses"
SCHEMAS: dict[str, Any] = json.loads((FOLDER / "specification-2026-04-24.json").read_text())["components"]["schemas"]
EVENTS = {
    schema["properties"]["type"]["enum"][0]: name
    for name, schema in SCHEMAS.items()
    if name.endswith("StreamingEvent") and "enum" in schema.get("properties", {}).get("type", {})
}


def differences(name: str, value: Any) -> list[str]:
    """What of the value does not fit the schema with this name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in errors]


def differences_of_event(event: dict[str, Any]) -> list[str]:
    kind = event["type"]
    return differences(EVENTS[kind], event) if kind in EVENTS else [f"{kind}: no such event"]
