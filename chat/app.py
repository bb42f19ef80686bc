"""The wiring of the app: what a request passes, the pages, and what is open while the app serves."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

from quart import Quart, request, websocket
from quart.routing import QuartRule
from quart.wrappers import BaseRequestWebsocket, Request, Response, Websocket
from werkzeug.exceptions import BadHost, NotFound
from werkzeug.routing import MapAdapter, RequestRedirect

from chat.checkout import ROOT
from chat.database import DatabaseUnavailable
from chat.metrics import Metrics
from chat.services.accounts.sessions import ABSOLUTE
from chat.services.accounts.sign_up_rules import SignUpRules
from chat.settings import Settings
from chat.text import contained, isolated
from chat.tracing import Traces
from chat.web import (
    accounts,
    admin,
    auth,
    compression,
    error_pages,
    form_parser,
    metrics,
    pages,
    rate_limits,
    release,
    request_log,
    security_headers,
)
from chat.web.chat import details, list_forms, queue_forms, socket, version_forms
from chat.web.chat import pages as chat_pages
from chat.web.cookies import FormSessions
from chat.web.model_words import abilities
from chat.web.request_log import route
from chat.web.resources import EXTENSION, CannotStart, opened
from chat.web.search import pages as search_pages
from chat.web.search.marks import marked_parts
from chat.web.server_patches import BoundedWebsocketConnection, TabWebsocket, TrustedProxies
from chat.web.static_files import StaticFiles
from chat.web.templates import Environment, attributes, exact
from chat.web.usage import pages as usage_pages

logger = logging.getLogger(__name__)

# 32,000 characters of four bytes, percent-encoded, are 384 KB.
MAX_FORM_BYTES = 512 * 1024


class AliasRule(QuartRule):
    """Quart's rule, with werkzeug's `alias`: a former address, which redirects (308) to the current one."""

    def __init__(self, *arguments: Any, alias: bool = False, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.alias = alias


class App(Quart):
    """Quart, with our own static files, rules and websockets."""

    url_rule_class = AliasRule
    session_interface = FormSessions()
    asgi_websocket_class = BoundedWebsocketConnection
    websocket_class = TabWebsocket
    jinja_environment = Environment  # type: ignore[assignment]

    def __init__(self, *arguments: Any, files: StaticFiles, https: bool, **more: Any) -> None:
        self.files = files
        self._https = https
        super().__init__(*arguments, **more)
        self.debug = False  # QUART_DEBUG in the environment would show tracebacks to visitors

    async def handle_request(self, request: Request) -> Any:
        """Answer even if an error page can't be rendered, or the request's session can't be opened."""
        try:
            return await super().handle_request(request)
        except Exception:
            logger.exception("%s %s failed twice", request.method, route(request.scope))
            return self._last_resort()

    async def handle_websocket(self, websocket: Websocket) -> Any:
        """As for requests; after the handshake, the response is not sent."""
        try:
            return await super().handle_websocket(websocket)
        except Exception:
            logger.exception("The websocket %s failed twice", route(websocket.scope))
            return self._last_resort()

    async def process_response(self, response: Any, request_context: Any = None) -> Any:
        """The code that runs after a view adds the security headers: if it fails, the response must not be sent."""
        try:
            return await super().process_response(response, request_context)
        except Exception:
            logger.exception("The response to %s %s failed", request.method, route(request.scope))
            return self._last_resort()

    async def postprocess_websocket(self, response: Any, websocket_context: Any = None) -> Any:
        """As for responses to requests."""
        try:
            return await super().postprocess_websocket(response, websocket_context)
        except Exception:
            logger.exception("The response to the websocket %s failed", route(websocket.scope))
            return self._last_resort()

    def _last_resort(self) -> Response:
        return Response(error_pages.last_resort(), 500, security_headers.constant_headers(https=self._https))

    def log_exception(self, exception_info: Any) -> None:
        """Log with a traceback, except CannotStart, whose sentence the server prints."""
        if not isinstance(exception_info[1], CannotStart):
            super().log_exception(exception_info)

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Host labels over 63 characters make werkzeug raise before error handlers run; the host check refuses them."""
        try:
            return super().create_url_adapter(request)
        except BadHost:
            return self.url_map.bind("", path_info=request.path, default_method=request.method) if request else None

    def raise_routing_exception(self, request: BaseRequestWebsocket) -> NoReturn:
        """Redirect to a path: the scheme and host of the outside are unknown if the proxy does not tell them.

        No browser follows the redirect of a handshake.
        """
        error = request.routing_exception
        if isinstance(error, RequestRedirect):
            if isinstance(request, Websocket):
                raise NotFound
            error.new_url = relative(error.new_url)
        super().raise_routing_exception(request)

    async def send_static_file(self, filename: str) -> Response:
        """Quart's own handler knows neither compressed variants nor versions."""
        return await self.files.respond(filename)


def relative(url: str) -> str:
    """An address on the site itself, without scheme and host: two slashes at its beginning would name another host."""
    parts = urlsplit(url)
    return urlunsplit(("", "", f"/{parts.path.lstrip('/')}", parts.query, ""))


def create_app(settings: Settings) -> Quart:
    """The app for these settings; its resources are opened when it begins to serve."""
    app = _configured(settings)
    counted, place = Metrics(), "development" if settings.debug else "production"
    traces = Traces(settings.otel_exporter_otlp_endpoint, environment=place)
    request_log.install(app, counted, traces, trusts_proxy=settings.trusted_proxies > 0)
    auth.install(app, settings)
    security_headers.install(app, settings)
    form_parser.install(app)
    rate_limits.install(app)
    compression.install(app)
    chats = (chat_pages, list_forms, version_forms, queue_forms, details, search_pages, socket)
    for area in (pages, accounts, *chats, usage_pages, admin, metrics):
        app.register_blueprint(area.blueprint)
    release.install(app, app.files)
    _install_templates(app, settings)
    error_pages.install(app)
    _install_resources(app, settings, counted, traces)
    if settings.trusted_proxies:
        app.asgi_app = TrustedProxies(app.asgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    return app


def _configured(settings: Settings) -> App:
    files = StaticFiles(ROOT / "static", with_sources=settings.debug)
    app = App(
        __name__,
        files=files,
        https=not settings.debug,
        root_path=str(ROOT),
        static_folder="static",
        template_folder="templates",
    )
    app.secret_key = settings.secret_key
    app.config.update(
        SECRET_KEY_FALLBACKS=list(settings.secret_key_fallbacks),
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        BODY_TIMEOUT=10,
        SESSION_COOKIE_NAME="chat_form" if settings.debug else "__Host-chat_form",
        SESSION_COOKIE_SECURE=not settings.debug,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=ABSOLUTE,
        BACKGROUND_TASK_SHUTDOWN_TIMEOUT=1,
        SEND_FILE_MAX_AGE_DEFAULT=None,
    )
    return app


def _install_resources(app: Quart, settings: Settings, counted: Metrics, traces: Traces) -> None:
    @app.while_serving
    async def keep_open() -> AsyncGenerator[None, None]:
        async with opened(settings, counted, traces) as resources:
            app.extensions[EXTENSION] = resources
            yield


def _install_templates(app: App, settings: Settings) -> None:
    def static_url(name: str) -> str:
        return f"/static/{name}?v={app.files.version(name)}"

    for words in (abilities, attributes, contained, exact, isolated, marked_parts):
        app.add_template_filter(words)

    rules = SignUpRules.of(settings)

    @app.context_processor
    async def common() -> dict[str, Any]:
        try:
            session = await auth.current_session()
        except DatabaseUnavailable:  # on a page that says so, or that needs no database
            session = None
        return {
            "site_name": isolated(settings.site_name),
            "site_url": settings.public_url,
            "nonce": security_headers.nonce(),
            "user": session.user if session else None,
            "theme": session.user.settings.theme if session else None,
            "static_url": static_url,
            "sign_up": rules,
        }
