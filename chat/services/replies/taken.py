"""Messages that left a queue unsent, for some minutes: tabs that missed it send them again, lost pages had their text.

Without Redis they are not remembered.
"""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat.events import QueueTaken

KEPT_SECONDS = 600  # longer than a tab is usually without a connection


async def remember(redis: Redis, thread_id: UUID, taken: QueueTaken) -> None:
    """Call it before COMMIT: a copy that no longer finds the message in the queue then finds it here."""
    with suppress(RedisError, OSError):
        await redis.set(_key(thread_id, taken.client_id), msgspec.json.encode(taken), ex=KEPT_SECONDS)


async def recall(redis: Redis, thread_id: UUID, client_id: UUID) -> QueueTaken | None:
    """The message, if it was taken or removed within the last minutes."""
    try:
        kept = await redis.get(_key(thread_id, client_id))
    except (RedisError, OSError):
        return None
    return msgspec.json.decode(kept, type=QueueTaken) if kept else None


def _key(thread_id: UUID, client_id: UUID) -> str:
    return f"queue-taken:{thread_id}:{client_id}"
