"""The `chat` command, as an administrator types it."""

from __future__ import annotations

import asyncio
import os
import sys
from decimal import Decimal

from chat.models import RecoveryCode, SecondFactor, User
from tests.cast import Person
from tests.web.factor import turned_on

START = [sys.executable, "-c", "from chat.cli import main; main()"]


async def chat(environment: dict[str, str], *words: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of one command."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *START, *words, env={**os.environ, **environment}, stdout=pipe, stderr=pipe
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_the_budget_of_a_user_is_set(alice: Person, environment: dict[str, str]) -> None:
    done, wrong, unknown = await asyncio.gather(
        chat(environment, "set-budget", alice.email, "2.50"),
        chat(environment, "set-budget", alice.email, "a lot"),
        chat(environment, "set-budget", "nobody@example.com", "1"),
    )

    assert done == (0, f"{alice.email} may spend $2.50 a month.\n", "")
    assert (await User.get(email=alice.email)).monthly_budget == Decimal("2.5")
    assert (wrong[0], wrong[2]) == (
        1,
        "'a lot' is no budget: write an amount in USD like 12.50, or none for the site's limit.\n",
    )
    assert (unknown[0], unknown[2]) == (1, "There is no user nobody@example.com.\n")


async def test_a_second_factor_is_reset_for_whoever_has_lost_app_and_codes(
    alice: Person, bob: Person, environment: dict[str, str]
) -> None:
    for person in (alice, bob):
        await turned_on(person)
    done = await chat(environment, "reset-second-factor", f" {alice.email.upper()} ")
    again, unknown = await asyncio.gather(
        chat(environment, "reset-second-factor", alice.email),
        chat(environment, "reset-second-factor", "nobody@example.com"),
    )

    assert (done[0], done[2]) == (0, "")
    assert f"E-mail to {alice.email}: The second factor of your account at Quart Chat was turned off" in done[1]
    assert (again[0], again[2]) == (1, f"{alice.email} has no second factor: there is nothing to reset.\n")
    assert (unknown[0], unknown[2]) == (1, "There is no user nobody@example.com.\n")
    users = [await User.get(email=person.email) for person in (alice, bob)]
    assert [await SecondFactor.filter(user_id=user.id).count() for user in users] == [0, 1]
    assert [await RecoveryCode.filter(user_id=user.id).count() for user in users] == [0, 10]
    assert (await alice.log_in(alice.email)).headers["Location"] == "/chat/"
