"""The migration that makes a tree of messages: what was shown stays shown, also by an older release beside it."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import asyncpg
import pytest

from chat import database
from chat.database import credentials
from chat.models.ids import uuid7
from chat.settings import Settings
from tests.support.stores import Stores

THREADS = 700  # more than one batch

# In separate processes, since aerich reopens the ORM's connections for the whole process.
PROGRAM = """
import asyncio, os, sys
from chat import database

async def main(url, back):
    async with database.aerich(url) as command:
        await command.upgrade()
        if back:
            await command.downgrade(12, delete=False)

asyncio.run(main(os.environ["DATABASE_URL"], bool(sys.argv[1])))
"""

# The statements of the release before.
ADD_USER = """
INSERT INTO users (id, email, password_hash, display_name, is_active, is_staff, email_verified, verification_resends,
    created_at, last_seen_at) VALUES ($1, 'alice@example.com', 'x', '', true, false, true, 0, now(), now())
"""
ADD_THREAD = """
INSERT INTO chat_thread (id, user_id, title, model, archived, rev, fence, log_epoch, log_s, message_count, created_at,
    last_message_at) VALUES ($1, $2, 'A chat', '', false, 0, 0, '', 0, 0, now(), now())
"""
ADVANCE = """
UPDATE chat_thread SET rev = rev + 1, message_count = message_count + $2, last_message_at = now() WHERE id = $1
RETURNING message_count
"""
ADD_MESSAGE = """
INSERT INTO chat_message (id, thread_id, number, role, status, content, error, client_id, created_at)
VALUES ($1, $2, $3, $4, 'final', 'text', '', $5, now())
"""
ADD_GENERATION = """
INSERT INTO generation (id, thread_id, user_message_id, answer_id, model, attempt, continues, takeovers, state, fence,
    up_seq, partial, partial_len, ckpt_epoch, ckpt_s, reason, created_at)
VALUES ($1, $2, $3, $4, '', $5, $6, 0, 'completed', 0, -1, '', 0, '', 0, '', now())
"""
SHOWN = """
SELECT id FROM chat_message WHERE thread_id = $1 AND number <= $2 AND id NOT IN (
    SELECT g.answer_id FROM generation g WHERE g.thread_id = $1 AND EXISTS (
        SELECT 1 FROM generation later JOIN chat_message answer ON answer.id = later.answer_id
        WHERE later.user_message_id = g.user_message_id AND later.attempt > g.attempt AND NOT later.continues
            AND answer.number <= $2)
) ORDER BY number
"""

PATH = """
WITH RECURSIVE path AS (
    SELECT id, parent_id, number FROM chat_message WHERE id = $1
    UNION ALL SELECT m.id, m.parent_id, m.number FROM path p JOIN chat_message m ON m.id = p.parent_id
) SELECT id FROM path ORDER BY number
"""
ATTEMPTS = """
SELECT g.continues, g.user_message_id, question.number AS question, answer.number AS answer, answer.parent_id
FROM generation g JOIN chat_message question ON question.id = g.user_message_id
JOIN chat_message answer ON answer.id = g.answer_id WHERE g.thread_id = $1
"""


class OlderWorker:
    """Writes one chat as the release before did."""

    def __init__(self, connection: asyncpg.Connection, thread_id: uuid.UUID) -> None:
        self.thread_id = thread_id
        self._connection = connection
        self._question: uuid.UUID | None = None
        self._attempt = 0

    async def act(self, chance: Random) -> None:
        """Ask, try the last answer again, or continue it."""
        deed = chance.choice(("ask", "again", "continue")) if self._question else "ask"
        count = await self._connection.fetchval(ADVANCE, self.thread_id, 2 if deed == "ask" else 1)
        if deed == "ask":
            self._question, self._attempt = uuid7(), 0
            await self._connection.execute(ADD_MESSAGE, self._question, self.thread_id, count - 1, "user", uuid.uuid4())
        self._attempt += 1
        answer = uuid7()
        await self._connection.execute(ADD_MESSAGE, answer, self.thread_id, count, "assistant", None)
        ids = (uuid7(), self.thread_id, self._question, answer)
        await self._connection.execute(ADD_GENERATION, *ids, self._attempt, deed == "continue")


async def program(settings: Settings, back: str = "") -> None:
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, back, env={"DATABASE_URL": settings.database_url}, cwd=database.MIGRATIONS.parent
    )
    assert await run.wait() == 0


@pytest.fixture
async def before(stores: Stores, environment: dict[str, str]) -> AsyncIterator[Settings]:
    """A database of the release before."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(**credentials(stores.database_url))
    await admin.execute(f'CREATE DATABASE "{name}"')
    url = stores.database_url.replace("/postgres?", f"/{name}?")
    settings = Settings.from_environment({**environment, "DATABASE_URL": url})
    await program(settings, "back")
    yield settings
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


async def older(settings: Settings) -> asyncpg.Connection:
    """A connection of the release before."""
    known = credentials(settings.database_url)
    return await asyncpg.connect(**known | {"server_settings": {"application_name": "chat"}})


async def ids(connection: asyncpg.Connection, sql: str, *values: Any) -> list[uuid.UUID]:
    return [row["id"] for row in await connection.fetch(sql, *values)]


async def differences(connection: asyncpg.Connection, thread_id: uuid.UUID) -> list[object]:
    """Where the path is not what the release before shows, in the page or to the model."""
    row = await connection.fetchrow("SELECT head_id, message_count FROM chat_thread WHERE id = $1", thread_id)
    asked = [(row["message_count"], row["head_id"])]
    for one in await connection.fetch(ATTEMPTS, thread_id):
        asked.append((one["answer"] - 1 if one["continues"] else one["question"], one["parent_id"]))
    return [
        (thread_id, number)
        for number, last in asked
        if await ids(connection, SHOWN, thread_id, number) != await ids(connection, PATH, last)
    ]


async def test_the_path_is_what_was_shown_before_and_for_an_older_worker_beside_it(before: Settings) -> None:
    chance, connection, user = Random(12), await older(before), uuid7()
    await connection.execute(ADD_USER, user)
    chats = [OlderWorker(connection, uuid7()) for _ in range(THREADS)]
    for chat in chats:
        await connection.execute(ADD_THREAD, chat.thread_id, user)
        for _ in range(chance.randint(0, 6)):
            await chat.act(chance)
    await program(before)
    after_migration = [found for chat in chats for found in await differences(connection, chat.thread_id)]
    for chat in chats[::7]:
        for _ in range(chance.randint(1, 5)):
            await chat.act(chance)
    beside = [found for chat in chats[::7] for found in await differences(connection, chat.thread_id)]
    heads = await connection.fetchval("SELECT count(*) FROM chat_thread WHERE head_id IS NULL AND message_count > 0")
    first = await connection.fetchval("SELECT count(*) FROM chat_message WHERE parent_id IS NULL AND number > 1")
    await connection.close()

    assert (after_migration, beside, heads, first) == ([], [], 0, 0)


async def test_a_message_of_this_release_may_have_no_parent(before: Settings) -> None:
    await program(before)
    ours = await asyncpg.connect(**credentials(before.database_url))
    user, thread = uuid7(), uuid7()
    await ours.execute(ADD_USER, user)
    await ours.execute(ADD_THREAD, thread, user)
    for number in (1, 2):
        await ours.execute(ADD_MESSAGE, uuid7(), thread, number, "user", None)
    parents = await ours.fetch("SELECT parent_id FROM chat_message")
    head = await ours.fetchval("SELECT head_id FROM chat_thread")
    await ours.close()

    assert ([row["parent_id"] for row in parents], head) == ([None, None], None)
