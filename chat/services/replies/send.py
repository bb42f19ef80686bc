"""How a message is sent: checked, stored with its empty answer, and the answer started; or queued."""

from __future__ import annotations

from uuid import UUID, uuid5

from tortoise.exceptions import IntegrityError

from chat.database import query
from chat.events import MESSAGE_MAX_LENGTH, MessageSend
from chat.llm.tokens import count_tokens, most_tokens
from chat.metrics import REFUSED
from chat.models import User
from chat.services.deps import Deps
from chat.services.errors import Refused
from chat.services.replies import admission, queue, storing
from chat.services.replies.history import allowance
from chat.services.replies.queue import Queued
from chat.services.replies.storing import Accepted, Asked
from chat.services.replies.titles import title_from
from chat.text import is_visible, storable, without_hidden

STORED = """
SELECT question.id AS message_id, first.answer_id, first.generation_id
FROM chat_message question JOIN chat_thread t ON t.id = question.thread_id
LEFT JOIN LATERAL (
    SELECT answer_id, id AS generation_id FROM generation WHERE user_message_id = question.id ORDER BY attempt LIMIT 1
) first ON true
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND question.client_id = $3
UNION ALL
SELECT NULL, NULL, NULL FROM queued_message q JOIN chat_thread t ON t.id = q.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND q.client_id = $3
"""
# FOR SHARE locks the row that the deletion of an account locks first, so that no thread outlives its user.
NEW_THREAD = """
INSERT INTO chat_thread (id, user_id, title, model, archived, rev, fence, log_epoch, log_s, message_count, created_at,
    last_message_at)
VALUES ($1, $2, $3, coalesce((SELECT model FROM user_settings WHERE user_id = $2 FOR SHARE), ''), false, 0, 0, '', 0, 0,
    now(), now())
ON CONFLICT (id) DO NOTHING
"""


async def send(deps: Deps, user: User, thread_id: UUID | None, message: MessageSend) -> Accepted | Queued:
    """Store a message with its empty answer, update every tab, and start the answer. Raises Refused.

    With `queue` the message waits in the thread's queue if an answer is being written there.
    Without a thread it opens one, whose id follows from the user and the client id: a form sent twice opens one thread.
    """
    try:
        return await deps.worker.shielded(_send(deps, user, thread_id, message), "message")
    except Refused as refused:
        deps.metrics.count(REFUSED, refused.code)
        raise


async def _send(deps: Deps, user: User, thread_id: UUID | None, message: MessageSend) -> Accepted | Queued:
    """Look for a stored copy before anything refuses the message, and again after a refusal: a copy may be faster.

    Two copies at once pass the limits as one message; then the second waits for the first one's lock on the thread.
    """
    thread = thread_id or uuid5(user.id, str(message.client_id))
    if stored := await _stored(user, thread, message.client_id):
        return stored
    once = ""
    try:
        admission.not_draining(deps.worker)
        await admission.is_approved(user)
        if message.queue:
            await queue.not_taken(deps, thread, message.client_id)
        if waiting := await _queued(deps, user, thread_id, message):
            return waiting
        with deps.worker.room():
            content = await _checked(message, deps)
            once = _once(thread, message, await admission.no_answer_runs(thread))
            await admission.within_limits(user, deps.limits, once=once)

            async def store() -> Asked:
                if thread_id is None:
                    await query(NEW_THREAD, thread, user.id, title_from(content))
                return await storing.store_message(deps, user, thread, message, content)

            return await storing.begin(deps, user, await storing.committed(deps, store, of=lambda asked: asked))
    except (Refused, IntegrityError) as error:
        if stored := await _stored(user, thread, message.client_id):
            return stored
        refusal = storing.refusal(error)
        if refusal.code == "busy" and (waiting := await _queued(deps, user, thread_id, message, once)):
            return waiting  # another was faster
        raise refusal from None


async def _queued(
    deps: Deps, user: User, thread_id: UUID | None, message: MessageSend, once: str = ""
) -> Queued | None:
    """Let the message wait in the queue; None if it can be sent now. It needs no place among this process's answers.

    `once` is what it was counted as already.
    """
    if not (message.queue and not message.edits and thread_id):
        return None
    if (count := await queue.needed_after(thread_id)) is None:
        return None
    content = await _checked(message, deps)
    await admission.within_limits(user, deps.limits, once=once or _once(thread_id, message, count))
    return await queue.add(user, thread_id, message, content, broadcast=deps.broadcast)


def _once(thread_id: UUID, message: MessageSend, message_count: int) -> str:
    return f"{thread_id}:{message.client_id}:{message_count}"


async def _checked(message: MessageSend, deps: Deps) -> str:
    settings = deps.settings
    content = without_hidden(storable(message.content))  # all the rest of it: the indentation of pasted code is text
    if not is_visible(content):
        raise Refused(
            "empty", "Enter a message with visible characters." if message.content.strip() else "Enter a message."
        )
    if len(content) > MESSAGE_MAX_LENGTH:
        raise _too_long(len(content), "characters", MESSAGE_MAX_LENGTH)
    admission.is_offered(message.model, settings)
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
