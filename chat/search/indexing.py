"""How messages and titles come into the index: soon after they are stored, or later by a sweep or `chat reindex`.

An entry is added once, and goes with its message by a foreign key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from tortoise.exceptions import IntegrityError

from chat.database import query
from chat.search.store import owner, vector
from chat.search.words import words

BATCH = 100  # messages: about 0.2 s of a thread, and as much of PostgreSQL
DELETIONS = 5  # of messages of one batch at the moment when it is added
BATCH_BYTES = 1_000_000  # of their text, and a message more
LOOKED_AT = 2_000  # messages or titles that `chat reindex` reads at once: a statement may take six seconds

# A message changes until its answer has ended. What tools and the model's reasoning say is not searched.
SEARCHED = "m.status <> 'streaming' AND m.role IN ('user', 'assistant') AND m.content <> ''"
MISSING = "NOT EXISTS (SELECT 1 FROM search_entry e WHERE e.id = m.id)"
# Messages, and the titles of their threads.
TEXTS = f"""
SELECT m.id, m.thread_id, t.user_id, m.id AS message_id, m.content AS text
FROM chat_message m JOIN chat_thread t ON t.id = m.thread_id
WHERE m.id = ANY($1::uuid[]) AND {SEARCHED} AND {MISSING}
UNION ALL
SELECT m.id, m.id, m.user_id, NULL, m.title FROM chat_thread m
WHERE m.id IN (SELECT thread_id FROM chat_message WHERE id = ANY($1::uuid[])) AND {MISSING}
"""  # noqa: S608 - constants
LATER = f"""
SELECT m.id FROM chat_message m WHERE m.id > $1 AND {SEARCHED} AND {MISSING} ORDER BY m.id LIMIT $2
"""  # noqa: S608
EARLIER = f"""
SELECT m.id, octet_length(m.content) AS bytes, {SEARCHED} AND {MISSING} AS is_missing
FROM chat_message m WHERE m.id < $1 ORDER BY m.id DESC LIMIT $2
"""  # noqa: S608
# In the order in which a deletion locks threads. A title that is set meanwhile has its entry already, see `set_title`.
ADD = """
INSERT INTO search_entry (id, user_id, thread_id, message_id, words)
SELECT n.id, n.user_id, n.thread_id, n.message_id, n.words::tsvector
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) AS n(id, user_id, thread_id, message_id, words)
WHERE EXISTS (SELECT 1 FROM chat_thread WHERE id = n.thread_id)
    AND (n.message_id IS NULL OR EXISTS (SELECT 1 FROM chat_message WHERE id = n.message_id))
ORDER BY n.thread_id, n.id
ON CONFLICT (id) DO NOTHING
"""
SET_TITLE = """
INSERT INTO search_entry (id, user_id, thread_id, words) VALUES ($1, $2, $1, $3::text::tsvector)
ON CONFLICT (id) DO UPDATE SET words = excluded.words
"""
ALL_TITLES = """
SELECT t.id, t.id AS thread_id, t.user_id, NULL::uuid AS message_id, t.title AS text, e.words::text AS words
FROM chat_thread t LEFT JOIN search_entry e ON e.id = t.id WHERE t.id > $1 ORDER BY t.id LIMIT $2
"""
# Only what is still as it was read: a title that is set meanwhile is newer.
REPLACE = """
UPDATE search_entry e SET words = n.words::tsvector
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, old, words)
WHERE e.id = n.id AND e.words = n.old::tsvector AND e.words <> n.words::tsvector
RETURNING e.id
"""


async def index(message_ids: Sequence[UUID]) -> int:
    """Add those messages that have ended and are not there yet, with the titles of their threads.

    Returns how many entries were added.
    """
    added = 0
    for at in range(0, len(message_ids), BATCH):
        added += await _add(await query(TEXTS, list(message_ids[at : at + BATCH])))
    return added


async def set_title(user_id: UUID, thread_id: UUID, title: str) -> None:
    """The new title's words, in the transaction that sets it and has locked the thread."""
    await query(SET_TITLE, thread_id, user_id, vector(words(title), owner(user_id, of_titles=True)))


async def missing_since(seconds_ago: float, *, most: int) -> list[UUID]:
    """Messages that were begun after this time, have ended, and are not in the index; the oldest first."""
    earliest = UUID(int=int(time.time() - seconds_ago) * 1000 << 80)
    return [row["id"] for row in await query(LATER, earliest, most)]


async def reindex() -> AsyncIterator[int]:
    """Add all that is missing, the newest first, then correct the titles; yields how many entries were written.

    It may stop at any time, and continues with what is missing then.
    """
    last = UUID(int=2**128 - 1)
    while rows := await query(EARLIER, last, LOOKED_AT):
        last = rows[-1]["id"]
        for part in _parts([row for row in rows if row["is_missing"]]):
            yield await index(part)
    last = UUID(int=0)
    while titles := await query(ALL_TITLES, last, LOOKED_AT):
        last = titles[-1]["id"]
        yield await _correct(titles)


def _parts(rows: Sequence[dict[str, Any]]) -> list[list[UUID]]:
    """The messages in parts whose text fits into the memory of a small machine."""
    parts: list[list[UUID]] = [[]]
    size = 0
    for row in rows:
        if size > BATCH_BYTES or len(parts[-1]) == BATCH:
            parts.append([])
            size = 0
        parts[-1].append(row["id"])
        size += row["bytes"]
    return parts


async def _add(rows: list[dict[str, Any]]) -> int:
    """If a message is deleted at this moment, its foreign key refuses the entry; the next attempt leaves it out."""
    if not rows:
        return 0
    columns = await asyncio.to_thread(_columns, rows)
    for _ in range(DELETIONS):
        with suppress(IntegrityError):
            await query(ADD, *columns)
            break
    else:
        await query(ADD, *columns)
    return len(rows)


async def _correct(titles: list[dict[str, Any]]) -> int:
    """Entries of titles that are missing, or that a release which knew of no entries has left behind."""
    missing = [row for row in titles if row["words"] is None]
    known = [row for row in titles if row["words"] is not None]
    added = await _add(missing)
    ids, *_, vectors = await asyncio.to_thread(_columns, known)
    return added + len(await query(REPLACE, ids, [row["words"] for row in known], vectors))


def _columns(rows: list[dict[str, Any]]) -> tuple[list[Any], ...]:
    """For `unnest`. In a thread: a long text takes tenths of a second."""
    vectors = [vector(words(row["text"]), owner(row["user_id"], of_titles=not row["message_id"])) for row in rows]
    return *([row[name] for row in rows] for name in ("id", "user_id", "thread_id", "message_id")), vectors
