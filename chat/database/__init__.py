"""PostgreSQL: opening and closing the pool, and migrations that may run concurrently."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import asyncpg
from aerich import Command
from tortoise import Tortoise, connections
from tortoise.expressions import RawSQL
from tortoise.transactions import in_transaction

from chat.checkout import MIGRATIONS
from chat.database.address import credentials, is_pooled
from chat.database.fitness import FACTS, Facts, facts_of, unfit
from chat.database.outages import DatabaseUnavailable, OutageLog, retried
from chat.database.pool import MIN_SIZE, Client
from chat.database.pooler import PooledConnection
from chat.database.reasons import explained
from chat.settings import Settings, SettingsError

__all__ = [
    "NOW",
    "DatabaseUnavailable",
    "OutageLog",
    "credentials",
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
MIGRATION_SETTINGS = {
    "application_name": "chat migrate",
    # A role's own limits, as docs/stores.md sets them behind a pooler, are for the site's statements.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


def tortoise_config(url: str, *, pool_size: int = 0) -> dict[str, Any]:
    """Tortoise's configuration. Without a pool it is for migrations: with aerich's own table, and no time limits."""
    migrating = not pool_size
    if migrating:
        known, models = migration_credentials(url), ["chat.models", "aerich.models"]
        engine = "tortoise.backends.asyncpg"
    else:
        known, models = credentials(url) | {"minsize": MIN_SIZE, "maxsize": pool_size}, ["chat.models"]
        engine = "chat.database.pooler" if is_pooled(url) else "chat.database.pool"
    return {
        "connections": {"default": {"engine": engine, "credentials": known}},
        "apps": {"models": {"models": models, "default_connection": "default"}},
        "use_tz": True,
        "timezone": "UTC",
    }


def migration_credentials(url: str, *, name: str = "DATABASE_URL") -> dict[str, Any]:
    """asyncpg's arguments for a connection without the site's time limits. Raises SettingsError."""
    known = credentials(url, name=name)
    ours = MIGRATION_SETTINGS if not is_pooled(url) else {"application_name": "chat migrate"}
    kept = {key: value for key, value in known["server_settings"].items() if key == "options"}
    return known | {"server_settings": kept | ours}


async def connect(url: str, *, name: str = "DATABASE_URL", seconds: float) -> asyncpg.Connection:
    """One connection with the site's settings, outside the pool. Raises SettingsError, OSError and asyncpg's errors."""
    known = credentials(url, name=name)
    kind = PooledConnection if is_pooled(url) else asyncpg.Connection
    return await asyncpg.connect(**known, connection_class=kind, timeout=seconds)


async def open_database(settings: Settings) -> Facts:
    """Open the pool and ask the server about itself: a wrong URL fails at the start, not on the first request.

    The global fallback makes the connection visible in websockets and background tasks too, which Tortoise's own
    integration for Quart does not. Raises SettingsError if the server can't be used.
    """
    config = tortoise_config(settings.database_url, pool_size=settings.database_pool_size)
    await Tortoise.init(config=config, _enable_global_fallback=True)
    await ping()
    async with in_transaction():  # behind a pooler, only a transaction has our settings
        facts = facts_of((await query(FACTS))[0])
    if why := unfit(facts):
        raise SettingsError([f"DATABASE_URL {why}"])
    return facts


async def close_database() -> None:
    """Close the pool."""
    await Tortoise.close_connections()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[None]:
    """The database, open for the block."""
    try:
        await open_database(settings)
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
    two concurrent aerich runs would leave a duplicate history. The lock belongs to a transaction, since a pooler would
    give the next statement of a session another connection.
    """
    name = "DATABASE_MIGRATE_URL" if settings.database_migrate_url else "DATABASE_URL"
    url = settings.database_migrate_url or settings.database_url
    known = migration_credentials(url, name=name)
    try:
        lock = await asyncpg.connect(**known)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailable(explained(str(error) or type(error).__name__, name=name)) from error
    try:
        async with lock.transaction():
            await lock.execute("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0")
            await lock.execute(f"SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            async with aerich(url) as command:
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
