"""What every request passes: the right host, no other site behind it, not too often; and the headers of the answer."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from quart import Quart, abort, current_app, g, request, websocket
from quart.wrappers import Response
from quart_rate_limiter import (
    QUART_RATE_LIMITER_LIMITS_ATTRIBUTE,
    RateLimit,
    RateLimiter,
    RateLimitExceeded,
    rate_limit,
)

from chat.security.limits import Limit, network
from chat.settings import Settings
from chat.web.auth import signed_in_user
from chat.web.resources import resources

SLASHES = re.compile("/+")  # many are led to the address with one
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
PROBES = {"pages.healthz", "pages.readyz"}
ONE_YEAR_SECONDS = 31_536_000
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def install(app: Quart, settings: Settings) -> None:
    """Put the guards before every request and the headers behind it."""
    guard = _Guard(settings)
    app.before_request(guard.check_host)
    app.before_request(guard.check_origin)
    app.before_request(guard.hide_administration)  # before the limits, which only what is there has
    app.before_websocket(guard.check_socket)
    app.after_request(guard.add_headers)
    AtomicRateLimiter(app, key_function=client_key)


class _Guard:
    def __init__(self, settings: Settings) -> None:
        own = urlsplit(settings.public_url)
        self._public_origin = f"{own.scheme}://{own.netloc}" if settings.public_url else ""
        self._hosts = {host.lower() for host in (own.hostname, *settings.allowed_hosts) if host}
        self._check_hosts = not settings.debug or bool(settings.allowed_hosts)
        self._trusted = {origin.rstrip("/").lower() for origin in settings.csrf_trusted_origins}
        self._https = not settings.debug

    async def check_host(self) -> None:
        """Links, cookies and the origin check rely on the host's name; health checks come by address."""
        if self._check_hosts and request.endpoint not in PROBES and _hostname(request.host) not in self._hosts:
            abort(400, "This site is not known by that name. Add the name to ALLOWED_HOSTS.")

    async def check_origin(self) -> None:
        """Cross-site request forgery: what changes something has to come from a page of ours. No tokens needed.

        Browsers say so in Sec-Fetch-Site; where that is missing (plain http), the Origin has to be ours. SameSite=Lax
        cookies are the second layer.
        """
        if request.method in SAFE_METHODS:
            return
        origin = request.headers.get("Origin", "").lower()
        site = request.headers.get("Sec-Fetch-Site")
        if origin in self._trusted or site == "same-origin" or (site is None and self._is_own(origin, request.host)):
            return
        abort(403, "This request did not come from a page of this site. Reload the page and try again.")

    async def hide_administration(self) -> None:
        """To everybody but staff no address below /admin/ exists, by whatever method: not even one that redirects."""
        if (SLASHES.sub("/", request.path) + "/").startswith("/admin/"):
            user = await signed_in_user()
            if user is None or not user.is_staff:
                abort(404)

    async def check_socket(self) -> None:
        """Websockets have no same-origin rule: our cookies come along from any page, that of another port included."""
        origin = websocket.headers.get("Origin", "").lower()
        if origin not in self._trusted and not self._is_own(origin, websocket.host):
            abort(403, "This socket was not opened by a page of this site.")
        if self._check_hosts and _hostname(websocket.host) not in self._hosts:
            abort(400, "This site is not known by that name.")

    async def add_headers(self, response: Response) -> Response:
        """Nothing is loaded from elsewhere, no script runs without the nonce, nobody frames us."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Security-Policy"] = self._content_security_policy()
        if self._https:
            response.headers["Strict-Transport-Security"] = f"max-age={2 * ONE_YEAR_SECONDS}"
        if getattr(g, "auth_session", None):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _content_security_policy(self) -> str:
        sockets = self._public_origin.replace("http", "ws", 1)  # old Safari does not take 'self' for a socket
        return (
            "default-src 'none'; "
            f"script-src 'nonce-{nonce()}' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"connect-src 'self' {sockets}; form-action 'self'; base-uri 'none'; object-src 'none'; "
            "frame-ancestors 'none'; manifest-src 'self'; "
            "require-trusted-types-for 'script'; trusted-types dompurify chat"
        )

    def _is_own(self, origin: str, host: str) -> bool:
        """The host alone is not enough in production: whoever can change what http brings could post to https."""
        if origin == self._public_origin.lower():
            return bool(origin)
        schemes = ("https",) if self._https else ("http", "https")
        return origin in [f"{scheme}://{host.lower()}" for scheme in schemes]


def nonce() -> str:
    """The one of this response, for the scripts that are ours."""
    if not hasattr(g, "nonce"):
        g.nonce = secrets.token_urlsafe(16)
    value: str = g.nonce
    return value


def client_address() -> str:
    """The address that limits count: IPv6 by the /64."""
    return network(request.remote_addr or "unknown")


async def client_key() -> str:
    """Whom a limit counts: the user, or else the address."""
    user = await signed_in_user()
    return str(user.id) if user else client_address()


async def _counted(limit: Limit) -> str:
    return client_address() if limit.by_address else await client_key()


class _Policy(RateLimit):
    """quart-rate-limiter's mark on a view, with the named limit behind it."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.count, timedelta(seconds=limit.period_seconds))
        self.limit = limit


def limited(*limits: Limit) -> Callable[[Any], Any]:
    """Limit what a view changes; reading it is free."""
    return rate_limit(limits=[_Policy(limit) for limit in limits])


async def count(limit: Limit, key: str) -> None:
    """Count it, or end the request with the page that says when to try again."""
    if wait_ms := await resources().limits.wait_ms(limit, key):
        raise RateLimitExceeded(-(-wait_ms // 1000))


def limits_of(view: Callable[..., Any]) -> list[Limit]:
    """What `limited` says of a view."""
    marks = getattr(view, QUART_RATE_LIMITER_LIMITS_ATTRIBUTE, [])
    return [mark.limit for mark in marks if isinstance(mark, _Policy)]


class AtomicRateLimiter(RateLimiter):
    """quart-rate-limiter with its check replaced: its own lets 50 of 50 parallel requests through a limit of 5."""

    async def _before_request(self) -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        if view is None or request.method in SAFE_METHODS:
            return
        for limit in limits_of(view):
            await count(limit, await _counted(limit))

    async def _after_request(self, response: Response) -> Response:
        return response


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
