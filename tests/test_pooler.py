"""PostgreSQL behind a real pgbouncer in transaction mode: what it would break works, or is refused in a sentence."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from chat import database
from chat.database import credentials
from chat.models import ChatMessage
from tests.faults import launch
from tests.support import programs
from tests.support.cast import Person
from tests.support.pooler import FORGETTING, pgbouncer, require_pgbouncer
from tests.support.ports import free_port
from tests.support.programs import Program
from tests.support.replies import ended
from tests.support.site import Beside, Site
from tests.support.stores import Stores
from tests.support.versions import edit
from tests.support.waiting import eventually

MODE = "?pgbouncer=true"


@pytest.fixture(scope="module")
def pooler(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, without a word that it is a pooler."""
    require_pgbouncer()
    with pgbouncer(tmp_path_factory.mktemp("pooler"), stores.database_url) as url:
        yield url


@pytest.fixture(scope="module")
async def pooled(pooler: str, migrated: None, beside: Beside) -> AsyncIterator[Site]:
    """A site that has PostgreSQL behind it."""
    async with beside(DATABASE_URL=f"{pooler}{MODE}") as site:
        yield site


@pytest.fixture
async def carol(pooled: Site) -> AsyncIterator[Person]:
    """A user of that site."""
    async with Person.signed_up(pooled, "carol") as person:
        yield person


async def test_a_chat_works_and_the_triggers_for_older_releases_are_silent(carol: Person) -> None:
    posted = await carol.ask("say Hello")
    await ended(posted["reply_id"])
    first = await ChatMessage.get(thread_id=posted["thread_id"], role="user")
    edited = await edit(carol, posted["thread_id"], str(first.id), "say Goodbye")
    await ended(edited.json()["reply_id"])

    questions = await ChatMessage.filter(thread_id=posted["thread_id"], role="user").order_by("number")
    assert [question.parent_id for question in questions] == [None, None], (
        "a trigger would have given the second one a parent"
    )
    assert (await carol.messages(posted["thread_id"]))[-1]["content"] == "Goodbye"


async def test_many_statements_at_once_share_few_connections(carol: Person) -> None:
    """Prepared by one connection, a statement is unknown to the others, or has the name of another one there."""
    pages = ("/chat/", "/accounts/settings/", "/usage/", "/chat/api/threads/", "/readyz")
    found = await asyncio.gather(*(carol.http.get(page) for page in pages * 8))

    assert [page.status_code for page in found] == [200] * 40


async def test_two_processes_serve_behind_it(
    pooler: str, pooled: Site, environment: dict[str, str], tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        "DATABASE_URL": f"{pooler}{MODE}",
        "WEB_CONCURRENCY": "2",
        "PORT": url.rpartition(":")[2],
        "PUBLIC_URL": url,
    }
    given = {**os.environ, **environment, **settings}
    server = Program(launch.main, "serve", environment=given, folder=tmp_path, output=tmp_path / "output")
    try:
        async with Person.visiting(Site(pooled.app, url)) as dave:
            await eventually(lambda: answers(dave))
            assert (await dave.sign_up(f"dave-{uuid.uuid4().hex}@example.com")).status_code == 303
            posted = await dave.ask("say Hello")
            async with dave.tab(posted["thread_id"]) as one, dave.tab(posted["thread_id"]) as two:
                assert (await one.until_finished(posted["reply_id"]))["content"] == "Hello"
                assert (await two.until_finished(posted["reply_id"]))["content"] == "Hello"
    finally:
        server.send_signal(signal.SIGTERM)
    assert await server.end() == 0, server.output


async def answers(person: Person) -> bool:
    try:
        return (await person.http.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def test_each_transaction_has_the_time_limits_that_a_session_would_have(pooler: str) -> None:
    program = """
import asyncio, os
from tortoise.transactions import in_transaction
from chat import database
from chat.settings import Settings

async def main():
    async with database.opened(Settings(debug=True, database_url=os.environ["DATABASE_URL"])):
        async with in_transaction():
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "chat.versions"):
                print((await database.query(f"SELECT current_setting('{name}') AS value"))[0]["value"], end=" ")
        print((await database.query("SHOW statement_timeout"))[0]["statement_timeout"])

asyncio.run(main())
"""
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={**os.environ, "DATABASE_URL": f"{pooler}{MODE}"},
        cwd=database.MIGRATIONS.parent,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await run.communicate()

    assert output.decode() == "15s 5s 15s 1 0\n"


async def test_processes_that_migrate_through_it_apply_each_migration_once(
    pooler: str, stores: Stores, tmp_path: Path
) -> None:
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(**credentials(stores.database_url))
    await admin.execute(f'CREATE DATABASE "{name}"')
    url = pooler.replace("/postgres", f"/{name}", 2).replace(f"/{name}@", "/postgres@")
    environment = {**os.environ, "DEBUG": "True", "DATABASE_URL": f"{url}{MODE}"}
    runs = [
        Program(programs.chat, "migrate", environment=environment, folder=tmp_path, output=tmp_path / str(n))
        for n in range(3)
    ]
    codes = [await run.end() for run in runs]
    applied = sorted(line for run in runs for line in run.output.splitlines() if line.startswith("Applied"))
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()

    assert codes == [0, 0, 0], [run.output for run in runs]
    assert applied == sorted(f"Applied {path.name}" for path in (database.MIGRATIONS / "models").glob("[0-9]*.py"))


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_pooler_that_no_one_mentioned_is_refused_in_a_sentence(
    forgets: bool, pooler: str, stores: Stores, environment: dict[str, str], tmp_path: Path
) -> None:
    """It refuses settings of sessions, or forgets them, after which an older release's triggers would move messages."""
    with pgbouncer(tmp_path, stores.database_url, *([FORGETTING] if forgets else [])) as url:
        given = {**os.environ, **environment, "DATABASE_URL": url, "PORT": str(free_port())}
        server = Program(launch.main, "serve", environment=given, folder=tmp_path, output=tmp_path / "output")
        assert await server.end() == 1

        given = {**os.environ, **environment, "DATABASE_URL": url}
        migrating = Program(programs.chat, "migrate", environment=given, folder=tmp_path, output=tmp_path / "migrate")
        assert await migrating.end() == (0 if forgets else 1)

    assert forgets or "add pgbouncer=true to DATABASE_URL" in migrating.output
    assert "Traceback" not in migrating.output
    assert "add pgbouncer=true to" in server.output
    assert "Traceback" not in server.output
