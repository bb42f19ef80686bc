"""`chat dev`: starts what a fresh checkout needs around the server, and stops it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
from dotenv import dotenv_values

from chat import database, server
from chat.checkout import ROOT
from chat.devservices import ServiceError, embedded_postgres, embedded_valkey
from chat.devservices.local_model.launch import LABEL, local_model_server, without_other_models
from chat.devservices.offline_model.launch import offline_model_server
from chat.devservices.offline_model.prices import LLM_PRICES
from chat.devservices.private import private_folder
from chat.security.passwords import Passwords
from chat.services.accounts.credentials import is_superuser, password_problems
from chat.services.admin import commands
from chat.services.admin.audit import AuditContext, CommandLine
from chat.services.errors import Refused
from chat.settings import Settings, SettingsError
from chat.settings.models import SOURCES as MODEL_FILES

DEFAULTS = {"DEBUG": "True", "EMAIL_VERIFICATION_REQUIRED": "False"}
OFFLINE_NOTICE = "The offline model answers here, and its prices are made up. Set OPENAI_API_KEY to use a real model."
LAST_PORT = 65535
BY_ENVIRONMENT = AuditContext(CommandLine("chat dev, DEV_SUPERUSER_EMAIL"), None)


def run(environment: Mapping[str, str] | None = None, *, root: Path = ROOT, local_model: bool = False) -> int:
    """Serve this checkout until stopped; returns the exit code. Stores that are unset are embedded, in `var/`.

    `local_model` starts llama.cpp, and ignores the environment's settings of other models.
    """
    var = root / "var"
    _stop_on_every_signal()
    try:
        private_folder(var)
        chosen = _chosen(os.environ if environment is None else environment, root / ".env")
        chosen = without_other_models(chosen) if local_model else chosen
        code = _run({**DEFAULTS, "SECRET_KEY": _kept_secret(var / "secret_key"), **chosen}, var, local_model)
    except SettingsError as error:
        _say(str(error))
        return 2
    except ServiceError as error:
        _say(str(error))
        return 1
    except PermissionError as error:
        _say(f"{error.filename or var} belongs to another user: start as that user, or change the owner of the folder.")
        return 1
    except KeyboardInterrupt:  # before the server took over
        code = 0
    _say("Stopped.")
    return code


def beside_a_run(environment: Mapping[str, str], *, root: Path = ROOT) -> dict[str, str]:
    """For a command while `chat dev` runs: without their URLs, it uses the embedded stores."""
    postgres, valkey = root / "var" / "postgres.sockets", root / "var" / "valkey.sockets"
    found = {}
    if postgres.exists() and not environment.get("DATABASE_URL"):
        found["DATABASE_URL"] = f"postgres://postgres@/postgres?host={quote(str(postgres.resolve()))}"
    if valkey.exists() and not environment.get("REDIS_URL"):
        found["REDIS_URL"] = f"unix://{quote(str(valkey.resolve() / 'valkey.sock'))}"
    return {**DEFAULTS, **environment, **found} if "DATABASE_URL" in found else dict(environment) | found


def _run(environment: dict[str, str], var: Path, local_model: bool) -> int:
    settings = _checked(environment)
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_run(var / "run.lock", _address(settings)))
        _check_port(settings.host, settings.port)
        started = _start_stores(environment, var, stack) | _start_model(environment, var, stack, local_model)
        settings = _checked({"PUBLIC_URL": _address(settings).rstrip("/"), **started, **environment})
        stack.callback(_ignore_signals)  # runs first on the way out: each service has its own time limit
        _say("Preparing the database …")
        _prepare(settings)
        return server.serve(settings, on_listening=partial(_announce, settings, started, var))


def _stop_on_every_signal() -> None:
    """Until the server takes over, SIGTERM and a closed terminal act like Ctrl-C and run every `finally`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored under nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    if "MAKELEVEL" in os.environ:  # otherwise we would keep serving after `make run` is killed
        server.end_with_parent()


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _chosen(environment: Mapping[str, str], dotenv: Path) -> dict[str, str]:
    """Variables that are set, in the environment or else in `.env`. An empty one in the environment counts as unset."""
    merged = {**dotenv_values(dotenv), **environment}
    return {name: value for name, value in merged.items() if value and value.strip()}


def _kept_secret(path: Path) -> str:
    """A SECRET_KEY for this checkout, kept so that a restart logs no one out."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text()


def _checked(environment: Mapping[str, str]) -> Settings:
    settings = Settings.from_environment(environment)
    if settings.openai_base_url and not settings.openai_api_key:
        raise SettingsError(
            ["OPENAI_API_KEY is missing, and OPENAI_BASE_URL is set: if that server needs no key, set any word"]
        )
    return settings


@contextlib.contextmanager
def only_run(path: Path, address: str) -> Iterator[None]:
    """Lock this checkout. The kernel releases the lock when the process ends, however it ends."""
    with path.open("a+") as file:
        os.fchmod(file.fileno(), 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            process, _, where = file.read().partition(" ")
            raise ServiceError(
                f"The site is already running in this folder, at {where or 'an address it will print in a moment'}"
                f" (process {process or 'starting'}): open it, or stop it with Ctrl-C in its terminal."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {address}")
        file.flush()
        yield


def _check_port(host: str, port: int) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        other = port + 1 if port < LAST_PORT else 8001
        sentences = {
            errno.EADDRINUSE: f"Port {port} is used by another program: choose another with `PORT={other} make run`.",
            errno.EACCES: f"Port {port} needs root: choose a higher one with `PORT=8000 make run`.",
        }
        unknown = f"HOST={host} is not an address of this machine: use 127.0.0.1 (this machine only) or 0.0.0.0 (all)."
        raise ServiceError(sentences.get(error.errno or 0, unknown)) from None


def _start_stores(environment: Mapping[str, str], var: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    """Start the stores that the environment does not provide; returns the variables that lead to them."""
    started = {}
    if "DATABASE_URL" not in environment:
        _say("Starting PostgreSQL …")
        started["DATABASE_URL"] = stack.enter_context(embedded_postgres(var / "postgres"))
    if "REDIS_URL" not in environment:
        _say("Starting Valkey …")
        started["REDIS_URL"] = stack.enter_context(embedded_valkey(var / "valkey"))
    return started


def _start_model(
    environment: Mapping[str, str], var: Path, stack: contextlib.ExitStack, local_model: bool
) -> dict[str, str]:
    """Start the local model if asked, else the offline model if there is no key; returns the variables for it."""
    started = {}
    if local_model:
        _say(f"Loading the local model, {LABEL} …")
        started = stack.enter_context(local_model_server(log=var / "local-model.log")).variables()
    elif not any(name in environment for name in (*MODEL_FILES, "OPENAI_API_KEY")):
        _say("Starting the offline model …")
        key = secrets.token_urlsafe(24)  # otherwise other users of this machine could use its port
        server = offline_model_server(log=var / "offline-model.log", key=key)
        started["OPENAI_BASE_URL"] = stack.enter_context(server)
        started |= {"OPENAI_API_KEY": key, "SITE_NOTICE": OFFLINE_NOTICE, "LLM_PRICES": LLM_PRICES}
    return started


def _prepare(settings: Settings) -> None:
    try:
        asyncio.run(_migrate_and_populate(settings))
    except (
        OSError,
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
    ) as error:
        raise ServiceError(f"The database of DATABASE_URL cannot be used: {error}") from None


async def _migrate_and_populate(settings: Settings) -> None:
    await database.migrate(settings)
    if settings.dev_superuser_email and settings.dev_superuser_password:
        async with database.opened(settings):
            await _make_superuser(settings)


async def _make_superuser(settings: Settings) -> None:
    """Any password will do, since production refuses the setting; its weaknesses are printed."""
    email, password = settings.dev_superuser_email, settings.dev_superuser_password
    for problem in password_problems(password, email=email, settings=settings):
        _say(f"DEV_SUPERUSER_PASSWORD is only good enough for development: {problem}")
    passwords = Passwords()
    try:
        if not await is_superuser(email, password, passwords=passwords):  # or a restart would log the administrator out
            await commands.create_administrator(BY_ENVIRONMENT, email, password, passwords=passwords)
    except Refused as error:
        raise SettingsError([f"DEV_SUPERUSER_EMAIL is not accepted: {error}"]) from None
    finally:
        passwords.close()


def _announce(settings: Settings, started: Mapping[str, str], var: Path) -> None:
    """Print the address, the embedded services, where their data is, and which model answers."""
    rows = {
        "Open": _address(settings),
        "Administrator": _administrator(settings),
        "Model": _model(settings, started),
        "Database": _store(
            "DATABASE_URL", settings.database_url, started, f"embedded PostgreSQL, in {var / 'postgres'}"
        ),
        "Redis": _store("REDIS_URL", settings.redis_url, started, f"embedded Valkey, in {var / 'valkey'}"),
        "Stop": "Ctrl-C",
    }
    _say("\n" + "\n".join(f"  {label:<14} {text}" for label, text in rows.items()) + "\n")


def _address(settings: Settings) -> str:
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://[{host}]:{settings.port}/" if ":" in host else f"http://{host}:{settings.port}/"


def _administrator(settings: Settings) -> str:
    if settings.dev_superuser_email and settings.dev_superuser_password:
        return f"{settings.dev_superuser_email}, password: DEV_SUPERUSER_PASSWORD"
    return "none: set DEV_SUPERUSER_EMAIL and DEV_SUPERUSER_PASSWORD, or run `.venv/bin/chat create-admin EMAIL`"


def _model(settings: Settings, started: Mapping[str, str]) -> str:
    if "LLM_MODEL" in started:
        return f"{LABEL}, on this machine"
    if "OPENAI_API_KEY" in started:
        return "the offline model, because OPENAI_API_KEY is unset"
    model = settings.catalogue.default
    base_url = settings.catalogue.provider_of(model).base_url
    others = len(settings.models) - 1
    and_others = f", and {others} more" if others else ""
    return f"{model.name} at {urlsplit(base_url).hostname or 'OpenAI'}{and_others}"


def _store(variable: str, url: str, started: Mapping[str, str], embedded: str) -> str:
    """Never the whole URL: it contains a password."""
    return embedded if variable in started else f"{urlsplit(url).hostname or 'a local socket'} (from {variable})"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
