"""What matches a query: the user's newest messages, and chats by their titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from chat.database import query as rows_of
from chat.search.query import Query, Term
from chat.search.snippets import spans
from chat.search.store import owner

NEWEST = 200  # messages that match and are ranked; ranking all of them takes seconds
TITLES = 50  # chats whose title has at least one of the words
UNDER_TITLE = 50  # messages of each of them
TITLE_BONUS = 0.1  # for a message whose title has some of the words: as much as one mention in a short message
LOOKED_THROUGH = 50_000  # characters of a message, for the signs of a term
EXACT_BONUS = 1.0  # for a message with these signs: more than any number of mentions
END = UUID(int=2**128 - 1)  # after all messages

DELETED = "SELECT id FROM chat_thread WHERE user_id = $1 AND deleted_at IS NOT NULL"
# The owner's lexeme makes the index find the user's own; `user_id` is what decides. The planner must not walk through
# all entries by their id because it takes a word for a frequent one, so the matches are collected first.
MESSAGES = f"""
SELECT n.id, n.thread_id, ts_rank_cd(e.words, $4::text::tsquery, 1) AS rank, (
    SELECT coalesce(bool_and(strpos(lower(left(m.content, {LOOKED_THROUGH})), literal) > 0), false)
    FROM unnest($5::text[]) AS literal
) AS is_exact
FROM (
    WITH matching AS MATERIALIZED (
        SELECT id, thread_id FROM search_entry
        WHERE user_id = $1 AND words @@ $2::text::tsquery AND message_id IS NOT NULL AND id <= $3
            AND thread_id <> ALL ({DELETED})
    ) SELECT id, thread_id FROM matching ORDER BY id DESC LIMIT {NEWEST}
) n JOIN search_entry e ON e.id = n.id JOIN chat_message m ON m.id = n.id ORDER BY n.id DESC
"""  # noqa: S608 - constants
# From the message $3 on, in the order of the chat; from its last one if there is no such message.
OF_CHAT = f"""
SELECT m.id, m.thread_id, 0::float8 AS rank
FROM search_entry e JOIN chat_message m ON m.id = e.message_id
WHERE e.user_id = $1 AND e.thread_id = $4 AND e.words @@ $2::text::tsquery AND e.thread_id <> ALL ({DELETED})
    AND m.number <= coalesce((SELECT number FROM chat_message WHERE id = $3), 2147483647)
ORDER BY m.number DESC LIMIT $5
"""  # noqa: S608
TITLED = f"""
SELECT t.id, t.title FROM search_entry e JOIN chat_thread t ON t.id = e.thread_id
WHERE e.user_id = $1 AND e.words @@ $2::text::tsquery AND e.message_id IS NULL AND t.deleted_at IS NULL
ORDER BY t.last_message_at DESC LIMIT {TITLES}
"""  # noqa: S608
# $2, $3: chats, and for each what its title does not have.
UNDER = f"""
SELECT m.id, n.thread_id, ts_rank_cd(m.words, n.rest::tsquery, 1) AS rank
FROM unnest($2::uuid[], $3::text[]) AS n(thread_id, rest) CROSS JOIN LATERAL (
    SELECT id, words FROM search_entry
    WHERE thread_id = n.thread_id AND user_id = $1 AND message_id IS NOT NULL AND words @@ n.rest::tsquery
    ORDER BY id DESC LIMIT {UNDER_TITLE}
) m
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Match:
    """A message that matches."""

    id: UUID
    thread_id: UUID
    rank: float
    is_exact: bool = False  # it has the signs of the query, too


@dataclass(frozen=True, slots=True)
class Titled:
    """A chat whose title has at least one of the words, and no unwanted one; `rest` are those that it has not."""

    thread_id: UUID
    rest: list[Term]
    is_exact: bool = True  # it has the signs of the query, too

    def tsquery(self, query: Query) -> str:
        """What a message of it must contain: the rest, or if there is none any of the words."""
        wanted = " & ".join(one.tsquery for one in self.rest) or " | ".join(one.tsquery for one in query.wanted)
        return " & ".join([f"({wanted})", *(f"!{one.tsquery}" for one in query.unwanted)])


async def messages(user_id: UUID, query: Query, *, newest: UUID = END) -> list[Match]:
    """The newest messages that contain all of the words, up to a message; the newest first."""
    owned = f"'{owner(user_id)}' & {query.tsquery}"
    found = _matches(await rows_of(MESSAGES, user_id, owned, newest, query.tsquery, query.literals))
    return [replace(match, rank=match.rank + EXACT_BONUS) if match.is_exact else match for match in found]


async def messages_of(user_id: UUID, thread_id: UUID, query: Query, *, newest: UUID, most: int) -> list[Match]:
    """The messages of one of the user's chats that contain all of the words; the newest first."""
    return _matches(await rows_of(OF_CHAT, user_id, query.tsquery, newest, thread_id, most))


async def titled(user_id: UUID, query: Query) -> list[Titled]:
    """Chats whose title has at least one of the words; the latest first."""
    any_of = " | ".join(one.tsquery for one in query.wanted)
    rows = await rows_of(TITLED, user_id, f"'{owner(user_id, of_titles=True)}' & ({any_of})")
    return [
        Titled(
            row["id"],
            [term for term in query.wanted if not spans(row["title"], [term])],
            all(literal in row["title"].lower() for literal in query.literals),
        )
        for row in rows
        if not spans(row["title"], query.unwanted)
    ]


async def under(user_id: UUID, titles: Sequence[Titled], query: Query) -> list[Match]:
    """Messages that contain all of several words together with their chat's title, and at least one of them."""
    if not titles or len(query.wanted) == 1:
        return []
    ids, rests = [one.thread_id for one in titles], [one.tsquery(query) for one in titles]
    return [
        Match(one.id, one.thread_id, one.rank + TITLE_BONUS)
        for one in _matches(await rows_of(UNDER, user_id, ids, rests))
    ]


def _matches(rows: Sequence[dict[str, Any]]) -> list[Match]:
    return [Match(**row) for row in rows]
