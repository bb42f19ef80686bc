"""A page of results: chats, the best first, each with its best hits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chat.database import query as rows_of
from chat.search import matches
from chat.search.matches import END, NEWEST, Match, Titled
from chat.search.query import Query
from chat.search.snippets import snippet, title_marks

CHATS = 20  # of a page
HITS = 3  # of a chat
HITS_OF_ONE = 50  # of a page with one chat
RECENT_CHATS = 20
LOOKED_THROUGH = 100_000  # characters of a message: a word behind them is found, but not shown
AT_ONCE = 200_000  # characters of all messages of a page; more take too long for the loop

# The newest message that may be on the page, the chats before it, and `t` if these messages are the first to be ranked,
# together with the titles.
CURSOR = re.compile(r"([0-9a-f]{32})-(\d{1,4})(t?)", re.ASCII)

CHATS_FOUND = """
SELECT id AS thread_id, title, last_message_at, archived FROM chat_thread
WHERE user_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL
"""
RECENT = """
SELECT id AS thread_id, title, last_message_at, archived FROM chat_thread
WHERE user_id = $1 AND NOT archived AND deleted_at IS NULL ORDER BY last_message_at DESC, id DESC LIMIT $2
"""
# Each path is walked once, down to the first of its messages that is asked for.
MESSAGES_FOUND = f"""
WITH RECURSIVE found AS (
    SELECT m.id, m.thread_id, m.number, m.role, m.created_at, left(m.content, {LOOKED_THROUGH}) AS content, t.title
    FROM chat_message m JOIN chat_thread t ON t.id = m.thread_id
    WHERE t.user_id = $1 AND t.deleted_at IS NULL AND m.id = ANY($2::uuid[])
), path AS (
    SELECT m.id, m.parent_id, m.number, f.least
    FROM (SELECT thread_id, min(number) AS least FROM found GROUP BY thread_id) f
    JOIN chat_thread t ON t.id = f.thread_id JOIN chat_message m ON m.id = t.head_id
    UNION ALL
    SELECT m.id, m.parent_id, m.number, p.least FROM path p JOIN chat_message m ON m.id = p.parent_id
    WHERE p.number > p.least
)
SELECT f.id AS message_id, f.thread_id, f.number, f.title, f.role, f.created_at, f.content,
    NOT EXISTS (SELECT 1 FROM path WHERE path.id = f.id) AS in_another_version
FROM found f
"""  # noqa: S608 - a constant
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
class _Place:
    """Where a page begins."""

    newest: UUID = END
    skipped: int = 0
    with_titles: bool = True

    @classmethod
    def of(cls, cursor: str) -> _Place:
        """An invalid cursor means the first page."""
        found = CURSOR.fullmatch(cursor)
        return cls(UUID(found[1]), int(found[2]), bool(found[3])) if found else cls()

    def __str__(self) -> str:
        return f"{self.newest.hex}-{self.skipped}{'t' if self.with_titles else ''}"


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
    place = _Place.of(before)
    newest = await matches.messages(user_id, query, newest=place.newest)
    titled = await matches.titled(user_id, query) if place.with_titles else []
    under = await matches.under(user_id, titled, query)
    chosen = _grouped([*newest, *under], [one for one in titled if not one.rest])
    page = chosen[place.skipped : place.skipped + CHATS]
    following = _following(place, newest, is_cut=len(chosen) > place.skipped + CHATS)
    return Found(text, await _shown(user_id, page, query), following)


async def find_in(user_id: UUID, thread_id: UUID, query: Query, text: str, *, before: str = "") -> Found:
    """All hits of one of the user's chats, the newest first."""
    first = _Place.of(before).newest
    found = await matches.messages_of(user_id, thread_id, query, newest=first, most=HITS_OF_ONE + 1)
    page, further = found[:HITS_OF_ONE], found[HITS_OF_ONE:]
    chosen = [_Chosen(thread_id, [match.id for match in page], bool(further))] if page else []
    return Found(text, await _shown(user_id, chosen, query), str(_Place(further[0].id)) if further else "")


async def is_behind(user_id: UUID) -> bool:
    """Whether the user's older chats are not in the index yet."""
    rows = await rows_of(IS_BEHIND, user_id)
    return bool(rows and rows[0]["is_behind"])


def _grouped(found: Sequence[Match], titled: Sequence[Titled]) -> list[_Chosen]:
    """Chats whose title has all of the words, then the others by their best message. Exact signs come before both."""
    best = sorted(found, key=lambda match: -match.rank)  # stable: the newest of the same rank first
    ordered: list[Titled | Match] = [*titled, *best]
    exact = [one for one in ordered if one.is_exact]
    by_thread: dict[UUID, dict[UUID, None]] = {one.thread_id: {} for one in (*exact, *ordered)}
    for match in best:
        by_thread[match.thread_id][match.id] = None
    return [_Chosen(thread_id, list(ids)[:HITS], len(ids) > HITS) for thread_id, ids in by_thread.items()]


def _following(place: _Place, newest: Sequence[Match], *, is_cut: bool) -> str:
    """The cursor of the next page, with the same messages as long as there are chats of them."""
    if is_cut:
        first = newest[0].id if newest and place.newest == END else place.newest
        return str(_Place(first, place.skipped + CHATS, place.with_titles))
    return str(_Place(UUID(int=newest[-1].id.int - 1), 0, with_titles=False)) if len(newest) == NEWEST else ""


async def _shown(user_id: UUID, page: Sequence[_Chosen], query: Query) -> list[FoundChat]:
    chats = {row["thread_id"]: row for row in await rows_of(CHATS_FOUND, user_id, [one.thread_id for one in page])}
    ids = [message_id for one in page for message_id in one.message_ids]
    hits = await _hits(await rows_of(MESSAGES_FOUND, user_id, ids), query) if ids else {}
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


async def _hits(rows: Sequence[dict[str, Any]], query: Query) -> dict[UUID, Hit]:
    def hits() -> dict[UUID, Hit]:
        return {row["message_id"]: _hit(row, query) for row in rows}

    return hits() if sum(len(row["content"]) for row in rows) < AT_ONCE else await asyncio.to_thread(hits)


def _hit(row: dict[str, Any], query: Query) -> Hit:
    text, marks = snippet(row["content"], query.wanted)
    return Hit(row["message_id"], row["role"], row["created_at"], text, marks, row["in_another_version"])
