"""The servers under load: the floor, and the product of a checkout with stores of its own."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import asyncpg
import redis

from bench.load import meters
from bench.load.model import GREETING, NAME
from bench.processes import CHAT, PROJECT
from chat.devservices import embedded_postgres, embedded_valkey
from tests.support.ports import free_port

HOST = "chat.example.com"
ORIGIN = f"https://{HOST}"
FORWARDED = {"Host": HOST, "X-Forwarded-Proto": "https"}  # as the proxy in front writes them
START_SECONDS = 60.0
ENVIRONMENT = {
    "DEBUG": "False", "PUBLIC_URL": ORIGIN, "TRUSTED_PROXIES": "1", "SIGNUP": "open", "OPENAI_API_KEY": "bench",
    "LLM_MODEL": NAME, "LLM_TITLES": "off", "LLM_REPLIES_PER_PROCESS": "10000", "EMAIL_BACKEND": "smtp",
    "SMTP_HOST": "127.0.0.1", "DEFAULT_FROM_EMAIL": "chat@example.com", "EMAIL_VERIFICATION_REQUIRED": "False",
    "LOG_LEVEL": "WARNING",
}  # fmt: skip
# A multi-statement query, which asyncpg sends whenever a connection returns to the pool, shows as several rows.
RESETS = ("SELECT pg_advisory_unlock_all()", "CLOSE ALL", "UNLISTEN *", "RESET ALL")
BRACKETS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
COUNTED = "SELECT query, sum(calls)::bigint AS calls FROM pg_stat_statements GROUP BY query"


@dataclass(frozen=True, slots=True)
class Counts:
    """What the stores were asked since their start."""

    statements: dict[str, int] = field(default_factory=dict)  # by their text
    commands: dict[str, int] = field(default_factory=dict)  # of Valkey, by their name

    def since(self, before: Counts) -> Counts:
        """What was asked since then."""
        return Counts(_grown(self.statements, before.statements), _grown(self.commands, before.commands))

    def figures(self, times: int) -> dict[str, float]:
        """How often each kind was asked, by the number of answers or pages."""
        kinds = {"statements": 0, "commits": 0, "resets": 0}
        for text, calls in self.statements.items():
            if text.startswith(RESETS[0]):
                kinds["resets"] += calls
            elif text.startswith("COMMIT"):
                kinds["commits"] += calls
            elif not text.startswith((*RESETS, *BRACKETS)):
                kinds["statements"] += calls
        kinds["publishes"] = self.commands.get("publish", 0)
        return {name: calls / times for name, calls in kinds.items()}


def _grown(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: calls - before.get(name, 0) for name, calls in now.items() if calls > before.get(name, 0)}


@dataclass
class Server:
    """One server under load; a floor has no stores and no checkout."""

    name: str
    port: int
    pids: dict[str, int]
    database_url: str = ""
    redis_url: str = ""
    secret_key: str = ""
    people: int = 0  # how many have been made
    log: Path | None = None

    def cpu(self) -> dict[str, float]:
        """CPU seconds of each part since its start."""
        return {part: meters.cpu_seconds([pid]) for part, pid in self.pids.items()}

    async def counts(self) -> Counts:
        """What its stores were asked so far."""
        if not self.database_url:
            return Counts()
        rows = await asyncpg.connect(self.database_url)
        try:
            statements = {row["query"]: row["calls"] for row in await rows.fetch(COUNTED)}
        finally:
            await rows.close()
        with redis.Redis.from_url(self.redis_url) as valkey:
            told: dict[str, Any] = valkey.info("commandstats")
        return Counts(statements, {name.removeprefix("cmdstat_"): int(one["calls"]) for name, one in told.items()})


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """What the block starts runs on this core alone."""
    kept = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, kept)


@contextmanager
def model(folder: Path) -> Iterator[int]:
    """The model server; yields its port."""
    with _python("-m", "bench.load.model", log=folder / "model.log") as (_, log):
        yield _announced(log)


@contextmanager
def floor(folder: Path, model_port: int) -> Iterator[Server]:
    """The bare relay."""
    with _python("-m", "bench.load.floor", str(model_port), log=folder / "floor.log") as (running, log):
        yield Server("floor", _announced(log), {"app": running.pid})


@contextmanager
def product(name: str, checkout: Path, folder: Path, model_port: int, **more: str) -> Iterator[Server]:
    """`chat serve` of a checkout, in production mode, migrated, with stores that are used for nothing else."""
    folder.mkdir()
    folder.chmod(0o755)  # PostgreSQL runs as another user there
    with ExitStack() as stack:
        database_url, postgres = _started(lambda: _counting_postgres(stack, folder / "postgres"), "postgres")
        redis_url, valkey = _started(lambda: stack.enter_context(embedded_valkey(folder / "valkey")), "valkey-server")
        server = Server(name, free_port(), {}, database_url, redis_url, secrets.token_urlsafe(48))
        environment = ENVIRONMENT | more | {
            "PORT": str(server.port), "DATABASE_URL": database_url, "REDIS_URL": redis_url,
            "SECRET_KEY": server.secret_key, "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
        }  # fmt: skip
        with _python("-c", CHAT, "migrate", checkout=checkout, log=folder / "migrate.log", **environment) as (one, log):
            if one.wait():
                raise SystemExit(f"{name} could not be migrated:\n{log.read_text()}")
        serving = _python("-m", "bench.load.serve", checkout=checkout, log=folder / "chat.log", **environment)
        running, log = stack.enter_context(serving)
        _until_ready(server, running, log)
        server.log = log
        server.pids |= {"app": running.pid, "postgres": postgres, "valkey": valkey}
        yield server


def _counting_postgres(stack: ExitStack, data: Path) -> str:
    """PostgreSQL, with an extension that counts statements, which is loaded at its start."""
    with embedded_postgres(data, durable=False) as url:
        _run(url, "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    url = stack.enter_context(embedded_postgres(data, durable=False))
    _run(url, "CREATE EXTENSION pg_stat_statements")
    return url


def _run(url: str, sql: str) -> None:
    async def once() -> None:
        rows = await asyncpg.connect(url)
        try:
            await rows.execute(sql)
        finally:
            await rows.close()

    asyncio.run(once())


def _started(start: Callable[[], str], program: str) -> tuple[str, int]:
    """The address of a store, and the process that its start has added to ours."""
    before = set(meters.children(os.getpid()))
    url = start()
    [pid] = set(meters.children(os.getpid())) - before
    return url, pid


@contextmanager
def _python(
    *words: str, log: Path, checkout: Path = PROJECT, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Python of a checkout, or ours if it has none, ended with the block."""
    own = checkout / ".venv" / "bin" / "python"
    paths = os.pathsep.join(dict.fromkeys((str(checkout), str(PROJECT))))
    with log.open("wb") as output:
        running = subprocess.Popen(  # noqa: S603
            [str(own) if own.exists() else sys.executable, *words],
            cwd=checkout,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": paths, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield running, log
    finally:
        running.terminate()
        running.wait()


def _announced(log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text()
        if said.startswith(GREETING) and said.endswith("\n"):
            return int(said.removeprefix(GREETING))
        time.sleep(0.02)
    raise SystemExit(f"It did not start: {log.read_text()}")


def _until_ready(server: Server, running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        try:
            with urlopen(Request(f"http://127.0.0.1:{server.port}/readyz", headers=FORWARDED), timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{server.name} did not start:\n{log.read_text()}")
