"""PostgreSQL: parsing DATABASE_URL, opening and closing the pool, and migrations that may run concurrently."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from aerich import Command
from tortoise import Tortoise, connections
from tortoise.expressions import RawSQL

from chat.checkout import MIGRATIONS
from chat.database.outages import DatabaseUnavailable, OutageLog, retried
from chat.database.pool import MIN_SIZE, Client
from chat.settings import Settings, SettingsError

__all__ = [
    "NOW",
    "DatabaseUnavailable",
    "OutageLog",
    "migrate",
    "now",
    "open_database",
    "opened",
    "ping",
    "query",
    "retried",
    "urgent",
]

# The database's time, in a filter or an update. Everything that expires is compared with it alone: the clocks of the
# hosts that serve the site differ.
NOW = RawSQL("now()")

MIGRATION_LOCK = 0x63686174  # "chat": the advisory lock of the one process that migrates
DEADLOCKS = 5  # of a migration, until the next one is an error
SERVER_SETTINGS = {
    "application_name": "chat",
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "chat.versions": "1",  # this release sets parents and heads; for the one before, triggers do
}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def credentials(url: str) -> dict[str, Any]:
    """asyncpg's connection arguments from a libpq-style URL.

    Parsed here because Tortoise's parser fails on `sslmode` and reads `ssl=false` as true.
    Supported parameters: `sslmode`, `sslrootcert`, `host` (a socket folder), `application_name`.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = set(options) - {"sslmode", "sslrootcert", "host", "application_name"}
    if unknown:
        raise SettingsError([f"DATABASE_URL has unsupported parameters: {', '.join(sorted(unknown))}"])
    try:
        port = parts.port or 5432
    except ValueError:
        raise SettingsError(["DATABASE_URL has a port that is not a number"]) from None
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


def tortoise_config(url: str, *, pool_size: int = 0) -> dict[str, Any]:
    """Tortoise's configuration. Without a pool it is for migrations: with aerich's own table, and no time limits."""
    migrating = not pool_size
    known = credentials(url)
    if migrating:
        known["server_settings"] = {"application_name": "chat migrate"}
    else:
        known |= {"minsize": MIN_SIZE, "maxsize": pool_size}
    engine = "tortoise.backends.asyncpg" if migrating else "chat.database.pool"
    models = ["chat.models", "aerich.models"] if migrating else ["chat.models"]
    return {
        "connections": {"default": {"engine": engine, "credentials": known}},
        "apps": {"models": {"models": models, "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


async def open_database(settings: Settings) -> None:
    """Open the pool and run one query, so that a wrong URL fails at the start and not on the first request.

    The global fallback makes the connection visible in websockets and background tasks too, which Tortoise's own
    integration for Quart does not.
    """
    config = tortoise_config(settings.database_url, pool_size=settings.database_pool_size)
    await Tortoise.init(config=config, _enable_global_fallback=True)
    await ping()


async def close_database() -> None:
    """Close the pool."""
    await Tortoise.close_connections()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """The database, open for the block."""
    await open_database(settings)
    try:
        yield
    finally:
        await close_database()


async def ping() -> None:
    """Raise DatabaseUnavailable if PostgreSQL does not answer."""
    await urgent("SELECT 1")


async def query(sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of one statement with `$1` parameters, in the caller's transaction if there is one."""
    rows: list[dict[str, Any]] = await connections.get("default").execute_query_dict(sql, list(values))
    return rows


async def urgent(sql: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of a statement that may run twice and must not wait for a pooled connection, whatever the load."""
    return await cast(Client, connections.get("default")).execute_urgent(sql, list(values))


async def now() -> datetime:
    """The database's time, for comparisons outside a statement."""
    time: datetime = (await query("SELECT now() AS now"))[0]["now"]
    return time


async def migrate(settings: Settings) -> list[str]:
    """Apply all pending migrations and return their names.

    An advisory lock on a separate connection lets one process migrate while others wait and then find nothing to do:
    two concurrent aerich runs would leave a duplicate history.
    """
    known = credentials(settings.database_url)
    lock = await asyncpg.connect(**known | {"server_settings": {"application_name": "chat migrate lock"}})
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        async with aerich(settings.database_url) as command:
            return await _upgraded(command)
    finally:
        await lock.close()


async def _upgraded(command: Command) -> list[str]:
    """A migration that locks several tables can deadlock with a worker, which rolls it back; the next try may pass."""
    for _ in range(DEADLOCKS):
        with suppress(asyncpg.DeadlockDetectedError):
            return await command.upgrade()
    return await command.upgrade()


async def make_migration(name: str, *, location: Path = MIGRATIONS) -> str:
    """Write a migration for what changed in the models, without a database; empty if nothing did."""
    async with aerich("postgres://offline", location=location) as command:
        return await command.migrate(name, no_input=True, offline=True)


@asynccontextmanager
async def aerich(url: str, *, location: Path = MIGRATIONS) -> AsyncIterator[Command]:
    """aerich's command, which applies and reverts migrations."""
    command = Command(tortoise_config(url), app="models", location=str(location))
    await command.init(offline=url == "postgres://offline")
    try:
        yield command
    finally:
        await command.aclose()
