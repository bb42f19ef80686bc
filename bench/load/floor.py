"""The least that a streaming chat server can do: `python -m bench.load.floor MODEL_PORT`.

A bare ASGI app under the same hypercorn and uvloop: a question from a websocket becomes one request to the model, and
each delta goes to every websocket of the same path as it comes. No accounts, no stores, nothing kept.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import defaultdict
from typing import Any

import uvloop
from hypercorn.asyncio import serve

from bench.load.model import GREETING
from chat.web.hypercorn_setup import hypercorn_config

REQUEST = (
    b"POST /v1/responses HTTP/1.1\r\nhost: model\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
)


class Relay:
    """The ASGI app."""

    def __init__(self, model_port: int) -> None:
        self._model_port = model_port
        self._rooms: dict[str, set[Any]] = defaultdict(set)
        self._answers: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a websocket; everything else is only the server's lifespan."""
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        room = self._rooms[scope["path"]]
        await receive()
        await send({"type": "websocket.accept"})
        room.add(send)
        while (event := await receive())["type"] == "websocket.receive":
            self._start(room, event["text"])
        room.discard(send)

    def _start(self, room: set[Any], question: str) -> None:
        task = asyncio.create_task(self._answer(room, question))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, room: set[Any], question: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._model_port)
        writer.write(REQUEST % (len(question.encode()), question.encode()))
        await reader.readuntil(b"\r\n\r\n")
        while size := int(await reader.readline(), 16):
            event = (await reader.readexactly(size + 2))[:-2]
            body = json.loads(event[event.index(b"data: ") + 6 :])
            if body["type"] == "response.output_text.delta":
                await self._tell(room, json.dumps({"type": "delta", "delta": body["delta"]}))
            elif body["type"] == "response.completed":
                await self._tell(room, json.dumps({"type": "end"}))
        writer.close()

    async def _tell(self, room: set[Any], frame: str) -> None:
        for send in list(room):
            await send({"type": "websocket.send", "text": frame})


async def main(model_port: int) -> None:
    """Serve until killed, and say where."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(f"{GREETING}{listener.getsockname()[1]}", flush=True)  # noqa: T201
    await serve(Relay(model_port), hypercorn_config(listener), shutdown_trigger=asyncio.Event().wait)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
