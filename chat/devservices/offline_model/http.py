"""The parts of HTTP over ASGI that the offline model needs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl

import msgspec

from chat.devservices.offline_model import shapes

MAX_BODY_BYTES = 4 * 2**20

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Request(msgspec.Struct, frozen=True):
    """One request, with its body read; `receive` is left for noticing that the client is gone."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    receive: Receive


class ProblemError(Exception):
    """The request is answered with this status and an error in OpenAI's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body = shapes.problem(status, message, code=code, param=param)

    @classmethod
    def of(cls, status: int, body: dict[str, Any]) -> Self:
        """The request is answered with this body, in whatever shape."""
        error = cls(status, str(body))
        error.body = body
        return error


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read it whole. Raises ProblemError if it is too large, ConnectionError if the client left meanwhile."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {MAX_BODY_BYTES} bytes.")
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=bytes(body),
        receive=receive,
    )


async def start(send: Send, status: int, content_type: str, headers: dict[str, str] | None = None) -> None:
    pairs = {"content-type": content_type, **(headers or {})}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": encoded})


async def send_whole(
    send: Send, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None
) -> None:
    await start(send, status, content_type, {**(headers or {}), "content-length": str(len(body))})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
    await send_whole(send, status, shapes.encoded(value), "application/json", headers)


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and cancel it if the client disconnects first."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        for part in (task, gone):
            part.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await part


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
