"""`chat backup` and `chat restore`: a restored site is the site, and nothing else is taken for a backup."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chat import database
from chat.cli import backup
from chat.database import credentials
from chat.devservices import embedded_postgres
from chat.services.errors import Refused
from chat.settings import Settings
from tests.support.cast import Person
from tests.support.programs import Program, run_chat
from tests.support.replies import ended
from tests.support.sign_up import accept, invitation_for, new_address
from tests.support.site import Beside
from tests.support.two_factor import CODE, turned_on

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
CONTENT = """SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM "{}" t"""
TRIGGERS = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"


def write(root: str, file: str) -> None:
    """`chat backup` in another checkout; what it refuses is its output, and its exit code is 1."""
    say(lambda: backup.write(Path(file), root=Path(root)))


def read(root: str, file: str) -> None:
    """`chat restore` in another checkout."""
    say(lambda: backup.read(Path(file), root=Path(root)))


def migrate(url: str, _: str) -> None:
    asyncio.run(database.migrate(Settings(debug=True, database_url=url)))


def execute(url: str, sql: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(**credentials(url))
        await connection.execute(sql)
        await connection.close()

    asyncio.run(run())


def say(work: Any) -> None:
    try:
        sys.stdout.write(" ".join(work() or ()))
    except Refused as refusal:
        sys.exit(str(refusal))


async def run(work: Any, where: Path | str, what: Path | str, folder: Path) -> tuple[int, str]:
    """The exit code and what a process of its own says; services are started from a main thread."""
    program = Program(work, str(where), str(what), environment=dict(os.environ), folder=folder, output=folder / "said")
    return await program.end(), program.output.strip()


def partial(folder: Path) -> list[Path]:
    return list(folder.glob(".*.partial"))


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A checkout whose site is running, and its database."""
    root = tmp_path / "one"
    (root / "var").mkdir(parents=True)
    with embedded_postgres(root / "var" / "postgres", durable=False) as url:
        yield root, url


async def facts(url: str) -> list[Any]:
    """Every row and every trigger."""
    connection = await asyncpg.connect(**credentials(url))
    tables = [row["tablename"] for row in await connection.fetch(TABLES)]
    found = [(name, *await connection.fetchrow(CONTENT.format(name))) for name in tables]
    found += [tuple(row) for row in await connection.fetch(TRIGGERS)]
    await connection.close()
    return found


async def test_sessions_two_factor_authentication_links_and_chats_work_on_a_restored_site(
    checkout: tuple[Path, str], beside: Beside, tmp_path: Path
) -> None:
    (root, url), file = checkout, tmp_path / "site.dump"
    assert await run(migrate, url, "", tmp_path) == (0, "")
    async with beside(DATABASE_URL=url) as site, Person.signed_up(site, "carol") as carol:
        posted = await carol.ask("say Hello")
        await ended(posted["reply_id"])
        factor, token = await turned_on(carol), await invitation_for(uses=1)
        assert await run(write, root, file, tmp_path) == (0, ""), "while the site runs"
        before = await facts(url)
        cookies, email = dict(carol.http.cookies), carol.email
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert partial(tmp_path) == []

    assert await run(read, tmp_path / "two", file, tmp_path) == (0, "")
    with embedded_postgres(tmp_path / "two" / "var" / "postgres", durable=False) as restored:
        assert await facts(restored) == before
        async with beside(DATABASE_URL=restored) as site:
            async with Person.visiting(site) as again:
                again.http.cookies.update(cookies)
                assert (await again.messages(posted["thread_id"]))[-1]["content"] == "Hello"
            async with Person.visiting(site) as new:
                assert (await new.log_in(email)).headers["location"] == CODE
                assert (await new.http.post(CODE, data={"code": factor.code()})).status_code == 303
                assert (await new.http.get("/chat/")).status_code == 200
            async with Person.visiting(site) as invited:
                assert (await accept(invited, token, new_address())).status_code == 303


async def test_what_would_overwrite_or_is_no_backup_is_refused_and_changes_nothing(
    checkout: tuple[Path, str], tmp_path: Path
) -> None:
    (root, url), file, two = checkout, tmp_path / "site.dump", tmp_path / "two"
    await run(migrate, url, "", tmp_path)
    assert await run(write, root, file, tmp_path) == (0, "")
    whole = file.read_bytes()

    assert await run(write, root, file, tmp_path) == (1, f"{file} exists: choose another name, or remove it.")
    code, said = await run(write, root, tmp_path / "no" / "folder", tmp_path)
    assert (code, said) == (1, f"{tmp_path / 'no'} can't be written: No such file or directory.")
    assert await run(write, two, tmp_path / "none", tmp_path) == (
        1, f"There is no database in {two / 'var'}: `make run` makes one.",
    )  # fmt: skip
    for content, sentence in (
        (b"-- PostgreSQL database dump\n", "the file is not a backup, or it is damaged"),
        (whole[: len(whole) // 2], "the file is not a backup, or it is damaged"),
        (whole[:5] + bytes([1, 99]) + whole[7:], "was written by a newer PostgreSQL"),
    ):
        (bad := tmp_path / "bad.dump").write_bytes(content)
        code, said = await run(read, two, bad, tmp_path)
        assert code == 1
        assert sentence in said
    assert "can't be read: No such file" in (await run(read, two, tmp_path / "nothing", tmp_path))[1]
    assert not two.exists()
    assert file.read_bytes() == whole


async def test_a_backup_of_a_newer_release_or_of_another_program_is_refused(
    checkout: tuple[Path, str], tmp_path: Path
) -> None:
    root, url = checkout
    await run(write, root, tmp_path / "empty.dump", tmp_path)
    await run(migrate, url, "", tmp_path)
    newer = "INSERT INTO aerich (version, app, content) VALUES ('99_20990101000000_later.py', 'models', '{}')"
    await run(execute, url, newer, tmp_path)
    await run(write, root, tmp_path / "newer.dump", tmp_path)

    code, said = await run(read, tmp_path / "two", tmp_path / "newer.dump", tmp_path)
    assert (code, said.endswith("is a backup of a newer release: update this checkout first.")) == (1, True)
    code, said = await run(read, tmp_path / "two", tmp_path / "empty.dump", tmp_path)
    assert (code, "is not a backup of this site" in said) == (1, True)


async def test_only_an_empty_database_is_restored_into(checkout: tuple[Path, str], tmp_path: Path) -> None:
    (root, url), file = checkout, tmp_path / "site.dump"
    await run(migrate, url, "", tmp_path)
    await run(write, root, file, tmp_path)
    assert await run(read, tmp_path / "two", file, tmp_path) == (0, "")

    code, said = await run(read, tmp_path / "two", file, tmp_path)
    assert (code, said.endswith("is not empty: move that folder elsewhere.")) == (1, True)


async def test_a_backup_of_an_older_release_is_brought_to_this_one(checkout: tuple[Path, str], tmp_path: Path) -> None:
    """Of a database that lacks the newest migrations; here the newest one is only forgotten, and can be repeated."""
    (root, url), file = checkout, tmp_path / "site.dump"
    await run(migrate, url, "", tmp_path)
    await run(execute, url, "DELETE FROM aerich WHERE version LIKE '12_%'", tmp_path)
    await run(write, root, file, tmp_path)

    code, said = await run(read, tmp_path / "two", file, tmp_path)
    assert (code, "12_20261129234943_versions.py" in said) == (0, True), said


async def test_for_a_server_of_ones_own_the_command_says_what_to_run(environment: dict[str, str]) -> None:
    given = {**environment, "DATABASE_URL": "postgres://me:canary-password@db/chat"}
    for command, program in (("backup", "pg_dump"), ("restore", "pg_restore")):
        code, said, errors = await run_chat(given, command, "site.dump")

        assert (code, said) == (1, ""), "a job that expects a backup has to notice"
        assert f"    {program} --" in errors
        assert '"$DATABASE_URL"' in errors
        assert "canary" not in errors
