"""A message is sent: stored once, with its empty answer and a queued generation, then told to every tab."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4, uuid5

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Unavailable, user_channel
from chat.database import query
from chat.events import MESSAGE_MAX_LENGTH, MessageCreated, MessageView, ThreadUpdated
from chat.llm.pricing import Prices
from chat.llm.tokens import count_tokens, most_tokens
from chat.models import Role, Status, User
from chat.models.ids import uuid7
from chat.security.limits import Limits
from chat.services.errors import Refused
from chat.services.replies import admission
from chat.services.replies.titles import title_from
from chat.settings import Settings
from chat.text import storable

logger = logging.getLogger(__name__)

STORED = """
SELECT question.id AS message_id, answer.id AS reply_id, g.id AS generation_id
FROM chat_message question
JOIN generation g ON g.user_message_id = question.id AND g.attempt = 1
JOIN chat_message answer ON answer.id = g.answer_id
JOIN chat_thread t ON t.id = question.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND question.client_id = $3
"""
# The lock is on the row that a deletion of the account locks first: there is a thread before it, or none.
NEW_THREAD = """
INSERT INTO chat_thread (id, user_id, title, model, archived, rev, fence, log_epoch, log_s, message_count, created_at,
    last_message_at)
VALUES ($1, $2, $3, coalesce((SELECT model FROM user_settings WHERE user_id = $2 FOR SHARE), ''), false, 0, 0, '', 0, 0,
    now(), now())
ON CONFLICT (id) DO NOTHING
"""
ADVANCE = """
UPDATE chat_thread SET rev = rev + 1, message_count = message_count + 2, last_message_at = now(),
    model = coalesce(nullif($3, ''), model)
WHERE id = $1 AND user_id = $2 RETURNING rev, message_count, title, last_message_at, model
"""
ADD_MESSAGE = """
INSERT INTO chat_message (id, thread_id, number, role, status, content, error, client_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, '', $7, now()) RETURNING created_at
"""
ADD_GENERATION = """
INSERT INTO generation (id, thread_id, user_message_id, answer_id, model, attempt, continues, takeovers, state, fence,
    up_seq, partial, partial_len, ckpt_epoch, ckpt_s, reason, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 'queued', 0, -1, '', 0, '', 0, '', now())
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as it was sent. `model`, one of those on offer, is the thread's from now on; empty: as it was."""

    content: str
    client_id: UUID = field(default_factory=uuid4)
    model: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored message. `fresh` is False if it had been stored before: the tab is told again, nothing else happens."""

    thread_id: UUID
    message_id: UUID
    reply_id: UUID
    generation_id: UUID
    fresh: bool


async def send_message(
    user: User,
    thread_id: UUID | None,
    draft: Draft,
    *,
    settings: Settings,
    prices: Prices,
    broadcast: Broadcast,
    limits: Limits,
) -> Accepted:
    """Store a message; without a thread it opens one. Raises Refused. The caller starts what is fresh.

    The id of a new thread follows from the user and the client id, so that a form sent twice opens one thread.
    """
    opening = thread_id is None
    thread = thread_id or uuid5(user.id, str(draft.client_id))
    if stored := await _stored(user, thread, draft.client_id):
        return stored
    try:
        content = await _checked(draft.content, settings)
        _is_offered(draft.model, settings.models)
        await admission.no_answer_runs(thread)
        await admission.within_limits(user, limits)
        async with in_transaction():
            if opening:
                await query(NEW_THREAD, thread, user.id, title_from(content))
            draft = replace(draft, content=content)
            accepted, created, thread_event = await _store(user, thread, draft, settings.models)
            await admission.within_means(user, accepted.generation_id, settings, prices)
    except (Refused, IntegrityError) as error:
        if stored := await _stored(user, thread, draft.client_id):  # another try of this very message was faster
            return stored
        raise error if isinstance(error, Refused) else Refused("busy", admission.BUSY) from None
    await _tell(user, created, thread_event, broadcast)
    return accepted


async def _checked(content: str, settings: Settings) -> str:
    content = storable(content).strip()
    if not content:
        raise Refused("empty", "Write something first.")
    if len(content) > MESSAGE_MAX_LENGTH:
        raise _too_long(len(content), "characters", MESSAGE_MAX_LENGTH)
    if most_tokens(content) > settings.chat_history_tokens:
        [tokens] = await count_tokens([content])
        if tokens > settings.chat_history_tokens:
            raise _too_long(tokens, "tokens", settings.chat_history_tokens)
    return content


def _too_long(count: int, unit: str, most: int) -> Refused:
    return Refused("too_long", f"The message has {count:,} {unit}; {most:,} are possible. Shorten it.")


def _is_offered(model: str, models: tuple[str, ...]) -> None:
    if model and model not in models:
        raise Refused("unknown_model", f"This model is not offered: choose one of {', '.join(models)}.")


async def _stored(user: User, thread_id: UUID, client_id: UUID) -> Accepted | None:
    rows = await query(STORED, user.id, thread_id, client_id)
    return Accepted(thread_id=thread_id, **rows[0], fresh=False) if rows else None


async def _store(
    user: User, thread_id: UUID, draft: Draft, models: tuple[str, ...]
) -> tuple[Accepted, MessageCreated, ThreadUpdated]:
    rows = await query(ADVANCE, thread_id, user.id, draft.model)  # locks the thread until COMMIT
    if not rows:
        raise Refused("not_found", "There is no such thread.")
    thread = rows[0]
    accepted = Accepted(thread_id, uuid7(), uuid7(), uuid7(), fresh=True)
    number: int = thread["message_count"] - 1
    question = (accepted.message_id, thread_id, number, Role.USER, Status.FINAL, draft.content, draft.client_id)
    answer = (accepted.reply_id, thread_id, number + 1, Role.ASSISTANT, Status.STREAMING, "", None)
    created_at = (await query(ADD_MESSAGE, *question))[0]["created_at"]
    await query(ADD_MESSAGE, *answer)
    await add_generation(accepted, chosen=thread["model"], models=models)
    message = MessageView(accepted.message_id, draft.client_id, Role.USER, Status.FINAL, draft.content, "", created_at)
    updated = ThreadUpdated(thread_id, thread["title"], thread["last_message_at"], running=True, rev=thread["rev"])
    return accepted, MessageCreated(thread["rev"], message), updated


async def add_generation(
    accepted: Accepted, *, chosen: str, models: tuple[str, ...], attempt: int = 1, go_on: bool = False
) -> None:
    """Queue an answer, asked of the thread's chosen model; what was chosen may be offered no more."""
    model = chosen if chosen in models else models[0]
    ids = (accepted.generation_id, accepted.thread_id, accepted.message_id, accepted.reply_id)
    await query(ADD_GENERATION, *ids, model, attempt, go_on)


async def _tell(user: User, created: MessageCreated, updated: ThreadUpdated, broadcast: Broadcast) -> None:
    try:
        await broadcast.log.append(Append(updated.thread_id, created))
        await broadcast.channels.publish(user_channel(user.id), updated)
    except Unavailable as error:
        logger.warning("A message is stored and not announced, Redis is away: %s", error)
