"""PostgreSQL: whether the site can use it, whether it has every migration, its limits and its clock."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

import asyncpg

from chat import database
from chat.checkout import MIGRATIONS
from chat.cli.doctor.findings import Finding, ok, problem, warning
from chat.database.address import is_pooled
from chat.database.clock import TIME, TOLERATED_SECONDS
from chat.database.fitness import FACTS, Facts, connections_needed, facts_of, too_many_connections, unfit
from chat.database.reasons import explained
from chat.settings import Settings, SettingsError

CHECK, MIGRATE = "database", "database for migrations"
CONNECT_SECONDS = 5.0
ADMINISTRATORS = "SELECT count(*) FROM users WHERE is_staff AND is_active"
FAILURES = (OSError, ssl.SSLError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def check(settings: Settings) -> list[Finding]:
    """What a start, `chat migrate` and the first requests would meet."""
    if not settings.database_url:
        return [warning(CHECK, "DATABASE_URL is not set, and no `make run` is running", "set DATABASE_URL")]
    try:
        connection = await database.connect(settings.database_url, seconds=CONNECT_SECONDS)
    except SettingsError:
        return []  # among the settings
    except FAILURES as error:
        return [_refused(CHECK, "DATABASE_URL", error)]
    try:
        return await _asked(connection, settings)
    except FAILURES as error:
        return [_refused(CHECK, "DATABASE_URL", error)]
    finally:
        connection.terminate()


async def check_migrations(settings: Settings) -> list[Finding]:
    """The other address, if there is one."""
    url, name = settings.database_migrate_url, "DATABASE_MIGRATE_URL"
    if not url:
        return []
    try:
        connection = await database.connect(url, name=name, seconds=CONNECT_SECONDS)
    except SettingsError as error:
        return [problem(MIGRATE, error.problems[0], "correct it")]
    except FAILURES as error:
        return [_refused(MIGRATE, name, error)]
    connection.terminate()
    return [ok(MIGRATE, "can be reached")]


def _refused(check: str, name: str, error: Exception) -> Finding:
    why = " ".join(str(error).partition("\n")[0].split()) or type(error).__name__
    says, _, to_do = explained(why, name=name).rpartition(": ")
    return problem(check, f"can't be used: {says}" if says != why else f"can't be used ({why})", to_do)


async def _asked(connection: asyncpg.Connection, settings: Settings) -> list[Finding]:
    async with connection.transaction():
        facts = facts_of(await connection.fetchrow(FACTS))
    if why := unfit(facts):
        says, _, to_do = why.partition(": ")
        return [problem(CHECK, f"DATABASE_URL {says}", to_do)]
    found = [*_limits(facts, settings, await connection.fetchval("SHOW statement_timeout"))]
    found += await _clock(connection)
    applied = await _applied(connection)
    found += _migrations(applied)
    if applied and not await connection.fetchval(ADMINISTRATORS):
        found.append(warning(CHECK, "the site has no administrator", "run `chat create-admin EMAIL`"))
    needed = f"{connections_needed(settings)} of {facts.allowed} connections"
    return [ok(CHECK, f"PostgreSQL {facts.version_name}, {needed}"), *found]


def _limits(facts: Facts, settings: Settings, timeout: str) -> Iterator[Finding]:
    if facts.is_replica:
        says = "DATABASE_URL points to a replica, which can't be written"
        yield problem(CHECK, says, "use the address of the primary")
    if crowded := too_many_connections(settings, facts):
        says, _, to_do = crowded.rpartition(": ")
        yield warning(CHECK, says, to_do)
    if is_pooled(settings.database_url) and timeout == "0":
        says = "behind the pooler, statements outside transactions have no time limit"
        yield warning(CHECK, says, "run `ALTER ROLE … SET statement_timeout = '15s'`, see docs/stores.md")


async def _clock(connection: asyncpg.Connection) -> list[Finding]:
    before = time.time()
    theirs: float = await connection.fetchval(TIME)
    return clock_finding(CHECK, "PostgreSQL", before, theirs, time.time())


def clock_finding(check: str, name: str, before: float, theirs: float, after: float) -> list[Finding]:
    """A warning if a server's clock and ours differ; its answer was given between `before` and `after`."""
    apart = max(before - theirs, theirs - after, 0.0)
    if apart <= TOLERATED_SECONDS:
        return []
    return [warning(check, f"the clocks of this host and of {name} differ by {apart:.0f} s", "run NTP on both hosts")]


async def _applied(connection: asyncpg.Connection) -> set[str]:
    try:
        return {row["version"] for row in await connection.fetch("SELECT version FROM aerich WHERE app = 'models'")}
    except asyncpg.UndefinedTableError:
        return set()


def _migrations(applied: set[str]) -> Iterator[Finding]:
    ours = {path.name for path in (MIGRATIONS / "models").glob("[0-9]*.py")}
    if missing := sorted(ours - applied, key=lambda name: int(name.partition("_")[0])):
        says = f"{len(missing)} of {len(ours)} migrations are missing, the first is {missing[0]}"
        yield problem(CHECK, says, "run `chat migrate`")
    if applied - ours:
        says = f"{len(applied - ours)} migrations are those of a newer release"
        yield warning(CHECK, says, "update this host, or see docs/operations.md")
