"""The commands that list users and usage, and delete old rows."""

from __future__ import annotations

import argparse
import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

from chat import database
from chat.cli.changes import command_context
from chat.cli.environment import settings_with_database
from chat.services.admin import pruning
from chat.services.admin.audit import AuditContext
from chat.services.admin.pruning import LONGEST_DAYS, SHORTEST_DAYS, Pruned
from chat.services.usage import months, report
from chat.text import cell, printable

MONTH_COLUMNS = ("email", "calls", "unpriced_calls", "input_tokens", "output_tokens", "total_tokens", "cost")


def month(text: str) -> date:
    """For argparse: a month like 2026-11, not in the future."""
    found = months.month_from(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month up to the current one. Use the format 2026-11.")
    return found


def days(text: str) -> int:
    """For argparse: at least what the pages show, and at most what dates allow."""
    found = int(text[:9]) if text.isascii() and text.isdigit() else 0
    if found < SHORTEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is too few: pages show 30 days, so the minimum is {SHORTEST_DAYS}.")
    if found > LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is too many: the maximum is 100 years ({LONGEST_DAYS:,} days).")
    return found


def users(arguments: argparse.Namespace) -> int:
    """List the users."""
    return _with_database(lambda: _print_users(report.users(arguments.search)))


def usage(arguments: argparse.Namespace) -> int:
    """List the users with model requests in the month."""
    show = _write_csv if arguments.csv else _print_month
    return _with_database(lambda: show(arguments.month or months.this_month()))


def prune(arguments: argparse.Namespace) -> int:
    """Delete old rows, and print how many."""
    if not (arguments.sessions or arguments.tokens or arguments.deleted_chats or arguments.logs_older_than):
        sys.stderr.write("Choose what to delete: --sessions, --tokens, --deleted-chats or --logs-older-than DAYS.\n")
        return 2
    return _with_database(lambda: _prune(arguments))


def _with_database(work: Callable[[], Awaitable[None]]) -> int:
    async def run() -> None:
        async with database.opened(settings_with_database()):
            await work()

    asyncio.run(run())
    return 0


async def _print_users(found: AsyncIterator[dict[str, Any]]) -> None:
    _line("CONFIRMED", "ADMIN", "ACTIVE", "LAST SEEN (UTC)", "COST THIS MONTH", "EMAIL")
    async for user in found:
        seen = f"{user['last_seen_at']:%Y-%m-%d %H:%M}" if user["last_seen_at"] else "never"
        confirmed, admin, active = (
            "yes" if user[name] else "no" for name in ("email_verified", "is_staff", "is_active")
        )
        _line(confirmed, admin, active, seen, _money(user["cost"], user["unpriced_calls"]), user["email"])


def _line(confirmed: str, admin: str, active: str, seen: str, cost: str, email: str) -> None:
    """The email address comes last, since its length varies."""
    sys.stdout.write(f"{confirmed:<9}  {admin:<5}  {active:<6}  {seen:<16}  {cost:>24}  {printable(email)}\n")


async def _print_month(first_day: date) -> None:
    rows = await report.month_of_all_users(first_day)
    sys.stdout.write(f"{'REQUESTS':>9}  {'TOKENS':>14}  {'COST':>24}  EMAIL\n")
    names = ("calls", "total_tokens", "cost", "unpriced_calls")
    total = {"email": "total", **{name: sum(row[name] for row in rows) for name in names}}
    for row in (*rows, total):
        cost, email = _money(row["cost"], row["unpriced_calls"]), printable(row["email"] or "(deleted or no user)")
        sys.stdout.write(f"{row['calls']:>9,}  {row['total_tokens']:>14,}  {cost:>24}  {email}\n")


async def _write_csv(first_day: date) -> None:
    """Write amounts with all decimals. The column names are a contract with scripts."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(MONTH_COLUMNS)
    for row in await report.month_of_all_users(first_day):
        writer.writerow([cell(row["email"]), *(f"{row[name]:f}" for name in MONTH_COLUMNS[1:])])


async def _prune(arguments: argparse.Namespace) -> None:
    """Delete one kind after the other; each result is printed when it is done."""
    context = None if arguments.dry_run else command_context()
    if arguments.sessions:
        _print_pruned(await pruning.sessions(context), context)
    if arguments.tokens:
        _print_pruned(await pruning.tokens(context), context)
    if arguments.deleted_chats:
        _print_pruned(await pruning.chats(context), context)
    if arguments.logs_older_than:
        _print_pruned(await pruning.logs(context, arguments.logs_older_than), context)


def _print_pruned(pruned: list[Pruned], context: AuditContext | None) -> None:
    for one in pruned:
        sys.stdout.write(f"{'Deleted' if context else 'Would delete'} {one.count:,} {one.what}.\n")


def _money(cost: Any, unpriced: int) -> str:
    return f"${cost:,.4f}" + (f" +{unpriced:,} unpriced" if unpriced else "")
