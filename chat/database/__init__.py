"""PostgreSQL: what DATABASE_URL means, opening and closing the pool, and migrations that may run twice at once."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from aerich import Command
from tortoise import Tortoise, connections

from chat.checkout import MIGRATIONS
from chat.database.pool import POOL, DatabaseUnavailable
from chat.settings import Settings, SettingsError

__all__ = ["DatabaseUnavailable", "migrate", "open_database", "opened", "ping", "query"]

MIGRATION_LOCK = 0x63686174  # "chat": the advisory lock that only one migrating process holds
SERVER_SETTINGS = {
    "application_name": "chat",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def credentials(url: str) -> dict[str, Any]:
    """What asyncpg wants to know, from a libpq-style URL.

    Tortoise's own parser fails on `sslmode` and takes `ssl=false` for true, so the URL is read here.
    Understood parameters: `sslmode`, `sslrootcert`, `host` (a socket folder), `application_name`.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = set(options) - {"sslmode", "sslrootcert", "host", "application_name"}
    if unknown:
        raise SettingsError([f"DATABASE_URL has parameters that are not understood: {', '.join(sorted(unknown))}"])
    try:
        port = parts.port or 5432
    except ValueError:
        raise SettingsError(["DATABASE_URL has a port that is no number"]) from None
    return {
        "host": options.get("host") or parts.hostname or "127.0.0.1",
        "port": port,
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(parts.path.lstrip("/")) or "postgres",
        "ssl": _tls(options.get("sslmode", "prefer"), options.get("sslrootcert")),
        "server_settings": SERVER_SETTINGS
        | ({"application_name": options["application_name"]} if "application_name" in options else {}),
    }


def _tls(mode: str, root_certificate: str | None) -> str | ssl.SSLContext:
    if mode not in SSL_MODES:
        raise SettingsError([f"DATABASE_URL has sslmode={mode}: choose one of {', '.join(SSL_MODES)}"])
    if not mode.startswith("verify"):
        return mode
    try:
        context = ssl.create_default_context(cafile=root_certificate)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError([f"DATABASE_URL names a root certificate that cannot be read: {error}"]) from error
    context.check_hostname = mode == "verify-full"
    return context


def tortoise_config(url: str, *, migrating: bool = False) -> dict[str, Any]:
    """Tortoise's configuration; `migrating` adds aerich's own table and takes the time limits off."""
    known = credentials(url)
    if migrating:
        known["server_settings"] = {"application_name": "chat migrate"}
    else:
        known |= POOL
    engine = "tortoise.backends.asyncpg" if migrating else "chat.database.pool"
    models = ["chat.models", "aerich.models"] if migrating else ["chat.models"]
    return {
        "connections": {"default": {"engine": engine, "credentials": known}},
        "apps": {"models": {"models": models, "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def open_database(settings: Settings) -> None:
    """Open the pool and ask it one question, so that a wrong URL is seen at the start and not by the first visitor.

    The global fallback makes the connection visible in websockets and background tasks as well; Tortoise's own
    integration for Quart does not.
    """
    await Tortoise.init(config=tortoise_config(settings.database_url), _enable_global_fallback=True)
    await ping()


async def close_database() -> None:
    """Close the pool."""
    await Tortoise.close_connections()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """The database for the length of a command."""
    await open_database(settings)
    try:
        yield
    finally:
        await close_database()


async def ping() -> None:
    """Raise if PostgreSQL does not answer."""
    await query("SELECT 1")


async def query(sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of one statement with `$1` parameters, in the transaction of the caller if there is one."""
    rows: list[dict[str, Any]] = await connections.get("default").execute_query_dict(sql, list(values))
    return rows


async def migrate(settings: Settings) -> list[str]:
    """Bring the database to the newest migration and say which were applied.

    An advisory lock on a connection of its own lets one process work while others wait and then find nothing to do:
    aerich by itself leaves a duplicate history when two run at once.
    """
    known = credentials(settings.database_url)
    lock = await asyncpg.connect(**known | {"server_settings": {"application_name": "chat migrate lock"}})
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        async with aerich(settings.database_url) as command:
            return await command.upgrade()
    finally:
        await lock.close()


async def make_migration(name: str, *, location: Path = MIGRATIONS) -> str:
    """Write the migration that brings the newest one to the models, without a database; empty if they agree."""
    async with aerich("postgres://offline", location=location) as command:
        return await command.migrate(name, no_input=True, offline=True)


@asynccontextmanager
async def aerich(url: str, *, location: Path = MIGRATIONS) -> AsyncIterator[Command]:
    """What applies migrations and takes them back."""
    command = Command(tortoise_config(url, migrating=True), app="models", location=str(location))
    await command.init(offline=url == "postgres://offline")
    try:
        yield command
    finally:
        await command.aclose()
