"""Event streams of providers: writing them, and reading them with our reader."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from chat.llm.events import Completed, Event, Failed, ReasoningDelta, RefusalDelta, TextDelta, ToolCall
from chat.llm.provider.reader import ResponseReader


def sse(*events: Any) -> bytes:
    """The stream of these events: objects, or the bytes of their data."""
    parts = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return b"".join(b"data: " + part + b"\n\n" for part in parts)


def chunks(stream: bytes, size: int) -> Iterable[bytes]:
    return (stream[at : at + size] for at in range(0, len(stream), size))


def read_all(stream: bytes, *, size: int = 0, **options: Any) -> list[Event]:
    """All events of a stream that comes in chunks of this size, up to its end."""
    reader = ResponseReader(**options)
    events: list[Event] = []
    for chunk in chunks(stream, size or len(stream) or 1):
        events += reader.feed(chunk)
        if reader.finished:
            return events
    return [*events, *reader.ended()]


def end_of(events: list[Event]) -> Completed | Failed:
    """The last event, and the only terminal one."""
    assert [isinstance(event, Completed | Failed) for event in events].count(True) == 1
    assert isinstance(events[-1], Completed | Failed)
    return events[-1]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta | RefusalDelta))


def thoughts_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def calls_of(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.call_id, event.name, event.arguments) for event in events if isinstance(event, ToolCall)]


def message(text: str, **fields: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part], **fields}


def call(arguments: Any = "{}", **fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": arguments, **fields}


def reasoning(*summary: str, **fields: Any) -> dict[str, Any]:
    parts = [{"type": "summary_text", "text": text} for text in summary]
    return {"type": "reasoning", "id": "rs_1", "summary": parts, **fields}


def completed(*output: dict[str, Any], **response: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"id": "r", "model": "m", "output": list(output), **response}}


def added(item: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "response.output_item.added", "item": item, **fields}


def done(item: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "response.output_item.done", "item": item, **fields}


def delta(text: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text, **fields}


def text_done(text: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "response.output_text.done", "text": text, **fields}


CREATED = {"type": "response.created", "response": {"id": "r", "model": "m"}}
