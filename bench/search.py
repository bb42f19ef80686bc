"""What a search takes, by query: `python bench/search.py [MESSAGES]`, 100,000 unless said otherwise.

Messages of about 1,300 bytes in nine scripts: four of five are English and code, from Python's own library. One of the
20 users has 43 of 100. Milliseconds of a whole page of results, without HTTP, in one process; with `--explain` also
PostgreSQL's plans.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import statistics
import sys
import sysconfig
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

import asyncpg
from processes import PROJECT

sys.path.insert(0, str(PROJECT))

from stores import stores

from chat import database
from chat.database import query
from chat.models import User
from chat.models.ids import uuid7
from chat.search import find, indexing, matches
from chat.search.query import parse
from chat.search.store import owner
from chat.settings import Settings

ROUNDS = 30
BYTES = 1_300  # of a message, on average
OF_A_CHAT = 40  # messages
SHARE_OF_FIRST = 0.43  # of all messages
USERS = 20
ENGLISH = 0.82
# Code points of the words of each script, the longest word, and a word that the queries below look for.
SCRIPTS = {
    "Chinese": (range(0x4E00, 0x5800), 3, "数据库", ""),
    "Japanese": (range(0x3042, 0x3094), 4, "テスト", ""),
    "Korean": (range(0xAC00, 0xAE00), 4, "번역을", " "),
    "Russian": (range(0x430, 0x450), 9, "запросов", " "),
    "German": ([*range(0x61, 0x7B), 0xE4, 0xF6, 0xFC, 0xDF], 11, "Prüfung Größe", " "),
    "Arabic": (range(0x627, 0x64B), 6, "مُحَمَّد", " "),
    "Thai": (range(0xE01, 0xE2F), 6, "หมา", ""),
    "Hindi": (range(0x905, 0x93A), 6, "हिन्दी", " "),
}
QUERIES = (
    "self", "the", "return value", "asyncio", "de", "a", "数据", "数据库", "世", "テスト", "번역", "prüfung größe",
    "запрос", "محمد", "หมา", "हिन्दी", "os.path", "foo_bar.baz", "user@example.com", "C++", "self -return",
    '"return value"', '"of the"', "nothing that anyone wrote", "xyzzyx",
)  # fmt: skip
SIZES = """
SELECT pg_size_pretty(pg_relation_size('search_entry_words')) AS words,
    pg_size_pretty(pg_table_size('search_entry')) AS entries, pg_size_pretty(pg_table_size('chat_message')) AS texts
"""
MESSAGES = ("id", "thread_id", "parent_id", "number", "role", "status", "content", "reasoning", "error", "created_at")
THREADS = (
    "id", "user_id", "title", "title_by", "model", "archived", "rev", "fence", "log_epoch", "log_s", "message_count",
    "head_id", "queue_paused", "created_at", "last_message_at",
)  # fmt: skip


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def english(chance: random.Random) -> Iterator[str]:
    """Pieces of Python's library, in any order."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*/*.py")) + sorted(
        Path(sysconfig.get_paths()["stdlib"]).glob("*.py")
    )
    while True:
        text = chance.choice(files).read_text(errors="replace")
        at = chance.randrange(max(1, len(text) - BYTES))
        yield text[at : at + chance.randrange(BYTES // 4, 2 * BYTES)]


def foreign(chance: random.Random, script: str) -> Iterator[str]:
    """Sentences of words, of which the first are frequent."""
    codes, longest, wanted, gap = SCRIPTS[script]
    words = ["".join(chr(chance.choice(codes)) for _ in range(chance.randint(1, longest))) for _ in range(20_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    while True:
        count = chance.randrange(40, 200)
        text = gap.join(chance.choices(words, weights, k=count))
        yield f"{text}{gap}{wanted}. {text[:80]}" if chance.random() < 0.02 else text  # noqa: PLR2004


def contents(seed: int) -> Iterator[str]:
    """What is said in the messages."""
    chance = random.Random(seed)  # noqa: S311 - the same messages each time
    kinds = {script: foreign(chance, script) for script in SCRIPTS}
    python = english(chance)
    while True:
        kind = python if chance.random() < ENGLISH else kinds[chance.choice(list(kinds))]
        yield next(kind).replace("\x00", "")


async def fill(url: str, users: list[UUID], count: int) -> None:
    """Store chats of many messages."""
    connection = await asyncpg.connect(**database.credentials(url))
    chance, said = random.Random(1), contents(2)  # noqa: S311
    stored, now = 0, datetime.now(UTC)
    while stored < count:
        threads, messages = [], []
        for _ in range(25):
            user = users[0] if chance.random() < SHARE_OF_FIRST else chance.choice(users[1:])
            thread, at, parent = uuid7(), now - timedelta(minutes=count - stored), None
            texts = list(islice(said, chance.randrange(2, 2 * OF_A_CHAT)))
            for number, text in enumerate(texts, start=1):
                message, role = uuid7(), "user" if number % 2 else "assistant"
                messages.append((message, thread, parent, number, role, "final", text, "", "", at))
                parent = message
            title = " ".join(texts[0].split())[:60]
            threads.append((thread, user, title, "words", "", False, 0, 0, "", 0, len(texts), parent, "", at, at))
            stored += len(texts)
        await connection.copy_records_to_table("chat_thread", records=threads, columns=THREADS)
        await connection.copy_records_to_table("chat_message", records=messages, columns=MESSAGES)
    await connection.close()


async def timed(user: UUID, text: str) -> tuple[list[float], float, int]:
    """Milliseconds of each page, seconds of this process for all of them, and the messages that match."""
    asked, taken = parse(text), []
    await find.find(user, asked, text)
    used = time.process_time()
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await find.find(user, asked, text)
        taken.append((time.perf_counter() - began) * 1000)
    used = time.process_time() - used
    owned = f"'{owner(user)}' & {asked.tsquery}"
    rows = await query("SELECT count(*) AS count FROM search_entry WHERE words @@ $1::text::tsquery", owned)
    return taken, used / ROUNDS * 1000, rows[0]["count"]


async def explain(user: UUID, text: str) -> None:
    """The plan of the messages that match."""
    asked = parse(text)
    values = (user, f"'{owner(user)}' & {asked.tsquery}", matches.END, asked.tsquery, asked.literals)
    for row in await query(f"EXPLAIN (ANALYZE, BUFFERS) {matches.MESSAGES}", *values):
        say("    " + row["QUERY PLAN"])


async def measured(users: list[UUID], *, plans: bool) -> None:
    """Each query for the user with most messages and for one with few."""
    for name, user in (("the user with 43 %", users[0]), ("a user with 3 %", users[1])):
        say(f"\n{name}")
        for text in QUERIES:
            taken, used, count = await timed(user, text)
            median, late = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
            say(f"  {text:28} p50 {median:7.1f}  p95 {late:7.1f} ms, of it Python {used:5.1f}; {count:6,} match")
            if plans:
                await explain(user, text)


async def run(settings: Settings, count: int, *, plans: bool) -> None:
    """Fill the tables and print the figures."""
    await database.migrate(settings)
    async with database.opened(settings):
        users = [(await User.create(email=f"{number}@example.com", password_hash="x")).id for number in range(USERS)]  # noqa: S106
        await fill(settings.database_url, users, count)
        began, used = time.perf_counter(), time.process_time()
        written = sum([entries async for entries in indexing.reindex()])
        took, used = time.perf_counter() - began, time.process_time() - used
        say(f"chat reindex: {written:,} entries in {took:.0f} s, of it Python {used:.0f} s")
        for table in ("search_entry", "chat_message", "chat_thread"):
            await query(f"ANALYZE {table}")
        say("sizes: " + ", ".join(f"{name} {size}" for name, size in (await query(SIZES))[0].items()))
        await measured(users, plans=plans)


def main() -> None:
    """Start the stores, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("messages", type=int, nargs="?", default=100_000)
    parser.add_argument("--explain", action="store_true", help="print PostgreSQL's plans, too")
    asked = parser.parse_args()
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with stores() as (_, environment):
        asyncio.run(run(Settings.from_environment(environment), asked.messages, plans=asked.explain))


if __name__ == "__main__":
    main()
