"""One response while it is written: the log of its events, which any number of streams can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from chat.devservices.offline_model import oddities, resource, shapes
from chat.devservices.offline_model.create import CreateRequest
from chat.devservices.offline_model.dialects import TERMINAL, Dialect
from chat.devservices.offline_model.items import Items
from chat.devservices.offline_model.repertoire import Reply
from chat.devservices.offline_model.script import Script
from chat.devservices.offline_model.usage import Usage, input_tokens, tokens

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
        self.items = Items(response_id[5:], request, reply, script)
        self.created_at = int(time.time())
        self._completed_at = self.created_at
        self.model = dialect.model(request.model)
        self._input_tokens = input_tokens(request)
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
            output_tokens=self.items.tokens,
            reasoning_tokens=min(self.items.tokens, tokens(self.items.reasoning_characters)),
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
                due += self._pace()
            self._append(event, is_delta)

    def _pace(self) -> float:
        """Seconds that this delta takes."""
        if self.items.thinking and self.script.reason_for:
            return self.script.reason_for / self.script.thoughts
        return self._pace_seconds

    def _append(self, event: dict[str, Any], is_delta: bool) -> None:
        data = self._dialect.frame(event, len(self.frames))
        if data and self.script.odd:
            is_last = event["type"] in TERMINAL
            data = oddities.strange(self.script.odd, data, number=len(self.frames), is_last=is_last)
        if data:
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
            yield from self.items.events()
        yield from self._terminal()

    def _terminal(self) -> Iterator[dict[str, Any]]:
        if self.script.error is not None:
            self.status = "failed"
            yield shapes.error_event(self.script.code)
        elif self.script.failed:
            self.status = "failed"
            self.error = shapes.failure(self.script.code)
            yield self._event("response.failed")
        else:
            self.status = "incomplete" if self.items.incomplete_reason else "completed"
            self._completed_at = int(time.time())
            if not self.script.noend:
                yield self._event(f"response.{self.status}")

    def _event(self, kind: str) -> dict[str, Any]:
        return {"type": kind, "response": self.as_response()}

    def as_response(self) -> dict[str, Any]:
        """The response object, in the provider's shape."""
        over = self.status in resource.OVER
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "completed_at": self._completed_at if self.status == "completed" else None,
            "status": self.status,
            "error": self.error,
            "incomplete_details": {"reason": self.items.incomplete_reason} if self.status == "incomplete" else None,
            "model": self.model,
            "output": self.items.output if over else [],
            "usage": self.reported_usage() if over else None,
            **resource.UNSET,
            **resource.asked_fields(self.request),
        }
