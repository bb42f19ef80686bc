"""A run's log, written to one client, with the scripted faults."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from chat.devservices.offline_model.http import Send, send_whole, start
from chat.devservices.offline_model.ledger import Ledger
from chat.devservices.offline_model.oddities import WHOLE, whole
from chat.devservices.offline_model.run import Frame, Run

REPEATED_EVENTS = 3
MAX_FRAMES_AT_ONCE = 64
CONTENT_TYPE = "text/event-stream; charset=utf-8"
HALF_A_CHARACTER = 'data: {"type":"response.output_text.delta","delta":"é'.encode()[:-1]
KEEPALIVE = b": keepalive\n\n"
NOT_JSON = b"data: {this is not JSON\n\n"


class DroppedError(Exception):
    """Raised to make the server close the connection without ending the body."""


async def write_stream(ledger: Ledger, run: Run, send: Send, *, first: int = 0) -> None:
    """Write the events from the one numbered `first` on. Raises DroppedError where the script says so."""
    run.streams += 1
    if run.script.odd in WHOLE:
        await _write_whole(run, send)
        return
    fault = run.script.stream_fault() if run.streams <= (run.script.times or 1) else None
    frames = _resumed(run, first) if first else _frames(run, 0)
    ledger.opened(+1)
    try:
        await asyncio.sleep(0 if first else run.script.delay)
        await start(send, HTTPStatus.OK, CONTENT_TYPE, ledger.headers())
        async with _kept_alive(send, run.script.keepalive):
            if fault is None:
                async for batch in frames:
                    await _write(send, b"".join(frame.data for frame in batch))
            else:
                await _write_until(run, send, frames, fault)
            await asyncio.sleep(run.script.linger)
        await send({"type": "http.response.body", "body": b""})
    finally:
        ledger.opened(-1)


async def _write_whole(run: Run, send: Send) -> None:
    """The answer in one piece, and not as a stream of the API."""
    await run.ended()
    body, headers = whole(run.script.odd, run.as_response(), b"".join(frame.data for frame in run.frames))
    await send_whole(send, HTTPStatus.OK, body, headers.pop("content-type", CONTENT_TYPE), headers)


@contextlib.asynccontextmanager
async def _kept_alive(send: Send, seconds: float) -> AsyncIterator[None]:
    """Meanwhile write a comment every `seconds`, as proxies and some servers do; 0: none."""
    task = asyncio.create_task(_keep_alive(send, seconds)) if seconds else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _keep_alive(send: Send, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await _write(send, KEEPALIVE)


async def _frames(run: Run, index: int) -> AsyncIterator[list[Frame]]:
    while frames := await run.frames_from(index):
        for position in range(0, len(frames), MAX_FRAMES_AT_ONCE):
            yield frames[position : position + MAX_FRAMES_AT_ONCE]
        index += len(frames)


async def _resumed(run: Run, first: int) -> AsyncIterator[list[Frame]]:
    """The later part of a run, with what a resume can get wrong."""
    run.resumes += 1
    striking = run.script.strikes(run.resumes)
    skipping = run.script.skip and striking
    repeating = run.script.repeat and striking
    async for frames in _frames(run, max(0, first - REPEATED_EVENTS) if repeating else first):
        delta = next((position for position, frame in enumerate(frames) if frame.is_delta), None)
        if skipping and delta is not None:
            skipping = False
            yield frames[:delta] + frames[delta + 1 :]
        else:
            yield frames


async def _write_until(run: Run, send: Send, frames: AsyncIterator[list[Frame]], fault: tuple[str, int]) -> None:
    """Write event by event, and let the fault happen after its number of deltas."""
    name, remaining = fault
    over = remaining == 0 and await _strike(run, send, name)
    async for batch in frames:
        for frame in batch:
            if over:
                return
            await _write(send, frame.data)
            remaining -= frame.is_delta
            if frame.is_delta and remaining == 0:
                over = await _strike(run, send, name)


async def _strike(run: Run, send: Send, name: str) -> bool:
    """Cause the fault; True if it ended the stream."""
    match name:
        case "eof":
            return True
        case "cut":
            raise DroppedError
        case "midutf8":
            await _write(send, HALF_A_CHARACTER)
            raise DroppedError
        case "silence":
            await asyncio.Event().wait()
        case "pause":
            await asyncio.sleep(run.script.pause_seconds)
        case "badjson":
            await _write(send, NOT_JSON)
    return False


async def _write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
