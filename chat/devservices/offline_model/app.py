"""The offline model as an ASGI application: the Responses API, and the controls for tests."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec

from chat.devservices.offline_model.conversation import Conversation, conversation_of
from chat.devservices.offline_model.create import CreateRequest, InvalidRequestError, parsed_request
from chat.devservices.offline_model.http import (
    ProblemError,
    Receive,
    Request,
    Scope,
    Send,
    read_request,
    send_json,
    send_whole,
    while_connected,
)
from chat.devservices.offline_model.key import check_key
from chat.devservices.offline_model.ledger import Ledger
from chat.devservices.offline_model.reasoning import check_reasoning
from chat.devservices.offline_model.refusing import refuse
from chat.devservices.offline_model.run import Run
from chat.devservices.offline_model.script import Script, script_of
from chat.devservices.offline_model.servers import DIALECTS
from chat.devservices.offline_model.streaming import DroppedError, write_stream

PACE_SECONDS = 0.018  # about as fast as people read
MAX_WAIT_SECONDS = 10.0
CHAT = b'data: {"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
HTML = b"<html>\n<head><title>%d</title></head>\n\n<body><h1>The gateway says %d</h1></body>\n\n</html>\n"

Handler = Callable[[Request, Send, str], Awaitable[None]]


class OfflineModel:
    """An ASGI application. Each object is one provider with its own ledger; `like` names its dialect.

    `script` are words that apply to every create, before those of its message. Without a `key`, any is accepted.
    """

    def __init__(
        self, *, pace_seconds: float = PACE_SECONDS, like: str = "strict", script: str = "", key: str = ""
    ) -> None:
        self._script = script
        self._key = key
        self.dialect = DIALECTS[like]()
        self.ledger = Ledger(pace_seconds=pace_seconds, dialect=self.dialect)
        self._routes: tuple[tuple[str, re.Pattern[str], Handler], ...] = (
            ("POST", re.compile("/v1/responses"), self._create),
            ("GET", re.compile("/v1/responses/([^/]+)"), self._retrieve),
            ("POST", re.compile("/v1/responses/([^/]+)/cancel"), self._cancel),
            ("GET", re.compile("/v1/models"), self._models),
            ("GET", re.compile("/control/(creates)"), self._creates),
            ("GET", re.compile("/control/(open)"), self._open),
            ("GET", re.compile("/control/(bill)"), self._bill),
            ("GET", re.compile("/control/(requests)"), self._requests),
            ("POST", re.compile("/control/(reset)"), self._reset),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            # A return before the body's end makes the server drop the connection, which is what DroppedError wants.
            with contextlib.suppress(DroppedError, ConnectionError):
                await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            request = await read_request(scope, receive)
            handler, argument = self._route(request)
            await handler(request, send, argument)
        except ProblemError as problem:
            headers = {**self.ledger.headers(), **(problem.headers or {})}
            await send_json(send, problem.status, problem.body, headers)

    def _route(self, request: Request) -> tuple[Handler, str]:
        check_key(request, self._key)
        for method, pattern, handler in self._routes:
            if method == request.method and (match := pattern.fullmatch(request.path)):
                return handler, match[1] if match.groups() else ""
        raise ProblemError(HTTPStatus.NOT_FOUND, f"Invalid URL ({request.method} {request.path})")

    async def _create(self, request: Request, send: Send, _: str) -> None:
        create, talk, script = self._understood(request)
        if script.html:
            page = HTML % (script.html, script.html)
            await send_whole(send, script.html, page, "text/html; charset=utf-8")
            return
        if script.chat:
            await send_whole(send, HTTPStatus.OK, CHAT, "text/event-stream")
            return
        run = self.ledger.accept(create, talk, script, request.body)
        try:
            await while_connected(request.receive, self._respond(run, send))
        finally:
            if not create.background:
                self.ledger.stop(run)

    def _understood(self, request: Request) -> tuple[CreateRequest, Conversation, Script]:
        """A create request and what is left of its script. Raises ProblemError for what the API refuses."""
        try:
            create = parsed_request(request.body)
            create = self.ledger.with_earlier(create)
            self.dialect.check(create, msgspec.json.decode(request.body))
            create = self.dialect.understood(create)
            talk = conversation_of(create)
            metadata = create.metadata or {}
            structured = create.output_schema is not None
            script = script_of(talk.raw_last, metadata, structured=structured, always=self._script)
            script = self.ledger.effective(script, (structured, metadata.get("generation_id") or talk.raw_last))
            refuse(script, create, request.body, self.dialect.name)
            required = script.reasoning_required or self.dialect.requires_reasoning
            check_reasoning(create, self.ledger.runs, required=required, like=self.dialect.name)
        except InvalidRequestError as error:
            raise self.dialect.refusal(error) from None
        except ValueError as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
        return create, talk, script

    async def _respond(self, run: Run, send: Send) -> None:
        if run.request.stream:
            await write_stream(self.ledger, run, send)
            return
        await asyncio.sleep(run.script.delay)
        if not run.request.background:
            await run.ended()
        await send_json(send, HTTPStatus.OK, run.as_response(), self.ledger.headers())

    async def _retrieve(self, request: Request, send: Send, response_id: str) -> None:
        run = self._stored(response_id)
        if request.query.get("stream") != "true":
            await send_json(send, HTTPStatus.OK, run.as_response())
            return
        if not run.request.background:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "This response was not created with background=true.")
        after = request.query.get("starting_after", "-1")
        if not re.fullmatch(r"-1|\d{1,9}", after):
            raise ProblemError(HTTPStatus.BAD_REQUEST, "Invalid type for starting_after.", param="starting_after")
        work = write_stream(self.ledger, run, send, first=int(after) + 1)
        await while_connected(request.receive, work)

    async def _cancel(self, _: Request, send: Send, response_id: str) -> None:
        run = self._stored(response_id)
        if not run.request.background:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "Cannot cancel a synchronous response.")
        self.ledger.stop(run)
        await send_json(send, HTTPStatus.OK, run.as_response())

    def _stored(self, response_id: str) -> Run:
        run = self.ledger.runs.get(response_id)
        if run is None or run.request.store is False or not self.dialect.keeps_responses or run.expires():
            raise ProblemError(HTTPStatus.NOT_FOUND, f"Response with id '{response_id}' not found.")
        return run

    async def _models(self, _: Request, send: Send, __: str) -> None:
        model = {"id": "offline", "object": "model", "created": 0, "owned_by": "chat"}
        await send_json(send, HTTPStatus.OK, {"object": "list", "data": [model]})

    async def _creates(self, request: Request, send: Send, _: str) -> None:
        await send_json(send, HTTPStatus.OK, {"creates": self.ledger.counted(request.query)})

    async def _open(self, request: Request, send: Send, _: str) -> None:
        if (until := request.query.get("until", "")).isdecimal():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MAX_WAIT_SECONDS):
                    await self.ledger.open_is(int(until))
        await send_json(send, HTTPStatus.OK, {"open": self.ledger.open})

    async def _bill(self, request: Request, send: Send, __: str) -> None:
        await send_json(send, HTTPStatus.OK, self.ledger.bill(request.query))

    async def _requests(self, _: Request, send: Send, __: str) -> None:
        body = b'{"requests":[%b]}' % b",".join(self.ledger.requests)
        await send_whole(send, HTTPStatus.OK, body, "application/json")

    async def _reset(self, _: Request, send: Send, __: str) -> None:
        self.ledger.reset()
        await send_json(send, HTTPStatus.OK, {})


async def _lifespan(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})
