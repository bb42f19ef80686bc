"""A message is sent: stored once, with its empty answer and a queued generation, then told to every tab."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Unavailable, user_channel
from chat.database import query
from chat.events import MESSAGE_MAX_LENGTH, MessageCreated, MessageView, ThreadUpdated
from chat.models import Role, Status, User
from chat.models.ids import uuid7
from chat.security.limits import MESSAGE_EACH_MINUTE, MESSAGE_EACH_SECOND, Limits
from chat.text import storable

logger = logging.getLogger(__name__)

TITLE_AIM = 60  # characters
TITLE_LOOK, TITLE_LINES = 300, 20  # how far for them
LEADING_MARKS = re.compile(r"^(?:#{1,6} +|> ?|[-*+] +|\d{1,3}[.)] +|\[[ xX]\] +)+")
NO_WORDS = re.compile(r"^(?:```|~~~|[-*_=#> ]+$)")  # the fence of a code block, a rule
INLINE_MARKS = re.compile(
    r"(?P<ticks>`+)(?P<code>[^`]+)(?P=ticks)"
    r"|!?\[(?P<link>[^\[\]]+)\]\([^()]*\)"
    r"|(?<![\w\\])(?P<mark>\*{1,3}(?!\*)|_{1,3}(?!_)|~~(?!~))(?=\S)(?P<words>.+?)(?<=\S)(?P=mark)(?!\w|\.\w)"
)

STORED = """
SELECT question.id AS message_id, answer.id AS reply_id, g.id AS generation_id
FROM chat_message question
JOIN generation g ON g.user_message_id = question.id AND g.attempt = 1
JOIN chat_message answer ON answer.id = g.answer_id
JOIN chat_thread t ON t.id = question.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND question.client_id = $3
"""
ACTIVE = "SELECT 1 FROM generation WHERE thread_id = $1 AND state IN ('queued', 'running')"
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


class Refused(Exception):
    """What a user sent was not taken; nothing is stored. The text is for people."""

    def __init__(self, code: str, sentence: str, *, retry_ms: int = 0) -> None:
        self.code = code
        self.retry_ms = retry_ms
        super().__init__(sentence)


BUSY = "An answer is still being written. Wait for it, or stop it, and send again."


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
    content: str,
    client_id: UUID | None,
    *,
    model: str = "",
    models: tuple[str, ...],
    broadcast: Broadcast,
    limits: Limits,
) -> Accepted:
    """Store a message; without a thread it opens one. Raises Refused. The caller starts what is fresh.

    `models` are those on offer, the default first. `model` is the thread's from now on; if empty, its choice stands.
    The id of a new thread follows from the user and the client id, so that a form sent twice opens one thread.
    """
    client_id = client_id or uuid4()
    opening = thread_id is None
    thread = thread_id or uuid5(user.id, str(client_id))
    if stored := await _stored(user, thread, client_id):
        return stored
    try:
        content = _checked(content)
        _is_offered(model, models)
        await _no_answer_runs(thread)
        await _within_limits(user, limits)
        async with in_transaction():
            if opening:
                await query(NEW_THREAD, thread, user.id, title_from(content))
            accepted, created, thread_event = await _store(user, thread, content, client_id, model, models)
    except (Refused, IntegrityError) as error:
        if stored := await _stored(user, thread, client_id):  # another try of this very message was faster
            return stored
        raise error if isinstance(error, Refused) else Refused("busy", BUSY) from None
    await _tell(user, created, thread_event, broadcast)
    return accepted


def _checked(content: str) -> str:
    content = storable(content).strip()
    if not content:
        raise Refused("empty", "Write something first.")
    if len(content) > MESSAGE_MAX_LENGTH:
        raise Refused(
            "too_long", f"The message has {len(content):,} characters; {MESSAGE_MAX_LENGTH:,} are possible. Shorten it."
        )
    return content


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


async def _stored(user: User, thread_id: UUID, client_id: UUID) -> Accepted | None:
    rows = await query(STORED, user.id, thread_id, client_id)
    return Accepted(thread_id=thread_id, **rows[0], fresh=False) if rows else None


async def _store(
    user: User, thread_id: UUID, content: str, client_id: UUID, model: str, models: tuple[str, ...]
) -> tuple[Accepted, MessageCreated, ThreadUpdated]:
    rows = await query(ADVANCE, thread_id, user.id, model)  # locks the thread until COMMIT
    if not rows:
        raise Refused("not_found", "There is no such thread.")
    thread = rows[0]
    accepted = Accepted(thread_id, uuid7(), uuid7(), uuid7(), fresh=True)
    number: int = thread["message_count"] - 1
    question = (accepted.message_id, thread_id, number, Role.USER, Status.FINAL, content, client_id)
    answer = (accepted.reply_id, thread_id, number + 1, Role.ASSISTANT, Status.STREAMING, "", None)
    created_at = (await query(ADD_MESSAGE, *question))[0]["created_at"]
    await query(ADD_MESSAGE, *answer)
    asked = thread["model"] if thread["model"] in models else models[0]  # what was chosen may be offered no more
    await query(ADD_GENERATION, accepted.generation_id, thread_id, accepted.message_id, accepted.reply_id, asked)
    message = MessageView(accepted.message_id, client_id, Role.USER, Status.FINAL, content, "", created_at)
    updated = ThreadUpdated(thread_id, thread["title"], thread["last_message_at"], running=True, rev=thread["rev"])
    return accepted, MessageCreated(thread["rev"], message), updated


async def _tell(user: User, created: MessageCreated, updated: ThreadUpdated, broadcast: Broadcast) -> None:
    try:
        await broadcast.log.append(Append(updated.thread_id, created))
        await broadcast.channels.publish(user_channel(user.id), updated)
    except Unavailable as error:
        logger.warning("A message is stored and not announced, Redis is away: %s", error)


def title_from(content: str) -> str:
    """The first words of the first line that has any, without the marks of markdown."""
    lines = [" ".join(line[:TITLE_LOOK].split()) for line in content.split("\n", TITLE_LINES)[:TITLE_LINES]]
    line = next(filter(None, map(_unmarked, lines)), lines[0])
    if len(line) <= TITLE_AIM:
        return line
    return line[:TITLE_AIM].rsplit(" ", 1)[0] + "…"


def _unmarked(line: str) -> str:
    return "" if NO_WORDS.match(line) else INLINE_MARKS.sub(_words, LEADING_MARKS.sub("", line)).strip()


def _words(mark: re.Match[str]) -> str:
    """What stands between the marks; in code a mark is a letter like any other."""
    return (mark["code"] or INLINE_MARKS.sub(_words, mark["link"] or mark["words"] or "")).strip()
