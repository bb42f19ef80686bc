"""A model server that streams deltas at a fixed pace: `python -m bench.load.model`.

The question says how many and how fast: `deltas=200 rate=50`. Each delta is its number and the time it was sent, by
the clock that all processes of this machine share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import uvloop

ASKED = re.compile(rb"deltas=(\d+) rate=(\d+)")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
NAME = "bench"  # of the model
GREETING = "listening on "
PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def delta_text(number: int) -> str:
    """One delta: 24 characters, as many as four or five words."""
    return f"{number:05d}@{time.monotonic():017.6f} "


def _event(kind: str, sequence: int, **fields: Any) -> bytes:
    body = json.dumps({"type": kind, "sequence_number": sequence, **fields}, separators=(",", ":"))
    event = f"event: {kind}\ndata: {body}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


class Answer:
    """The events of one response, as the real API sends them."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._sequence = -1
        self._response = {
            "id": f"resp_{uuid.uuid4().hex}", "object": "response", "created_at": 0, "status": "in_progress",
            "model": NAME, "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "metadata": {}, "usage": None,
        }  # fmt: skip

    def begin(self) -> bytes:
        """Everything before the first delta."""
        item = {"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        return b"".join(
            self._next(kind, **fields)
            for kind, fields in (
                ("response.created", {"response": self._response}),
                ("response.in_progress", {"response": self._response}),
                ("response.output_item.added", {"output_index": 0, "item": item}),
                ("response.content_part.added", {**PLACE, "part": _part("")}),
            )
        )

    def delta(self, number: int) -> bytes:
        """The delta with this number."""
        text = delta_text(number)
        self._text.append(text)
        return self._next("response.output_text.delta", **PLACE, delta=text, logprobs=[])

    def end(self) -> bytes:
        """Everything after the last delta."""
        return b"".join(self._ending()) + b"0\r\n\r\n"

    def _ending(self) -> Iterator[bytes]:
        text = "".join(self._text)
        item = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [_part(text)]}
        usage = {
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": len(self._text),
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 10 + len(self._text),
        }  # fmt: skip
        done = {**self._response, "status": "completed", "output": [item], "usage": usage}
        yield self._next("response.output_text.done", **PLACE, text=text, logprobs=[])
        yield self._next("response.content_part.done", **PLACE, part=_part(text))
        yield self._next("response.output_item.done", output_index=0, item=item)
        yield self._next("response.completed", response=done)

    def _next(self, kind: str, **fields: Any) -> bytes:
        self._sequence += 1
        return _event(kind, self._sequence, **fields)


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


async def stream(writer: asyncio.StreamWriter, deltas: int, rate: int) -> None:
    """One answer. The times are fixed at its start: a slow reader does not slow the model down."""
    answer, began = Answer(), time.monotonic()
    writer.write(HEAD + answer.begin())
    for number in range(deltas):
        await asyncio.sleep(began + number / rate - time.monotonic())
        writer.write(answer.delta(number))
    writer.write(answer.end())
    await writer.drain()


async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            asked = ASKED.findall(await reader.readexactly(length))
            deltas, rate = asked[-1] if asked else (b"1", b"50")
            await stream(writer, int(deltas), int(rate))
    writer.close()


async def main() -> None:
    """Serve until killed, and say where."""
    server = await asyncio.start_server(serve_connection, "127.0.0.1", 0, backlog=1024, limit=2**20)
    print(f"{GREETING}{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
