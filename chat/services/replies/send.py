"""How an answer is requested: by a message, by regenerating the last answer, or by continuing one that was cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import msgspec
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from chat.broadcast import Append, Publish, user_channel
from chat.database import query
from chat.events import MESSAGE_MAX_LENGTH, MessageCreated, MessageSend, MessageView, ThreadUpdated
from chat.llm.tokens import count_tokens, most_tokens
from chat.models import Role, Status, User
from chat.models.ids import uuid7
from chat.services.deps import Deps
from chat.services.errors import Refused
from chat.services.replies import admission, queue
from chat.services.replies.capacity import TRY_AGAIN
from chat.services.replies.endings import can_continue
from chat.services.replies.history import allowance
from chat.services.replies.queue import Queued
from chat.services.replies.titles import title_from
from chat.text import is_visible, storable, without_hidden

STORED = """
SELECT question.id AS message_id, answer.id AS answer_id, g.id AS generation_id
FROM chat_message question
JOIN generation g ON g.user_message_id = question.id AND g.attempt = 1
JOIN chat_message answer ON answer.id = g.answer_id
JOIN chat_thread t ON t.id = question.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND question.client_id = $3
UNION ALL
SELECT NULL, NULL, NULL FROM queued_message q JOIN chat_thread t ON t.id = q.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND q.client_id = $3
"""
REGENERATED = """
SELECT again.user_message_id AS message_id, again.answer_id, again.id AS generation_id
FROM generation g
JOIN generation again ON again.user_message_id = g.user_message_id AND again.attempt = g.attempt + 1
JOIN chat_message answer ON answer.id = again.answer_id
JOIN chat_thread t ON t.id = g.thread_id AND t.message_count = answer.number
WHERE t.user_id = $1 AND t.id = $2 AND g.answer_id = $3 AND again.continues = $4
"""
# FOR SHARE locks the row that the deletion of an account locks first, so that no thread outlives its user.
NEW_THREAD = """
INSERT INTO chat_thread (id, user_id, title, model, archived, rev, fence, log_epoch, log_s, message_count, created_at,
    last_message_at)
VALUES ($1, $2, $3, coalesce((SELECT model FROM user_settings WHERE user_id = $2 FOR SHARE), ''), false, 0, 0, '', 0, 0,
    now(), now())
ON CONFLICT (id) DO NOTHING
"""
# Locks the thread until COMMIT. $5: the new head; the row that is read under the lock has the one before.
ADVANCE = """
UPDATE chat_thread t SET rev = t.rev + 1, message_count = t.message_count + $3, last_message_at = now(),
    model = coalesce(nullif($4, ''), t.model), head_id = $5
FROM (SELECT id, head_id FROM chat_thread WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE) before
WHERE t.id = before.id
RETURNING t.rev, t.message_count, t.title, t.last_message_at, t.model, before.head_id AS last_id
"""
ADD_MESSAGE = """
INSERT INTO chat_message (id, thread_id, parent_id, number, role, status, content, error, client_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, now()) RETURNING created_at
"""
ADD_GENERATION = """
INSERT INTO generation (id, thread_id, user_message_id, answer_id, model, attempt, continues, takeovers, state, fence,
    up_seq, partial, partial_len, ckpt_epoch, ckpt_s, reason, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 'queued', 0, -1, '', 0, '', 0, '', now())
"""
LAST_ATTEMPT = """
SELECT g.user_message_id, (SELECT max(attempt) FROM generation WHERE user_message_id = g.user_message_id) AS attempt,
    answer.number, answer.status, answer.content <> '' AS has_text, g.reason,
    (SELECT array_agg(id ORDER BY number) FROM chat_message WHERE parent_id = g.user_message_id) AS versions
FROM generation g JOIN chat_message answer ON answer.id = g.answer_id
WHERE g.thread_id = $1 AND g.answer_id = $2
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stored message and its answer. `fresh` is False if the message had been stored before: nothing else happens."""

    thread_id: UUID
    message_id: UUID
    answer_id: UUID
    generation_id: UUID
    fresh: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What one transaction has stored: the thread's row as it is now, and the message to announce after COMMIT."""

    accepted: Accepted
    thread: dict[str, Any]
    shown: MessageView


async def send(deps: Deps, user: User, thread_id: UUID | None, message: MessageSend) -> Accepted | Queued:
    """Store a message with its empty answer, update every tab, and start the answer. Raises Refused.

    With `queue` the message waits in the thread's queue if an answer is being written there.
    Without a thread it opens one, whose id follows from the user and the client id: a form sent twice opens one thread.
    """
    return await deps.worker.shielded(_send(deps, user, thread_id, message), "message")


async def regenerate(deps: Deps, user: User, thread_id: UUID, answer_id: UUID, *, continues: bool = False) -> Accepted:
    """Start another answer beside the last one, which stays as it is. Raises Refused.

    With `continues` the model is shown the last answer and continues it where it was cut off. The same request again
    gets the answer that the first one started, as long as that is the last one.
    """
    return await deps.worker.shielded(_regenerate(deps, user, thread_id, answer_id, continues), "message")


async def _send(deps: Deps, user: User, thread_id: UUID | None, message: MessageSend) -> Accepted | Queued:
    """Look for a stored copy before anything refuses the message, and again after a refusal: a copy may be faster.

    Two copies at once pass the limits as one message; then the second waits for the first one's lock on the thread.
    """
    thread = thread_id or uuid5(user.id, str(message.client_id))
    if stored := await _stored(user, thread, message.client_id):
        return stored
    try:
        admission.not_draining(deps.worker)
        await admission.is_approved(user)
        if waiting := await _queued(deps, user, thread_id, message):
            return waiting
        with deps.worker.room():
            content = await _checked(message, deps)
            await admission.no_answer_runs(thread)
            await admission.within_limits(user, deps.limits, once=f"{thread}:{message.client_id}")
            async with in_transaction():
                if thread_id is None:
                    await query(NEW_THREAD, thread, user.id, title_from(content))
                asked = await store_message(user, thread, message, content, deps.settings.models)
                await admission.within_budget(deps, user, asked.accepted.generation_id)
            return await begin(deps, user, asked)
    except (Refused, IntegrityError) as error:
        if stored := await _stored(user, thread, message.client_id):
            return stored
        refusal = _refusal(error)
        if refusal.code == "busy" and (waiting := await _queued(deps, user, thread_id, message)):  # another was faster
            return waiting
        raise refusal from None


async def _queued(deps: Deps, user: User, thread_id: UUID | None, message: MessageSend) -> Queued | None:
    """Let the message wait in the queue; None if it can be sent now. It needs no place among this process's answers."""
    if not (message.queue and thread_id and await queue.is_needed(thread_id)):
        return None
    content = await _checked(message, deps)
    await admission.within_limits(user, deps.limits, once=f"{thread_id}:{message.client_id}")
    return await queue.add(user, thread_id, message, content, broadcast=deps.broadcast)


async def _regenerate(deps: Deps, user: User, thread_id: UUID, answer_id: UUID, continues: bool) -> Accepted:
    if regenerated := await _regenerated(user, thread_id, answer_id, continues):
        return regenerated
    try:
        admission.not_draining(deps.worker)
        await admission.is_approved(user)
        with deps.worker.room(TRY_AGAIN):
            await admission.no_answer_runs(thread_id)
            await admission.within_limits(user, deps.limits, once=f"{thread_id}:{answer_id}:{continues}")
            async with in_transaction():
                asked = await _store_attempt(user, thread_id, answer_id, continues, deps.settings.models)
                await admission.within_budget(deps, user, asked.accepted.generation_id)
            return await begin(deps, user, asked)
    except (Refused, IntegrityError) as error:
        if regenerated := await _regenerated(user, thread_id, answer_id, continues):  # a double click
            return regenerated
        raise _refusal(error) from None


def _refusal(error: Refused | IntegrityError) -> Refused:
    return error if isinstance(error, Refused) else Refused("busy", admission.BUSY)


async def begin(deps: Deps, user: User, asked: Asked) -> Accepted:
    """Called after COMMIT: update every tab, then start the answer."""
    accepted, thread = asked.accepted, asked.thread
    updated = ThreadUpdated(
        accepted.thread_id, thread["title"], thread["last_message_at"], running=True, rev=thread["rev"]
    )
    await deps.broadcast.announce(
        Append(accepted.thread_id, MessageCreated(thread["rev"], asked.shown)), Publish(user_channel(user.id), updated)
    )
    deps.worker.start(accepted.generation_id)
    return accepted


async def _checked(message: MessageSend, deps: Deps) -> str:
    settings = deps.settings
    content = without_hidden(storable(message.content))  # all the rest of it: the indentation of pasted code is text
    if not is_visible(content):
        raise Refused(
            "empty", "Enter a message with visible characters." if message.content.strip() else "Enter a message."
        )
    if len(content) > MESSAGE_MAX_LENGTH:
        raise _too_long(len(content), "characters", MESSAGE_MAX_LENGTH)
    if message.model and message.model not in settings.models:
        raise Refused("unknown_model", f"This model isn't available. Choose one of: {', '.join(settings.models)}.")
    allowed = await allowance(settings.catalogue.resolve(message.model), settings, deps.tools)
    if most_tokens(content) > allowed.history:
        [tokens] = await count_tokens([content])
        if tokens > allowed.history:
            raise _too_long(tokens, "tokens", allowed.history)
    return content


def _too_long(count: int, unit: str, most: int) -> Refused:
    return Refused("too_long", f"Your message has {count:,} {unit}. The maximum is {most:,}. Shorten it.")


async def _stored(user: User, thread_id: UUID, client_id: UUID) -> Accepted | Queued | None:
    """A copy of the message, wherever it is now."""
    rows = await query(STORED, user.id, thread_id, client_id)
    if rows and not rows[0]["message_id"]:
        return Queued(thread_id, client_id)
    return Accepted(thread_id=thread_id, **rows[0], fresh=False) if rows else None


async def _regenerated(user: User, thread_id: UUID, answer_id: UUID, continues: bool) -> Accepted | None:
    rows = await query(REGENERATED, user.id, thread_id, answer_id, continues)
    return Accepted(thread_id=thread_id, **rows[0], fresh=False) if rows else None


async def store_message(
    user: User, thread_id: UUID, message: MessageSend, content: str, models: tuple[str, ...]
) -> Asked:
    accepted = Accepted(thread_id, uuid7(), uuid7(), uuid7(), fresh=True)
    rows = await query(ADVANCE, thread_id, user.id, 2, message.model, accepted.answer_id)
    if not rows:
        raise Refused("not_found", "This chat doesn't exist.")
    thread, parent_id = rows[0], rows[0]["last_id"]
    place = (accepted.message_id, thread_id, parent_id, thread["message_count"] - 1)
    said = (Role.USER, Status.FINAL, content)
    created_at = (await query(ADD_MESSAGE, *place, *said, message.client_id))[0]["created_at"]
    await _store_answer(accepted, thread, accepted.message_id, models)
    shown = MessageView(accepted.message_id, message.client_id, *said, "", created_at, parent_id=parent_id)
    return Asked(accepted, thread, shown)


async def _store_attempt(
    user: User, thread_id: UUID, answer_id: UUID, continues: bool, models: tuple[str, ...]
) -> Asked:
    new_id = uuid7()
    threads = await query(ADVANCE, thread_id, user.id, 1, "", new_id)
    attempts = await query(LAST_ATTEMPT, thread_id, answer_id) if threads else []
    if not attempts:
        raise Refused("not_found", "This answer doesn't exist.")
    thread, last = threads[0], attempts[0]
    if last["number"] != thread["message_count"] - 1:
        raise Refused("too_late", "Only the last answer can be regenerated.")
    has_rest = last["has_text"] if last["status"] != Status.FINAL else can_continue(last["status"], last["reason"])
    if continues and not has_rest:
        raise Refused("too_late", "Only an answer that was cut off can be continued.")
    accepted = Accepted(thread_id, last["user_message_id"], new_id, uuid7(), fresh=True)
    parent_id = answer_id if continues else last["user_message_id"]
    attempt = last["attempt"] + 1
    shown = await _store_answer(accepted, thread, parent_id, models, attempt=attempt, continues=continues)
    versions = [] if continues else [*(last["versions"] or []), new_id]
    return Asked(accepted, thread, msgspec.structs.replace(shown, versions=versions))


async def _store_answer(
    accepted: Accepted,
    thread: dict[str, Any],
    parent_id: UUID,
    models: tuple[str, ...],
    *,
    attempt: int = 1,
    continues: bool = False,
) -> MessageView:
    """An empty answer, the newest message of its thread, and its queued generation."""
    place = (accepted.answer_id, accepted.thread_id, parent_id, thread["message_count"])
    said = (Role.ASSISTANT, Status.STREAMING, "")
    created_at = (await query(ADD_MESSAGE, *place, *said, None))[0]["created_at"]
    model = thread["model"] if thread["model"] in models else models[0]  # the thread's choice may no longer be offered
    ids = (accepted.generation_id, accepted.thread_id, accepted.message_id, accepted.answer_id)
    await query(ADD_GENERATION, *ids, model, attempt, continues)
    return MessageView(accepted.answer_id, None, *said, "", created_at, continues=continues, parent_id=parent_id)
