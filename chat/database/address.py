"""DATABASE_URL as hosts give it: what each of its parameters means to asyncpg, or why it has no meaning here."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from chat.settings import SettingsError

# Of every session, or behind a pooler of every transaction.
SESSION_SETTINGS = {
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "chat.versions": "1",  # this release sets parents and heads; for the one before, triggers do
}
APPLICATION = "chat"
PORT = 5432
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# What drivers of other languages understand; asyncpg, as Tortoise calls it, would take each of them for True.
SSL_WORDS = {"true": "require", "1": "require", "no-verify": "require", "false": "disable", "0": "disable"}
WRITABLE = ("any", "primary", "read-write")
IGNORED = {
    "channel_binding": "the driver has no channel binding; sslmode=verify-full&sslrootcert=system checks the server",
    "connect_timeout": "the site gives up after 3 s by itself",
    "pool_timeout": "the site gives up after 3 s by itself",
    "keepalives": "the site limits each statement itself",
    "keepalives_idle": "the site limits each statement itself",
    "keepalives_interval": "the site limits each statement itself",
    "keepalives_count": "the site limits each statement itself",
    "tcp_user_timeout": "the site limits each statement itself",
    "client_encoding": "it is always UTF-8",
    "fallback_application_name": "the name is chat, or application_name",
    "gssencmode": "the driver encrypts by TLS alone",
    "sslcompression": "TLS does not compress",
    "sslsni": "the server's name is always sent",
    "load_balance_hosts": "hosts are tried in their order",
    "connection_limit": "set DATABASE_POOL_SIZE",
}
REFUSED = {
    "hostaddr": "write the address where the host name is",
    "passfile": "remove it: PGPASSFILE names such a file",
    "service": "write what the service file says into the URL",
    "schema": "write options=-csearch_path%3DNAME",
    "sslcrl": "remove it: the driver reads no revocation lists",
    "sslpassword": "use a key without a password",
    "ssl_min_protocol_version": "remove it: TLS 1.2 is the minimum already",
    "require_auth": "remove it: the driver can't refuse a method of authentication",
}
NAME = re.compile(r"[a-zA-Z_]{1,40}")
PERCENT = "in a password, write @ as %40, # as %23, / as %2F, ? as %3F, : as %3A and % as %25"


@dataclass(slots=True)
class Parameters:
    """The part of a URL after its `?`. It remembers which parameters were read, so that the rest can be refused."""

    given: dict[str, str]
    asked: set[str] = field(default_factory=set)

    def get(self, name: str, default: str = "") -> str:
        """The value of a parameter."""
        self.asked.add(name)
        return self.given.get(name, default)

    def refuse_the_rest(self) -> None:
        """Raise ValueError about a parameter that no one asked for and that may not be ignored."""
        for name in sorted(set(self.given) - self.asked - set(IGNORED)):
            if not NAME.fullmatch(name):  # not shown: it is part of a password
                raise ValueError(f"has a ? or & that no parameter follows: {PERCENT}")
            raise ValueError(f"has the parameter {name}: {REFUSED.get(name, 'the site does not know it, remove it')}")


def credentials(url: str, *, name: str = "DATABASE_URL") -> dict[str, Any]:
    """asyncpg's connection arguments from a libpq-style URL. Raises SettingsError, with `name` as the variable.

    Parsed here because Tortoise's parser fails on `sslmode` and reads `ssl=false` as true.
    """
    try:
        return _credentials(url)
    except ValueError as error:
        raise SettingsError([f"{name} {error}"]) from None


def split(url: str) -> SplitResult:
    """The parts of a URL. Raises ValueError, which contains nothing of it: urlsplit's own errors quote the password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(f"is not a URL: {PERCENT}") from None


def is_pooled(url: str) -> bool:
    """Whether a pooler in transaction mode is in front of the server (`pgbouncer=true`)."""
    value = dict(parse_qsl(split(url).query)).get("pgbouncer", "false")
    if value not in ("true", "false"):
        raise ValueError(f"has pgbouncer={value}: write true or false")
    return value == "true"


def ignored(url: str) -> list[str]:
    """A sentence about each parameter without a meaning here that a reader of the URL could count on."""
    given = dict(parse_qsl(split(url).query))
    return [f"{name} is ignored: {IGNORED[name]}" for name in given if name in IGNORED]


def session_settings(url: str) -> dict[str, str]:
    """What a session is started with; a pooler would refuse our settings, or forget them."""
    return {"application_name": APPLICATION} | ({} if is_pooled(url) else SESSION_SETTINGS)


def _credentials(url: str) -> dict[str, Any]:
    parts = split(url)
    if parts.fragment or url.endswith("#"):
        raise ValueError(f"has a # in it: {PERCENT}")
    query = Parameters(dict(parse_qsl(parts.query, keep_blank_values=True)))
    who, _, where = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    hosts, port = _hosts(query.get("host") or where, query.get("port"))
    known: dict[str, Any] = {
        "host": hosts[0] if len(hosts) == 1 else hosts,
        "port": port,
        "user": query.get("user") or unquote(user) or "postgres",
        "password": query.get("password") or unquote(password) or None,
        "database": query.get("dbname") or unquote(parts.path.lstrip("/")) or "postgres",
        "ssl": _tls(query),
        "server_settings": session_settings(url) | _own_settings(query),
        **_session_attributes(query),
    }
    if query.get("pgbouncer") == "true":
        known["statement_cache_size"] = 0  # a statement that one connection prepared is unknown to the next one
    query.refuse_the_rest()
    return known


def _hosts(text: str, ports: str) -> tuple[list[str], int]:
    """The hosts, which are names, addresses or folders of sockets, and their port."""
    hosts, found = [], set(ports.split(",")) - {""}
    for part in text.split(","):
        host, port = _host(part)
        hosts.append(unquote(host) or "127.0.0.1")
        found |= {port} - {""}
    if len(found) > 1:
        raise ValueError("has hosts with different ports: the driver needs one port for all of them")
    port = next(iter(found), str(PORT))
    if not (port.isascii() and port.isdigit()):
        raise ValueError(f"has a port that is not a number: {PERCENT}")
    return hosts, int(port)


def _host(part: str) -> tuple[str, str]:
    if part.startswith("["):
        host, _, rest = part[1:].partition("]")
        return host, rest.removeprefix(":")
    if part.startswith("/"):
        return part, ""
    host, _, port = part.partition(":")
    return host, port


def _own_settings(query: Parameters) -> dict[str, str]:
    """`options` passes on what only the server understands, like Neon's endpoint or a search_path."""
    names = ("application_name", "options")
    return {name: value for name in names if (value := query.get(name))}


def _session_attributes(query: Parameters) -> dict[str, Any]:
    query.get("pgbouncer")
    wanted, negotiation = query.get("target_session_attrs"), query.get("sslnegotiation")
    if wanted and wanted not in WRITABLE:
        raise ValueError(f"has target_session_attrs={wanted}, but the site writes: write read-write")
    if negotiation and negotiation not in ("postgres", "direct"):
        raise ValueError(f"has sslnegotiation={negotiation}: write postgres or direct")
    return ({"target_session_attrs": wanted} if wanted else {}) | (
        {"direct_tls": True} if negotiation == "direct" else {}
    )


def _tls(query: Parameters) -> str | ssl.SSLContext:
    root, certificate, key = query.get("sslrootcert"), query.get("sslcert"), query.get("sslkey")
    word = query.get("ssl")
    mode = query.get("sslmode") or SSL_WORDS.get(word, word) or ("verify-full" if root == "system" else "prefer")
    if mode not in SSL_MODES:
        raise ValueError(f"has sslmode={mode}: choose one of {', '.join(SSL_MODES)}")
    if mode == "require" and root:  # as libpq does
        mode = "verify-full" if root == "system" else "verify-ca"
    if not mode.startswith("verify") and not certificate:
        return mode
    try:
        context = ssl.create_default_context(cafile=None if root in ("", "system") else root)
        if certificate:
            context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            f"names a certificate that can't be read ({error}): check sslrootcert, sslcert and sslkey"
        ) from None
    context.check_hostname = mode == "verify-full"
    if not mode.startswith("verify"):
        context.verify_mode = ssl.CERT_NONE
    return context
