"""Searching the other conversations of the same user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat import database
from chat.llm.tools import ToolError, tool
from chat.models import ALIVE_SQL, User
from chat.search import matches
from chat.search.find import MESSAGES_FOUND
from chat.search.matches import Titled
from chat.search.query import Query, plain
from chat.search.snippets import snippet
from chat.text import storable

MAX_QUERY_CHARACTERS = 200
MAX_WORDS = 10
MAX_HITS = 10
SNIPPET_CHARACTERS = 200
BEFORE_HIT = 60  # characters of a snippet

# The question that is being answered contains the words itself, so it is left out.
ASKED = f"""
SELECT g.user_message_id AS id FROM generation g JOIN chat_thread t ON t.id = g.thread_id
WHERE t.user_id = $1 AND g.state IN {ALIVE_SQL}
"""  # noqa: S608 - a constant
FIRST = """
SELECT DISTINCT ON (thread_id) id FROM chat_message
WHERE thread_id = ANY($1::uuid[]) AND role IN ('user', 'assistant') ORDER BY thread_id, number
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that matches."""

    title: str
    url: str
    said_by: str
    date: str
    snippet: str
    in_another_version: bool  # of the chat, which is not the one that it shows now


@tool(idempotent=True, doing="Searching your chats", done="Searched your chats", about="query")
async def search_my_threads(user: User, query: str) -> list[Hit] | str:
    """Search all messages in this user's chats, this one and archived ones included.

    Finds messages whose text or chat title contains all of the words, in any order and case, with or without accents:
    the newest 10, newest first, also in versions of a chat that it does not show now. A word also finds longer words
    that begin with it. An answer that is still being written is not found. Search for few, rare words, and link to
    messages by url.

    query: one to ten words, without operators
    """
    words = storable(query).split()
    if not words:
        raise ToolError("Say which words to search for.")
    if len(words) > MAX_WORDS or len(query) > MAX_QUERY_CHARACTERS:
        raise ToolError(f"The query is too long: use at most {MAX_WORDS} words and {MAX_QUERY_CHARACTERS} characters.")
    asked = plain(words)
    rows = await _newest(user.id, asked) if asked.wanted else []
    return [_hit(row, asked) for row in rows] or "No messages contain all of these words. Try fewer or different words."


async def _newest(user_id: UUID, asked: Query) -> list[dict[str, Any]]:
    titled = await matches.titled(user_id, asked)
    found = await matches.messages(user_id, asked)
    if not any(match.is_exact for match in found):
        found += await matches.under(user_id, titled, asked)
        ids = {match.id for match in found} | await _first_of(titled, {match.thread_id for match in found})
    else:
        ids = {match.id for match in found if match.is_exact}
    ids -= {row["id"] for row in await database.query(ASKED, user_id)}
    newest = sorted(ids, reverse=True)[: 2 * MAX_HITS]  # of one time in any order
    rows = await database.query(MESSAGES_FOUND, user_id, newest)
    return sorted(rows, key=lambda row: (row["created_at"], row["number"]), reverse=True)[:MAX_HITS]


async def _first_of(titled: Sequence[Titled], shown: set[UUID]) -> set[UUID]:
    """The first messages of the threads of which only the title matches."""
    bare = [one.thread_id for one in titled if not one.rest and one.thread_id not in shown]
    return {row["id"] for row in await database.query(FIRST, bare)}


def _hit(row: dict[str, Any], asked: Query) -> Hit:
    text, _ = snippet(row["content"], asked.wanted, width=SNIPPET_CHARACTERS, before=BEFORE_HIT)
    return Hit(
        title=row["title"] or "New chat",
        url=f"/chat/{row['thread_id']}/?at={row['message_id']}#m-{row['message_id']}",
        said_by=row["role"],
        date=row["created_at"].isoformat(timespec="minutes"),
        snippet=" ".join(text.split()),
        in_another_version=row["in_another_version"],
    )
