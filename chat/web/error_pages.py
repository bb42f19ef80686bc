"""Error pages: each error is explained by a sentence, whatever else fails meanwhile."""

from __future__ import annotations

import logging
from typing import Any, cast

from markupsafe import escape
from quart import Quart, g, has_websocket_context, render_template, request, websocket
from quart.typing import ResponseReturnValue
from quart_rate_limiter import RateLimitExceeded
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, NotFound, ServiceUnavailable

from chat.database import DatabaseUnavailable, OutageLog
from chat.durations import in_words, wait_in_words
from chat.logs import about
from chat.services.errors import NotAdministrator
from chat.web import auth
from chat.web.kept import kept
from chat.web.request_log import route

logger = logging.getLogger(__name__)

UNAVAILABLE_RETRY_SECONDS = 5
MINUTE_SECONDS = 60
BARE_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>%s</title></head>
<body><h1>%s</h1><p>%s</p><p>Request %s</p></body></html>
"""
SENTENCES = {
    404: ("Not found", "There is no such page, or it is not yours."),
    405: ("Page not available here", "This address does not accept that request. Go back and try again."),
    413: ("Request too large", "You sent more than this site accepts at once. Send less."),
    500: ("Something went wrong", "This is our error, and it has been logged. Try again in a moment."),
    503: ("Temporarily unavailable", "The service is temporarily unavailable. Try again in a moment."),
}


def install(app: Quart) -> None:
    """Handle every error with a page, or JSON for scripts."""
    outages = OutageLog(logger)

    @app.errorhandler(HTTPException)
    async def explain(error: HTTPException) -> ResponseReturnValue:
        status = error.code or 500
        headers = _headers_of(error)
        title, sentence = _said(error)
        if has_websocket_context():  # browsers show no page for a refused handshake
            return sentence, status, headers
        if auth.wants_json():
            code = error.name.lower().replace(" ", "_")
            return _json(code, sentence, _wait_seconds(error)), status, headers
        return await _error_page("pages/error.html", title, sentence, status), status, headers

    @app.errorhandler(NotAdministrator)
    async def hide(error: NotAdministrator) -> ResponseReturnValue:
        return await explain(NotFound())

    @app.errorhandler(DatabaseUnavailable)
    async def explain_outage(error: DatabaseUnavailable) -> ResponseReturnValue:
        outages.tell(_what(), error)
        g.auth_session = None  # the page must not query it
        if has_websocket_context():
            return SENTENCES[503][1], 503
        headers = {"Retry-After": str(UNAVAILABLE_RETRY_SECONDS), "Cache-Control": "no-store"}
        if auth.wants_json():
            return _json("unavailable", SENTENCES[503][1], UNAVAILABLE_RETRY_SECONDS), 503, headers
        if request.method == "GET":
            headers["Refresh"] = str(UNAVAILABLE_RETRY_SECONDS)
        return await _error_page("pages/unavailable.html", *SENTENCES[503], 503), 503, headers

    @app.errorhandler(Exception)
    async def fail(error: Exception) -> ResponseReturnValue:
        logger.exception("%s failed", _what(), exc_info=error)
        if not hasattr(g, "auth_session"):
            g.auth_session = None  # its lookup may be what failed
        return await explain(InternalServerError())


def _json(code: str, sentence: str, wait_seconds: int) -> dict[str, Any]:
    said: dict[str, Any] = {"code": code, "message": sentence, "request_id": about().request}
    return said | {"retry_ms": wait_seconds * 1000} if wait_seconds else said


def last_resort() -> str:
    """A page for what failed twice; it needs neither a template nor the session."""
    title, message = SENTENCES[500]
    return BARE_PAGE % (title, title, message, about().request)


def _what() -> str:
    if has_websocket_context():
        return f"The websocket {route(websocket.scope)}"
    return f"{request.method} {route(request.scope)}"


async def _error_page(template: str, title: str, message: str, status: int) -> str:
    """The error page; if it fails, the one for visitors, since the session lookup may have failed; or a bare one."""
    values = {"status": status, "title": title, "message": message, "request_id": about().request}
    try:
        return await render_template(template, kept=await kept(status), **values)
    except Exception:
        logger.exception("The error page for %s failed", _what())
    g.auth_session = None
    try:
        return await render_template(template, kept=None, **values)
    except Exception:
        logger.exception("The error page for %s failed again", _what())
    return BARE_PAGE % (escape(title), escape(title), escape(message), about().request)


def _said(error: HTTPException) -> tuple[str, str]:
    if wait := _wait_seconds(error):
        words = in_words(wait) if wait < MINUTE_SECONDS else wait_in_words(wait * 1000)
        return "Too many requests", f"Too many requests. Try again in {words}."
    return SENTENCES.get(error.code or 500, (error.name, error.description or error.name))


def _wait_seconds(error: HTTPException) -> int:
    return cast(int, error.retry_after) if isinstance(error, RateLimitExceeded) else 0


def _headers_of(error: HTTPException) -> dict[str, str]:
    match error:
        case RateLimitExceeded():
            return {"Retry-After": str(error.retry_after)}
        case ServiceUnavailable(retry_after=int(seconds)):
            return {"Retry-After": str(seconds)}
        case MethodNotAllowed(valid_methods=methods) if methods:
            return {"Allow": ", ".join(sorted(methods))}
    return {}
