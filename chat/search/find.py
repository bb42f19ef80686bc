"""The user's messages and chats that match a query: the newest, the best of them first, by chat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chat.database import query as rows_of
from chat.search.query import Query
from chat.search.snippets import snippet, title_marks
from chat.search.store import owner

NEWEST = 200  # matches that are ranked; ranking all of them takes seconds
CHATS = 20  # of a page
HITS = 3  # of a chat
HITS_OF_ONE = 50  # of a page with one chat
RECENT_CHATS = 20

CURSOR = re.compile(
    r"([0-9a-f]{32})-(\d{1,4})", re.ASCII
)  # the newest match that may be on the page, and chats before it
END = UUID(int=2**128 - 1)

# The owner's lexeme makes the index find the user's own; `user_id` is what decides. The planner must not walk through
# all entries by their id because it takes a word for a frequent one, so the matches are collected first.
MATCHES = """
WITH matching AS MATERIALIZED (
    SELECT id, thread_id FROM search_entry
    WHERE user_id = $1 AND words @@ $2::text::tsquery AND message_id IS NOT NULL AND id <= $3
        AND thread_id <> ALL (SELECT id FROM chat_thread WHERE user_id = $1 AND deleted_at IS NOT NULL)
), newest AS (
    SELECT id, thread_id FROM matching ORDER BY id DESC LIMIT $4
)
SELECT n.id, n.thread_id, ts_rank_cd(e.words, $5::text::tsquery, 1) AS rank
FROM newest n JOIN search_entry e ON e.id = n.id ORDER BY n.id DESC
"""
# From the message $3 on, in the order of the chat; from its last one if there is no such message.
MATCHES_OF_ONE = """
SELECT m.id, m.thread_id, 0::float8 AS rank
FROM search_entry e JOIN chat_message m ON m.id = e.message_id
WHERE e.user_id = $1 AND e.thread_id = $5 AND e.words @@ $2::text::tsquery
    AND m.number <= coalesce((SELECT number FROM chat_message WHERE id = $3), 2147483647)
ORDER BY m.number DESC LIMIT $4
"""
TITLES = """
SELECT t.id, t.title FROM search_entry e JOIN chat_thread t ON t.id = e.thread_id
WHERE e.user_id = $1 AND e.words @@ $2::text::tsquery AND e.message_id IS NULL AND t.user_id = $1
    AND t.deleted_at IS NULL
ORDER BY t.last_message_at DESC LIMIT $3
"""
CHATS_FOUND = """
SELECT id AS thread_id, title, last_message_at, archived FROM chat_thread
WHERE user_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL
"""
RECENT = """
SELECT id AS thread_id, title, last_message_at, archived FROM chat_thread
WHERE user_id = $1 AND NOT archived AND deleted_at IS NULL ORDER BY last_message_at DESC, id DESC LIMIT $2
"""
# Each path is walked once, down to the first of its messages that is asked for.
MESSAGES_FOUND = """
WITH RECURSIVE found AS (
    SELECT m.id, m.thread_id, m.number, m.role, m.created_at, m.content FROM chat_message m
    JOIN chat_thread t ON t.id = m.thread_id WHERE t.user_id = $1 AND m.id = ANY($2::uuid[])
), path AS (
    SELECT m.id, m.parent_id, m.number, f.least
    FROM (SELECT thread_id, min(number) AS least FROM found GROUP BY thread_id) f
    JOIN chat_thread t ON t.id = f.thread_id JOIN chat_message m ON m.id = t.head_id
    UNION ALL
    SELECT m.id, m.parent_id, m.number, p.least FROM path p JOIN chat_message m ON m.id = p.parent_id
    WHERE p.number > p.least
)
SELECT f.id AS message_id, f.thread_id, f.role, f.created_at, f.content,
    NOT EXISTS (SELECT 1 FROM path WHERE path.id = f.id) AS in_another_version
FROM found f
"""
# The user's oldest chat: `chat reindex` comes to its title last.
IS_BEHIND = """
SELECT NOT EXISTS (SELECT 1 FROM search_entry e WHERE e.id = oldest.id) AS is_behind FROM (
    SELECT id, created_at FROM chat_thread WHERE user_id = $1 ORDER BY last_message_at LIMIT 1
) oldest WHERE oldest.created_at < now() - interval '1 hour'
"""


class Hit(msgspec.Struct):
    """A message, with the part of its text that matches. Marks are in UTF-16 code units."""

    message_id: UUID
    role: str
    created_at: datetime
    text: str
    marks: list[list[int]]
    in_another_version: bool


class FoundChat(msgspec.Struct):
    """A chat whose title or messages match. `more`: it has more hits than are listed."""

    thread_id: UUID
    title: str
    title_marks: list[list[int]]
    last_message_at: datetime
    archived: bool
    hits: list[Hit]
    more: bool


class Found(msgspec.Struct):
    """A page of results; `next` is the cursor of the page with older ones, empty at the end."""

    query: str
    chats: list[FoundChat]
    next: str = ""


@dataclass(frozen=True, slots=True)
class _Match:
    id: UUID
    thread_id: UUID
    rank: float


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A chat with the messages that are shown of it."""

    thread_id: UUID
    message_ids: list[UUID]
    more: bool


async def recent(user_id: UUID) -> Found:
    """The user's latest chats, for an empty query."""
    rows = await rows_of(RECENT, user_id, RECENT_CHATS)
    return Found("", [FoundChat(**row, title_marks=[], hits=[], more=False) for row in rows])


async def find(user_id: UUID, query: Query, text: str, *, before: str = "") -> Found:
    """The chats that match, the best first; an invalid cursor means the first page."""
    newest, skipped = _place(before)
    matches = await _matches(MATCHES, user_id, query, newest, NEWEST, query.tsquery)
    titled = [] if CURSOR.fullmatch(before) else await _titled(user_id, query)
    chosen = _grouped(matches, titled)
    page = chosen[skipped : skipped + CHATS]
    following = ""
    if len(chosen) > skipped + CHATS:
        following = f"{(matches[0].id if newest == END and matches else newest).hex}-{skipped + CHATS}"
    elif len(matches) == NEWEST:
        following = f"{UUID(int=matches[-1].id.int - 1).hex}-0"
    return Found(text, await _shown(user_id, page, query), following)


async def find_in(user_id: UUID, thread_id: UUID, query: Query, text: str, *, before: str = "") -> Found:
    """All hits of one of the user's chats, the newest first."""
    newest, _ = _place(before)
    matches = await _matches(MATCHES_OF_ONE, user_id, query, newest, HITS_OF_ONE + 1, thread_id)
    page, further = matches[:HITS_OF_ONE], matches[HITS_OF_ONE:]
    chosen = [_Chosen(thread_id, [match.id for match in page], bool(further))]
    return Found(text, await _shown(user_id, chosen, query), f"{further[0].id.hex}-0" if further else "")


async def is_behind(user_id: UUID) -> bool:
    """Whether the user's older chats are not in the index yet."""
    rows = await rows_of(IS_BEHIND, user_id)
    return bool(rows and rows[0]["is_behind"])


async def _matches(sql: str, user_id: UUID, query: Query, newest: UUID, most: int, last: Any) -> list[_Match]:
    owned = f"'{owner(user_id)}' & {query.tsquery}"
    return [_Match(**row) for row in await rows_of(sql, user_id, owned, newest, most, last)]


async def _titled(user_id: UUID, query: Query) -> list[UUID]:
    """Chats whose title contains all of the terms."""
    owned = f"'{owner(user_id, of_titles=True)}' & {query.tsquery}"
    return [row["id"] for row in await rows_of(TITLES, user_id, owned, CHATS)]


def _grouped(matches: Sequence[_Match], titled: Sequence[UUID]) -> list[_Chosen]:
    """Chats whose title matches, then the others by their best message."""
    by_thread: dict[UUID, list[_Match]] = {thread_id: [] for thread_id in titled}
    for match in sorted(matches, key=lambda match: -match.rank):  # stable: the newest of the same rank first
        by_thread.setdefault(match.thread_id, []).append(match)
    return [
        _Chosen(thread_id, [match.id for match in found[:HITS]], len(found) > HITS)
        for thread_id, found in by_thread.items()
    ]


async def _shown(user_id: UUID, page: Sequence[_Chosen], query: Query) -> list[FoundChat]:
    chats = {row["thread_id"]: row for row in await rows_of(CHATS_FOUND, user_id, [one.thread_id for one in page])}
    ids = [message_id for one in page for message_id in one.message_ids]
    hits = {row["message_id"]: _hit(row, query) for row in await rows_of(MESSAGES_FOUND, user_id, ids)} if ids else {}
    return [
        FoundChat(
            **chats[one.thread_id],
            title_marks=title_marks(chats[one.thread_id]["title"], query.wanted),
            hits=[hits[message_id] for message_id in one.message_ids if message_id in hits],
            more=one.more,
        )
        for one in page
        if one.thread_id in chats
    ]


def _hit(row: dict[str, Any], query: Query) -> Hit:
    text, marks = snippet(row["content"], query.wanted)
    return Hit(row["message_id"], row["role"], row["created_at"], text, marks, row["in_another_version"])


def _place(cursor: str) -> tuple[UUID, int]:
    found = CURSOR.fullmatch(cursor)
    return (UUID(found[1]), int(found[2])) if found else (END, 0)
