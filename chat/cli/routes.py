"""Every route of the app as a table: who may use it, and how often."""

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

Made by `chat routes > docs/routes.md` from the app itself; a test fails if it is not up to date. To administrators'
pages everybody else gets a 404, as for what is not there; other people's threads and sessions are not there either.
Limits hold for methods that change something. So many may come at once, and are forgiven evenly over the time; whoever
is too early gets a 429 with `Retry-After`. An address is one of the network, and in IPv6 a /64.

| Address | Methods | For | Limit |
|---|---|---|---|
"""
SERVICES = """
Besides, wherever it is done:

| What | Limit |
|---|---|
"""


def routes_document(app: Quart) -> str:
    """The text of docs/routes.md."""
    rules = sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    rows = "".join(_row(rule, app.view_functions[rule.endpoint]) for rule in rules)
    services = "".join(f"| {what} | {_words(limit)} |\n" for what, limit in COUNTED_BY_SERVICES.items())
    return HEAD + rows + SERVICES + services


def _row(rule: Rule, view: Callable[..., Any]) -> str:
    if rule.websocket:  # asked after the handshake, where a close code can say why
        return f"| `{rule.rule}` | websocket | users | {_words(SOCKET_CONNECT)} for each user |\n"
    methods = ", ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
    return f"| `{rule.rule}` | {methods} | {_whom(view)} | {_limits(rule, view)} |\n"


def _whom(view: Callable[..., Any]) -> str:
    if getattr(view, "staff_required", False):
        return "administrators"
    return "users" if getattr(view, "login_required", False) else "everybody"


def _limits(rule: Rule, view: Callable[..., Any]) -> str:
    if not (rule.methods or set()) - SAFE_METHODS:
        return ""
    is_for_users = _whom(view) != "everybody"
    each = {True: "address", False: "user" if is_for_users else "user or address"}
    return ", ".join(f"{_words(limit)} for each {each[limit.by_address]}" for limit in limits_of(view))


def _words(limit: Limit) -> str:
    return f"{limit.count} in {in_words(limit.period_seconds)}"
