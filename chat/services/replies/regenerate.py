"""Another attempt at an answer: the user wants it anew, or wants it to go on where it was broken off."""

from __future__ import annotations

import logging
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Unavailable, user_channel
from chat.database import query
from chat.events import MessageCreated, MessageView, ThreadUpdated
from chat.llm.pricing import Prices
from chat.models import Role, Status, User
from chat.models.ids import uuid7
from chat.security.limits import Limits
from chat.services.errors import Refused
from chat.services.replies import admission
from chat.services.replies.send import ADD_MESSAGE, Accepted, add_generation
from chat.settings import Settings

logger = logging.getLogger(__name__)

ADVANCE = """
UPDATE chat_thread SET rev = rev + 1, message_count = message_count + 1, last_message_at = now()
WHERE id = $1 AND user_id = $2 RETURNING message_count, model, title, last_message_at, rev
"""
BEFORE = """
SELECT g.user_message_id, (SELECT max(attempt) FROM generation WHERE user_message_id = g.user_message_id) AS attempt,
    answer.number, answer.status, answer.content <> '' AS has_text
FROM generation g JOIN chat_message answer ON answer.id = g.answer_id
WHERE g.thread_id = $1 AND g.answer_id = $2
"""


async def try_again(
    user: User,
    thread_id: UUID,
    answer_id: UUID,
    *,
    go_on: bool,
    settings: Settings,
    prices: Prices,
    broadcast: Broadcast,
    limits: Limits,
) -> Accepted:
    """Store an empty answer beside the last one, which stays as it is. Raises Refused. The caller starts it.

    With `go_on` the model is shown what there is, and continues it.
    """
    await admission.no_answer_runs(thread_id)
    await admission.within_limits(user, limits)
    try:
        async with in_transaction():
            accepted, created, updated = await _store(user, thread_id, answer_id, go_on, settings)
            await admission.within_means(user, accepted.generation_id, settings, prices)
    except IntegrityError:  # the same click twice
        raise Refused("busy", admission.BUSY) from None
    try:
        await broadcast.log.append(Append(thread_id, created))
        await broadcast.channels.publish(user_channel(user.id), updated)
    except Unavailable as error:
        logger.warning("An attempt is stored and not announced, Redis is away: %s", error)
    return accepted


async def _store(
    user: User, thread_id: UUID, answer_id: UUID, go_on: bool, settings: Settings
) -> tuple[Accepted, MessageCreated, ThreadUpdated]:
    threads = await query(ADVANCE, thread_id, user.id)  # locks the thread until COMMIT
    before = await query(BEFORE, thread_id, answer_id) if threads else []
    if not before:
        raise Refused("not_found", "There is no such answer.")
    thread, last = threads[0], before[0]
    number: int = thread["message_count"]
    if last["number"] != number - 1 or (go_on and (last["status"] == Status.FINAL or not last["has_text"])):
        raise Refused("too_late", "Only the last answer can be tried again, and only one that was broken off goes on.")
    accepted = Accepted(thread_id, last["user_message_id"], uuid7(), uuid7(), fresh=True)
    answer = (accepted.reply_id, thread_id, number, Role.ASSISTANT, Status.STREAMING, "", None)
    created_at = (await query(ADD_MESSAGE, *answer))[0]["created_at"]
    await add_generation(
        accepted, chosen=thread["model"], models=settings.models, attempt=last["attempt"] + 1, go_on=go_on
    )
    updated = ThreadUpdated(thread_id, thread["title"], thread["last_message_at"], running=True, rev=thread["rev"])
    message = MessageView(accepted.reply_id, None, Role.ASSISTANT, Status.STREAMING, "", "", created_at)
    return accepted, MessageCreated(thread["rev"], message), updated
