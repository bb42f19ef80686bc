"""Checks of every request (host, origin, administrators' pages) and the security headers of every response."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

from quart import Quart, abort, g, request, websocket
from quart.wrappers import Response

from chat.settings import Settings
from chat.web.auth import signed_in_user

SLASHES = re.compile("/+")  # the router redirects repeated slashes to one
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
    """Run the checks before every request and add the headers to every response."""
    checks = _Checks(settings)
    app.before_request(checks.check_host)
    app.before_request(checks.check_origin)
    app.before_request(checks.hide_administration)  # before the rate limits, whose 429 would show that a page exists
    app.before_websocket(checks.check_socket)
    app.after_request(checks.add_headers)


class _Checks:
    def __init__(self, settings: Settings) -> None:
        own = urlsplit(settings.public_url)
        self._public_origin = f"{own.scheme}://{own.netloc}" if settings.public_url else ""
        self._hosts = {host.lower() for host in (own.hostname, *settings.allowed_hosts) if host}
        self._check_hosts = not settings.debug or bool(settings.allowed_hosts)
        self._trusted = {origin.rstrip("/").lower() for origin in settings.csrf_trusted_origins}
        self._https = not settings.debug

    async def check_host(self) -> None:
        """Links, cookies and the origin check rely on the host name. Health checks use the IP address."""
        if self._check_hosts and request.endpoint not in PROBES and _hostname(request.host) not in self._hosts:
            abort(400, "This host name is not allowed. If it is yours, add it to ALLOWED_HOSTS.")

    async def check_origin(self) -> None:
        """Prevent cross-site request forgery without tokens: unsafe methods must come from this site.

        Browsers report that in Sec-Fetch-Site; if it is missing (plain http), Origin must match. SameSite=Lax cookies
        are the second layer.
        """
        if request.method in SAFE_METHODS:
            return
        origin = request.headers.get("Origin", "").lower()
        site = request.headers.get("Sec-Fetch-Site")
        if origin in self._trusted or site == "same-origin" or (site is None and self._is_own(origin, request.host)):
            return
        abort(403, "This request did not come from a page of this site. Reload the page and try again.")

    async def hide_administration(self) -> None:
        """404 for non-staff on any path below /admin/, with any method, including paths that redirect."""
        if (SLASHES.sub("/", request.path) + "/").startswith("/admin/"):
            user = await signed_in_user()
            if user is None or not user.is_staff:
                abort(404)

    async def check_socket(self) -> None:
        """Browsers apply no same-origin rule to websockets: pages of any site or port send our cookies along."""
        origin = websocket.headers.get("Origin", "").lower()
        if origin not in self._trusted and not self._is_own(origin, websocket.host):
            abort(403, "This socket was not opened by a page of this site.")
        if self._check_hosts and _hostname(websocket.host) not in self._hosts:
            abort(400, "This host name is not allowed.")

    async def add_headers(self, response: Response) -> Response:
        """Nothing loads from other sites, scripts need the nonce, and no site can frame this one."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Security-Policy"] = self._content_security_policy()
        if self._https:
            response.headers["Strict-Transport-Security"] = f"max-age={2 * ONE_YEAR_SECONDS}"
        if getattr(g, "auth_session", None):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _content_security_policy(self) -> str:
        sockets = self._public_origin.replace("http", "ws", 1)  # old Safari does not apply 'self' to sockets
        return (
            "default-src 'none'; "
            f"script-src 'nonce-{nonce()}' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"connect-src 'self' {sockets}; form-action 'self'; base-uri 'none'; object-src 'none'; "
            "frame-ancestors 'none'; manifest-src 'self'; "
            "require-trusted-types-for 'script'; trusted-types dompurify chat"
        )

    def _is_own(self, origin: str, host: str) -> bool:
        """The scheme counts in production: an attacker who can modify http pages could otherwise post to https."""
        if origin == self._public_origin.lower():
            return bool(origin)
        schemes = ("https",) if self._https else ("http", "https")
        return origin in [f"{scheme}://{host.lower()}" for scheme in schemes]


def nonce() -> str:
    """The Content-Security-Policy nonce of this response."""
    if not hasattr(g, "nonce"):
        g.nonce = secrets.token_urlsafe(16)
    value: str = g.nonce
    return value


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
