"""The commands about rows that are there: users, what they used, and what nobody needs any more."""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

from chat import database
from chat.cli.changes import by_command
from chat.cli.environment import settings_with_database
from chat.services.admin import pruning
from chat.services.admin.audit import Order
from chat.services.admin.pruning import LONGEST_DAYS, SHORTEST_DAYS, Pruned
from chat.services.usage import report
from chat.text import cell

MONTH_COLUMNS = ("email", "calls", "unpriced_calls", "input_tokens", "output_tokens", "total_tokens", "cost")


def month(text: str) -> date:
    """For argparse: a month like 2026-11."""
    found = report.month_from(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no month up to the present one: write it like 2026-11")
    return found


def days(text: str) -> int:
    """For argparse: so many that what the pages show of the last thirty stays whole, and no more than a century."""
    found = int(text[:9]) if text.isascii() and text.isdigit() else 0
    if found < SHORTEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r}: at least {SHORTEST_DAYS} days are kept, since pages show thirty")
    if found > LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r}: nothing is older than a hundred years ({LONGEST_DAYS:,} days)")
    return found


def users(arguments: argparse.Namespace) -> int:
    """A line for each user."""
    return _with_database(lambda: _print_users(report.users(arguments.search)))


def usage(arguments: argparse.Namespace) -> int:
    """A line for each user with calls in the month."""
    show = _write_csv if arguments.csv else _print_month
    return _with_database(lambda: show(arguments.month or report.this_month()))


def prune(arguments: argparse.Namespace) -> int:
    """Delete what is over, and say what it was."""
    if not (arguments.sessions or arguments.tokens or arguments.logs_older_than):
        sys.stderr.write("Say what to delete: --sessions, --tokens or --logs-older-than DAYS.\n")
        return 2
    return _with_database(lambda: _prune(arguments))


def _with_database(work: Callable[[], Awaitable[None]]) -> int:
    async def run() -> None:
        async with database.opened(settings_with_database()):
            await work()

    asyncio.run(run())
    return 0


async def _print_users(found: AsyncIterator[dict[str, Any]]) -> None:
    _line("VERIFIED", "STAFF", "ACTIVE", "LAST SEEN", "SPENT THIS MONTH", "E-MAIL")
    async for user in found:
        seen = f"{user['last_seen_at']:%Y-%m-%d %H:%M}" if user["last_seen_at"] else "never"
        verified, staff, active = (
            "yes" if user[name] else "no" for name in ("email_verified", "is_staff", "is_active")
        )
        _line(verified, staff, active, seen, _money(user["cost"], user["unpriced_calls"]), user["email"])


def _line(verified: str, staff: str, active: str, seen: str, spent: str, email: str) -> None:
    """The address comes last, since it has any length."""
    sys.stdout.write(f"{verified:<8}  {staff:<5}  {active:<6}  {seen:<16}  {spent:>24}  {email}\n")


async def _print_month(first_day: date) -> None:
    rows = await report.everybodys_month(first_day)
    sys.stdout.write(f"{'CALLS':>9}  {'TOKENS':>14}  {'COST':>24}  E-MAIL\n")
    names = ("calls", "total_tokens", "cost", "unpriced_calls")
    total = {"email": "in all", **{name: sum(row[name] for row in rows) for name in names}}
    for row in (*rows, total):
        cost = _money(row["cost"], row["unpriced_calls"])
        sys.stdout.write(
            f"{row['calls']:>9,}  {row['total_tokens']:>14,}  {cost:>24}  {row['email'] or '(deleted or nobody)'}\n"
        )


async def _write_csv(first_day: date) -> None:
    """With every decimal."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(MONTH_COLUMNS)
    for row in await report.everybodys_month(first_day):
        writer.writerow([cell(row["email"]), *(f"{row[name]:f}" for name in MONTH_COLUMNS[1:])])


async def _prune(arguments: argparse.Namespace) -> None:
    """One after the other, each said when it is done."""
    order = None if arguments.dry_run else by_command()
    if arguments.sessions:
        _say(await pruning.sessions(order), order)
    if arguments.tokens:
        _say(await pruning.tokens(order), order)
    if arguments.logs_older_than:
        _say(await pruning.logs(order, arguments.logs_older_than), order)


def _say(pruned: list[Pruned], order: Order | None) -> None:
    for one in pruned:
        sys.stdout.write(f"{'Deleted' if order else 'Would delete'} {one.count:,} {one.what}.\n")


def _money(cost: Any, unpriced: int) -> str:
    return f"${cost:,.4f}" + (f" +{unpriced:,} unknown" if unpriced else "")
