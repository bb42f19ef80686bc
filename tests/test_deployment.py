"""The files that deploy the site agree with it, with each other and with their document."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from chat.server import HARD_EXIT_SECONDS, SOCKETS_CLOSE_SECONDS
from chat.settings import Settings, variable, variables
from chat.web.hypercorn_setup import GRACEFUL_SECONDS

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text()
SERVICE = (ROOT / "deploy" / "chat.service").read_text()
HEROKU: dict[str, Any] = json.loads((ROOT / "app.json").read_text())
SETTINGS = {variable(item): item for item in variables()}
STOPS_WITHIN_SECONDS = Settings(debug=True).drain_seconds + SOCKETS_CLOSE_SECONDS + GRACEFUL_SECONDS
ESSENTIAL_0_CONNECTIONS = 20  # Heroku's smallest PostgreSQL

NOT_OURS = re.compile(r"\.(?!github).*|node_modules|var|dist|__pycache__|.*\.egg-info")
BUILT = re.compile(r"static/images/.*\.(br|gz)")
NEVER_SENT = (
    *(".env", ".env.example", ".git/config", "var/postgres/PG_VERSION", "node_modules/marked/package.json"),
    *("tests/conftest.py", "docs/deploy.md", ".venv/bin/python", "bin/post_compile", "deploy/compose.yaml"),
    *("static/dist/app.js", "static/images/icon.svg.br", "chat/.env", "chat/llm/__pycache__/round.cpython-311.pyc"),
    *("chat.egg-info/PKG-INFO", "models.toml", "backup.dump", "migrations/models/.git/HEAD"),
)


def rules_of_dockerignore() -> list[tuple[bool, re.Pattern[str]]]:
    """Whether each line lets a name through, and which names it means; `**/` is any folder, `*` stops at a slash."""
    rules = []
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
            rules.append((line.startswith("!"), re.compile(f"{pattern}(/.*)?")))
    return rules


def is_sent(name: str) -> bool:
    sent = True
    for lets_through, pattern in rules_of_dockerignore():
        if pattern.fullmatch(name):
            sent = lets_through
    return sent


def copied() -> set[str]:
    """What the Dockerfile copies from the project."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def commands_named() -> set[str]:
    """The commands of `chat`."""
    called = [sys.executable, "-c", "from chat.cli import main; main()", "--help"]
    listed = subprocess.run(called, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^    ([a-z-]+)", listed, re.M))


def project_files() -> set[str]:
    """The project's own files, without those that were installed, built or stored."""
    found = set()
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not NOT_OURS.fullmatch(name)]
        found |= {str(Path(folder, name).relative_to(ROOT)) for name in names}
    return {name for name in found if not BUILT.fullmatch(name)}


def test_the_image_gets_each_file_that_the_dockerfile_copies_and_no_other() -> None:
    files = project_files()
    wanted = {name for name in files if any(name == one or name.startswith(f"{one}/") for one in copied())}

    assert {name for name in files if is_sent(name)} == wanted
    assert {one for one in copied() if not (ROOT / one).exists()} == set()
    assert {
        "chat/broadcast/append.lua",
        "chat/security/common_passwords.txt.gz",
        ".npmrc",
        "requirements.txt",
        "bin/finish-static.mjs",
    } <= wanted


@pytest.mark.parametrize("name", NEVER_SENT)
def test_no_secret_no_data_and_nothing_that_was_built_reaches_the_builder(name: str) -> None:
    assert not is_sent(name)


def test_the_image_runs_a_command_as_a_numbered_user_without_a_shell() -> None:
    [entry, command] = (
        json.loads(re.findall(rf"^{name} (.+)$", DOCKERFILE, re.M)[-1]) for name in ("ENTRYPOINT", "CMD")
    )
    [check] = re.findall(r"^HEALTHCHECK .*? CMD (\[.+\])$", DOCKERFILE, re.M)
    [user] = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.M)

    assert [entry, command] == [["chat"], ["serve"]]
    assert json.loads(check)[:2] == ["python", "-c"]
    assert "/healthz" in check
    assert int(user) > 0
    assert "\nSTOPSIGNAL SIGTERM\n" in DOCKERFILE


def test_the_image_is_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert f'image.version="{project["version"]}"' in DOCKERFILE
    assert f'image.licenses="{project["license"]}"' in DOCKERFILE


def test_packages_are_installed_by_their_hashes() -> None:
    installs = re.findall(r"pip install ([^\\\n]+)", DOCKERFILE)

    assert [next((f for f in ("--require-hashes", "--no-index") if f in line), line) for line in installs] == [
        "--require-hashes",
        "--no-index",
    ]


def test_whoever_stops_the_site_waits_until_it_has_ended() -> None:
    waits = {
        "compose": float(re.findall(r"^    stop_grace_period: (\d+)s$", COMPOSE, re.M)[0]),
        "systemd": float(re.findall(r"^TimeoutStopSec=(\d+)$", SERVICE, re.M)[0]),
    }

    assert Settings(debug=True).drain_seconds + 7 == STOPS_WITHIN_SECONDS, "what the documents say"
    assert min(waits.values()) > HARD_EXIT_SECONDS > STOPS_WITHIN_SECONDS, waits


def test_the_services_of_compose_find_each_other() -> None:
    [port] = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.M)
    services = re.findall(r"^  ([a-z]+):(?: &\w+)?$", COMPOSE.partition("\nvolumes:")[0], re.M)

    assert services == ["app", "migrate", "postgres", "valkey", "caddy"]
    assert f'PORT: "{port}"' in COMPOSE
    assert f"CHAT_HOSTS: app:{port}" in COMPOSE
    assert "@postgres:5432/" in COMPOSE
    assert "redis://valkey:6379/" in COMPOSE
    for name in re.findall(r"\{\$(\w+):", (ROOT / "deploy" / "Caddyfile").read_text()):
        assert f"      {name}: " in COMPOSE


def test_compose_sets_only_settings_that_exist_and_each_volume_that_is_named() -> None:
    [given] = re.findall(r"environment: &environment\n((?:      .+\n)+)", COMPOSE)
    named = set(re.findall(r"^      - ([a-z-]+):/", COMPOSE, re.M))

    assert {line.split(":")[0].strip() for line in given.splitlines()} <= set(SETTINGS)
    assert named == {line.strip(" :") for line in COMPOSE.partition("\nvolumes:\n")[2].splitlines()}
    assert all((ROOT / "deploy" / name).exists() for name in re.findall(r"- \./(\w+):", COMPOSE))


def test_heroku_asks_for_what_the_site_needs_and_the_site_starts_with_it() -> None:
    answers = {"PUBLIC_URL": "https://chat.example.com", "SIGNUP": "invite", "OPENAI_API_KEY": "sk-test"}
    asked = {
        name
        for name, about in HEROKU["env"].items()
        if about.get("required", True) and not {"value", "generator"} & about.keys()
    }
    given = {name: about["value"] for name, about in HEROKU["env"].items() if "value" in about}
    added = {
        "DATABASE_URL": "postgres://u:p@host:5432/d",
        "REDIS_URL": "rediss://:p@host:6380",
        "SECRET_KEY": token_hex(32),
    }

    assert asked == set(answers)
    assert set(HEROKU["env"]) <= set(SETTINGS)
    assert HEROKU["env"]["SECRET_KEY"]["generator"] == "secret"
    assert [pack["url"] for pack in HEROKU["buildpacks"]] == ["heroku/nodejs", "heroku/python"]
    settings = Settings.from_environment({**answers, **given, **added})
    assert 2 * settings.web_concurrency * (settings.database_pool_size + 1) <= ESSENTIAL_0_CONNECTIONS


def test_every_host_runs_commands_that_exist() -> None:
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    [service] = re.findall(r"^ExecStart=(\S+) (\w+)$", SERVICE, re.M)
    [folder] = re.findall(r"^WorkingDirectory=(\S+)$", SERVICE, re.M)
    [migrate] = re.findall(r"^    command: (\w+)$", COMPOSE, re.M)

    assert set(procfile) == {"release", "web"}
    assert procfile["web"] == "chat serve"
    assert service == (f"{folder}/.venv/bin/chat", "serve")
    run = [command.split()[1] for line in procfile.values() for command in line.split(" && ")]
    assert {*run, migrate} <= commands_named()


def test_the_document_names_only_settings_and_commands_that_exist() -> None:
    document = (ROOT / "docs" / "deploy.md").read_text().partition("\n## Coming from")[0]
    others = {"POSTGRES_PASSWORD", "CHAT_SITE", "CHAT_HOSTS"}  # of deploy/compose.yaml and deploy/Caddyfile
    assigned = set(re.findall(r"\b([A-Z][A-Z_]+)=", document))
    commands = set(re.findall(r"`chat ([a-z-]+)", document))

    assert assigned - others - set(SETTINGS) == {name for name in assigned if name.startswith("PG")}
    assert commands <= commands_named()


def test_the_npm_of_debian_can_read_the_lock() -> None:
    """npm 9.2 takes no override of a package that another package asks for by a tag, such as "insiders"."""
    overridden = json.loads((ROOT / "package.json").read_text())["overrides"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"].values()
    kinds = ("dependencies", "peerDependencies", "optionalDependencies")
    ranges = [
        wanted
        for package in locked
        for kind in kinds
        for name, wanted in package.get(kind, {}).items()
        if name in overridden
    ]

    assert ranges
    assert [wanted for wanted in ranges if re.search(r"(?<![\w.-])[a-z]+", wanted)] == []


def test_the_log_of_nginx_has_no_queries() -> None:
    """What people search for is in them."""
    written = (ROOT / "deploy" / "nginx.conf").read_text()
    [logged] = re.findall(r"(?s)log_format without_query (.*?);", written)
    assert re.findall(r"access_log (.*?);", written) == ["/var/log/nginx/access.log without_query"]
    assert not re.search(r"\$(request|request_uri|args|query_string|http_referer|is_args)\b", logged)
