"""Which errors of PostgreSQL are temporary: every SQLSTATE that asyncpg knows, wherever a statement can raise it."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import pytest
from tortoise.exceptions import BaseORMException
from tortoise.transactions import in_transaction

from chat.database import DatabaseUnavailable, OutageLog, credentials, query
from chat.database.outages import DatabaseLocked, is_outage
from chat.database.pool import READS
from chat.models import PasswordResetToken
from tests.support.cast import Person
from tests.support.full_disk import failing_writes
from tests.support.site import Site
from tests.support.statements import statements
from tests.support.stores import Stores

LATER = {
    *("08000", "08001", "08003", "08004", "08006", "08007", "08P01"),
    *("25006", "25P03", "25P04"),
    *("40000", "40001", "40002", "40003", "40P01"),
    "42501",
    *("53000", "53100", "53200", "53300", "53400"),
    *("55000", "55006", "55P03"),
    *("57000", "57014", "57P01", "57P02", "57P03", "57P04", "57P05"),
    *("58000", "58030", "58P01", "58P02", "58P03"),
    "72000",
    *("XX000", "XX001", "XX002"),
}
UNKNOWN = {"53999": True, "57P99": True, "22999": False, "ZZ001": False}  # of a newer server


def known() -> Iterator[type[asyncpg.PostgresError]]:
    """Every error class with a SQLSTATE of its own."""
    for error in vars(asyncpg.exceptions).values():
        if isinstance(error, type) and issubclass(error, asyncpg.PostgresError) and error.sqlstate:
            yield error


def test_the_verdict_names_every_state_that_asyncpg_knows() -> None:
    states = {error.sqlstate for error in known() if error is not asyncpg.InvalidCachedStatementError}

    assert len(states) > 200
    assert {error.sqlstate for error in known() if is_outage(error("why"))} - {"0A000"} == LATER
    assert states >= LATER


def test_a_statement_that_a_migration_made_invalid_is_tried_later_and_an_unsupported_feature_is_not() -> None:
    assert is_outage(asyncpg.InvalidCachedStatementError("the cached plan is invalid"))
    assert not is_outage(asyncpg.FeatureNotSupportedError("no"))


def test_an_error_that_ends_the_connection_is_an_outage_whatever_its_state() -> None:
    error = asyncpg.PostgresError.new({"C": "3D000", "M": "the database is gone", "S": "FATALE", "V": "FATAL"})

    assert is_outage(error)
    assert not is_outage(asyncpg.PostgresError.new({"C": "3D000", "M": "no such database", "S": "E", "V": "ERROR"}))


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection that is not one of the site's."""
    settings = {"server_settings": {"application_name": "admin"}}
    connection = await asyncpg.connect(**credentials(stores.database_url) | settings)
    yield connection
    await connection.close()


KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat'"
FAIL = "DO $do$ BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = '{}'; END $do$"


async def met(state: str, *, inside: bool) -> type[Exception]:
    """The error of a statement that fails with this state."""
    try:
        if inside:
            async with in_transaction():
                await query(FAIL.format(state))
        else:
            await query(FAIL.format(state))
    except Exception as error:  # noqa: BLE001 - the test is about its type
        return type(error)
    raise AssertionError(f"{state} was not raised")


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "in a transaction"])
async def test_every_state_that_postgresql_reports_gets_its_verdict(site: Site, inside: bool) -> None:
    states = {error.sqlstate for error in known() if error is not asyncpg.InvalidCachedStatementError}
    found = {state: await met(state, inside=inside) for state in sorted(states | set(UNKNOWN))}

    later = {state for state, error in found.items() if issubclass(error, DatabaseUnavailable)}
    assert found["55P03"] is DatabaseLocked
    assert later == LATER | {state for state, outage in UNKNOWN.items() if outage}
    assert {error for state, error in found.items() if state not in later} <= set(asyncpg_or_translated())


def asyncpg_or_translated() -> Iterator[type[Exception]]:
    """Errors of asyncpg, or what Tortoise makes of them."""
    yield from known()
    yield asyncpg.UnknownPostgresError
    classes = [BaseORMException]
    while classes:
        yield (one := classes.pop())
        classes += one.__subclasses__()


def reset_of(user: UUID) -> PasswordResetToken:
    """A row that is not stored yet."""
    return PasswordResetToken(
        user_id=user, token_sha256=uuid4().hex, email="alice@example.com", expires_at=datetime.now(UTC)
    )


@pytest.mark.parametrize("state", ["53100", "42501", "25006", "40P01", "XX000"])
@pytest.mark.parametrize("at_commit", [False, True], ids=["in the statement", "at COMMIT"])
async def test_a_write_by_the_orm_that_cannot_be_stored_now_is_an_outage(
    alice: Person, admin: asyncpg.Connection, state: str, at_commit: bool
) -> None:
    user = (await query("SELECT id FROM users WHERE email = $1", alice.email))[0]["id"]
    async with failing_writes(admin, "password_reset_token", state=state, at_commit=at_commit):
        for write in (reset_of(user).save, lambda: PasswordResetToken.bulk_create([reset_of(user)])):
            with pytest.raises(DatabaseUnavailable, match="it failed"):
                await write()
            with pytest.raises(DatabaseUnavailable, match="it failed"):
                async with in_transaction(), in_transaction():
                    await write()
        assert await PasswordResetToken.filter(user_id=user).count() == 0

    await reset_of(user).save()


async def test_a_bug_in_a_write_is_not_an_outage(alice: Person, admin: asyncpg.Connection) -> None:
    user = (await query("SELECT id FROM users WHERE email = $1", alice.email))[0]["id"]
    async with failing_writes(admin, "password_reset_token", state="22003"):
        with pytest.raises(BaseORMException) as fault:
            await reset_of(user).save()

    assert not isinstance(fault.value, DatabaseUnavailable)


async def test_a_server_that_refuses_connections_is_unavailable_whatever_it_says(
    site: Site, stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    known = credentials(stores.database_url)
    elsewhere = await asyncpg.connect(**known | {"database": "template1", "server_settings": {}})
    allow = f'ALTER DATABASE "{known["database"]}" ALLOW_CONNECTIONS'
    await elsewhere.execute(f"{allow} false")
    try:
        await elsewhere.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat'"
        )
        with pytest.raises(DatabaseUnavailable, match="not currently accepting connections"):
            await query("SELECT 1")
    finally:
        await elsewhere.execute(f"{allow} true")
        await elsewhere.close()

    assert await query("SELECT 1 AS one") == [{"one": 1}]
    assert not [record for record in caplog.records if record.exc_info], "no tracebacks for an outage"


async def test_an_outage_is_one_line_every_few_seconds(caplog: pytest.LogCaptureFixture) -> None:
    outages = OutageLog(logging.getLogger("outages"))
    for number in range(1000):
        outages.tell(f"GET /{number}", DatabaseUnavailable("no space left"))
    outages._silent_until = 0
    outages.tell("GET /last", DatabaseUnavailable("no space left"))

    assert [record.getMessage() for record in caplog.records] == [
        "PostgreSQL is unavailable: GET /0, no space left",
        "PostgreSQL is unavailable: GET /last, no space left (999 more since the last line)",
    ]


def test_a_statement_that_only_reads_begins_like_one_and_so_may_run_twice() -> None:
    """Then a connection that was lost meanwhile costs no request. Parts of statements are in parentheses."""
    writes = re.compile(r"\b(INSERT|UPDATE|DELETE|LOCK)\b")
    reads = {name: text.strip() for name, text in statements().items() if not writes.search(text)}
    once = {name for name, text in reads.items() if re.match(r"WITH|\(\s*SELECT.*\)\s*UNION", text, re.DOTALL)}

    assert {name for name in once if not reads[name].startswith(READS)} == set()
