"""Writes that PostgreSQL refuses with an SQLSTATE of the test's choice, as it does when its disk is full.

Triggers raise it: a real disk of little room needs a mount, for which a test run may lack the rights, and another one
to tell what is full (the log, a table, an index). What the site sees is the same: a real server answers reads, and
refuses writes in a statement or at COMMIT.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

NO_SPACE = "53100"
REFUSE = """
CREATE OR REPLACE FUNCTION refuse_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'it failed: No space left on device' USING ERRCODE = '{state}'; END $$
"""
IN_STATEMENT = (
    "CREATE TRIGGER refuse_write BEFORE INSERT OR UPDATE OR DELETE ON {table} EXECUTE FUNCTION refuse_write()"
)
AT_COMMIT = """
CREATE CONSTRAINT TRIGGER refuse_write AFTER INSERT OR UPDATE OR DELETE ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION refuse_write()
"""
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


@asynccontextmanager
async def failing_writes(
    admin: asyncpg.Connection, *tables: str, state: str = NO_SPACE, at_commit: bool = False
) -> AsyncIterator[None]:
    """Refuse every write to these tables, by default to all of them, until the block ends."""
    tables = tables or tuple(row["relname"] for row in await admin.fetch(TABLES))
    try:
        await admin.execute(REFUSE.format(state=state))
        for table in tables:
            await admin.execute((AT_COMMIT if at_commit else IN_STATEMENT).format(table=table))
        yield
    finally:
        await admin.execute("DROP FUNCTION refuse_write CASCADE")
