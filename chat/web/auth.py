"""The user of a request: the session behind the cookie, looked up once per request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from quart import abort, g, redirect, render_template, request, url_for
from quart.typing import ResponseReturnValue
from quart_auth import AuthUser, QuartAuth, current_user, login_user, logout_user

from chat.logs import about
from chat.models import AuthSession, User
from chat.services.accounts import sessions
from chat.settings import Settings
from chat.web.cookies import AuthSerializer
from chat.web.forms import LoginForm
from chat.web.kept import kept, remember_writer
from chat.web.resources import resources

View = Callable[..., Awaitable[ResponseReturnValue]]


def install(app: Any, settings: Settings) -> None:
    """Let Quart-Auth sign the cookie and set its flags; the cookie carries our own opaque token.

    Quart-Auth cannot revoke a cookie: a copied one would outlive the logout. The session's row decides.
    """
    QuartAuth(
        app,
        # With the prefix, browsers refuse the cookie from a subdomain or over http. Development has no https, and so
        # no prefix.
        cookie_name="chat" if settings.debug else "__Host-chat",
        cookie_secure=not settings.debug,
        cookie_samesite="Lax",
        cookie_http_only=True,
        duration=int(sessions.ABSOLUTE.total_seconds()),
        serializer_class=AuthSerializer,
    )


async def current_session() -> AuthSession | None:
    """The active session of this request or websocket."""
    if not hasattr(g, "auth_session"):
        token = current_user.auth_id
        g.auth_session = await sessions.find_session(token) if token else None
    session: AuthSession | None = g.auth_session
    if session:
        about().user = session.user.id
    return session


async def signed_in_user() -> User | None:
    """The user of this request, if logged in."""
    session = await current_session()
    return session.user if session else None


async def is_confirmed_recently() -> bool:
    """Whether this session's user entered the password recently."""
    session = await current_session()
    return session is not None and await sessions.is_confirmed(session)


def login_required(view: View) -> View:
    """Pass the user to the view. Visitors get the login page, which leads back and keeps the text of a form."""

    @wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        user = await signed_in_user()
        if user:
            return await view(user, *args, **kwargs)
        if wants_json():
            abort(401, "Log in first.")
        if unsent := await kept():
            values = {"form": LoginForm(), "next": unsent.page, "kept": unsent}
            return await render_template("accounts/login.html", **values), 401
        target = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else "/chat/"
        return redirect(url_for("accounts.login.login", next=target), 303)

    guarded.login_required = True  # type: ignore[attr-defined]
    return guarded


def staff_required(view: View) -> View:
    """Pass the administrator to the view; 404 for all others."""

    @wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        user = await signed_in_user()
        if user is None or not user.is_staff:
            abort(404)
        return await view(user, *args, **kwargs)

    guarded.login_required = guarded.staff_required = True  # type: ignore[attr-defined]
    return guarded


def wants_json() -> bool:
    """Whether the client prefers JSON to HTML; browsers prefer HTML."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


async def log_in(user: User, *, remember: bool, with_code: bool) -> None:
    """Start a session with a new token, so that a planted one (session fixation) is worthless.

    This browser's former session ends, since nothing could reach it any more. Without `remember`, the cookie ends with
    the browser.
    """
    former = await current_session()
    token = await sessions.start_session(
        user,
        ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
        remembered=remember,
        with_code=with_code,
    )
    login_user(AuthUser(token), remember=remember)
    remember_writer(user)
    g.pop("auth_session", None)  # a page in the response to the login is already the user's
    if former:
        await sessions.end_session(former, broadcast=resources().broadcast)


async def renew(session: AuthSession) -> None:
    """Replace this session's token, so that a copied one stops working; open tabs are not affected."""
    login_user(AuthUser(await sessions.renew_session(session)), remember=session.remembered)


async def log_out() -> None:
    """End this session and delete the cookie."""
    if session := await current_session():
        await sessions.end_session(session, broadcast=resources().broadcast)
    logout_user()


def safe_target(target: str | None) -> str:
    """The target if it is a path of this site, otherwise the chat (no open redirects)."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or "\\" in target:
        return "/chat/"
    parts = urlsplit(target)
    return "/chat/" if parts.scheme or parts.netloc or not target.isprintable() else target
