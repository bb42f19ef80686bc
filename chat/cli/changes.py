"""The commands that change a user, each with its entry in the audit log."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import pwd
import socket
import sys
from uuid import UUID

from chat import database
from chat.cli.environment import settings_with_database
from chat.mailer import Mailer
from chat.security.passwords import Passwords
from chat.services.accounts.credentials import check_password
from chat.services.admin import commands
from chat.services.admin.audit import CommandLine, Order
from chat.services.usage import budgets
from chat.settings import Settings

EMAIL_SECONDS = 60  # a command waits until its email is sent


def by_command(object_id: UUID | None = None, *, value: str = "") -> Order:
    """Who ordered it, as far as a computer knows: the system's user, and on which machine."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name  # not getpass, which believes the environment
    except KeyError:  # containers run as users without a name
        name = str(os.getuid())
    return Order(
        CommandLine(f"command line, {name}"), object_id, value=value, user_agent=f"chat on {socket.gethostname()}"
    )


def create_admin(arguments: argparse.Namespace) -> int:
    """Make somebody an administrator."""
    settings = settings_with_database()
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    asyncio.run(_make_admin(arguments.email, password, settings))
    sys.stdout.write(f"{arguments.email} is an administrator now.\n")
    return 0


def set_budget(arguments: argparse.Namespace) -> int:
    """Set what a user may spend."""
    amount = budgets.parsed(arguments.amount)
    asyncio.run(_store_budget(arguments.email, arguments.amount, settings_with_database()))
    limit = "what the site allows" if amount is None else f"${amount:f} a month"
    sys.stdout.write(f"{arguments.email} may spend {limit}.\n")
    return 0


def reset_second_factor(arguments: argparse.Namespace) -> int:
    """Let somebody log in with the password alone."""
    asyncio.run(_turn_off_second_factor(arguments.email, settings_with_database()))
    sys.stdout.write(f"{arguments.email} logs in with the password alone now, and was told so by e-mail.\n")
    return 0


async def _make_admin(email: str, password: str, settings: Settings) -> None:
    passwords = Passwords()
    try:
        async with database.opened(settings):
            check_password(password, email=email, settings=settings)
            await commands.create_administrator(by_command(), email, password, passwords=passwords)
    finally:
        passwords.close()


async def _store_budget(email: str, amount: str, settings: Settings) -> None:
    async with database.opened(settings):
        user = await commands.named(email)
        await commands.set_budget(by_command(user.id, value=amount))


async def _turn_off_second_factor(email: str, settings: Settings) -> None:
    mailer = Mailer(settings)
    async with database.opened(settings):
        user = await commands.named(email)
        await commands.reset_second_factor(by_command(user.id), mailer=mailer, settings=settings)
        await mailer.drain(seconds=EMAIL_SECONDS)
        await mailer.close()
