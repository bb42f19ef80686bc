"""The tool returns the secret number."""

from __future__ import annotations

from chat.tools import load


async def test_the_tool_returns_the_secret_number() -> None:
    result = await load().dispatch("get_secret_number", "{}")
    assert (result.output, result.ok) == ("7421", True)


def test_it_is_described_for_the_model() -> None:
    [schema] = [schema for schema in load().schemas() if schema["name"] == "get_secret_number"]
    assert schema["description"] == "Get the secret number."
    assert schema["parameters"]["properties"] == {}
    assert load().is_idempotent("get_secret_number")
