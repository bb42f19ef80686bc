"""Where a page opens that leads to one message: with it in the path to the head if it is near, otherwise around it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chat.database import query
from chat.services.replies import path
from chat.services.replies.threads import PAGE_MAX_BYTES, PAGE_SIZE

BEFORE = 10  # messages above the one that is looked for
MOST_TO_HEAD = 200  # messages of a page that reaches the head, with these
MOST_AROUND = 100  # of one that does not
HALF_BYTES = PAGE_MAX_BYTES // 2  # of the text below the message, there

IN_THREAD = """
SELECT m.id, t.head_id FROM chat_message m JOIN chat_thread t ON t.id = m.thread_id
WHERE m.thread_id = $1 AND t.deleted_at IS NULL AND m.id = $2 AND m.role IN ('user', 'assistant')
"""
# From $1 up to $2: how far that is, and the last message of a page around it ($3, $4: the most messages and bytes
# below it). No rows if $2 is not on the path to $1.
WALK = """
WITH RECURSIVE walk AS (
    SELECT id, parent_id, number, octet_length(content) + octet_length(reasoning) AS bytes, 1 AS step
    FROM chat_message WHERE id = $1
    UNION ALL
    SELECT m.id, m.parent_id, m.number, octet_length(m.content) + octet_length(m.reasoning), w.step + 1
    FROM walk w JOIN chat_message m ON m.id = w.parent_id
    WHERE w.number > (SELECT number FROM chat_message WHERE id = $2)
), sized AS (
    SELECT id, step, sum(bytes) OVER (ORDER BY step) AS total, sum(bytes) OVER (ORDER BY step DESC) AS below
    FROM walk
), target AS (
    SELECT step, total FROM sized WHERE id = $2
)
SELECT t.step, t.total::bigint AS total, s.id AS last_id, s.step AS last_step
FROM target t JOIN LATERAL (
    SELECT id, step FROM sized WHERE step = t.step OR (step >= t.step - $3 AND below <= $4) ORDER BY step LIMIT 1
) s ON true
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The part of a thread that shows a message: the path to `last_id`, or to the head if that is None.

    `is_other_version`: the message is not on the path to the head. `has_newer`: there are messages below `last_id`.
    """

    message_id: UUID
    last_id: UUID | None
    most: int
    is_other_version: bool = False
    has_newer: bool = False

    @property
    def is_detached(self) -> bool:
        """Whether the page does not reach the head."""
        return self.last_id is not None

    @property
    def page(self) -> dict[str, Any]:
        """For `message_page`."""
        return {"last": self.last_id, "most": self.most}


async def place(thread_id: UUID, message_id: str) -> Place | None:
    """Where to show this message of the thread; None if there is none, as for an id that is none."""
    with suppress(ValueError):
        rows = await query(IN_THREAD, thread_id, UUID(message_id))
        if rows:
            return await _place(thread_id, rows[0]["id"], rows[0]["head_id"])
    return None


async def _place(thread_id: UUID, message_id: UUID, head_id: UUID) -> Place | None:
    """None if the message is deleted at this moment."""
    below = (MOST_AROUND - 1) // 2
    walked = await query(WALK, head_id, message_id, below, HALF_BYTES)
    is_other = not walked
    if is_other:
        leaf = await path.newest_below(thread_id, message_id)
        walked = await query(WALK, leaf, message_id, below, HALF_BYTES)
    if not walked:
        return None
    found = walked[0]
    if not is_other and found["step"] + BEFORE <= MOST_TO_HEAD and found["total"] <= PAGE_MAX_BYTES:
        return Place(message_id, None, max(found["step"] + BEFORE, PAGE_SIZE))
    return Place(message_id, found["last_id"], MOST_AROUND, is_other, has_newer=found["last_step"] > 1)
