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
from chat.llm.errors import BudgetExceeded
from chat.llm.pricing import Prices
from chat.llm.tokens import count_tokens, most_tokens
from chat.models import Role, Status, User
from chat.models.ids import uuid7
from chat.security.limits import MESSAGE_EACH_MINUTE, MESSAGE_EACH_SECOND, Limits
from chat.services import budgets
from chat.services.first_words import title_from
from chat.services.refusals import Refused
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
ACTIVE = "SELECT 1 FROM generation WHERE thread_id = $1 AND state IN ('queued', 'running')"
LOCK_USER = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE"
ALIVE = """
SELECT g.id FROM generation g JOIN chat_thread t ON t.id = g.thread_id
WHERE t.user_id = $1 AND g.state IN ('queued', 'running')
"""
# What was never counted is taken at the most that it can be; the round itself is counted exactly, before it is sent.
ASKED = """
SELECT g.model, (SELECT coalesce(sum(coalesce(m.token_count, octet_length(m.content))), 0) FROM chat_message m
                 WHERE m.thread_id = g.thread_id) AS tokens
FROM generation g WHERE g.id = $1
"""
NEW_THREAD = """
INSERT INTO chat_thread (id, user_id, title, archived, rev, fence, log_epoch, log_s, message_count, created_at,
    last_message_at)
VALUES ($1, $2, $3, false, 0, 0, '', 0, 0, now(), now()) ON CONFLICT (id) DO NOTHING
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
INSERT INTO generation (id, thread_id, user_message_id, answer_id, model, attempt, takeovers, state, fence, up_seq,
    partial, partial_len, ckpt_epoch, ckpt_s, reason, created_at)
VALUES ($1, $2, $3, $4, $5, 1, 0, 'queued', 0, -1, '', 0, '', 0, '', now())
"""


BUSY = "An answer is still being written. Wait for it, or stop it, and send again."
TOO_MANY = "{} answers are being written for you already. Wait for one of them, or stop it, and send again."


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
        await _no_answer_runs(thread)
        await _within_limits(user, limits)
        async with in_transaction():
            if opening:
                await query(NEW_THREAD, thread, user.id, title_from(content))
            draft = replace(draft, content=content)
            accepted, created, thread_event = await _store(user, thread, draft, settings.models)
            await _is_affordable(user, accepted, settings, prices)
    except (Refused, IntegrityError) as error:
        if stored := await _stored(user, thread, draft.client_id):  # another try of this very message was faster
            return stored
        raise error if isinstance(error, Refused) else Refused("busy", BUSY) from None
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


async def _no_answer_runs(thread_id: UUID) -> None:
    """Saves the work; the index `one_active` has the last word."""
    if await query(ACTIVE, thread_id):
        raise Refused("busy", BUSY)


async def _within_limits(user: User, limits: Limits) -> None:
    for limit in (MESSAGE_EACH_SECOND, MESSAGE_EACH_MINUTE):
        if wait_ms := await limits.wait_ms(limit, str(user.id)):
            seconds = -(-wait_ms // 1000)
            raise Refused("rate_limited", f"That was quick. Send again in {seconds} s.", retry_ms=wait_ms)


async def _is_affordable(user: User, accepted: Accepted, settings: Settings, prices: Prices) -> None:
    """Under locks that last until COMMIT, so that messages which come together are counted together."""
    if settings.rate_limits:
        alive = len(await query(ALIVE, user.id)) if await query(LOCK_USER, user.id) else 0
        if alive > settings.llm_concurrent_replies:
            raise Refused("busy", TOO_MANY.format(settings.llm_concurrent_replies))
    if user.monthly_budget is None and settings.llm_monthly_budget is None:
        return
    asked = (await query(ASKED, accepted.generation_id))[0]
    input_tokens = min(asked["tokens"], settings.chat_history_tokens)
    try:
        await budgets.keep_back(
            user.id,
            accepted.generation_id,
            asked["model"],
            input_tokens,
            settings.llm_max_output_tokens,
            default=settings.llm_monthly_budget,
            prices=prices,
        )
    except BudgetExceeded as error:
        raise Refused(error.code, str(error)) from None


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
    asked = thread["model"] if thread["model"] in models else models[0]  # what was chosen may be offered no more
    await query(ADD_GENERATION, accepted.generation_id, thread_id, accepted.message_id, accepted.reply_id, asked)
    message = MessageView(accepted.message_id, draft.client_id, Role.USER, Status.FINAL, draft.content, "", created_at)
    updated = ThreadUpdated(thread_id, thread["title"], thread["last_message_at"], running=True, rev=thread["rev"])
    return accepted, MessageCreated(thread["rev"], message), updated


async def _tell(user: User, created: MessageCreated, updated: ThreadUpdated, broadcast: Broadcast) -> None:
    try:
        await broadcast.log.append(Append(updated.thread_id, created))
        await broadcast.channels.publish(user_channel(user.id), updated)
    except Unavailable as error:
        logger.warning("A message is stored and not announced, Redis is away: %s", error)
