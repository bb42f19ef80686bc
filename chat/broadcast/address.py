"""REDIS_URL as hosts give it: what each of its parameters means to redis-py, or why it has no meaning here."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from chat.settings import SettingsError

ALIASES = {"valkey": "redis", "valkeys": "rediss"}
PORT = 6379
TLS_NAMES = ("ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
CHECKS = {"none": False, "optional": True, "required": True}
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
IGNORED = (  # of other drivers, or decided here; what is unknown is refused
    "family", "health_check_interval", "max_connections", "protocol", "retry_on_timeout", "socket_connect_timeout",
    "socket_keepalive", "socket_timeout", "timeout",
)  # fmt: skip
NAME = re.compile(r"[a-zA-Z_]{1,40}")
PERCENT = "in a password, write @ as %40, # as %23, / as %2F, ? as %3F, : as %3A and % as %25"


def connection_options(url: str, tls_verify: str = "on") -> dict[str, Any]:
    """redis-py's connection arguments. Raises SettingsError.

    Parsed here because redis-py passes unknown parameters on, takes a path that is no number for database 0, and lets
    a parameter override the site's own limits.
    """
    try:
        return _options(url, tls_verify)
    except ValueError as error:
        raise SettingsError([f"REDIS_URL {error}"]) from None


def is_unverified(url: str, tls_verify: str = "on") -> bool:
    """Whether TLS is used without checking whose server it is."""
    return connection_options(url, tls_verify).get("ssl_cert_reqs") == "none"


def _options(url: str, tls_verify: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
    except ValueError:  # not shown: it quotes the password
        raise ValueError(f"is not a URL: {PERCENT}") from None
    scheme = ALIASES.get(parts.scheme, parts.scheme)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.fragment or url.endswith("#"):
        raise ValueError(f"has a # in it: {PERCENT}")
    known = {"db", "username", "password", "client_name", *IGNORED, *(TLS_NAMES if scheme == "rediss" else ())}
    for name in sorted(set(query) - known):
        if not NAME.fullmatch(name):  # not shown: it is part of a password
            raise ValueError(f"has a ? or & that no parameter follows: {PERCENT}")
        raise ValueError(f"has the parameter {name}: the site does not know it, remove it")
    who, _, where = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    path = unquote(parts.path)
    options: dict[str, Any] = {
        "db": _database(query.get("db") or ("" if scheme == "unix" else path.strip("/"))),
        "username": query.get("username") or unquote(user) or None,
        "password": query.get("password") or unquote(password) or None,
        "client_name": query.get("client_name") or None,
    }
    if scheme == "unix":
        return options | {"path": path}
    host, port = _host(where)
    return options | {"host": host, "port": port} | (_tls(query, tls_verify) if scheme == "rediss" else {})


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit()) and text:
        raise ValueError(f"names a database that is not a number: write it like /0, and {PERCENT}")
    return int(text or 0)


def _host(where: str) -> tuple[str, int]:
    if "," in where:
        raise ValueError("has several hosts: Sentinel and Cluster are not supported, name one server")
    if where.startswith("["):
        host, _, rest = where[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = where.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        raise ValueError(f"has a port that is not a number: {PERCENT}")
    return unquote(host) or "localhost", int(port or PORT)


def _tls(query: dict[str, str], verify: str) -> dict[str, Any]:
    """What the URL says, and REDIS_TLS_VERIFY where it says nothing."""
    wanted = query.get("ssl_cert_reqs", "none" if verify == "off" else "required").removeprefix("CERT_").lower()
    if wanted not in CHECKS:
        raise ValueError(f"has ssl_cert_reqs={wanted}: choose one of {', '.join(CHECKS)}")
    name_checked = query.get("ssl_check_hostname", "true").lower()
    if name_checked not in WORDS:
        raise ValueError(f"has ssl_check_hostname={name_checked}: write true or false")
    authority = query.get("ssl_ca_certs") or (verify if verify not in ("on", "off") else None)
    return {
        "ssl_cert_reqs": wanted,
        "ssl_check_hostname": WORDS[name_checked] and CHECKS[wanted],
        "ssl_ca_certs": authority,
        "ssl_certfile": query.get("ssl_certfile"),
        "ssl_keyfile": query.get("ssl_keyfile"),
    }
