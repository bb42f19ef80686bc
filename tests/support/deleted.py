"""The end of the undo of a deletion."""

from __future__ import annotations

import uuid

from chat.database import query
from chat.models import ChatThread
from tests.support.waiting import eventually

AGE = "UPDATE chat_thread SET deleted_at = now() - interval '16 seconds' WHERE id = $1 AND deleted_at IS NOT NULL"


async def purged(thread_id: str) -> None:
    """Let the time for the undo pass, and wait until a worker has deleted the rows."""
    await query(AGE, uuid.UUID(thread_id))

    async def is_gone() -> bool:
        return not await ChatThread.exists(id=thread_id)

    await eventually(is_gone)
