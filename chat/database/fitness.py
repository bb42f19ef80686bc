"""Whether a PostgreSQL server fits: its version, what it does with our settings, and how many connections it allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chat.database.address import is_pooled
from chat.settings import Settings

OLDEST = 15
OUR_OWN = 3  # connections that are left for an administrator and for `chat migrate`
URGENT = 1  # the connection of each process for leases and health checks

FACTS = """
SELECT current_setting('server_version_num')::int / 10000 AS version,
    split_part(current_setting('server_version'), ' ', 1) AS version_name,
    current_setting('max_connections')::int AS most,
    current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS role_limit,
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS database_limit,
    coalesce(current_setting('chat.versions', true), '') AS versions,
    current_setting('statement_timeout') AS statement_timeout,
    current_setting('lock_timeout') AS lock_timeout,
    current_setting('idle_in_transaction_session_timeout') AS idle_timeout,
    pg_is_in_recovery() AS is_replica,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connected
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the server says of itself in one of the site's sessions or, behind a pooler, transactions."""

    version: int
    version_name: str
    most: int
    reserved: int
    role_limit: int | None
    database_limit: int | None
    versions: str
    statement_timeout: str
    lock_timeout: str
    idle_timeout: str
    is_replica: bool
    connected: int

    @property
    def allowed(self) -> int:
        """How many connections the site's user may open at once. A limit of None or -1 in the row is none."""
        limits = [limit for limit in (self.role_limit, self.database_limit) if limit is not None and limit >= 0]
        return min([self.most - self.reserved, *limits])


def facts_of(row: dict[str, Any]) -> Facts:
    """The facts in a row of FACTS."""
    return Facts(**dict(row))


def unfit(facts: Facts) -> str:
    """Why the site can't use this server, and what to do; empty if it can."""
    if facts.version < OLDEST:
        return f"points to PostgreSQL {facts.version_name}: the site needs {OLDEST} or newer"
    if facts.versions != "1":
        return "points to a pooler that drops the settings of sessions: add pgbouncer=true to it, after a ? or an &"
    return ""


def connections_needed(settings: Settings) -> int:
    """What the processes of this host open at most."""
    return settings.web_concurrency * (settings.database_pool_size + URGENT)


def too_many_connections(settings: Settings, facts: Facts) -> str:
    """A sentence if the processes of this host can open more connections than the server allows; empty if they fit.

    Behind a pooler nothing is known: the sum of all processes is the pooler's to limit.
    """
    needed, free = connections_needed(settings), facts.allowed - OUR_OWN
    if is_pooled(settings.database_url) or needed <= free:
        return ""
    return (
        f"{settings.web_concurrency} * ({settings.database_pool_size} + {URGENT}) = {needed} connections to PostgreSQL "
        f"can be opened, and it allows {facts.allowed}, of which {OUR_OWN} are for you and `chat migrate`: lower "
        "WEB_CONCURRENCY or DATABASE_POOL_SIZE, or use a pooler"
    )
