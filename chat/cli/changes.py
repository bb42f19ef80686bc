"""The commands that change a user. Each change has its entry in the audit log."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import pwd
import socket
import sys
from dataclasses import replace
from uuid import UUID

from chat import database
from chat.cli.environment import settings_with_database
from chat.mailer import Mailer
from chat.security.passwords import Passwords
from chat.services.accounts.credentials import check_password
from chat.services.admin import commands, invitations
from chat.services.admin.audit import AuditContext, CommandLine
from chat.services.admin.invitations import Invited
from chat.services.usage import budgets
from chat.settings import Settings
from chat.settings.parsing import Origin

EMAIL_SECONDS = 60  # a command waits until its email is sent


def command_context(object_id: UUID | None = None, *, value: str = "") -> AuditContext:
    """The audit context of a command: the operating system's user, and the host."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name  # not getpass.getuser, which trusts the environment
    except KeyError:  # containers can run as users without a name
        name = str(os.getuid())
    return AuditContext(
        CommandLine(f"command line, {name}"), object_id, value=value, user_agent=f"chat on {socket.gethostname()}"
    )


def create_admin(arguments: argparse.Namespace) -> int:
    """Make a user an administrator, with a password from the terminal or standard input."""
    settings = settings_with_database()
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    asyncio.run(_make_admin(arguments.email, password, settings))
    sys.stdout.write(f"{arguments.email} is now an administrator.\n")
    return 0


async def _make_admin(email: str, password: str, settings: Settings) -> None:
    passwords = Passwords()
    try:
        async with database.opened(settings):
            check_password(password, email=email, settings=settings)
            await commands.create_administrator(command_context(), email, password, passwords=passwords)
    finally:
        passwords.close()


def set_budget(arguments: argparse.Namespace) -> int:
    """Set a user's monthly budget."""
    amount = budgets.parse_amount(arguments.amount)
    asyncio.run(_store_budget(arguments.email, arguments.amount, settings_with_database()))
    budget = "the site's default" if amount is None else f"${amount:f} per month"
    sys.stdout.write(f"The budget of {arguments.email} is now {budget}.\n")
    return 0


async def _store_budget(email: str, amount: str, settings: Settings) -> None:
    async with database.opened(settings):
        user = await commands.user_with_email(email)
        await commands.set_budget(command_context(user.id, value=amount))


def invite(arguments: argparse.Namespace) -> int:
    """Invite a person by email, or print a link."""
    settings = settings_with_database()
    if not settings.public_url:  # `make run`
        settings = replace(settings, public_url=Origin(f"http://127.0.0.1:{settings.port}"))
    invited = asyncio.run(_invite(arguments.email, arguments.uses, settings))
    if invited.link:
        people = invited.email or ("1 person" if arguments.uses == 1 else f"{arguments.uses} people")
        sys.stdout.write(f"Send this link to {people}; it expires after 7 days:\n{invited.link}\n")
    else:
        sys.stdout.write(f"An invitation was emailed to {invited.email}; it expires after 7 days.\n")
    return 0


async def _invite(email: str, uses: int, settings: Settings) -> Invited:
    mailer = Mailer(settings)
    async with database.opened(settings):
        invited = await invitations.invite(
            command_context(), email, uses, mailer=mailer, limits=None, settings=settings
        )
        await mailer.drain(seconds=EMAIL_SECONDS)
        await mailer.close()
    return invited


def reset_two_factor(arguments: argparse.Namespace) -> int:
    """Turn off a user's two-factor authentication."""
    asyncio.run(_turn_off_two_factor(arguments.email, settings_with_database()))
    sys.stdout.write(f"Two-factor authentication is off for {arguments.email}, who was told by email.\n")
    return 0


async def _turn_off_two_factor(email: str, settings: Settings) -> None:
    mailer = Mailer(settings)
    async with database.opened(settings):
        user = await commands.user_with_email(email)
        await commands.reset_two_factor(command_context(user.id), mailer=mailer, settings=settings)
        await mailer.drain(seconds=EMAIL_SECONDS)
        await mailer.close()
