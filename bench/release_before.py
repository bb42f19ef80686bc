"""The release before, on the newest schema and beside this release, as during a deploy and after a rollback.

    python bench/release_before.py v0.1.0       # or any commit

It checks the commit out beside this checkout and runs its code with this environment's packages: on its own schema, on
the newest schema after this release has migrated under it, beside this release, both writing the same chats in turn,
and alone again. Tabs of both must get the same answers as the rows, and each chat must be one path. It starts
everything else itself: PostgreSQL, Valkey and the offline model. It prints one JSON object, and exits with 1 if
anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from processes import PROJECT

sys.path.insert(0, str(PROJECT))

from chat.database import credentials
from chat.devservices import embedded_postgres, embedded_valkey
from chat.devservices.offline_model.launch import offline_model_server
from chat.devservices.offline_model.prices import LLM_PRICES
from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.ports import free_port
from tests.support.site import Site

TURNS, READY_SECONDS, ANSWER_SECONDS, OK = 3, 60, 30, 200
PATH = """
WITH RECURSIVE path AS (
    SELECT m.id, m.parent_id FROM chat_message m JOIN chat_thread t ON t.head_id = m.id WHERE t.id = $1
    UNION ALL SELECT m.id, m.parent_id FROM path p JOIN chat_message m ON m.id = p.parent_id
) SELECT (SELECT count(*) FROM path) AS path, (SELECT count(*) FROM chat_message WHERE thread_id = $1) AS messages
"""


class Difference(Exception):
    """What differs."""


def chat(checkout: Path, command: str, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A command of the release in this checkout."""
    given = {**os.environ, **environment, "PYTHONPATH": str(checkout)}
    words = [sys.executable, "-c", "from chat.cli import main; main()", command]
    with log.open("ab") as output:
        return subprocess.Popen(words, cwd=checkout, env=given, stdout=output, stderr=output)  # noqa: S603


def migrate(checkout: Path, environment: Mapping[str, str], log: Path) -> None:
    if chat(checkout, "migrate", environment, log).wait():
        raise Difference(f"chat migrate failed in {checkout}: {log.read_text()[-500:]}")


@contextmanager
def release(ref: str, folder: Path) -> Iterator[Path]:
    """The files of a commit, with this checkout's build: no script of it is run."""
    git = ("git", "-C", str(PROJECT), "worktree")
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), ref], check=True)  # noqa: S603
    try:
        (folder / "static" / "dist").symlink_to(PROJECT / "static" / "dist")
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)  # noqa: S603


@contextmanager
def host(checkout: Path, environment: dict[str, str], log: Path) -> Iterator[str]:
    """`chat serve` with two processes; yields its address."""
    port = free_port()
    running = chat(checkout, "serve", {**environment, "PORT": str(port), "WEB_CONCURRENCY": "2"}, log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        if running.wait():
            raise Difference(f"the host of {checkout} ended badly: {log.read_text()[-500:]}")


async def ready(url: str) -> None:
    async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient() as http:
        while True:
            try:
                if (await http.get(f"{url}/readyz")).status_code == OK:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)


@asynccontextmanager
async def at(url: str, cookies: Mapping[str, str] | None = None) -> Any:
    """A person's browser at one of the hosts; without cookies, of a new account."""
    site = Site(None, url)  # type: ignore[arg-type]
    if cookies is None:
        async with Person.signed_up(site, "carol") as person:
            yield person
        return
    async with new_client(base_url=url, cookies=dict(cookies), headers={"Origin": url}) as http:
        yield Person(site, http)


async def asked(writer: Person, readers: list[Person], thread_id: str = "") -> str:
    """Ask one question, and compare what every tab gets with the row; returns the chat's id."""
    words = secrets.token_hex(4)
    posted = await writer.ask(f"say {words}", thread_id)
    for reader in readers:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), reader.tab(posted["thread_id"]) as tab:
                shown = (await tab.until_finished(posted["reply_id"]))["content"]
        except TimeoutError:
            raise Difference(f"asked {words}, and a tab at {reader.site.url} never shows the answer") from None
        row = (await reader.messages(posted["thread_id"]))[-1]["content"]
        if not shown == row == words:
            raise Difference(f"asked {words}, at {reader.site.url} a tab shows {shown!r} and the row has {row!r}")
    return posted["thread_id"]


async def one_path(database_url: str, thread_id: str) -> None:
    connection = await asyncpg.connect(**credentials(database_url))
    found = await connection.fetchrow(PATH, thread_id)
    await connection.close()
    if found["path"] != found["messages"]:
        raise Difference(f"{found['path']} of {found['messages']} messages of a chat are on its path")


async def deployed(before: Path, environment: dict[str, str], log: Path) -> int:
    """The deploy; returns how many questions were answered."""
    migrate(before, environment, log)
    with host(before, environment, log) as older:
        await ready(older)
        async with at(older) as old:
            chats = [await asked(old, [old])]
            await asyncio.to_thread(migrate, PROJECT, environment, log)
            chats.append(await asked(old, [old]))
            await asked(old, [old], chats[0])
            with host(PROJECT, environment, log) as newer:
                await ready(newer)
                async with at(newer, dict(old.http.cookies)) as new:
                    chats.append(await asked(new, [old, new]))
                    for writer in (old, new) * TURNS:
                        for thread_id in chats:
                            await asked(writer, [old, new], thread_id)
            await asked(old, [old], chats[0])  # a rollback: this release is gone, the schema stays
    for thread_id in chats:
        await one_path(environment["DATABASE_URL"], thread_id)
    return 5 + 2 * TURNS * len(chats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ref", help="the release before: a tag or commit of this repository")
    ref = parser.parse_args().ref
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-before-")))
        environment = {
            "DEBUG": "True",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATABASE_URL": stack.enter_context(embedded_postgres(folder / "postgres", durable=False)),
            "REDIS_URL": stack.enter_context(embedded_valkey(folder / "valkey", durable=False)),
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": stack.enter_context(offline_model_server("--pace-ms", "1")),
            "LLM_PRICES": LLM_PRICES,
            "EMAIL_VERIFICATION_REQUIRED": "False",
            "RATE_LIMITS": "off",
            "LOG_LEVEL": "WARNING",
        }
        before = stack.enter_context(release(ref, folder / "before"))
        try:
            answered, difference = asyncio.run(deployed(before, environment, folder / "log")), ""
        except Difference as error:
            answered, difference = 0, str(error)
        said = [line for line in (folder / "log").read_text().splitlines() if "ERROR" in line or "Traceback" in line]
    print(json.dumps({"ref": ref, "answered": answered, "difference": difference, "errors": said[:5]}))  # noqa: T201
    sys.exit(1 if difference or said else 0)


if __name__ == "__main__":
    main()
