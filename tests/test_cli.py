"""The `chat` command, as an administrator types it."""

from __future__ import annotations

import asyncio
import csv
import os
import pwd
import re
import socket
import sys
import sysconfig
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

from chat.database import query
from chat.models import (
    MOST_LOGIN_FAILURES,
    AuditEntry,
    AuthSession,
    EmailVerificationToken,
    Invitation,
    LLMCallLog,
    LLMCallText,
    RecoveryCode,
    SecondFactor,
    User,
    UserMonthlyUsage,
)
from chat.security.password_rules import GUESSABLE
from chat.security.tokens import new_token, token_hash
from chat.services.usage.months import this_month
from tests.support import programs
from tests.support.cast import PASSWORD, Person
from tests.support.programs import run_chat
from tests.support.sign_up import invitation_for, new_address, row_of
from tests.support.two_factor import turned_on

PROJECT = Path(__file__).parents[1]
try:
    BY = f"command line, {pwd.getpwuid(os.getuid()).pw_name}"
except KeyError:  # in a container, as a user without a name
    BY = f"command line, {os.getuid()}"


async def recorded(action: str, person: Person, before: Any, after: Any) -> None:
    """The only audit entry of this user is that of the command."""
    user = await User.get(email=person.email)
    [entry] = await AuditEntry.filter(object_id=str(user.id))
    assert (entry.action, entry.before, entry.after) == (action, before, after)
    assert (entry.actor_email, entry.user_agent) == (BY, f"chat on {socket.gethostname()}")


async def test_the_command_is_installed(alice: Person, environment: dict[str, str]) -> None:
    """The other tests call the same function in a process that has imported everything."""
    installed = Path(sysconfig.get_path("scripts"), "chat")  # by bin/install-python
    variables = {**os.environ, **environment, "PYTHONPATH": str(PROJECT)}
    words = (installed, "users", "--search", alice.email)
    program = await asyncio.create_subprocess_exec(*words, env=variables, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(programs.PROMPTLY_SECONDS):
        output, _ = await program.communicate()

    assert program.returncode == 0
    assert output.decode().splitlines()[-1].endswith(alice.email)


async def test_a_package_installed_without_its_checkout_refuses_to_run(tmp_path: Path) -> None:
    """A wheel has no migrations, and a `chat migrate` that applied nothing would look like success."""
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    install = (*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", tmp_path, PROJECT)
    assert await (await asyncio.create_subprocess_exec(*install)).wait() == 0

    for command in ("migrate", "serve"):
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from chat.cli import main; main()", command),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(programs.PROMPTLY_SECONDS):
            _, errors = await program.communicate()
        assert program.returncode == 2
        assert f"templates, static, migrations not found in {tmp_path}" in errors.decode()
        assert "pip install --no-deps --no-build-isolation -e ." in errors.decode()


async def test_the_budget_of_a_user_is_set(alice: Person, environment: dict[str, str]) -> None:
    done, wrong, unknown = await asyncio.gather(
        run_chat(environment, "set-budget", alice.email, "2.50"),
        run_chat(environment, "set-budget", alice.email, "a lot"),
        run_chat(environment, "set-budget", "nobody@example.com", "1"),
    )

    assert done == (0, f"The budget of {alice.email} is now $2.50 per month.\n", "")
    assert (await User.get(email=alice.email)).monthly_budget == Decimal("2.5")
    await recorded("users.set_budget", alice, {"monthly_budget": None}, {"monthly_budget": "2.50"})
    assert (wrong[0], wrong[2]) == (
        1,
        "'a lot' is not an amount. Enter one in USD, such as 12.50, or none for the site's default.\n",
    )
    assert (unknown[0], unknown[2]) == (1, "There is no user with the email address nobody@example.com.\n")


async def created(environment: dict[str, str], email: str, password: str) -> tuple[int | None, str]:
    """`chat create-admin` with a password from standard input: its exit code, and what it said."""
    words = (Path(sysconfig.get_path("scripts"), "chat"), "create-admin", email)
    program = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(programs.PROMPTLY_SECONDS):
        said, _ = await program.communicate(f"{password}\n".encode())
    return program.returncode, said.decode()


async def test_an_administrator_needs_a_good_password(alice: Person, environment: dict[str, str]) -> None:
    refused = await created(environment, alice.email, "password1234567")
    assert refused == (1, f"{GUESSABLE}\n")
    assert not (await User.get(email=alice.email)).is_staff

    await User.filter(email=alice.email).update(login_failures=MOST_LOGIN_FAILURES)
    assert await created(environment, alice.email, PASSWORD) == (0, f"{alice.email} is now an administrator.\n")
    user = await User.get(email=alice.email)
    assert (user.is_staff, user.needs_reset) == (True, False), "the way back in, even without email"


async def test_two_factor_authentication_is_reset_for_a_user_who_lost_app_and_codes(
    alice: Person, bob: Person, environment: dict[str, str]
) -> None:
    for person in (alice, bob):
        await turned_on(person)
    done = await run_chat(environment, "reset-two-factor", f" {alice.email.upper()} ")
    again, unknown = await asyncio.gather(
        run_chat(environment, "reset-second-factor", alice.email),
        run_chat(environment, "reset-two-factor", "nobody@example.com"),
    )

    assert (done[0], done[2]) == (0, "")
    assert f"Email to {alice.email}: Two-factor authentication was turned off at Quart Chat" in done[1]
    await recorded("users.reset_second_factor", alice, {"second_factor": True}, None)
    assert (again[0], again[2]) == (
        1,
        f"{alice.email} does not use two-factor authentication. There is nothing to reset.\n",
    )
    assert (unknown[0], unknown[2]) == (1, "There is no user with the email address nobody@example.com.\n")
    users = [await User.get(email=person.email) for person in (alice, bob)]
    assert [await SecondFactor.filter(user_id=user.id).count() for user in users] == [0, 1]
    assert [await RecoveryCode.filter(user_id=user.id).count() for user in users] == [0, 10]
    assert (await alice.log_in(alice.email)).headers["Location"] == "/chat/"


async def spent(person: Person, cost: str, *, days_ago: int = 0, **more: Any) -> LLMCallLog:
    """A request with its text, added to the totals of its month."""
    user, then = await User.get(email=person.email), datetime.now(UTC) - timedelta(days=days_ago)
    row = await LLMCallLog.create(user=user, status="completed", model_asked="m", cost=Decimal(cost), **more)
    await LLMCallLog.filter(id=row.id).update(created_at=then)
    await LLMCallText.create(call=row, user=user, output="words")
    figures = {"calls": 1, "cost": Decimal(cost), "total_tokens": 7}
    await UserMonthlyUsage.create(user=user, month=then.date().replace(day=1), **figures)
    return row


async def test_users_are_listed_with_what_they_spent(alice: Person, bob: Person, environment: dict[str, str]) -> None:
    await spent(alice, "0.123456789")
    code, output, errors = await run_chat(environment, "users", "--search", f" {alice.email.upper()[:12]}")
    all_users = await run_chat(environment, "users")
    no_user = await run_chat(environment, "users", "--search", "%")
    line = next(line for line in output.splitlines() if alice.email in line)

    assert (code, errors) == (0, "")
    seen = f"{(await User.get(email=alice.email)).last_seen_at:%Y-%m-%d %H:%M}"
    assert line.split() == ["no", "no", "yes", *seen.split(), "$0.1235", alice.email]
    assert bob.email not in output
    assert bob.email in all_users[1]
    assert len(no_user[1].splitlines()) == 1


async def sum_of_this_month() -> Decimal:
    [sums] = await query("SELECT sum(cost) AS cost FROM user_monthly_usage WHERE month = $1", this_month())
    cost: Decimal = sums["cost"]
    return cost


async def test_the_usage_of_a_month_is_a_table_or_csv_with_every_decimal(
    alice: Person, bob: Person, environment: dict[str, str]
) -> None:
    await spent(alice, "0.123456789012")
    await User.filter(email=bob.email).update(email=f"={bob.email}")
    bob.email = f"={bob.email}"
    await spent(bob, "3")
    month = f"{datetime.now(UTC):%Y-%m}"
    least = await sum_of_this_month()
    (_, table, _), (_, text, _), wrong = await asyncio.gather(
        run_chat(environment, "usage"),
        run_chat(environment, "usage", "--month", month, "--csv"),
        run_chat(environment, "usage", "--month", "2026-13"),
    )
    rows = list(csv.DictReader(StringIO(text)))
    most = await sum_of_this_month()

    assert {row["email"]: row["cost"] for row in rows}.items() >= {
        alice.email: "0.123456789012",
        f"'{bob.email}": "3.000000000000",
    }.items()
    assert least <= sum(Decimal(row["cost"]) for row in rows) <= most, "replies of other tests may end meanwhile"
    last = table.splitlines()[-1]
    assert f"${least:,.4f}" in last.split() or least < most
    assert last.endswith("total")
    assert (wrong[0], "Use the format 2026-11" in wrong[2]) == (2, True)


async def test_an_invitation_is_printed_where_no_mail_can_be_sent(environment: dict[str, str]) -> None:
    address = new_address()
    (one, several), wrong = (
        [await run_chat(environment, "invite", address), await run_chat(environment, "invite", "--uses", "3")],
        [
            await run_chat(environment, "invite", address, "--uses", "2"),
            await run_chat(environment, "invite", "--uses", "0"),
            await run_chat(environment, "invite", "nothing"),
        ],
    )
    rows = [await row_of(out.strip().rpartition("/invitation/")[2].rstrip("/")) for _, out, _ in (one, several)]

    assert [(row.email, row.uses, row.is_mailed, row.maker_id) for row in rows] == [
        (address, 1, False, None),
        ("", 3, False, None),
    ]
    assert f"Send this link to {address}; it expires after 7 days" in one[1]
    assert [code for code, _, _ in wrong] == [1, 1, 1]
    assert [entry.action for entry in await AuditEntry.filter(object_id=str(rows[0].id))] == ["invitations.create"]


async def test_expired_rows_are_pruned_and_everything_else_stays(alice: Person, environment: dict[str, str]) -> None:
    """The counts are those of the whole site, where other tests leave rows too."""
    user, now = await User.get(email=alice.email), datetime.now(UTC)
    old, new = await spent(alice, "1", days_ago=100), await spent(alice, "2")
    ended = await AuthSession.create(token_sha256=token_hash(new_token()), user=user)
    await AuthSession.filter(id=ended.id).update(last_seen_at=now - timedelta(days=15))
    link = {"user": user, "email": user.email, "expires_at": now + timedelta(days=1)}
    living = await EmailVerificationToken.create(token_sha256=token_hash(new_token()), **link)
    over = link | {"expires_at": now - timedelta(minutes=1)}
    await EmailVerificationToken.create(token_sha256=token_hash(new_token()), **over)
    invitations = [await row_of(await invitation_for()) for _ in range(3)]
    await Invitation.filter(id__in=[one.id for one in invitations[1:]]).update(expires_at=now - timedelta(minutes=1))
    await User.filter(id=user.id).update(invitation_id=invitations[2].id)
    entry = {"actor_id": user.id, "actor_email": user.email, "action": "users.disable", "object_id": "1"}
    audit = await AuditEntry.create(**entry)
    mine = AuditEntry.filter(id__gt=audit.id, actor_email=BY, action__startswith="prune.").order_by("created_at")

    every = ("--sessions", "--tokens", "--logs-older-than", "90")
    would = await run_chat(environment, "prune", "--dry-run", *every)
    assert await LLMCallLog.filter(user=user).count() == await EmailVerificationToken.filter(user=user).count() == 2
    assert await AuthSession.filter(id=ended.id).exists()
    verbs, counts, whats = zip(*parsed(would), strict=True)
    assert set(verbs) == {"Would delete"}
    assert whats[:4] == (
        "expired sessions.",
        "expired email confirmation links.",
        "expired password reset links.",
        "expired invitations that no one accepted.",
    )
    assert whats[4].startswith("model requests before ")
    assert min(counts[0], counts[1], counts[3], counts[4]) > 0
    assert not await mine.exists()
    did = await run_chat(environment, "prune", *every)

    assert [(verb, what.split()[0]) for verb, _, what in parsed(did)] == [
        ("Deleted", what.split()[0]) for what in whats
    ]
    assert await LLMCallLog.filter(user=user).values_list("id", flat=True) == [new.id]
    assert await LLMCallText.filter(user=user).values_list("call_id", flat=True) == [new.id]
    assert await UserMonthlyUsage.filter(user=user).count() == 2, f"the sums stay, of {old.created_at:%B} too"
    assert not await AuthSession.filter(id=ended.id).exists()
    assert (await alice.http.get("/chat/")).status_code == 200
    assert await EmailVerificationToken.filter(user=user).values_list("id", flat=True) == [living.id]
    assert [await Invitation.exists(id=one.id) for one in invitations] == [True, False, True]
    assert await AuditEntry.filter(id=audit.id).exists()
    removed = Counter[tuple[str, ...]]()
    for one in await mine:
        removed[one.action, one.after["table"]] += one.after["rows"]
    kinds = [
        ("prune.sessions", "auth_session"),
        ("prune.tokens", "email_verification_token"),
        ("prune.tokens", "password_reset_token"),
        ("prune.tokens", "invitation"),
        ("prune.logs", "llm_call_log"),
    ]
    assert [removed[kind] for kind in kinds] == [count for _, count, _ in parsed(did)]


def parsed(ended: tuple[int, str, str]) -> list[tuple[str, int, str]]:
    """Each line in its three parts."""
    code, output, errors = ended
    assert (code, errors) == (0, "")
    lines = [re.fullmatch(r"(Would delete|Deleted) ([\d,]+) (.*)", line) for line in output.splitlines()]
    return [(line[1], int(line[2].replace(",", "")), line[3]) for line in lines if line]


async def test_pruning_needs_a_choice_and_keeps_what_pages_show(environment: dict[str, str]) -> None:
    nothing, too_much, too_old = await asyncio.gather(
        run_chat(environment, "prune", "--dry-run"),
        run_chat(environment, "prune", "--logs-older-than", "30"),
        run_chat(environment, "prune", "--logs-older-than", "999999"),
    )

    assert (nothing[0], "--logs-older-than DAYS" in nothing[2]) == (2, True)
    assert (too_much[0], "the minimum is 31" in too_much[2]) == (2, True)
    assert (too_old[0], "the maximum is 100 years (36,500 days)" in too_old[2]) == (2, True)
