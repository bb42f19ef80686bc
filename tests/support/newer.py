"""Events that a newer release could write to a log that an older one reads during a rolling deploy."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chat.events import Frame


class Reaction(Frame, frozen=True, tag="message.reaction"):
    """A type of event that this release does not know."""

    message_id: UUID
    emoji: str
    rev: dict[str, Any]  # and another meaning of a known field


class ToolCallWithProgress(Frame, frozen=True, tag="response.tool_call"):
    """A known type with another field."""

    message_id: UUID
    call_id: str
    name: str
    status: str
    progress: float


class ToolCallWithImage(Frame, frozen=True, tag="response.tool_call"):
    """A known type whose field has a value of another kind."""

    message_id: UUID
    call_id: str
    name: str
    status: str
    output: dict[str, str]


def events(answer_id: UUID) -> list[Frame]:
    """One event of each kind; none is text."""
    return [
        Reaction(answer_id, "👍", {"major": 2}),
        ToolCallWithProgress(answer_id, "call", "calculate", "paused", 0.5),
        ToolCallWithImage(answer_id, "call", "calculate", "paused", {"image": "plot.png"}),
    ]
