"""Searching the other conversations of the same user."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chat import database
from chat.llm.tools import ToolError, tool
from chat.models import ALIVE_SQL, User
from chat.text import storable

MAX_QUERY_CHARACTERS = 200
MAX_WORDS = 10  # each is searched in every message
MAX_HITS = 10
SNIPPET_CHARACTERS = 200
BEFORE_HIT = 60  # characters of a snippet

# Only threads of this user are searched. If only the title of a thread matches, the thread is found once, by its first
# message. The question that is being answered contains the words itself, so it is left out.
SEARCH = rf"""
SELECT t.id, t.title, m.role, m.content, m.created_at, NOT EXISTS (
    WITH RECURSIVE path AS (
        SELECT id, parent_id, number FROM chat_message WHERE id = t.head_id
        UNION ALL
        SELECT o.id, o.parent_id, o.number FROM path p JOIN chat_message o ON o.id = p.parent_id
        WHERE p.number > m.number
    ) SELECT 1 FROM path WHERE path.id = m.id) AS in_another_version
FROM chat_thread t JOIN chat_message m ON m.thread_id = t.id
WHERE t.user_id = $1 AND m.role IN ('user', 'assistant')
  AND t.title || E'\n' || m.content ILIKE ALL ($2::text[])
  AND (m.content ILIKE ANY ($2::text[]) OR m.number = (SELECT min(number) FROM chat_message WHERE thread_id = t.id))
  AND NOT EXISTS (SELECT 1 FROM generation g WHERE g.user_message_id = m.id AND g.state IN {ALIVE_SQL})
ORDER BY m.created_at DESC, m.number DESC LIMIT $3
"""  # noqa: S608


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

    Finds messages whose text or chat title contains all of the words, in any order and case: the newest 10, newest
    first, also in versions of a chat that it does not show now. An answer that is still being written is not found.
    Search for few, rare words, and link to chats by url.

    query: one to ten words, without operators
    """
    words = list(dict.fromkeys(storable(query).split()))
    if not words:
        raise ToolError("Say which words to search for.")
    if len(words) > MAX_WORDS or len(query) > MAX_QUERY_CHARACTERS:
        raise ToolError(f"The query is too long: use at most {MAX_WORDS} words and {MAX_QUERY_CHARACTERS} characters.")
    rows = await database.query(SEARCH, user.id, [_pattern(word) for word in words], MAX_HITS)
    hits = [
        Hit(
            title=row["title"] or "New chat",
            url=f"/chat/{row['id']}/",
            said_by=row["role"],
            date=row["created_at"].isoformat(timespec="minutes"),
            snippet=_snippet(row["content"], words),
            in_another_version=row["in_another_version"],
        )
        for row in rows
    ]
    return hits or "No messages contain all of these words. Try fewer or different words."


def _pattern(word: str) -> str:
    r"""The word for ILIKE, with %, _ and \ escaped."""
    return "%" + re.sub(r"[\\%_]", r"\\\g<0>", word) + "%"


def _snippet(text: str, words: list[str]) -> str:
    """The text around the first matching word, on one line."""
    hit = re.search("|".join(map(re.escape, words)), text, re.IGNORECASE)
    start = max(0, hit.start() - BEFORE_HIT) if hit else 0
    end = start + SNIPPET_CHARACTERS
    piece = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{piece}{'…' if end < len(text) else ''}"
