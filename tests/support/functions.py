"""Functions that are described to a model as tools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chat.llm.tools import tool


@dataclass(frozen=True)
class Asker:
    """A caller, which no JSON contains."""

    name: str


@tool(idempotent=True)
async def describe(  # noqa: PLR0917 - the model names its arguments
    name: str,
    count: int,
    ratio: float,
    loud: bool,
    size: Literal["small", "large"],
    tags: list[str],
    note: str | None,
    level: Literal[1, 2] = 2,
) -> dict[str, Any]:
    """Describe a thing.

    It takes every type that there is.

    name: what it is called
    count: how many there are
    ratio: a share
    loud: whether to shout
    size: how large it is
    tags: words for it
    note: a remark, or null
    level: how deep
    """
    return {"name": name, "tags": tags, "note": note, "level": level, "sum": count + ratio, "size": size, "loud": loud}


def undocumented(text: str) -> str:
    return text
