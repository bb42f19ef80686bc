"""What the path of a chat costs in PostgreSQL, by its length and versions: `python bench/paths.py [MESSAGES]`.

Milliseconds of a statement, with what asyncpg and Tortoise add. 110,000 messages of other chats are in the table.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from processes import PROJECT

sys.path.insert(0, str(PROJECT))

from stores import stores

from chat import database
from chat.database import query
from chat.models import ChatMessage, ChatThread, User
from chat.models.ids import uuid7
from chat.services.replies import path
from chat.services.replies.threads import PAGE_MAX_BYTES, PAGE_SIZE
from chat.services.replies.tool_calls import PREVIEW
from chat.settings import Settings

ROUNDS = 40
NEW_VERSION = 0.05  # how often a message of the branched chat is another version of an earlier one
TEXT = "A sentence of an answer, as long as most of them are. " * 8
OTHERS = """
INSERT INTO chat_message (id, thread_id, number, role, status, content, error, created_at)
SELECT gen_random_uuid(), $1, n, 'user', 'final', repeat('x', 200), '', now()
FROM generate_series($2::int, $2::int + 9999) n
"""
HEAD = "UPDATE chat_thread SET head_id = $2, message_count = $3 WHERE id = $1"


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


class Chat:
    """A stored chat: the ids of its messages, those of the path, and some in between."""

    def __init__(self, thread_id: UUID, parents: dict[UUID, UUID | None]) -> None:
        self.thread_id = thread_id
        self.parents = parents
        self.head = list(parents)[-1]
        last: UUID | None = self.head
        self.path: list[UUID] = []
        while last:
            self.path.append(last)
            last = parents[last]
        self.first, self.middle, self.near = self.path[-1], self.path[len(self.path) // 2], self.path[:20][-1]


async def stored(user: User, count: int, *, versions: float) -> Chat:
    """A chat of this many messages, some of which are versions of a recent one."""
    thread, chance = await ChatThread.create(user=user, title="A chat", rev=1), random.Random(count)  # noqa: S311 - the same chat each time
    parents: dict[UUID, UUID | None] = {}
    rows, head = [], None
    for number in range(1, count + 1):
        message_id = uuid7()
        if parents and chance.random() < versions:
            head = parents[chance.choice(list(parents)[-200:])]
        parents[message_id] = head
        role = "user" if number % 2 else "assistant"
        rows.append(ChatMessage(id=message_id, thread=thread, parent_id=head, number=number, role=role, content=TEXT))
        head = message_id
    await ChatMessage.bulk_create(rows, batch_size=1000)
    await query(HEAD, thread.id, head, count)
    return Chat(thread.id, parents)


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """The median and the 95th percentile, in milliseconds."""
    await work()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


async def measured(chat: Chat) -> dict[str, tuple[float, float]]:
    """Each query of `path.py`."""

    def page(before: UUID | None) -> Callable[[], Awaitable[object]]:
        return lambda: path.page(
            chat.thread_id, before=before, most=PAGE_SIZE, most_bytes=PAGE_MAX_BYTES, most_of_calls=PREVIEW
        )

    return {
        "the newest page, with text and versions": await timed(page(None)),
        "a page from the middle": await timed(page(chat.middle)),
        "400 messages for the model": await timed(lambda: path.spoken(chat.head, most=400)),
        "is the 20th last on the path": await timed(lambda: path.is_on_path(chat.head, chat.near)),
        "is the first on the path (the worst)": await timed(lambda: path.is_on_path(chat.head, chat.first)),
        "the newest below the 20th last": await timed(lambda: path.newest_below(chat.thread_id, chat.near)),
        "the newest below the first (the worst)": await timed(lambda: path.newest_below(chat.thread_id, chat.first)),
        "how many are below the first (the worst)": await timed(lambda: path.count_below(chat.thread_id, chat.first)),
    }


async def once(work: Awaitable[object]) -> float:
    """Milliseconds of what can be done only once."""
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1000


async def run(settings: Settings, count: int) -> None:
    """Fill the tables and print the figures."""
    await database.migrate(settings)
    async with database.opened(settings):
        user = await User.create(email="alice@example.com", password_hash="x")  # noqa: S106
        other = await ChatThread.create(user=user, title="Others")
        for first in range(1, 110_000, 10_000):  # a statement may take six seconds
            await query(OTHERS, other.id, first)
        chats = {
            "50 messages": await stored(user, 50, versions=0),
            f"{count:,} messages": await stored(user, count, versions=0),
            f"{count:,} with versions": await stored(user, count, versions=NEW_VERSION),
        }
        await query("ANALYZE chat_message")
        for name, chat in chats.items():
            say(f"\n{name}, {len(chat.path):,} on the path")
            for what, (median, late) in (await measured(chat)).items():
                say(f"  {what:45} p50 {median:7.2f}  p95 {late:7.2f} ms")
        long, branched = list(chats.values())[1:]
        await query("ANALYZE chat_message")
        from_the_first = await once(query("DELETE FROM chat_message WHERE id = $1", long.first))
        whole = await once(query("DELETE FROM chat_thread WHERE id = $1", branched.thread_id))
        say(
            f"\n  delete the first of {count:,} messages: {from_the_first:.0f} ms, a chat with versions: {whole:.0f} ms"
        )


def main() -> None:
    """Start the stores, and measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with stores() as (_, environment):
        asyncio.run(run(Settings.from_environment(environment), count))


if __name__ == "__main__":
    main()
