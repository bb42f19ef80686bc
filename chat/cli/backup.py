"""`chat backup` and `chat restore`, for the embedded PostgreSQL in `var/`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from chat import database, development
from chat.checkout import MIGRATIONS, ROOT
from chat.devservices import ServiceError, dumps, embedded_postgres
from chat.devservices.private import private_folder
from chat.services.errors import Refused
from chat.settings import Settings

OWN_SERVER = """\
DATABASE_URL is set, so PostgreSQL is a server of yours. Its own programs, of its version or newer, do this:

    {line}

The address is that of PostgreSQL itself, not of a pooler, and without pgbouncer=true and other parameters that only
the site knows. Keep SECRET_KEY, too: without it the authenticator apps of a restored site do not work.
"""
DUMP = 'pg_dump --format=custom --no-owner --no-privileges --file={file} "$DATABASE_URL"'
RESTORE = 'pg_restore --single-transaction --exit-on-error --no-owner --no-privileges --dbname="$DATABASE_URL" {file}'
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def backup(arguments: argparse.Namespace) -> int:
    """Write a backup of the embedded database, while the site runs or while it does not."""
    if os.environ.get("DATABASE_URL"):
        return _explain(DUMP, arguments.file)
    write(Path(arguments.file))
    sys.stdout.write(
        f"Wrote {arguments.file}. Keep the SECRET_KEY, too, which is in var/secret_key unless it is set: without it "
        "the authenticator apps of a restored site do not work.\n"
    )
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Restore a backup into an embedded database that is empty, and bring it to this release."""
    if os.environ.get("DATABASE_URL"):
        return _explain(RESTORE, arguments.file)
    applied = read(Path(arguments.file))
    sys.stdout.write(f"Restored {arguments.file}. {_of_migrations(applied)}\n")
    return 0


def write(file: Path, *, root: Path = ROOT) -> None:
    """Write the backup. Raises Refused, if there is no database, too."""
    with _refusing():
        running = development.beside_a_run({}, root=root).get("DATABASE_URL")
        if running and _is_up(running):
            dumps.write(running, file)
            return
        if not (root / "var" / "postgres").exists():
            raise ServiceError(f"There is no database in {root / 'var'}: `make run` makes one.")
        with _alone(root) as url:
            dumps.write(url, file)


def read(file: Path, *, root: Path = ROOT) -> list[str]:
    """Restore the backup, and return the migrations that it lacked. Raises Refused, and has then changed nothing."""
    with _refusing():
        known = {path.name for path in (MIGRATIONS / "models").glob("[0-9]*.py")}
        contained = dumps.migrations_in(file)
        if not contained:
            raise ServiceError(f"{file} is not a backup of this site: no migration was applied to it.")
        if contained - known:
            raise ServiceError(f"{file} is a backup of a newer release: update this checkout first.")
        with _alone(root) as url:
            if asyncio.run(_has_tables(url)):
                raise ServiceError(
                    f"The database in {root / 'var' / 'postgres'} is not empty: move that folder elsewhere."
                )
            dumps.restore(file, url)
            return asyncio.run(database.migrate(Settings(debug=True, database_url=url)))


def _explain(line: str, file: str) -> int:
    sys.stderr.write(OWN_SERVER.format(line=line.format(file=file)))
    return 1  # nothing was written: a job that expects a backup has to notice


def _of_migrations(applied: list[str]) -> str:
    return f"It lacked {len(applied)} migrations, which were applied." if applied else "It is of this release."


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except ServiceError as error:
        raise Refused("services", str(error)) from None


@contextmanager
def _alone(root: Path) -> Iterator[str]:
    """The embedded PostgreSQL, started for this; `make run` waits for its turn."""
    private_folder(root / "var")
    with (
        development.only_run(root / "var" / "run.lock", "no address: it is a backup"),
        embedded_postgres(root / "var" / "postgres") as url,
    ):
        yield url


def _is_up(url: str) -> bool:
    return asyncio.run(_answers(url))


async def _answers(url: str) -> bool:
    try:
        await (await asyncpg.connect(**database.credentials(url))).close()
    except (OSError, asyncpg.PostgresError):
        return False
    return True


async def _has_tables(url: str) -> bool:
    connection = await asyncpg.connect(**database.credentials(url))
    try:
        return bool(await connection.fetchval(TABLES))
    finally:
        await connection.close()
