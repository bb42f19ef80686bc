"""How a question or another attempt is stored with its empty answer, and how the answer then starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from chat.broadcast import Append, LogPosition, Publish, user_channel
from chat.database import DatabaseUnavailable, query
from chat.events import MessageCreated, MessageSend, MessageView
from chat.models import LISTED_SQL, Role, State, Status, User
from chat.models.ids import uuid7
from chat.services.deps import Deps
from chat.services.errors import Refused
from chat.services.replies import admission, lease, path, thread_list
from chat.services.replies.lease import Claim

Stored = TypeVar("Stored")

MOST_VERSIONS = 100  # of one message: each page has the ids of all of them

# Locks the thread until COMMIT. $5: the new head; the row that is read under the lock has the one before. Who
# writes has seen what is there.
ADVANCE = f"""
UPDATE chat_thread t SET rev = t.rev + 1, message_count = t.message_count + $3, last_message_at = now(),
    model = coalesce(nullif($4, ''), t.model), head_id = $5, fence = t.fence + 2, seen_number = t.answered_number
FROM (
    SELECT id, head_id FROM chat_thread WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE
) before
WHERE t.id = before.id
RETURNING t.message_count, t.model, t.user_id, t.fence, before.head_id AS last_id, {LISTED_SQL}
"""  # noqa: S608 - a constant
EDITED = f"""
SELECT m.role, m.parent_id, coalesce(v.versions, ARRAY[m.id]) AS versions
FROM chat_message m LEFT JOIN LATERAL ({path.VERSIONS}) v ON true WHERE m.thread_id = $1 AND m.id = $2
"""  # noqa: S608 - a constant
ADD_MESSAGE = """
INSERT INTO chat_message (id, thread_id, parent_id, number, role, status, content, error, client_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, now()) RETURNING created_at
"""
# An empty answer and its generation, which this worker owns from the beginning.
ADD_ANSWER = f"""
WITH answer AS (
    INSERT INTO chat_message (id, thread_id, parent_id, number, role, status, content, error, client_id, created_at)
    VALUES ($1, $2, $3, $4, '{Role.ASSISTANT}', '{Status.STREAMING}', '', '', $5, now()) RETURNING id, created_at
), generation AS (
    INSERT INTO generation (id, thread_id, user_message_id, answer_id, model, attempt, continues, takeovers, state,
        owner, fence, lease_until, up_seq, partial, partial_len, ckpt_epoch, ckpt_s, reason, created_at)
    SELECT $6, $2, $7, id, $8, $9, $10, 0, '{State.RUNNING}',
        $11, $12, now() + interval '{lease.LEASE}', -1, '', 0, '', 0, '', now()
    FROM answer
)
SELECT created_at FROM answer
"""  # noqa: S608 - constants

NOT_A_QUESTION = "Only a question can be edited."
TOO_MANY = f"This message has {MOST_VERSIONS} versions. Delete one of them, then try again."


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
    claim: Claim


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is stored, and the other messages with this parent, oldest first."""

    parent_id: UUID | None
    beside: list[UUID]
    is_first: bool = False  # for an answer: its question begins the chat

    def with_version(self, message_id: UUID) -> list[UUID]:
        """All versions, with a new one. Empty if it is the only one."""
        return [*self.beside, message_id] if self.beside else []

    def has_room(self) -> None:
        """Raise Refused if there are too many versions."""
        if len(self.beside) >= MOST_VERSIONS:
            raise Refused("too_many_versions", TOO_MANY)


async def store_message(deps: Deps, user: User, thread_id: UUID, message: MessageSend, content: str) -> Asked:
    """In the caller's transaction, a question and its empty answer, which becomes the head. Raises Refused."""
    accepted = Accepted(thread_id, uuid7(), uuid7(), uuid7(), fresh=True)
    thread = await advance(user, thread_id, accepted.answer_id, messages=2, model=message.model)
    place = await _place_of(message, thread_id, thread["last_id"])
    stored = (accepted.message_id, thread_id, place.parent_id, thread["message_count"] - 1)
    said = (Role.USER, Status.FINAL, content)
    created_at = (await query(ADD_MESSAGE, *stored, *said, message.client_id))[0]["created_at"]
    below = Place(accepted.message_id, [], is_first=place.parent_id is None)
    _, claim = await store_answer(deps, accepted, thread, below)
    shown = MessageView(
        accepted.message_id, message.client_id, *said, "", created_at, parent_id=place.parent_id,
        versions=place.with_version(accepted.message_id),
    )  # fmt: skip
    return await admitted(deps, user, Asked(accepted, thread, shown, claim))


async def advance(user: User, thread_id: UUID, head_id: UUID, *, messages: int, model: str = "") -> dict[str, Any]:
    """Lock the user's thread and move its head: returns its row, with the head before as `last_id`. Raises Refused."""
    rows = await query(ADVANCE, thread_id, user.id, messages, model, head_id)
    if not rows:
        raise Refused("not_found", "This chat doesn't exist.")
    return rows[0]


async def store_answer(
    deps: Deps,
    accepted: Accepted,
    thread: dict[str, Any],
    place: Place,
    *,
    attempt: int = 1,
    continues: bool = False,
    client_id: UUID | None = None,
    model: str = "",
) -> tuple[MessageView, Claim]:
    """An empty answer, the newest message of its thread, and its generation, which this worker has claimed."""
    began, models = lease.Lease(), deps.settings.models
    chosen = model or thread["model"]
    asked = chosen if chosen in models else models[0]  # the thread's choice may no longer be offered
    stored = (accepted.answer_id, accepted.thread_id, place.parent_id, thread["message_count"], client_id)
    generation = (accepted.generation_id, accepted.message_id, asked, attempt, continues)
    rows = await query(ADD_ANSWER, *stored, *generation, deps.worker.name, thread["fence"])
    shown = MessageView(
        accepted.answer_id, client_id, Role.ASSISTANT, Status.STREAMING, "", "", rows[0]["created_at"],
        continues=continues, parent_id=place.parent_id, versions=place.with_version(accepted.answer_id),
    )  # fmt: skip
    claim = Claim(
        accepted.generation_id, accepted.thread_id, thread["user_id"], accepted.answer_id, accepted.message_id,
        place.parent_id or accepted.message_id, place.is_first, continues, asked, thread["fence"], thread["rev"],
        asked=False, cancelled=False, takeovers=0, response_id=None, background=False, round_start=0,
        checkpoint=lease.Checkpoint(lease.NOTHING, 0, -1, LogPosition()), lease=began,
    )  # fmt: skip
    return shown, claim


async def committed(
    deps: Deps, store: Callable[[], Awaitable[Stored]], *, of: Callable[[Stored], Asked | None]
) -> Stored:
    """Store in one transaction. If nothing is known of its COMMIT, the answer starts if it was stored."""
    stored: list[Stored] = []
    try:
        async with in_transaction():
            stored.append(await store())
    except DatabaseUnavailable:
        for asked in filter(None, map(of, stored)):
            deps.worker.start(asked.claim.generation_id)
        raise
    return stored[0]


async def begin(deps: Deps, user: User, asked: Asked) -> Accepted:
    """Called after COMMIT: update every tab, then start the answer."""
    accepted, thread = asked.accepted, asked.thread
    updated = thread_list.updated(accepted.thread_id, thread, running=True)
    created = MessageCreated(thread["rev"], asked.shown)
    with deps.worker.answering(asked.claim):
        await deps.broadcast.announce(Append(accepted.thread_id, created), Publish(user_channel(user.id), updated))
    return accepted


async def admitted(deps: Deps, user: User, asked: Asked) -> Asked:
    """Raises Refused."""
    has_budget = await admission.within_budget(deps, user, asked.accepted.generation_id)
    return replace(asked, claim=replace(asked.claim, has_budget=has_budget))


def refusal(error: Refused | IntegrityError) -> Refused:
    """The refusal of a message; an index guarantees that only one answer runs in a thread."""
    return error if isinstance(error, Refused) else Refused("busy", admission.BUSY)


async def _place_of(message: MessageSend, thread_id: UUID, last_id: UUID | None) -> Place:
    """Beside the question that it edits, or after the last message that its writer saw, so nothing new is between.

    If that one is not on the path any more, another version is shown by now: the message goes where the writer was.
    """
    if message.edits:
        return await _beside(thread_id, message.edits)
    seen = message.head_id
    if seen is None or last_id is None or seen == last_id or await path.is_on_path(last_id, seen):
        return Place(last_id, [])
    return Place(await path.newest_below(thread_id, seen) or last_id, [])


async def _beside(thread_id: UUID, question_id: UUID) -> Place:
    found = await query(EDITED, thread_id, question_id)
    if not found:
        raise Refused("not_found", "This message doesn't exist.")
    if found[0]["role"] != Role.USER:
        raise Refused("not_a_question", NOT_A_QUESTION)
    place = Place(found[0]["parent_id"], found[0]["versions"])
    place.has_room()
    return place
