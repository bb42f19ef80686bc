"""`chat doctor` on what is really broken: each set-up gets its sentence, none hangs, and no secret is shown."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sysconfig
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import httpx
import pytest
from aiosmtpd.smtp import AuthResult
from redis.asyncio import Redis

from chat import broadcast
from chat.broadcast.fitness import is_too_old
from chat.checkout import ROOT
from chat.cli.doctor import machine, postgres
from chat.cli.doctor.findings import Level
from chat.database import credentials
from chat.database.fitness import Facts, too_many_connections, unfit
from chat.devservices import embedded_valkey
from chat.devservices.offline_model.prices import LLM_PRICES
from chat.settings import Settings
from tests.support import programs
from tests.support.balancers import EXAMPLES, balancer, installed, unverified
from tests.support.certificates import new_certificate, server_context
from tests.support.mailbox import Mailbox
from tests.support.model_lists import OPENAI, answering, response
from tests.support.offline import OfflineServer
from tests.support.pooler import pgbouncer, require_pgbouncer
from tests.support.ports import free_port
from tests.support.production import PRODUCTION
from tests.support.programs import Program
from tests.support.raw_server import serving as raw_server
from tests.support.site import Beside
from tests.support.stores import Stores
from tests.support.tls import behind_tls
from tests.support.waiting import eventually

MODEL = "model (127.0.0.1)"
Examine = Callable[..., Awaitable[dict[str, Any]]]
SECRETS = {"SECRET_KEY": PRODUCTION["SECRET_KEY"], "SMTP_PASSWORD": "canary-of-mail", "OPENAI_API_KEY": "sk-canary-key"}


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One whose configuration a test may change."""
    with embedded_valkey(tmp_path_factory.mktemp("own") / "valkey", durable=False) as url:
        yield url


@pytest.fixture
async def own(valkey: str) -> AsyncIterator[Redis]:
    client = broadcast.connect(valkey)
    yield client
    await client.execute_command("CONFIG", "SET", "requirepass", "", "maxmemory-policy", "noeviction", "maxmemory", "0")
    await client.aclose()


@pytest.fixture
def examine(stores: Stores, model: OfflineServer, mailbox: Mailbox, migrated: None, tmp_path: Path) -> Examine:
    """Run the command on a set-up that is right but for these settings; returns its report, and checks its form."""
    right = {
        **PRODUCTION,
        **SECRETS,
        "PUBLIC_URL": f"https://localhost:{free_port()}",
        "TRUSTED_PROXIES": "1",
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "OPENAI_BASE_URL": model.base_url,
        "LLM_MONTHLY_BUDGET": "5",
        "LLM_PRICES": LLM_PRICES,
        "SMTP_HOST": mailbox.host,
        "SMTP_PORT": str(mailbox.port),
        "SMTP_TLS": "none",
        "SMTP_PASSWORD": "",
    }

    async def run(*words: str, **settings: str) -> dict[str, Any]:
        given = {**os.environ, **right, **settings}
        output = tmp_path / uuid.uuid4().hex
        errors = output.with_suffix(".errors")
        program = Program(
            programs.chat, "doctor", "--json", *words, environment=given, folder=tmp_path, output=output, errors=errors
        )
        code = await program.end()
        report: dict[str, Any] = json.loads(program.output)
        assert code == (1 if report["problems"] else 0)
        hidden = [
            *SECRETS.values(),
            *(unquote(urlsplit(given[name]).password or "") for name in ("DATABASE_URL", "REDIS_URL")),
        ]
        assert not [secret for secret in hidden if secret and secret in program.output + program.errors]
        return report

    return run


def found(report: dict[str, Any], check: str, level: Level) -> list[str]:
    """What the report says of a check at this level, with what to do."""
    lines = [one for one in report["findings"] if (one["check"], one["level"]) == (check, level)]
    return [f"{one['says']}: {one['to_do']}" for one in lines]


def refused(report: dict[str, Any], check: str) -> str:
    """The only problem of the report."""
    assert report["problems"] == 1, report
    [line] = found(report, check, Level.PROBLEM)
    return line


async def test_a_set_up_that_is_right_has_no_problem(examine: Examine, root: object) -> None:
    report = await examine("--call")

    assert report["problems"] == 0, report
    right = {one["check"] for one in report["findings"] if one["level"] == "ok"}
    assert right >= {"settings", "database", "redis", MODEL, "mail", "open files", "disk"}
    assert [line for line in report["findings"] if line["says"].endswith(" answers") and "model" in line["check"]]
    [away] = found(report, "public url", Level.WARNING)
    assert "can't be reached" in away
    assert "start the site" in away


async def test_text_has_one_line_for_each_finding_and_a_sum(
    environment: dict[str, str], migrated: None, tmp_path: Path
) -> None:
    given = {**os.environ, **environment, "SECRET_KEY": "short", "DEBUG": "False"}
    program = Program(programs.chat, "doctor", environment=given, folder=tmp_path, output=tmp_path / "said")
    assert await program.end() == 1

    *lines, total = program.output.splitlines()
    assert all(line.split()[0] in ("ok", "warning", "problem") and line.endswith(".") for line in lines)
    assert "problem  settings" in program.output
    assert "SECRET_KEY is too short or guessable: set the output of" in program.output
    assert "ok       database" in program.output, "what is right is checked, too"
    problems = sum(line.startswith("problem") for line in lines)
    assert total.startswith(f"{problems} problem")


# PostgreSQL


async def test_a_wrong_password(examine: Examine, stores: Stores, tmp_path: Path) -> None:
    require_pgbouncer()
    users = tmp_path / "users.txt"
    users.write_text('"postgres" "the-right-one"\n')
    users.chmod(0o644)
    with pgbouncer(tmp_path, stores.database_url, "auth_type = md5", f"auth_file = {users}") as url:
        wrong = url.replace("postgres@", "postgres:canary-of-mine@")
        line = refused(await examine(DATABASE_URL=f"{wrong}?pgbouncer=true"), "database")

    assert "authentication failed" in line
    assert line.endswith("check the user and the password in DATABASE_URL")


@pytest.mark.parametrize(
    ("url", "says", "to_do"),
    [
        ("postgres://me:canary-1@chat.invalid/chat", "can't be used", "check the host in DATABASE_URL"),
        ("postgres://me:canary-1@127.0.0.1:1/chat", "Connect", "nothing listens there"),
        ("postgres://me@/chat?host=/nowhere", "can't be used", "there is no such socket"),
    ],
)
async def test_a_server_that_is_not_there(examine: Examine, url: str, says: str, to_do: str) -> None:
    line = refused(await examine(DATABASE_URL=url), "database")

    assert says in line
    assert to_do in line


async def test_a_database_that_does_not_exist(examine: Examine, stores: Stores) -> None:
    line = refused(await examine(DATABASE_URL=stores.database_url.replace("/postgres?", "/nothing?")), "database")

    assert 'database "nothing" does not exist' in line
    assert "create what is missing" in line


async def test_a_pooler_that_the_url_does_not_mention_and_tls_where_there_is_none(
    examine: Examine, stores: Stores, tmp_path: Path
) -> None:
    require_pgbouncer()
    with pgbouncer(tmp_path, stores.database_url) as url:
        line = refused(await examine(DATABASE_URL=url), "database")
        no_tls = refused(await examine(DATABASE_URL=f"{url}?pgbouncer=true&sslmode=require"), "database")
        right = await examine(DATABASE_URL=f"{url}?pgbouncer=true")

    assert "add pgbouncer=true to DATABASE_URL" in line
    assert "the server has no TLS" in no_tls
    assert right["problems"] == 0
    assert "ALTER ROLE" in str(found(right, "database", Level.WARNING))


async def test_missing_migrations(examine: Examine, stores: Stores) -> None:
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(**credentials(stores.database_url))
    await admin.execute(f'CREATE DATABASE "{name}"')
    line = refused(await examine(DATABASE_URL=stores.database_url.replace("/postgres?", f"/{name}?")), "database")
    await admin.execute(f'DROP DATABASE "{name}"')
    await admin.close()

    assert "migrations are missing, the first is 0_" in line
    assert line.endswith("run `chat migrate`")


async def test_more_connections_than_the_server_allows(examine: Examine) -> None:
    report = await examine(WEB_CONCURRENCY="4", DATABASE_POOL_SIZE="50")

    [line] = [line for line in found(report, "database", Level.WARNING) if "connections" in line]
    assert "4 * (50 + 1) = 204 connections to PostgreSQL can be opened, and it allows 97" in line
    assert "lower WEB_CONCURRENCY or DATABASE_POOL_SIZE" in line


@pytest.mark.parametrize(
    ("url", "to_do"),
    [
        ("postgres://me:canary-2@127.0.0.1:1/chat", "check the host and the port in DATABASE_MIGRATE_URL"),
        ("postgres://me:canary-2@127.0.0.1:1/chat?pgbouncer=maybe", "DATABASE_MIGRATE_URL has pgbouncer=maybe"),
        ("postgres://me:canary-2@[127.0.0.1/chat", "DATABASE_MIGRATE_URL is not a URL"),
    ],
)
async def test_a_wrong_address_for_migrations(examine: Examine, url: str, to_do: str) -> None:
    assert to_do in refused(await examine(DATABASE_MIGRATE_URL=url), "database for migrations")


def test_old_servers_and_clocks_that_differ() -> None:
    """No old server is at hand; what its answers lead to is."""
    facts: dict[str, Any] = {
        "version": 18, "version_name": "18.6", "most": 100, "reserved": 3, "role_limit": -1, "database_limit": 20,
        "versions": "1", "statement_timeout": "15s", "lock_timeout": "5s", "idle_timeout": "15s", "is_replica": False,
        "connected": 1,
    }  # fmt: skip

    assert unfit(Facts(**facts)) == ""
    assert (
        unfit(Facts(**facts | {"version": 14, "version_name": "14.3"}))
        == "points to PostgreSQL 14.3: the site needs 15 or newer"
    )
    assert "add pgbouncer=true" in unfit(Facts(**facts | {"versions": ""}))
    assert Facts(**facts).allowed == 20
    assert too_many_connections(Settings(debug=True), Facts(**facts)) == ""
    assert "it allows 12" in too_many_connections(Settings(debug=True), Facts(**facts | {"role_limit": 12}))
    assert postgres.clock_finding("c", "Redis", 100.0, 100.5, 101.0) == []
    [late] = postgres.clock_finding("c", "Redis", 100.0, 160.0, 101.0)
    assert late.says == "the clocks of this host and of Redis differ by 59 s"
    assert late.to_do == "run NTP on both hosts"
    infos = [
        {"redis_version": version} for version in ("5.0.14", "6.0.16", "6.2.14", "8.2.3", "255.255.255", "dev", "")
    ]
    assert [is_too_old(info) for info in infos] == [True, True, False, False, False, False, False]
    assert not is_too_old({"redis_version": "7.2.4", "valkey_version": "9.1.2"})


# Redis


async def test_memory_that_is_dropped_or_nearly_full(examine: Examine, valkey: str, own: Redis) -> None:
    await own.execute_command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "1200000")
    report = await examine(REDIS_URL=valkey)

    policy, full = found(report, "redis", Level.WARNING)
    assert "maxmemory-policy is allkeys-lru" in policy
    assert policy.endswith("set maxmemory-policy to noeviction")
    assert "MB are used: raise maxmemory" in full


async def test_a_redis_that_wants_a_password(examine: Examine, valkey: str, own: Redis) -> None:
    await own.execute_command("CONFIG", "SET", "requirepass", "canary-right")
    without = refused(await examine(REDIS_URL=valkey), "redis")
    wrong = refused(await examine(REDIS_URL=f"{valkey}?password=canary-wrong"), "redis")
    await own.execute_command("AUTH", "canary-right")

    assert without.endswith("REDIS_URL has no password")
    assert wrong.endswith("check the user and the password in REDIS_URL")


async def test_a_redis_that_is_not_there(examine: Examine) -> None:
    gone = refused(await examine(REDIS_URL="redis://:canary-3@127.0.0.1:1"), "redis")
    unknown = refused(await examine(REDIS_URL="redis://chat.invalid"), "redis")

    assert "nothing listens there" in gone
    assert "check" in unknown
    assert "REDIS_URL" in unknown


async def test_a_redis_with_a_certificate_of_its_own_or_without_any(
    examine: Examine, valkey: str, own: Redis, tmp_path: Path
) -> None:
    path = unquote(urlsplit(valkey).path)
    async with behind_tls(path, new_certificate(tmp_path, "IP:127.0.0.1")) as port:
        line = refused(await examine(REDIS_URL=f"rediss://127.0.0.1:{port}"), "redis")
        off = await examine(REDIS_URL=f"rediss://127.0.0.1:{port}", REDIS_TLS_VERIFY="off")
        plain = refused(await examine(REDIS_URL=f"redis://127.0.0.1:{port}"), "redis")

    assert "set REDIS_TLS_VERIFY to a file with the server's authority, or to off (Heroku)" in line
    assert off["problems"] == 0
    assert "the certificate of Redis is not verified" in str(found(off, "settings", Level.WARNING))
    assert "write rediss:// in REDIS_URL" in plain


# Model and mail


async def test_a_key_that_the_provider_rejects(examine: Examine) -> None:
    async with answering(response({"error": {"message": "Incorrect API key"}}, status="401 Unauthorized")) as server:
        line = refused(await examine(OPENAI_BASE_URL=server.base_url), MODEL)

    assert line == "rejects the key in OPENAI_API_KEY (HTTP 401): set a key that works"


async def test_a_model_that_is_not_offered_and_a_provider_that_is_away(examine: Examine) -> None:
    async with answering(response(OPENAI)) as server:
        other = await examine(OPENAI_BASE_URL=server.base_url, LLM_MODEL="gpt-0", LLM_PRICES="gpt-0=1/2")
    away = await examine("--call", OPENAI_BASE_URL="http://127.0.0.1:1/v1")

    assert found(other, MODEL, Level.WARNING) == ["gpt-0 is not among its models: run `chat models` to see which are"]
    assert other["problems"] == 0, "a gateway may list other names"
    [line] = found(away, MODEL, Level.WARNING)
    assert "check its base URL" in line
    [called] = found(away, MODEL, Level.PROBLEM)
    assert "does not answer" in called


async def test_a_mail_server_that_rejects_the_login(examine: Examine, tmp_path: Path) -> None:
    context = server_context(new_certificate(tmp_path, "IP:127.0.0.1"))
    trusted = {"SSL_CERT_FILE": f"{tmp_path}/server.pem.crt", "SMTP_TLS": "starttls", "SMTP_USERNAME": "chat"}
    refusal = AuthResult(success=False, handled=False, message="535 canary-of-mail is not the password")
    login = {"authenticator": lambda *_: refusal, "auth_require_tls": True}
    async with Mailbox.listening(starttls=context, **login) as mailbox:
        line = refused(await examine(SMTP_PORT=str(mailbox.port), SMTP_PASSWORD="canary-of-mail", **trusted), "mail")

    assert "[hidden] is not the password" in line
    assert line.endswith("check SMTP_USERNAME and SMTP_PASSWORD")


async def test_a_mail_server_without_a_valid_certificate_without_tls_or_without_an_answer(
    examine: Examine, mailbox: Mailbox, tmp_path: Path
) -> None:
    context = server_context(new_certificate(tmp_path, "IP:127.0.0.1"))
    async with Mailbox.listening(tls=context) as other:
        untrusted = refused(await examine(SMTP_PORT=str(other.port), SMTP_TLS="tls"), "mail")
    without = refused(await examine(SMTP_TLS="starttls"), "mail")
    gone = await examine(SMTP_PORT="1")

    assert "set SSL_CERT_FILE to its authority" in untrusted
    assert "set SMTP_TLS: starttls (port 587), tls (port 465) or none" in without
    [line] = found(gone, "mail", Level.WARNING)
    assert "check SMTP_HOST and SMTP_PORT" in line


# The proxy in front


async def behind(kind: str, example: str, examine: Examine, beside: Beside, folder: Path) -> dict[str, Any]:
    """The report on a site behind this proxy."""
    if not installed(kind):
        assert "CI" not in os.environ, f"CI installs {kind}"
        pytest.skip(f"{kind} is not installed")
    port = free_port()
    settings = PRODUCTION | {"PUBLIC_URL": f"https://localhost:{port}", "TRUSTED_PROXIES": "1", "DEBUG": "False"}
    mail = {"SMTP_TLS": "none", "RATE_LIMITS": "on", "EMAIL_VERIFICATION_REQUIRED": "True"}
    keys = (
        "SECRET_KEY",
        "PUBLIC_URL",
        "TRUSTED_PROXIES",
        "DEBUG",
        "SIGNUP",
        "SMTP_HOST",
        "DEFAULT_FROM_EMAIL",
        "EMAIL_BACKEND",
    )
    async with beside(**{key: settings[key] for key in keys}, **mail) as site:
        with balancer(kind, folder, port, [httpx.URL(site.url).port or 0], example=example):
            async with httpx.AsyncClient(verify=unverified()) as http:
                await eventually(lambda: answers(http, settings["PUBLIC_URL"]))
            return await examine(PUBLIC_URL=settings["PUBLIC_URL"], SSL_CERT_FILE=str(folder / "cert.pem"))


async def answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(f"{url}/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


NGINX = EXAMPLES["nginx"].read_text()
PROXIES = {
    "the example": (NGINX, ""),
    "drops Upgrade": (
        NGINX.replace("proxy_set_header Upgrade $http_upgrade;", ""),
        "the proxy drops the Upgrade header",
    ),
    "passes its own name": (
        NGINX.replace("X-Forwarded-Host $host;", "X-Forwarded-Host 127.0.0.1;"),
        "the host name that arrives",
    ),
    "says http": (
        NGINX.replace("X-Forwarded-Proto $scheme;", "X-Forwarded-Proto http;"),
        "the site redirects to itself",
    ),
}


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_proxy(proxy: str, examine: Examine, beside: Beside, tmp_path: Path) -> None:
    example, says = PROXIES[proxy]
    report = await behind("nginx", example, examine, beside, tmp_path)

    if says:
        assert says in refused(report, "public url")
    else:
        assert found(report, "public url", Level.OK) == ["pages and websockets arrive: "]


async def test_another_site_at_the_public_address_and_a_certificate_that_is_not_valid(
    examine: Examine, tmp_path: Path
) -> None:
    tls = server_context(new_certificate(tmp_path, "DNS:localhost", "IP:127.0.0.1"))

    async def page(writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"<h1>It works!</h1>", head="content-type: text/html"))

    async with raw_server(page, tls=tls) as server:
        url = server.url.removesuffix("/v1")
        invalid = refused(await examine(PUBLIC_URL=url), "public url")
        other = refused(await examine(PUBLIC_URL=url, SSL_CERT_FILE=f"{tmp_path}/server.pem.crt"), "public url")

    assert "its certificate is not valid" in invalid
    assert "another site answers there" in other


# Settings and this machine


async def test_open_sign_up_without_a_budget_and_a_price_that_is_unknown(examine: Examine) -> None:
    free = await examine(LLM_MONTHLY_BUDGET="")
    priceless = refused(await examine(LLM_MODEL="mystery"), "settings")

    assert "anyone can sign up, and no one has a budget: set LLM_MONTHLY_BUDGET, or another SIGNUP" in found(
        free, "settings", Level.WARNING
    )
    assert "the price of mystery is unknown" in priceless


async def test_a_bad_setting_does_not_hide_the_rest(examine: Examine) -> None:
    report = await examine(
        SIGNUP="maybe", DATABASE_URL="postgres://me:canary#4@db/chat", REDIS_URL="redis://127.0.0.1:1"
    )

    assert {one["check"] for one in report["findings"] if one["level"] == "problem"} == {"settings", "redis"}
    assert "SIGNUP is 'maybe'" in str(report)


async def test_few_files(environment: dict[str, str], migrated: None, tmp_path: Path) -> None:
    chat = Path(sysconfig.get_path("scripts"), "chat")
    program = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f"ulimit -n 256; exec '{chat}' doctor --json"),
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(program.communicate(), programs.PROMPTLY_SECONDS)

    [line] = found(json.loads(output), "open files", Level.WARNING)
    assert line.startswith("a process may open 256 files, and each open tab needs one: set `ulimit -n 4096`")


def test_a_build_that_is_missing_broken_or_old(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "static", tmp_path / "static", copy_function=shutil.copy)
    (tmp_path / "templates").mkdir()
    manifest, script = tmp_path / "static" / machine.BUILT, tmp_path / "static/dist/app.js"
    for source in (tmp_path / "static/src").rglob("*"):
        os.utime(source, (1, 1))
    assert machine.check_build(tmp_path).level is Level.OK

    (tmp_path / "templates/new.html").write_text("")
    os.utime(tmp_path / "templates/new.html", (manifest.stat().st_mtime + 9,) * 2)
    old = machine.check_build(tmp_path)
    assert (old.level, old.says) == (Level.WARNING, "templates/new.html is newer than the build")

    script.write_text(script.read_text() + "//")
    assert machine.check_build(tmp_path).says == "the build is incomplete: dist/app.js"
    manifest.unlink()
    missing = machine.check_build(tmp_path)
    assert (missing.level, missing.to_do) == (Level.PROBLEM, "run `npm ci && npm run build`")


async def test_servers_that_accept_and_never_answer_are_reported(examine: Examine) -> None:
    """The test's own time limit is the assertion that the command ends."""
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        port = silent.getsockname()[1]
        report = await examine(
            DATABASE_URL=f"postgres://me:canary-5@127.0.0.1:{port}/chat",
            REDIS_URL=f"redis://127.0.0.1:{port}",
            OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1",
            SMTP_PORT=str(port),
            PUBLIC_URL=f"https://127.0.0.1:{port}",
        )

    named = {one["check"] for one in report["findings"] if one["level"] != "ok"}
    assert named >= {"database", "redis", MODEL, "mail", "public url"}
    assert {one["check"] for one in report["findings"] if one["level"] == "problem"} == {"database", "redis"}
