"""Checks of every request (host, origin, administrators' pages) and the security headers of every response."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from quart import Quart, abort, g, redirect, request, websocket
from quart.typing import ResponseReturnValue
from quart.wrappers import Response

from chat.settings import Settings
from chat.settings.local import EVERY_ADDRESS, is_local
from chat.web.auth import signed_in_user
from chat.web.server_patches import PLAIN_HTTP

SLASHES = re.compile("/+")  # the router redirects repeated slashes to one
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
PROBES = {"pages.healthz", "pages.readyz", "metrics.show"}
ONE_YEAR_SECONDS = 31_536_000
TRANSPORT = f"max-age={2 * ONE_YEAR_SECONDS}"
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?")
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
    app.after_websocket(checks.add_headers_to_refusal)


def constant_headers(*, https: bool) -> dict[str, str]:
    """The headers of a page without scripts, as a last resort."""
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    transport = {"Strict-Transport-Security": TRANSPORT} if https else {}
    return {**HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-store", **transport}


class _Checks:
    def __init__(self, settings: Settings) -> None:
        own = urlsplit(settings.public_url)
        self._public_origin = f"{own.scheme}://{own.netloc}" if settings.public_url else ""
        self._own_host = own.hostname or ""
        self._hosts = {host.lower() for host in (self._own_host, *settings.allowed_hosts) if host}
        if settings.debug and settings.host not in EVERY_ADDRESS:
            self._hosts.add(settings.host.lower())
        self._with_local_hosts = settings.debug
        self._trusted = {origin.rstrip("/").lower() for origin in settings.csrf_trusted_origins}
        self._https = not settings.debug

    async def check_host(self) -> ResponseReturnValue | None:
        """Links, cookies and the origin check rely on the host name. Health checks and Prometheus use the IP address.

        Development answers only to this machine's names: another site could point its own name to this address (DNS
        rebinding), and would then be the same origin for the browser.
        """
        if request.endpoint in PROBES:
            return None
        if not self._is_known(request.host):
            abort(400, "This host name is not allowed. If it is yours, add it to ALLOWED_HOSTS.")
        return self._to_https() if self._https and request.scope.get(PLAIN_HTTP) else None

    def _is_known(self, host: str) -> bool:
        name = _hostname(host)
        return name in self._hosts or (self._with_local_hosts and is_local(name))

    def _to_https(self) -> ResponseReturnValue:
        """A proxy said that the browser sent this unencrypted. A form is refused, since others may have read it."""
        if request.method not in ("GET", "HEAD"):
            abort(403, "This site is served over https only. Open it there and send the form again.")
        name = _hostname(request.host)
        shown = f"[{name}]" if ":" in name else name
        origin = self._public_origin if name == self._own_host else f"https://{shown}"
        path, query = request.scope["raw_path"].decode("latin-1"), request.query_string.decode("latin-1")
        response = redirect(f"{origin}{path}{'?' if query else ''}{query}", 308)
        response.headers["Cache-Control"] = "no-store"
        return response

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
        if not self._is_known(websocket.host):
            abort(400, "This host name is not allowed.")
        if self._https and websocket.scope.get(PLAIN_HTTP):
            abort(403, "This site is served over https only.")

    async def add_headers(self, response: Response) -> Response:
        """Nothing loads from other sites, scripts need the nonce, and no site can frame this one."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Content-Security-Policy"] = self._content_security_policy()
        if self._https:
            response.headers["Strict-Transport-Security"] = TRANSPORT
        if getattr(g, "auth_session", None):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def add_headers_to_refusal(self, response: Any) -> Any:
        """A refused handshake has a response like any other; an accepted one has none."""
        return await self.add_headers(response) if response else None

    def _content_security_policy(self) -> str:
        sockets = self._public_origin.replace("http", "ws", 1)  # old Safari does not apply 'self' to sockets
        return (
            "default-src 'none'; "
            f"script-src 'nonce-{nonce()}' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"worker-src 'self'; connect-src 'self' {sockets}; form-action 'self'; base-uri 'none'; object-src 'none'; "
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
    """The name in a Host header, without its port; empty if it is not a name. IPv6 addresses lose their brackets."""
    found = HOST.fullmatch(host.lower())
    return (found[1] or found[2]) if found else ""
