"""A number that only the tool knows: the smallest proof that tool calls work."""

from __future__ import annotations

from chat.llm.tools import tool

SECRET_NUMBER = 7421


@tool(idempotent=True)
def get_secret_number() -> int:
    """Get the secret number."""
    return SECRET_NUMBER
