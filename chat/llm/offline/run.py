"""One response while it is written: the log of its events, which any number of streams can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from chat.llm.offline import shapes
from chat.llm.offline.conversation import CreateRequest
from chat.llm.offline.repertoire import Call, Reply
from chat.llm.offline.script import Script

BREATHER_FRAMES = 200  # how many events are made at a stretch where no pace is kept


class Frame(NamedTuple):
    """One event as it goes over the wire."""

    data: bytes
    is_delta: bool


class Run:
    """Makes the events of one response at its pace. Whoever starts `generate` decides how long it lives."""

    def __init__(
        self, response_id: str, request: CreateRequest, reply: Reply, script: Script, *, pace_seconds: float
    ) -> None:
        self.id = response_id
        self.request = request
        self.script = script
        self.frames: list[Frame] = []
        self.status = "queued" if request.background else "in_progress"
        self.finished = False
        self.streams = 0  # how many were opened
        self.error: dict[str, Any] | None = None
        self.incomplete_reason: str | None = None
        self.output: list[dict[str, Any]] = []
        self.output_characters = 0
        self.input_tokens = shapes.input_tokens(request)
        self.created_at = int(time.time())
        self._reply = reply
        self._pace_seconds = pace_seconds if script.pace is None else script.pace / 1000
        self._news = asyncio.Event()

    async def generate(self) -> None:
        """Write the log to its end."""
        try:
            await self._write_log()
        finally:
            self._end()

    def stop(self) -> None:
        """It was cancelled, or nobody reads it: what is there stays, and is billed."""
        if not self.finished:
            self.status = "cancelled"
            self._end()

    async def frames_from(self, index: int) -> list[Frame]:
        """The frames from there on, as soon as there are any; none means the end."""
        while index >= len(self.frames) and not self.finished:
            await self._news.wait()
        return self.frames[index:]

    async def ended(self) -> None:
        while not self.finished:
            await self._news.wait()

    def usage(self) -> dict[str, Any]:
        return shapes.usage(self.input_tokens, shapes.tokens(self.output_characters))

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
        self.frames.append(Frame(shapes.frame(event, len(self.frames)), is_delta))
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
        for index, call in enumerate(self._reply.calls):
            yield from self._call(index, call)
        if not self._reply.calls:
            yield from self._message()
        yield from self._terminal()

    def _message(self) -> Iterator[dict[str, Any]]:
        pieces = self._reply.pieces or shapes.pieces(self._reply.text)
        planned = pieces[: self._limit(pieces)]
        item = shapes.message(f"msg_{self.id[5:]}", refusal=self.script.refusal)
        self.output.append(item)
        yield from shapes.message_opened(item)
        for piece in planned:
            self.output_characters += len(piece)
            yield shapes.message_delta(item, piece)
        if not self.script.error and not self.script.failed:
            yield from shapes.message_closed(item, complete=self.incomplete_reason is None)

    def _limit(self, pieces: tuple[str, ...]) -> int:
        """How many deltas come out, and why not more."""
        half = max(1, len(pieces) // 2)
        if self.script.error is not None:
            return self.script.error
        if self.script.failed:
            return half
        if self.script.incomplete or self.script.filter:
            self.incomplete_reason = "content_filter" if self.script.filter else "max_output_tokens"
            return half
        fitting = shapes.fitting(pieces, self.request.max_output_tokens)
        if fitting < len(pieces):
            self.incomplete_reason = "max_output_tokens"
        return fitting

    def _call(self, index: int, call: Call) -> Iterator[dict[str, Any]]:
        item = shapes.function_call(f"{self.id[5:]}_{index}", call.name)
        self.output.append(item)
        self.output_characters += len(call.name) + len(call.arguments)
        yield from shapes.function_call_events(item, index, call.arguments)

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
        """The whole object, as a retrieve answers it."""
        return shapes.response(self)
