"""The `chat` command."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from dotenv import load_dotenv

from chat import checkout, database, development, server
from chat.app import create_app
from chat.cli import backup, changes, records
from chat.cli import models as models_command
from chat.cli.doctor import doctor
from chat.cli.environment import settings_with_database
from chat.cli.reindex import reindex
from chat.cli.routes import routes_document
from chat.cli.shell import shell
from chat.services.errors import Refused
from chat.settings import Settings, SettingsError
from chat.settings.listing import environment_example, settings_document
from chat.settings.local import exposed_by_debug
from chat.text import printable

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
    except Refused as error:
        _fail(str(error), 1)
    except BrokenPipeError:  # the reader has closed the pipe, like `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _fail(f"A service that this command needs is unavailable: {error}", 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chat", description="A self-hosted LLM chat.")
    commands = parser.add_subparsers(required=True, metavar="command")
    dev = _add(commands, "dev", _dev, "run the site for development, with embedded services for those not configured")
    dev.add_argument(
        "--local-model",
        action="store_true",
        help="answer with a small model on this machine, whatever the settings say; `make run-local` installs it first",
    )
    _add(commands, "serve", _serve, "run the site in production")
    _add(commands, "migrate", _migrate, "apply the migrations that are missing")
    _add(commands, "reindex", reindex, "make older messages searchable, after an upgrade; safe beside a running site")
    new = _add(commands, "make-migration", _make_migration, "write a migration for changes of the models")
    new.add_argument("name", help="short name, like add_title")
    _add_changes(commands)
    users = _add(commands, "users", records.users, "list the users with their cost this month")
    users.add_argument("--search", default="", metavar="TEXT", help="only email addresses that contain TEXT")
    usage = _add(commands, "usage", records.usage, "list the requests, tokens and cost of each user in a month")
    usage.add_argument("--month", type=records.month, help="like 2026-11 (UTC); default: the current month")
    usage.add_argument("--csv", action="store_true", help="print CSV with all decimals")
    _add_prune(commands)
    models = _add(commands, "models", models_command.models, "compare what the providers offer with what is configured")
    models.add_argument("--all", action="store_true", help="list every model that a provider offers")
    models.add_argument("--write", action="store_true", help="print a models file (MODELS_FILE) that combines both")
    _add_operations(commands)
    listing = _add(commands, "settings", _settings, "print docs/settings.md, the list of all settings")
    listing.add_argument("--env-example", action="store_true", help="print .env.example instead")
    _add(commands, "routes", _routes, "print docs/routes.md, the list of all routes")
    return parser


def _add_operations(commands: Commands) -> None:
    check = _add(commands, "doctor", doctor, "check everything that the site needs; exits with 1 if there is a problem")
    check.add_argument("--json", action="store_true", help="print JSON, for programs")
    check.add_argument("--call", action="store_true", help="also ask each provider for a few tokens, which costs money")
    writing = _add(
        commands, "backup", backup.backup, "write a backup of the embedded database, while the site runs or not"
    )
    writing.add_argument("file", metavar="FILE", help="a new file, which only you can read")
    prompt = _add(commands, "shell", shell, "Python with the site's settings, rows, stores and model client")
    prompt.add_argument("-c", dest="code", metavar="CODE", help="run this; without it, a script on standard input")
    reading = _add(commands, "restore", backup.restore, "restore a backup into an empty embedded database")
    reading.add_argument("file", metavar="FILE", help="a file that `chat backup` wrote")


def _add_changes(commands: Commands) -> None:
    admin = _add(
        commands,
        "create-admin",
        changes.create_admin,
        "make a user an administrator, or create one; asks for the password",
    )
    admin.add_argument("email")
    invite = _add(
        commands,
        "invite",
        changes.invite,
        "invite people to sign up: by email, or with a link to pass on if there is no address or no mail server",
    )
    invite.add_argument("email", nargs="?", default="", metavar="ADDRESS", help="only this person can use the link")
    invite.add_argument(
        "--uses", type=int, default=1, metavar="N", help="without an address: how many people can use the link"
    )
    budget = _add(
        commands,
        "set-budget",
        changes.set_budget,
        "set a user's monthly budget, in place of the site's default",
    )
    budget.add_argument("email")
    budget.add_argument("amount", help="USD, or `none` for the site's default")
    reset = _add(
        commands,
        "reset-two-factor",
        changes.reset_two_factor,
        "turn off two-factor authentication for a user who lost the app and the codes",
        aliases=["reset-second-factor"],  # its earlier name
    )
    reset.add_argument("email")


def _add_prune(commands: Commands) -> None:
    prune = _add(commands, "prune", records.prune, "delete expired sessions, expired links, deleted chats and old rows")
    prune.add_argument("--dry-run", action="store_true", help="delete nothing; print how many rows would be deleted")
    prune.add_argument("--sessions", action="store_true", help="expired sessions")
    prune.add_argument("--tokens", action="store_true", help="expired emailed links")
    prune.add_argument("--deleted-chats", action="store_true", help="chats that users deleted and could bring back")
    prune.add_argument(
        "--logs-older-than",
        type=records.days,
        metavar="DAYS",
        help="old model requests; monthly totals stay",
    )


def _add(
    commands: Commands,
    name: str,
    command: Callable[[argparse.Namespace], int],
    description: str,
    aliases: Sequence[str] = (),
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, aliases=aliases, help=description, description=description)
    parser.set_defaults(command=command)
    return parser


def _dev(arguments: argparse.Namespace) -> int:
    return development.run(local_model=arguments.local_model)


def _serve(_: argparse.Namespace) -> int:
    settings = Settings.from_environment(os.environ)
    if problems := exposed_by_debug(settings):
        raise SettingsError(problems)
    return server.serve(settings)


def _migrate(_: argparse.Namespace) -> int:
    applied = asyncio.run(database.migrate(settings_with_database()))
    sys.stdout.write("".join(f"Applied {name}\n" for name in applied) or "The database is up to date.\n")
    return 0


def _make_migration(arguments: argparse.Namespace) -> int:
    written = asyncio.run(database.make_migration(arguments.name))
    sys.stdout.write(
        f"Wrote migrations/models/{written}. Review it before you commit it.\n" if written else "No changes.\n"
    )
    return 0


def _settings(arguments: argparse.Namespace) -> int:
    sys.stdout.write(environment_example() if arguments.env_example else settings_document())
    return 0


def _routes(_: argparse.Namespace) -> int:
    sys.stdout.write(routes_document(create_app(Settings(debug=True))))
    return 0


def _fail(sentence: str, code: int) -> None:
    sys.stderr.write("\n".join(map(printable, sentence.split("\n"))) + "\n")  # it can quote a server
    sys.exit(code)
