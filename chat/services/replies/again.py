"""Another attempt at an answer: another version of it, or its continuation where it was cut off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from tortoise.exceptions import IntegrityError

from chat.database import query
from chat.models import Status, User
from chat.models.ids import uuid7
from chat.services.deps import Deps
from chat.services.errors import Refused
from chat.services.replies import admission, storing
from chat.services.replies.capacity import TRY_AGAIN
from chat.services.replies.endings import can_continue
from chat.services.replies.storing import Accepted, Asked, Place

STORED = """
SELECT g.user_message_id AS message_id, g.answer_id, g.id AS generation_id
FROM chat_message answer JOIN generation g ON g.answer_id = answer.id JOIN chat_thread t ON t.id = answer.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND answer.client_id = $3
"""
# Without a client id: the next attempt at the same answer, as long as it is the newest message.
REGENERATED = """
SELECT again.user_message_id AS message_id, again.answer_id, again.id AS generation_id
FROM generation g
JOIN generation again ON again.user_message_id = g.user_message_id AND again.attempt = g.attempt + 1
JOIN chat_message answer ON answer.id = again.answer_id
JOIN chat_thread t ON t.id = g.thread_id AND t.message_count = answer.number
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND g.answer_id = $3 AND again.continues = $4
    AND ($5 = '' OR again.model = $5)
"""
ATTEMPTED = """
SELECT g.user_message_id, (SELECT max(attempt) FROM generation WHERE user_message_id = g.user_message_id) AS attempt,
    answer.status, answer.content <> '' AS has_text, g.reason, question.parent_id IS NULL AS is_first,
    (SELECT array_agg(id ORDER BY number) FROM chat_message
        WHERE parent_id = CASE WHEN $3 THEN g.answer_id ELSE g.user_message_id END) AS versions
FROM generation g JOIN chat_message answer ON answer.id = g.answer_id
JOIN chat_message question ON question.id = g.user_message_id
WHERE g.thread_id = $1 AND g.answer_id = $2
"""

NO_REST = "Only an answer that was cut off can be continued."


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is asked for. The same `client_id` again gets the same answer; `model` is for this answer only."""

    answer_id: UUID
    continues: bool = False
    client_id: UUID | None = None
    model: str = ""


async def regenerate(deps: Deps, user: User, thread_id: UUID, attempt: Attempt) -> Accepted:
    """Start another version of an answer, which stays as it is, or continue it. Raises Refused.

    Without a client id, the same request again gets the answer that the first one started, as long as that answer is
    the newest message.
    """
    return await deps.worker.shielded(_regenerate(deps, user, thread_id, attempt), "message")


async def _regenerate(deps: Deps, user: User, thread_id: UUID, attempt: Attempt) -> Accepted:
    if not attempt.client_id:
        admission.is_offered(attempt.model, deps.settings)  # first, because the database is asked for it
    if stored := await _stored(user, thread_id, attempt):
        return stored
    try:
        admission.not_draining(deps.worker)
        await admission.is_approved(user)
        admission.is_offered(attempt.model, deps.settings)
        with deps.worker.room(TRY_AGAIN):
            count = await admission.no_answer_runs(thread_id)
            once = attempt.client_id or f"{attempt.answer_id}:{attempt.continues}"
            await admission.within_limits(user, deps.limits, once=f"{thread_id}:{once}:{count}")
            store = partial(_store, deps, user, thread_id, attempt)
            return await storing.begin(deps, user, await storing.committed(deps, store, of=lambda asked: asked))
    except (Refused, IntegrityError) as error:
        if stored := await _stored(user, thread_id, attempt):  # a double click
            return stored
        raise storing.refusal(error) from None


async def _stored(user: User, thread_id: UUID, attempt: Attempt) -> Accepted | None:
    if attempt.client_id:
        rows = await query(STORED, user.id, thread_id, attempt.client_id)
    else:
        asked = (attempt.answer_id, attempt.continues, attempt.model)
        rows = await query(REGENERATED, user.id, thread_id, *asked)
    return Accepted(thread_id=thread_id, **rows[0], fresh=False) if rows else None


async def _store(deps: Deps, user: User, thread_id: UUID, attempt: Attempt) -> Asked:
    new_id = uuid7()
    thread = await storing.advance(user, thread_id, new_id, messages=1)
    attempted = await query(ATTEMPTED, thread_id, attempt.answer_id, attempt.continues)
    if not attempted:
        raise Refused("not_found", "This answer doesn't exist.")
    last = attempted[0]
    has_rest = last["has_text"] if last["status"] != Status.FINAL else can_continue(last["status"], last["reason"])
    if attempt.continues and not has_rest:
        raise Refused("too_late", NO_REST)
    question_id = last["user_message_id"]
    place = Place(attempt.answer_id if attempt.continues else question_id, last["versions"] or [], last["is_first"])
    place.has_room()
    accepted = Accepted(thread_id, question_id, new_id, uuid7(), fresh=True)
    shown, claim = await storing.store_answer(
        deps, accepted, thread, place, attempt=last["attempt"] + 1,
        continues=attempt.continues, client_id=attempt.client_id, model=attempt.model,
    )  # fmt: skip
    return await storing.admitted(deps, user, Asked(accepted, thread, shown, claim))
