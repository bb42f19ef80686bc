"""Dumps of the embedded PostgreSQL, written and read by the programs of its wheel."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from chat.devservices.postgres_programs import PACKAGE, PROGRAMS, package_folder
from chat.devservices.program import PLAIN_ENVIRONMENT, ServiceError

FORMAT = ("--format=custom", "--no-owner", "--no-privileges")  # owners and their rights belong to a server
MAGIC = b"PGDMP"  # how such a file begins
APPLIED = re.compile(r"\t([0-9]+_[0-9]+_\w+\.py)\t")  # in a row of aerich's table
WHOLE = "the file is not a backup, or it is damaged"


def write(database_url: str, file: Path) -> None:
    """Write a dump that only we can read. Under its name it is complete, or not there at all. Raises ServiceError."""
    if file.exists():
        raise ServiceError(f"{file} exists: choose another name, or remove it.")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".partial", dir=file.parent)  # mode 600
    except OSError as error:
        raise ServiceError(f"{file.parent} can't be written: {error.strerror}.") from None
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as output:
            _run("pg_dump", *FORMAT, f"--dbname={database_url}", output=output.fileno())
            os.fsync(output.fileno())
        migrations_in(partial)  # it can be read
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)


def migrations_in(file: Path) -> set[str]:
    """The migrations of the database that was dumped. Raises ServiceError for what is not a whole dump."""
    try:
        with file.open("rb") as content:
            beginning = content.read(len(MAGIC))
    except OSError as error:
        raise ServiceError(f"{file} can't be read: {error.strerror}.") from None
    if beginning != MAGIC:
        raise ServiceError(f"{file} can't be restored: {WHOLE}.")
    _run("pg_restore", f"--file={os.devnull}", str(file))  # reads every table
    rows = _run("pg_restore", "--data-only", "--table=aerich", "--file=-", str(file))
    return set(APPLIED.findall(rows))


def restore(file: Path, database_url: str) -> None:
    """Restore a dump into an empty database, wholly or not at all. Raises ServiceError."""
    whole = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run("pg_restore", *whole, f"--dbname={database_url}", str(file))


def _run(program: str, *words: str, output: int = subprocess.PIPE) -> str:
    command = [str(package_folder(PACKAGE).parent / PROGRAMS / program), *words]
    done = subprocess.run(  # noqa: S603
        command, env=PLAIN_ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise ServiceError(_explained(program, done.stderr.decode(errors="replace")))
    return (done.stdout or b"").decode(errors="replace")


def _explained(program: str, said: str) -> str:
    line = (said.strip() or "no reason").splitlines()[0].removeprefix(f"{program}: error: ")
    if "unsupported version" in line:
        return f"The backup was written by a newer PostgreSQL ({line}): update this checkout first."
    if program == "pg_restore":
        return f"The backup can't be restored ({line}): {WHOLE}."
    return f"The backup was not written ({line})."
