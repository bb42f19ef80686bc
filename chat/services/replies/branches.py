"""A new chat that begins with a copy of another one, up to a message."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Publish, user_channel
from chat.database import query
from chat.models import LISTED_SQL, Status, User
from chat.models.ids import uuid7
from chat.services.errors import Refused
from chat.services.replies import thread_list
from chat.services.replies.versions import NO_MESSAGE

MOST_MESSAGES = 2_000
MOST_BYTES = 16 * 1024 * 1024  # of their text, reasoning and tool calls: one transaction copies them

# From the first message to the one that is branched from. $4: one more than the most messages.
PATH = """
WITH RECURSIVE path AS (
    SELECT m.id, m.parent_id, m.status, 1 AS step
    FROM chat_message m JOIN chat_thread t ON t.id = m.thread_id
    WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND m.id = $3
    UNION ALL
    SELECT m.id, m.parent_id, m.status, p.step + 1 FROM path p JOIN chat_message m ON m.id = p.parent_id
    WHERE p.step < $4
)
SELECT p.id, p.status, octet_length(m.content) + octet_length(m.reasoning) + coalesce(k.bytes, 0) AS bytes
FROM path p JOIN chat_message m ON m.id = p.id LEFT JOIN LATERAL (
    SELECT sum(octet_length(k.arguments) + octet_length(k.output))::bigint AS bytes
    FROM generation g JOIN tool_call k ON k.generation_id = g.id WHERE g.answer_id = p.id
) k ON true
ORDER BY p.step DESC
"""
# As for any new thread, see send.py.
LOCK_OPENING = "SELECT user_id FROM user_settings WHERE user_id = $1 FOR SHARE"
# Keeps the thread and its messages from being deleted until COMMIT; new messages do not wait.
LOCK_THREAD = "SELECT id FROM chat_thread WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL FOR KEY SHARE"
NEW_THREAD = f"""
INSERT INTO chat_thread AS t (id, user_id, title, title_by, model, archived, rev, fence, log_epoch, log_s,
    message_count, head_id, forked_from_id, created_at, last_message_at)
SELECT $1, o.user_id, o.title, o.title_by, o.model, false, 0, 0, '', 0, $4, $5, o.id, now(), now()
FROM chat_thread o WHERE o.user_id = $2 AND o.id = $3 AND o.deleted_at IS NULL
ON CONFLICT (id) DO NOTHING RETURNING {LISTED_SQL}
"""  # noqa: S608 - a constant
COPIED = "SELECT * FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS copied(old, new, number)"
MESSAGES = f"""
WITH copied AS ({COPIED})
INSERT INTO chat_message (id, thread_id, parent_id, number, role, status, content, reasoning, reasoning_ms, error,
    token_count, created_at)
SELECT c.new, $1, parent.new, c.number, m.role, m.status, m.content, m.reasoning, m.reasoning_ms, m.error,
    m.token_count, m.created_at
FROM copied c JOIN chat_message m ON m.id = c.old LEFT JOIN copied parent ON parent.number = c.number - 1
"""  # noqa: S608 - a constant
GENERATIONS = f"""
WITH copied AS ({COPIED})
INSERT INTO generation (id, thread_id, user_message_id, answer_id, attempt, continues, takeovers, model, state, fence,
    background, round_start, up_seq, partial, partial_len, ckpt_epoch, ckpt_s, reason, created_at, finished_at)
SELECT gen_random_uuid(), $1, question.new, answer.new, g.attempt, g.continues, 0, g.model, g.state, 0, false, 0, -1,
    '', 0, '', 0, g.reason, g.created_at, g.finished_at
FROM generation g JOIN copied answer ON answer.old = g.answer_id
JOIN copied question ON question.old = g.user_message_id
"""  # noqa: S608
TOOL_CALLS = f"""
WITH copied AS ({COPIED})
INSERT INTO tool_call (id, generation_id, round, call_id, name, arguments, output, token_count, state, created_at,
    finished_at)
SELECT gen_random_uuid(), new.id, k.round, k.call_id, k.name, k.arguments, k.output, k.token_count, k.state,
    k.created_at, k.finished_at
FROM copied c JOIN generation old ON old.answer_id = c.old JOIN generation new ON new.answer_id = c.new
JOIN tool_call k ON k.generation_id = old.id WHERE new.thread_id = $1
"""  # noqa: S608
ROUND_ITEMS = f"""
WITH copied AS ({COPIED})
INSERT INTO round_item (id, generation_id, round, number, model, item)
SELECT gen_random_uuid(), new.id, i.round, i.number, i.model, i.item
FROM copied c JOIN generation old ON old.answer_id = c.old JOIN generation new ON new.answer_id = c.new
JOIN round_item i ON i.generation_id = old.id WHERE new.thread_id = $1
"""  # noqa: S608

RUNS = "This answer is still being written. Wait until it finishes or stop it, then try again."
TOO_LONG = f"A chat of more than {MOST_MESSAGES:,} messages can't be branched. Branch from an earlier message."
TOO_MUCH = f"A chat of more than {MOST_BYTES // 1024**2} MiB can't be branched. Branch from an earlier message."


async def branch(
    user: User, thread_id: UUID, message_id: UUID, *, client_id: UUID | None = None, broadcast: Broadcast
) -> UUID:
    """Copy the path to a message into a new chat; returns its id. The same `client_id` again gets the same chat.

    The calls that were paid stay with the chat that made them. Raises Refused.
    """
    new_id = uuid5(thread_id, str(client_id)) if client_id else uuid7()
    async with in_transaction():
        await query(LOCK_OPENING, user.id)
        await query(LOCK_THREAD, user.id, thread_id)
        ids = await _path(user, thread_id, message_id)
        thread = await _copy(user, thread_id, new_id, ids)
    if thread:
        await broadcast.announce(Publish(user_channel(user.id), thread_list.updated(new_id, thread, running=False)))
    return new_id


async def _path(user: User, thread_id: UUID, message_id: UUID) -> list[UUID]:
    path = await query(PATH, user.id, thread_id, message_id, MOST_MESSAGES + 1)
    if not path:
        raise Refused("not_found", NO_MESSAGE)
    if path[-1]["status"] == Status.STREAMING:
        raise Refused("busy", RUNS)
    if len(path) > MOST_MESSAGES:
        raise Refused("too_long", TOO_LONG)
    if sum(row["bytes"] for row in path) > MOST_BYTES:
        raise Refused("too_long", TOO_MUCH)
    return [row["id"] for row in path]


async def _copy(user: User, thread_id: UUID, new_id: UUID, ids: list[UUID]) -> dict[str, Any] | None:
    """None if the chat is there already: the same request came twice."""
    copies = [uuid7() for _ in ids]
    threads = await query(NEW_THREAD, new_id, user.id, thread_id, len(ids), copies[-1])
    if not threads:
        if await query(LOCK_THREAD, user.id, new_id):
            return None
        raise Refused("not_found", NO_MESSAGE)
    for statement in (MESSAGES, GENERATIONS, TOOL_CALLS, ROUND_ITEMS):
        await query(statement, new_id, ids, copies)
    return threads[0]
