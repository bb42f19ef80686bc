"""The id of each request and websocket, and the access log: a line for each, with its route instead of its address.

The address of a page can be a secret (a link to reset a password), and a query can have anything.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

from quart import Quart, request, websocket
from quart.wrappers import BaseRequestWebsocket

from chat import logs, tracing
from chat.metrics import REQUEST_TIME, REQUESTS, Metrics
from chat.tracing import Traces

logger = logging.getLogger(logs.ACCESS)

SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{7,63}")  # of an id that a proxy may give to a request
HEADER = b"x-request-id"
ROUTE, REFUSED = "chat.route", "chat.refused"  # in the scope
QUIET = ("/healthz", "/readyz", "/metrics")  # asked for every few seconds
FILES = "/static/"
CLIENT_LEFT = 499  # before there was a response: nginx's number for it


def install(app: Quart, counted: Metrics, traces: Traces, *, trusts_proxy: bool) -> None:
    """Give each request an id, and log, count and trace it."""
    app.before_request(_note_route)
    app.before_websocket(_note_route_of_socket)
    app.after_websocket(_note_refusal)
    app.asgi_app = RequestLog(app.asgi_app, counted, traces, trusts_proxy=trusts_proxy)  # type: ignore[method-assign]


class RequestLog:
    """An ASGI application around the site's."""

    def __init__(self, app: Any, counted: Metrics, traces: Traces, *, trusts_proxy: bool) -> None:
        self._app = app
        self._counted, self._traces = counted, traces
        self._trusts_proxy = trusts_proxy

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, a websocket or the lifespan."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "websocket":
                logs.begin_request(self._given(scope))
                began = time.monotonic()
                await self._app(scope, receive, send)
                if REFUSED in scope:
                    _tell(scope, scope[REFUSED], began, 0)
            case _:
                await self._app(scope, receive, send)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        began, status, size = time.monotonic(), CLIENT_LEFT, 0
        its_id = logs.begin_request(self._given(scope)).request.encode()

        async def sent(message: Any) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (HEADER, its_id)]}
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            with nullcontext() if _is_routine(scope["path"]) else self._traces.span(tracing.REQUEST):
                try:
                    await self._app(scope, receive, sent)
                finally:
                    self._trace(scope, status)
        finally:
            if not _is_quiet(scope["path"], status):
                self._count(status, began)
                _tell(scope, status, began, size)

    def _count(self, status: int, began: float) -> None:
        self._counted.count(REQUESTS, f"{status // 100}xx")
        self._counted.observe(REQUEST_TIME, (time.monotonic() - began) * 1000)

    def _trace(self, scope: Any, status: int) -> None:
        """Of an address without a rule nothing is told, not even the method, which can be any word."""
        code = str(status) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
        method, rule = (scope["method"], scope[ROUTE]) if ROUTE in scope else ("", "")
        self._traces.describe(f"{method} {rule}".strip(), method=method, route=rule, status=status, code=code)

    def _given(self, scope: Any) -> str:
        """The id that a trusted proxy gave the request; empty if there is none, or several, or it has another shape."""
        if not self._trusts_proxy:
            return ""
        given = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == HEADER]
        return given[0] if len(given) == 1 and SHAPE.fullmatch(given[0]) else ""


def route(scope: Any) -> str:
    """The rule of a request or websocket, for logs; of an address without a rule, its first part."""
    return str(scope.get(ROUTE) or _unknown(scope["path"]))


def _is_quiet(path: str, status: int) -> bool:
    return status < HTTPStatus.BAD_REQUEST and _is_routine(path)


def _is_routine(path: str) -> bool:
    return path in QUIET or path.startswith(FILES)


def _tell(scope: Any, status: int, began: float, size: int) -> None:
    fields = {
        "method": scope.get("method", "GET"),
        "path": route(scope),
        "status": status,
        "ms": round((time.monotonic() - began) * 1000, 1),
        "bytes": size,
    }
    logger.info("Request", extra={"fields": fields})


def _unknown(path: str) -> str:
    """A secret could follow the first part."""
    first, slash, rest = path[1:].partition("/")
    return f"/{first[:60]}{slash}{'…' if rest else ''}"


async def _note_route() -> None:
    _note(request.scope, request)


async def _note_route_of_socket() -> None:
    _note(websocket.scope, websocket)


def _note(scope: Any, found: BaseRequestWebsocket) -> None:
    if found.url_rule:
        scope[ROUTE] = found.url_rule.rule
        logs.about().thread = (found.view_args or {}).get("thread_id")


async def _note_refusal(response: Any) -> Any:
    scope: Any = websocket.scope
    if response:
        scope[REFUSED] = response.status_code
    return response
