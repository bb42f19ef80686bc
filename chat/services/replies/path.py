"""The path of a chat: its messages from the first to the head, each the parent of the next.

A chat is a tree of messages. Those with the same parent are versions of one message, and `chat_thread.head_id` says
which ones are shown. Only parents are stored. Every query walks from a message to its ancestors and stops where it has
enough, so its cost does not depend on the length of the chat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat.database import query

# All messages with the same parent as `m`, itself included.
VERSIONS = """
SELECT array_agg(id ORDER BY number) AS versions FROM (
    SELECT id, number FROM chat_message WHERE parent_id = m.parent_id
    UNION ALL
    SELECT id, number FROM chat_message WHERE m.parent_id IS NULL AND thread_id = m.thread_id AND parent_id IS NULL
) same HAVING count(*) > 1
"""
# $2: the message after the page, or null for the newest page. $3, $4: the most messages, and bytes of their text.
# $5: the most characters of a tool's arguments and output. $6: the last message of the page, or null.
PAGE = f"""
WITH RECURSIVE path AS (
    SELECT m.id, m.parent_id, octet_length(m.content) + octet_length(m.reasoning) AS bytes, 1 AS step
    FROM chat_thread t LEFT JOIN chat_message next ON next.id = $2 AND next.thread_id = t.id
    JOIN chat_message m ON m.id = coalesce($6, CASE WHEN next.id IS NULL THEN t.head_id ELSE next.parent_id END)
    WHERE t.id = $1
    UNION ALL
    SELECT m.id, m.parent_id, octet_length(m.content) + octet_length(m.reasoning), p.step + 1
    FROM path p JOIN chat_message m ON m.id = p.parent_id WHERE p.step < $3
), fitting AS (
    SELECT id, step FROM (SELECT id, step, sum(bytes) OVER (ORDER BY step) AS total FROM path) sized
    WHERE step = 1 OR total <= $4
)
SELECT m.id, m.parent_id, m.client_id, m.role, m.status, m.content, m.error, m.created_at, m.reasoning, m.reasoning_ms,
    g.reason, g.continues, v.versions, c.calls
FROM fitting f JOIN chat_message m ON m.id = f.id
LEFT JOIN generation g ON g.answer_id = m.id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('call_id', call_id, 'name', name, 'state', state,
        'arguments', left(arguments, $5), 'output', left(output, $5)) ORDER BY created_at, id) AS calls
    FROM tool_call WHERE generation_id = g.id) c ON true
LEFT JOIN LATERAL ({VERSIONS}) v ON true
ORDER BY f.step DESC
"""  # noqa: S608 - a constant
# $2: the most messages; those without text are not counted and left out, except the last one.
SPOKEN = """
WITH RECURSIVE path AS (
    SELECT id, parent_id, 1 AS step, true AS has_text FROM chat_message WHERE id = $1
    UNION ALL
    SELECT m.id, m.parent_id, p.step + (m.content <> '')::int, m.content <> ''
    FROM path p JOIN chat_message m ON m.id = p.parent_id WHERE p.step < $2
)
SELECT m.id, m.role, m.content, m.token_count FROM path p JOIN chat_message m ON m.id = p.id
WHERE p.has_text AND m.role IN ('user', 'assistant') ORDER BY m.number DESC
"""
# All that is below $2, itself included. It is the last of its own branch if nothing is.
BELOW = """
WITH RECURSIVE below AS (
    SELECT id, number FROM chat_message WHERE thread_id = $1 AND id = $2
    UNION ALL
    SELECT m.id, m.number FROM below b JOIN chat_message m ON m.parent_id = b.id
)
"""
NEWEST_BELOW = f"{BELOW} SELECT id FROM below ORDER BY number DESC LIMIT 1"  # noqa: S608
COUNT_BELOW = f"""
{BELOW} SELECT count(*) AS count, (SELECT role FROM chat_message WHERE thread_id = $1 AND id = $2) AS role FROM below
"""  # noqa: S608
# Whether $2 is on the path to $1. Parents have smaller numbers, so the walk ends there.
IS_ON_PATH = """
WITH RECURSIVE path AS (
    SELECT id, parent_id, number FROM chat_message WHERE id = $1
    UNION ALL
    SELECT m.id, m.parent_id, m.number FROM path p JOIN chat_message m ON m.id = p.parent_id
    WHERE p.number > (SELECT number FROM chat_message WHERE id = $2)
)
SELECT 1 FROM path WHERE id = $2
"""


@dataclass(slots=True)
class Spoken:
    """A message as the model may be shown it."""

    id: UUID
    role: str
    content: str
    token_count: int | None


async def page(
    thread_id: UUID, *, before: UUID | None, last: UUID | None = None, most: int, most_bytes: int, most_of_calls: int
) -> list[dict[str, Any]]:
    """The last messages of the path, or those before a message, oldest first, with their versions and tool calls.

    A message that is not in this thread means the end of the path. `last`, a message of this thread, is the end of
    another path. One message is included however long it is. The calls are JSON, or null; of their arguments and
    outputs, `most_of_calls` characters are included.
    """
    return await query(PAGE, thread_id, before, most, most_bytes, most_of_calls, last)


async def spoken(last_id: UUID, *, most: int) -> list[Spoken]:
    """The path to a message, newest first; those without text are left out, except the last one."""
    return [Spoken(**row) for row in await query(SPOKEN, last_id, most)]


async def newest_below(thread_id: UUID, message_id: UUID) -> UUID | None:
    """The newest message among this one and all below it, which has none below it; None if this one is not there."""
    rows = await query(NEWEST_BELOW, thread_id, message_id)
    return rows[0]["id"] if rows else None


async def count_below(thread_id: UUID, message_id: UUID) -> tuple[int, str]:
    """The number of messages that this one and all below it are, and its role; 0 if it is not in this thread."""
    found = (await query(COUNT_BELOW, thread_id, message_id))[0]
    return found["count"], found["role"] or ""


async def is_on_path(last_id: UUID, message_id: UUID) -> bool:
    """Whether a message is on the path to another one."""
    return bool(await query(IS_ON_PATH, last_id, message_id))
