"""Writes docs/routes.md: every route of the app, who may use it, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quart import Quart
from werkzeug.routing import Rule

from chat.durations import in_words
from chat.security.limits import COUNTED_BY_SERVICES, SOCKET_CONNECT, Limit
from chat.web.rate_limits import limits_of
from chat.web.security_headers import SAFE_METHODS

HEAD = """\
# Routes

Generated from the app by `chat routes > docs/routes.md`; a test fails if it is out of date. Administrators' pages
answer 404 to all other users, as if they did not exist; so do other users' threads and sessions. Limits apply to
methods that change something. A limit's count can be used up at once and recovers evenly over its period; further
requests get a 429 with `Retry-After`. A limit for each address is for an IP address, or a /64 network of IPv6.

| Address | Methods | Access | Limit |
|---|---|---|---|
"""
FORMER = """
Former addresses, which redirect (308):

| Address | Now |
|---|---|
"""
SERVICES = """
Limits counted by services, whatever the route:

| What | Limit |
|---|---|
"""


def routes_document(app: Quart) -> str:
    """The text of docs/routes.md."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    rows = "".join(_row(rule, app.view_functions[rule.endpoint]) for rule in rules if not rule.alias)
    former = "".join(f"| `{rule.rule}` | `{current_address(app, rule)}` |\n" for rule in rules if rule.alias)
    services = "".join(f"| {what} | {_words(limit)} |\n" for what, limit in COUNTED_BY_SERVICES.items())
    return HEAD + rows + FORMER + former + SERVICES + services


def current_address(app: Quart, former: Rule) -> str:
    """The address that a former one redirects to."""
    return next(rule.rule for rule in app.url_map.iter_rules(former.endpoint) if not rule.alias)


def _row(rule: Rule, view: Callable[..., Any]) -> str:
    if rule.websocket:  # checked after the handshake, so that a close code can tell the reason
        return f"| `{rule.rule}` | websocket | users | {_words(SOCKET_CONNECT)} for each user |\n"
    methods = ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
    return f"| `{rule.rule}` | {methods} | {_access(view)} | {_limits(rule, view)} |\n"


def _access(view: Callable[..., Any]) -> str:
    if getattr(view, "staff_required", False):
        return "administrators"
    return "users" if getattr(view, "login_required", False) else "everyone"


def _limits(rule: Rule, view: Callable[..., Any]) -> str:
    if not (rule.methods or set()) - SAFE_METHODS:
        return ""
    is_for_users = _access(view) != "everyone"
    each = {True: "address", False: "user" if is_for_users else "user or address"}
    return ", ".join(f"{_words(limit)} for each {each[limit.by_address]}" for limit in limits_of(view))


def _words(limit: Limit) -> str:
    return f"{limit.count} in {in_words(limit.period_seconds)}"
