"""DATABASE_URL as managed databases write it, and migrations that two deploys run at once."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
from tortoise.transactions import in_transaction

from chat import database
from chat.database import DatabaseUnavailable, credentials, query, urgent
from chat.database.pool import Client
from chat.models import AuditEntry
from chat.services.replies import lease
from chat.services.replies.snapshot import thread_states
from chat.settings import Settings, SettingsError
from tests.support import patches
from tests.support.cast import Person
from tests.support.site import Site
from tests.support.stores import Stores
from tests.support.waiting import LONG_SECONDS, eventually


def test_a_url_with_sslmode_is_understood() -> None:
    known = credentials("postgres://us%20er:p%40ss@db.example.com:6432/my_chat?sslmode=require&application_name=x")

    assert (known["host"], known["port"], known["user"], known["password"], known["database"], known["ssl"]) == (
        "db.example.com", 6432, "us er", "p@ss", "my_chat", "require",
    )  # fmt: skip
    assert known["server_settings"]["application_name"] == "x"
    assert known["server_settings"]["statement_timeout"] == "15s"


def test_verifying_modes_check_the_certificate_and_only_full_the_name() -> None:
    full, authority = (credentials(f"postgres://db/chat?sslmode=verify-{mode}")["ssl"] for mode in ("full", "ca"))

    assert full.verify_mode is authority.verify_mode is ssl.CERT_REQUIRED
    assert (full.check_hostname, authority.check_hostname) == (True, False)


@pytest.mark.parametrize(
    "url", ["postgres://db/chat?sslmode=maybe", "postgres://db/chat?pool=9", "postgres://db:x/chat", "postgres://db/c?sslmode=verify-ca&sslrootcert=/none"]
)  # fmt: skip
def test_an_invalid_url_is_explained(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        credentials(url)


async def test_the_url_alone_says_where_the_database_is(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGUSER", "PGDATABASE", "PGSERVICE", "PGSSLMODE", "PGHOSTADDR", "PGOPTIONS"):
        monkeypatch.setenv(name, "of-another-program")
    monkeypatch.setenv("PGPORT", "1")

    connection = await asyncpg.connect(**credentials(stores.database_url.replace("postgres@/postgres", "")))
    assert await connection.fetchval("SELECT current_user || '/' || current_database()") == "postgres/postgres"
    await connection.close()


@pytest.fixture
async def empty(stores: Stores, environment: dict[str, str]) -> AsyncIterator[Settings]:
    """A new, empty database."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(**credentials(stores.database_url))
    await admin.execute(f'CREATE DATABASE "{name}"')
    yield Settings.from_environment(
        {**environment, "DATABASE_URL": stores.database_url.replace("/postgres?", f"/{name}?")}
    )
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


async def test_processes_that_migrate_at_once_apply_each_migration_once(empty: Settings, tmp_path: Path) -> None:
    program = "import asyncio, os; from chat import database; from chat.settings import Settings; "
    program += "print(asyncio.run(database.migrate(Settings.from_environment(os.environ))))"
    environment = {"DEBUG": "True", "DATABASE_URL": empty.database_url, "PATH": "/usr/bin:/bin"}
    runs = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=environment, cwd=database.MIGRATIONS.parent,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    outputs = [await run.communicate() for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    applied = [line for output, _ in outputs for line in eval(output)]
    assert sorted(applied) == sorted(path.name for path in (database.MIGRATIONS / "models").glob("[0-9]*.py"))
    connection = await asyncpg.connect(**credentials(empty.database_url))
    assert await connection.fetchval("SELECT count(*) = count(DISTINCT version) FROM aerich") is True
    await connection.close()


async def test_models_and_migrations_do_not_drift(tmp_path: Path) -> None:
    copy = shutil.copytree(database.MIGRATIONS, tmp_path / "migrations")
    program = "import asyncio, pathlib, sys; from chat import database; "
    program += "print(asyncio.run(database.make_migration('drift', location=pathlib.Path(sys.argv[1]))))"
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(copy), cwd=database.MIGRATIONS.parent, stdout=asyncio.subprocess.PIPE
    )
    written, _ = await run.communicate()

    assert (run.returncode, written) == (0, b"\n"), "the models have changed: run `chat make-migration NAME`"


SCHEMA = """
SELECT format('%s %s %s %s %s', table_name, column_name, data_type, column_default, is_nullable)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY 1
"""


# In a separate process, since aerich reopens the ORM's connections for the whole process.
TAKE_BACK = """
import asyncio, os, sys
import asyncpg
from chat import database

async def main(url, schema, count):
    connection = await asyncpg.connect(**database.credentials(url))
    async with database.aerich(url) as command:
        await command.upgrade()
        before = await connection.fetch(schema)
        back = [await command.downgrade(-1, delete=False) for _ in range(count)]
        again = await command.upgrade()
        print((back, again, await connection.fetch(schema) == before))

asyncio.run(main(os.environ["DATABASE_URL"], sys.argv[1], int(sys.argv[2])))
"""


async def test_each_migration_can_be_reverted_and_applied_again(empty: Settings) -> None:
    names = [path.name for path in (database.MIGRATIONS / "models").glob("[0-9]*.py")]
    newest_first = sorted(names, key=lambda name: int(name.partition("_")[0]), reverse=True)
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TAKE_BACK, SCHEMA, str(len(newest_first) - 1), env={"DATABASE_URL": empty.database_url},
        cwd=database.MIGRATIONS.parent, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    written, _ = await run.communicate()

    assert run.returncode == 0
    assert eval(written) == ([[name] for name in newest_first[:-1]], newest_first[-2::-1], True)


PARTIAL_INDEXES = {
    "one_active",
    "chat_message_first",
    "chat_thread_deleted",
    "chat_thread_listed",
    "chat_thread_pinned",
    "generation_alive",
    "llm_call_log_odd",
    "users_unapproved",
}
CHECKS = {
    "email_lower_case",
    "known_theme",
    "known_enter_key",
    "known_role",
    "known_status",
    "known_state",
    "known_tool_state",
    "known_title_by",
    "one_row",
    "uses_in_range",
    "an_address_is_one_person",
}


async def test_what_aerich_cannot_write_is_in_the_migrated_database(migrated: None, stores: Stores) -> None:
    connection = await asyncpg.connect(**credentials(stores.database_url))
    indexes = await connection.fetch("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%WHERE%'")
    checks = await connection.fetch("SELECT conname FROM pg_constraint WHERE contype = 'c'")
    unique = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%'")
    await connection.close()

    assert {row["indexname"] for row in indexes} >= PARTIAL_INDEXES
    assert {row["conname"] for row in checks} >= CHECKS
    definitions = " ".join(row["indexdef"] for row in unique)
    for columns in (
        "chat_message USING btree (thread_id, client_id)",
        "chat_message USING btree (thread_id, number)",
        "generation USING btree (user_message_id, attempt)",
        "llm_call_log USING btree (response_id)",
        "llm_call_log USING btree (generation_id, round)",
        "user_monthly_usage USING btree (user_id, month)",
        "tool_call USING btree (generation_id, call_id)",
    ):
        assert columns in definitions


@pytest.mark.parametrize(
    "change", ["UPDATE audit_entry SET reason = 'none'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
async def test_the_audit_log_only_accepts_new_entries(site: Site, change: str) -> None:
    entry = await AuditEntry.create(actor_id=uuid.uuid4(), actor_email="root@example.com", action="test", object_id="1")

    with pytest.raises(asyncpg.RaiseError, match="only ever added"):
        await query(change)
    assert await AuditEntry.get(id=entry.id)


# Connections that are lost

KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat'"


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is not one of the site's."""
    known = credentials(stores.database_url)
    connection = await asyncpg.connect(**known | {"server_settings": {"application_name": "admin"}})
    yield connection
    await connection.close()


async def test_what_reads_and_what_begins_finds_a_living_connection(site: Site, admin: asyncpg.Connection) -> None:
    for _ in range(3):
        await asyncio.gather(*(query("SELECT pg_sleep(0.02)") for _ in range(12)))
        await admin.execute(KILL)
        assert await asyncio.gather(*(query("SELECT 1 AS one") for _ in range(12))) == [[{"one": 1}]] * 12
        await admin.execute(KILL)
        async with in_transaction():
            assert await query("SELECT 1 AS one") == [{"one": 1}]


async def test_a_transaction_that_loses_its_connection_fails_and_the_pool_recovers(
    site: Site, admin: asyncpg.Connection
) -> None:
    for _ in range(12):  # more often than the pool has connections
        with pytest.raises(DatabaseUnavailable):
            async with in_transaction():
                await query("SELECT 1")
                await admin.execute(KILL)
                await query("SELECT 1")

    assert await query("SELECT 1 AS one") == [{"one": 1}]


async def test_a_statement_without_a_reply_closes_its_connection(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hasty:
        patches.QUERY_SECONDS.replace(hasty, 0.2)
        patches.RETRY_WITHIN_SECONDS.replace(hasty, 0.1)
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(query("SELECT pg_sleep(60)"), LONG_SECONDS)

    assert await query("SELECT 1 AS one") == [{"one": 1}]


async def test_an_answer_that_arrived_while_the_process_was_busy_is_no_outage(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.QUERY_SECONDS.replace(monkeypatch, 0.2)
    patches.RETRY_WITHIN_SECONDS.replace(monkeypatch, 0)
    asked = asyncio.create_task(query("SELECT 1 AS one FROM pg_sleep(0.1)"))
    await asyncio.sleep(0.05)  # the query is sent
    time.sleep(0.6)  # noqa: ASYNC251 - the loop has to be busy

    assert await asked == [{"one": 1}]


async def test_a_connection_goes_back_to_the_pool_without_a_statement(site: Site, admin: asyncpg.Connection) -> None:
    await query("SELECT 'the last words'")
    last = await admin.fetch("SELECT query FROM pg_stat_activity WHERE application_name = 'chat'")

    assert "SELECT 'the last words'" in [row["query"] for row in last]
    assert not [row["query"] for row in last if "RESET ALL" in row["query"]]


async def test_a_process_opens_as_many_connections_as_its_setting_says(stores: Stores) -> None:
    config = database.tortoise_config(stores.database_url, pool_size=3)
    client = Client(connection_name="small", **config["connections"]["default"]["credentials"])
    await client.create_connection(with_db=True)
    asked = (client.execute_query_dict("SELECT pg_backend_pid() AS pid FROM pg_sleep(0.1)") for _ in range(9))
    pids = {rows[0]["pid"] for rows in await asyncio.gather(*asked)}
    [urgent_one] = await client.execute_urgent("SELECT pg_backend_pid() AS pid", [])
    await client.close()

    assert len(pids) == 3
    assert urgent_one["pid"] not in pids, "one more, which nothing else uses"


@asynccontextmanager
async def every_connection_held() -> AsyncIterator[None]:
    """The pool has no connection left until the block ends."""
    held, enough = asyncio.Semaphore(0), asyncio.Event()

    async def hold() -> None:
        async with in_transaction():
            held.release()
            await enough.wait()

    holders = [asyncio.create_task(hold()) for _ in range(Settings(debug=True).database_pool_size)]
    for _ in holders:
        await asyncio.wait_for(held.acquire(), LONG_SECONDS)
    try:
        yield
    finally:
        enough.set()
        await asyncio.gather(*holders)


async def test_waiting_for_a_connection_is_limited_and_urgent_statements_do_not_wait(
    site: Site, nobody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.ACQUIRE_SECONDS.replace(monkeypatch, 0.2)
    patches.RETRY_WITHIN_SECONDS.replace(monkeypatch, 0.1)
    async with every_connection_held():
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(query("SELECT 1"), LONG_SECONDS)
        assert await asyncio.wait_for(urgent("SELECT 1 AS one"), LONG_SECONDS) == [{"one": 1}]
        assert await lease.renew("a worker", [uuid.uuid4()]) == {}
        assert (await nobody.http.get("/readyz")).status_code == 200


WAITS = """
SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM chat_thread t WHERE t.id = ANY(%'
"""


async def test_an_urgent_statement_that_waits_for_a_lock_soon_lets_others_pass(
    site: Site, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.ACQUIRE_SECONDS.replace(monkeypatch, 5.0)  # a statement of the tests waits for a lock for longer than that
    async with admin.transaction():
        await admin.execute("LOCK TABLE chat_thread IN ACCESS EXCLUSIVE MODE")
        waits = asyncio.create_task(thread_states([uuid.uuid4()]))
        await eventually(lambda: query(WAITS))
        assert await lease.renew("a worker", [uuid.uuid4()]) == {}
        assert await urgent("SELECT 1 AS one") == [{"one": 1}]
    with suppress(DatabaseUnavailable):
        await waits


async def test_an_urgent_statement_survives_the_loss_of_its_connection(site: Site, admin: asyncpg.Connection) -> None:
    await urgent("SELECT 1")
    await admin.execute(KILL)

    assert await urgent("SELECT 1 AS one") == [{"one": 1}]


async def test_an_error_in_a_statement_is_not_an_outage(site: Site) -> None:
    with pytest.raises(Exception, match="nonsense") as mistake:
        await query("SELECT nonsense")

    assert not isinstance(mistake.value, DatabaseUnavailable)
