"""A typed, documented function becomes a strict schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import pytest

from chat.llm.tools import tool
from chat.llm.tools.schema import UndescribedToolError
from tests.support.functions import Asker, describe, undocumented

if TYPE_CHECKING:
    from chat.models import User


def test_type_hints_and_docstring_become_a_strict_schema() -> None:
    assert describe.schema == {
        "type": "function",
        "name": "describe",
        "description": "Describe a thing.\n\nIt takes every type that there is.",
        "strict": True,
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "count", "ratio", "loud", "size", "tags", "note", "level"],
            "properties": {
                "name": {"type": "string", "description": "what it is called"},
                "count": {"type": "integer", "description": "how many there are"},
                "ratio": {"type": "number", "description": "a share"},
                "loud": {"type": "boolean", "description": "whether to shout"},
                "size": {"type": "string", "enum": ["small", "large"], "description": "how large it is"},
                "tags": {"type": "array", "items": {"type": "string"}, "description": "words for it"},
                "note": {"type": ["string", "null"], "description": "a remark, or null"},
                "level": {"type": ["integer", "null"], "enum": [1, 2, None], "description": "how deep"},
            },
        },
    }


def half_documented(text: str) -> str:
    """Say it."""
    return text


def untyped(text) -> str:
    """Say it.

    text: what to say
    """
    return text


def starred(*texts: str) -> str:
    """Say it.

    texts: what to say
    """
    return " ".join(texts)


def too_free(value: dict[str, Any]) -> str:
    """Say it.

    value: anything
    """
    return str(value)


def mixed(value: Literal["a", 1]) -> str:
    """Say it.

    value: one or the other
    """
    return str(value)


def bare(values: list) -> str:  # type: ignore[type-arg]
    """Say it.

    values: what to say
    """
    return str(values)


def without_import(user: User) -> str:
    """Say who it is."""
    return str(user)


def perhaps_somebody(asker: Asker | None = None) -> str:
    """Say who it is.

    asker: somebody
    """
    return str(asker)


def by_place(text: str, /) -> str:
    """Say it.

    text: what to say
    """
    return text


def größe() -> str:  # noqa: PLC2401
    """Say how large it is."""
    return "large"


@pytest.mark.parametrize(
    "function",
    [
        größe,
        undocumented,
        half_documented,
        untyped,
        starred,
        too_free,
        mixed,
        bare,
        without_import,
        perhaps_somebody,
        by_place,
    ],
)
def test_a_function_that_cannot_be_described_is_refused_at_once(function: Callable[..., Any]) -> None:
    with pytest.raises(UndescribedToolError, match=function.__name__):
        tool(idempotent=True)(function)
