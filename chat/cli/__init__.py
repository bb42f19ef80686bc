"""The `chat` command."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from dotenv import load_dotenv

from chat import checkout, database, development, server
from chat.app import create_app
from chat.cli import changes, records
from chat.cli.environment import settings_with_database
from chat.cli.routes import routes_document
from chat.services.errors import Refused
from chat.services.usage.budgets import CannotSet
from chat.settings import Settings, SettingsError
from chat.settings.listing import environment_example, settings_document

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main() -> None:
    """Run one command and exit with its code."""
    if missing := checkout.missing_folders():
        _fail(missing, 2)
    load_dotenv(Path.cwd() / ".env")  # the real environment wins
    arguments = _parser().parse_args()
    try:
        sys.exit(arguments.command(arguments))
    except SettingsError as error:
        _fail(str(error), 2)
    except (Refused, CannotSet) as error:
        _fail(str(error), 1)
    except BrokenPipeError:  # whoever reads has seen enough, like `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _fail(f"Something that is needed did not answer: {error}", 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chat", description="A self-hosted LLM chat.")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add(commands, "dev", _dev, "serve this checkout, with all that is not set embedded")
    _add(commands, "serve", _serve, "serve in production")
    _add(commands, "migrate", _migrate, "bring the database to the newest migration")
    new = _add(commands, "make-migration", _make_migration, "write a migration for what changed in the models")
    new.add_argument("name", help="a word or two, like add_title")
    admin = _add(commands, "create-admin", changes.create_admin, "make an administrator; asks for the password")
    admin.add_argument("email")
    budget = _add(
        commands,
        "set-budget",
        changes.set_budget,
        "set what one user may spend in a month, instead of the site's limit",
    )
    budget.add_argument("email")
    budget.add_argument("amount", help="USD, or `none` for the site's limit")
    reset = _add(
        commands,
        "reset-second-factor",
        changes.reset_second_factor,
        "let a user log in who has lost the app and the codes",
    )
    reset.add_argument("email")
    users = _add(commands, "users", records.users, "list the users and what they spent this month")
    users.add_argument("--search", default="", metavar="TEXT", help="only addresses with this in them")
    usage = _add(commands, "usage", records.usage, "list what each user's calls of the model took in a month")
    usage.add_argument("--month", type=records.month, help="like 2026-11 (UTC); by default the present one")
    usage.add_argument("--csv", action="store_true", help="for a spreadsheet, with every decimal")
    _add_prune(commands)
    listing = _add(commands, "settings", _settings, "print docs/settings.md: every setting")
    listing.add_argument("--env-example", action="store_true", help="print .env.example instead")
    _add(commands, "routes", _routes, "list every route: for whom it is, and how often")
    return parser


def _add_prune(commands: Commands) -> None:
    prune = _add(commands, "prune", records.prune, "delete what is over; say of what")
    prune.add_argument("--dry-run", action="store_true", help="delete nothing, say how much it would be")
    prune.add_argument("--sessions", action="store_true", help="logins that are over")
    prune.add_argument("--tokens", action="store_true", help="mailed links that have expired")
    prune.add_argument(
        "--logs-older-than", type=records.days, metavar="DAYS", help="calls of the model; the sums of months stay"
    )


def _add(
    commands: Commands,
    name: str,
    command: Callable[[argparse.Namespace], int],
    description: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=description, description=description)
    parser.set_defaults(command=command)
    return parser


def _dev(_: argparse.Namespace) -> int:
    return development.run()


def _serve(_: argparse.Namespace) -> int:
    return server.serve(Settings.from_environment(os.environ))


def _migrate(_: argparse.Namespace) -> int:
    applied = asyncio.run(database.migrate(settings_with_database()))
    sys.stdout.write("".join(f"Applied {name}\n" for name in applied) or "Nothing to apply.\n")
    return 0


def _make_migration(arguments: argparse.Namespace) -> int:
    written = asyncio.run(database.make_migration(arguments.name))
    sys.stdout.write(
        f"Wrote migrations/models/{written}: read it before you commit it.\n" if written else "No change.\n"
    )
    return 0


def _settings(arguments: argparse.Namespace) -> int:
    sys.stdout.write(environment_example() if arguments.env_example else settings_document())
    return 0


def _routes(_: argparse.Namespace) -> int:
    sys.stdout.write(routes_document(create_app(Settings(debug=True))))
    return 0


def _fail(sentence: str, code: int) -> None:
    sys.stderr.write(sentence + "\n")
    sys.exit(code)
