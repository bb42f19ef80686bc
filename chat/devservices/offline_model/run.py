"""One response while it is written: the log of its events, which any number of streams can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from chat.devservices.offline_model import shapes
from chat.devservices.offline_model.conversation import Call
from chat.devservices.offline_model.create import CreateRequest, Reasoning, TextOptions
from chat.devservices.offline_model.dialects import Dialect
from chat.devservices.offline_model.repertoire import Reply
from chat.devservices.offline_model.script import Script
from chat.devservices.offline_model.usage import Usage, fitting, input_tokens, pieces, tokens

BREATHER_FRAMES = 200  # how many events are made at a stretch where no pace is kept


class Frame(NamedTuple):
    """One event as it goes over the wire."""

    data: bytes
    is_delta: bool


class Run:
    """Makes the events of one response at its pace. The caller of `generate` decides how long it runs."""

    def __init__(
        self,
        response_id: str,
        request: CreateRequest,
        reply: Reply,
        script: Script,
        *,
        pace_seconds: float,
        dialect: Dialect,
    ) -> None:
        self.id = response_id
        self.request = request
        self.script = script
        self.frames: list[Frame] = []
        self.status = "queued" if request.background else "in_progress"
        self.finished = False
        self.streams = 0  # how many were opened,
        self.resumes = 0  # and how many of these from a later event on
        self.retrieves = 0
        self.error: dict[str, Any] | None = None
        self.incomplete_reason = script.incomplete_reason
        self.output: list[dict[str, Any]] = []
        self.created_at = int(time.time())
        self.model = dialect.model(request.model)
        self._input_tokens = input_tokens(request)
        self._output_characters = 0
        self._reasoning_characters = 0
        self._reply = reply
        self._dialect = dialect
        self._pace_seconds = pace_seconds if script.pace is None else script.pace / 1000
        self._news = asyncio.Event()

    async def generate(self) -> None:
        """Write the log to its end."""
        try:
            await self._write_log()
        finally:
            self._end()

    def stop(self) -> None:
        """End a run that was cancelled or lost its reader: its output so far stays and is billed."""
        if not self.finished:
            self.status = "cancelled"
            self._end()

    def expires(self) -> bool:
        """Count a retrieve; true if it finds nothing, as the script has it."""
        self.retrieves += 1
        return self.script.expire and self.script.strikes(self.retrieves)

    async def frames_from(self, index: int) -> list[Frame]:
        """The frames from there on, as soon as there are any; none means the end."""
        while index >= len(self.frames) and not self.finished:
            await self._news.wait()
        return self.frames[index:]

    async def ended(self) -> None:
        while not self.finished:
            await self._news.wait()

    def usage(self) -> Usage:
        """The tokens used so far."""
        cached = min(self._input_tokens, self.script.cached)
        return Usage(
            input_tokens=self._input_tokens,
            cached_tokens=cached,
            cache_write_tokens=min(self._input_tokens - cached, self.script.cache_write),
            output_tokens=tokens(self._output_characters) + tokens(self._reasoning_characters),
            reasoning_tokens=tokens(self._reasoning_characters),
        )

    def reported_usage(self) -> dict[str, Any] | None:
        return None if self.script.nousage else self._dialect.usage(self.usage())

    async def _write_log(self) -> None:
        due = time.monotonic() + self.script.delay_first
        for event in self._events():
            is_delta = event["type"].endswith(".delta")
            if is_delta and (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            elif len(self.frames) % BREATHER_FRAMES == 0:
                await asyncio.sleep(0)
            if is_delta:
                due += self._pace_seconds
            self._append(event, is_delta)

    def _append(self, event: dict[str, Any], is_delta: bool) -> None:
        if data := self._dialect.frame(event, len(self.frames)):
            self.frames.append(Frame(data, is_delta))
            self._tell()

    def _end(self) -> None:
        self.finished = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _events(self) -> Iterator[dict[str, Any]]:
        yield self._event("response.created")
        if self.request.background:
            yield self._event("response.queued")
        self.status = "in_progress"
        yield self._event("response.in_progress")
        for _ in range(self.script.unknown):
            yield shapes.unknown_event()
        if not self.script.empty:
            yield from self._items()
        yield from self._terminal()

    def _items(self) -> Iterator[dict[str, Any]]:
        if self.script.reasoning:
            yield from self._reasoning()
        for call in self._reply.calls:
            yield from self._call(call)
        if self._reply.text or self._reply.pieces:
            yield from self._message()

    def _added(self, item: dict[str, Any]) -> int:
        """Add an item to the output; returns its index."""
        self.output.append(item)
        return len(self.output) - 1

    def _reasoning(self) -> Iterator[dict[str, Any]]:
        item = shapes.reasoning(self.id[5:])
        thoughts = [f"**Thought {number + 1}** by the rules. " for number in range(self.script.reasoning)]
        for event in shapes.reasoning_events(item, self._added(item), thoughts):
            self._reasoning_characters += len(event.get("delta", ""))
            yield event

    def _call(self, call: Call) -> Iterator[dict[str, Any]]:
        item = shapes.function_call(f"{self.id[5:]}_{len(self.output)}", call.name)
        self._output_characters += len(call.name) + len(call.arguments)
        yield from shapes.function_call_events(item, self._added(item), call.arguments)

    def _message(self) -> Iterator[dict[str, Any]]:
        parts = self._reply.pieces or pieces(self._reply.text)
        planned = parts[: self._limit(parts)]
        item = shapes.message(self.id[5:], refusal=self.script.refusal)
        index = self._added(item)
        yield from shapes.message_opened(item, index)
        for piece in planned:
            self._output_characters += len(piece)
            yield shapes.message_delta(item, index, piece)
        if self.script.error is None and not self.script.failed:
            yield from shapes.message_closed(item, index, complete=self.incomplete_reason is None)

    def _limit(self, parts: tuple[str, ...]) -> int:
        """The number of deltas."""
        if self.script.error is not None:
            return self.script.error
        if self.script.failed or self.incomplete_reason:
            return max(1, len(parts) // 2)
        most = self.request.max_output_tokens
        count = fitting(parts, None if most is None else most - self.usage().output_tokens)
        if count < len(parts):
            self.incomplete_reason = "max_output_tokens"
        return count

    def _terminal(self) -> Iterator[dict[str, Any]]:
        if self.script.error is not None:
            self.status = "failed"
            yield shapes.error_event(self.script.code)
        elif self.script.failed:
            self.status = "failed"
            self.error = shapes.failure(self.script.code)
            yield self._event("response.failed")
        elif self.incomplete_reason:
            self.status = "incomplete"
            yield self._event("response.incomplete")
        else:
            self.status = "completed"
            yield self._event("response.completed")

    def _event(self, kind: str) -> dict[str, Any]:
        return {"type": kind, "response": self.as_response()}

    def as_response(self) -> dict[str, Any]:
        """The response object, in the provider's shape."""
        request = self.request
        over = self.status in ("completed", "incomplete", "failed", "cancelled")
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": self.status,
            "background": bool(request.background),
            "error": self.error,
            "incomplete_details": {"reason": self.incomplete_reason} if self.status == "incomplete" else None,
            "instructions": request.instructions,
            "max_output_tokens": request.max_output_tokens,
            "metadata": request.metadata or {},
            "model": self.model,
            "output": self.output if over else [],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": msgspec.to_builtins(request.reasoning or Reasoning()),
            "store": request.store is not False,
            "temperature": 1.0,
            "text": _text(request.text or TextOptions()),
            "tool_choice": request.tool_choice,
            "tools": msgspec.to_builtins(request.tools or []),
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": self.reported_usage() if over else None,
            "user": None,
        }


def _text(options: TextOptions) -> dict[str, Any]:
    given = msgspec.to_builtins(options.format).items()
    return {"format": {name: value for name, value in given if value is not None}}
