"""Hosts whose clocks differ by seconds or an hour: everything that expires goes by the database's clock."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chat import database
from chat.database import query
from chat.database.clock import ClockCheck
from chat.models import AuditEntry, AuthSession, Confirms, EmailVerificationToken, PasswordResetToken, User
from chat.security.tokens import new_token, token_hash
from chat.services.accounts import email_links, passwords
from chat.services.admin import audit
from tests.support.cast import Person
from tests.support.clocks import clock
from tests.support.site import Beside, Site
from tests.support.waiting import eventually

DIFFERENCES = (2, -2, 3600, -3600)
ROOT = Path(__file__).parents[2] / "chat"
A_MINUTE = timedelta(minutes=1)

# What reads the host's clock: for people and other programs, or to compare the clocks. Nothing that expires.
READS_THE_CLOCK = {
    "cli/doctor/postgres.py",  # compares it
    "cli/doctor/redis.py",  # compares it
    "database/clock.py",  # compares it
    "llm/provider/failures.py",  # a date that a provider names
    "mailer.py",  # an email's Date
    "models/accounts.py",  # when a user was approved
    "models/ids.py",  # the order of ids
    "search/indexing.py",  # how far back to look, by the order of ids
    "services/accounts/export.py",  # the dates in a download
    "services/usage/budgets.py",  # the sentence about the next month
    "services/usage/months.py",  # the month that a page shows
    "tracing.py",  # when a span began and ended
    "tools/current_time.py",  # what the model asks for
    "web/downloads.py",  # a file's name
    "web/usage/pages.py",  # the days of a chart
}


def calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_only_what_shows_a_time_reads_the_hosts_clock() -> None:
    reading = {"datetime.now", "datetime.utcnow", "time.time", "time.time_ns", "timezone.now", "date.today"}
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if "devservices" not in path.parts and reading & set(calls(ast.parse(path.read_text())))
    }

    assert found == READS_THE_CLOCK


async def opens(person: Person, path: str = "/chat/") -> int:
    return (await person.http.get(path)).status_code


@pytest.mark.parametrize("ahead", DIFFERENCES)
async def test_a_login_on_one_host_works_on_all_at_once(alice: Person, nobody: Person, ahead: int) -> None:
    with clock(ahead):
        assert (await nobody.log_in(alice.email)).status_code == 303
    assert await opens(nobody) == 200
    posted = await nobody.ask("say Hello")
    async with nobody.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])

    with clock(ahead):
        assert await opens(alice) == 200
        async with alice.tab((await alice.ask("say Hello"))["thread_id"]) as tab:
            await tab.until_type("thread.snapshot")


@pytest.mark.parametrize("ahead", DIFFERENCES)
async def test_a_session_has_the_times_of_the_database(root: Person, nobody: Person, ahead: int) -> None:
    user = await User.get(email=root.email)
    await AuthSession.filter(user_id=user.id).delete()
    with clock(ahead):
        await nobody.log_in(root.email)
    session, now = await AuthSession.get(user_id=user.id), await database.now()

    assert await opens(nobody, "/admin/") == 200, "an administrator's session ends after an hour without a request"
    for at in (session.created_at, session.last_seen_at, session.authenticated_at):
        assert abs(now - at) < A_MINUTE


@pytest.mark.parametrize("ahead", DIFFERENCES)
async def test_a_session_is_seen_on_every_host(alice: Person, ahead: int) -> None:
    user = await User.get(email=alice.email)
    await AuthSession.filter(user_id=user.id).update(last_seen_at=await database.now() - 2 * A_MINUTE)
    with clock(ahead):
        await opens(alice)
    session = await AuthSession.get(user_id=user.id)

    assert abs(await database.now() - session.last_seen_at) < A_MINUTE


@pytest.mark.parametrize("ahead", DIFFERENCES)
async def test_a_password_is_asked_for_again_after_fifteen_minutes_by_the_database(root: Person, ahead: int) -> None:
    path = f"/admin/users/{(await User.get(email=root.email)).id}/budget/"
    with clock(ahead):
        assert "/admin/confirm/" not in (await root.http.get(path)).headers.get("Location", "")
        await query("UPDATE auth_session SET authenticated_at = now() - interval '16 minutes'")
        assert "/admin/confirm/" in (await root.http.get(path)).headers.get("Location", "")


@pytest.mark.parametrize("ahead", DIFFERENCES)
async def test_an_emailed_link_lasts_as_long_on_every_host(alice: Person, site: Site, ahead: int) -> None:
    user, settings = await User.get(email=alice.email), site.resources.settings
    with clock(ahead):
        await passwords._reset_email(user, settings=settings)
        await email_links.first_email(user, settings=settings)
    reset, verify = await PasswordResetToken.get(user_id=user.id), await EmailVerificationToken.get(user_id=user.id)
    now = await database.now()

    assert abs(reset.expires_at - now - timedelta(seconds=settings.password_reset_timeout)) < A_MINUTE
    assert abs(verify.expires_at - now - timedelta(seconds=settings.email_verification_timeout)) < A_MINUTE
    assert abs((await User.get(id=user.id)).verification_sent_at - now) < A_MINUTE  # type: ignore[operator]
    tokens = new_token(), new_token()
    for seconds, works in ((60, True), (-60, False)):
        expires_at = now + timedelta(seconds=seconds)
        await reset.all().filter(id=reset.id).update(token_sha256=token_hash(tokens[0]), expires_at=expires_at)
        await verify.all().filter(id=verify.id).update(token_sha256=token_hash(tokens[1]), expires_at=expires_at)
        await User.filter(id=user.id).update(email_verified=False)
        with clock(ahead):
            assert bool(await passwords.find_reset(tokens[0])) is works
            assert bool(await email_links.find(tokens[1], Confirms.SIGN_UP)) is works


async def test_entries_of_the_audit_log_are_in_the_order_of_the_database(alice: Person) -> None:
    user = await User.get(email=alice.email)
    with clock(3600):
        await audit.record(audit.AuditContext(user, user.id), "test")
    entry = await AuditEntry.get(object_id=str(user.id))

    assert abs(entry.created_at - await database.now()) < A_MINUTE


async def test_a_clock_that_differs_is_reported_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    check = ClockCheck()
    for ahead in (0, 2, -2, 3600, 3600, 0, -3600, -3600, 1):
        with clock(ahead):
            await check.check()

    assert [record.getMessage().partition(".")[0] for record in caplog.records] == [
        "This host's clock is 3600 s ahead of PostgreSQL's",
        "This host's clock agrees with PostgreSQL's again",
        "This host's clock is 3600 s behind PostgreSQL's",
        "This host's clock agrees with PostgreSQL's again",
    ]


async def test_a_process_reports_at_startup_that_the_clock_differs(
    beside: Beside, caplog: pytest.LogCaptureFixture
) -> None:
    with clock(3600):
        async with beside():
            await eventually(lambda: "This host's clock is 3600 s ahead" in caplog.text)
