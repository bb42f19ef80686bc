"""A thread as a new tab sees it: the stored messages, with a running answer's text up to this moment."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from chat.broadcast import Broadcast, LogPosition, LogSlice, Unavailable
from chat.database import query, urgent
from chat.events import (
    MessageView,
    OriginView,
    QueueView,
    ReasoningDelta,
    ReasoningDone,
    ResponseText,
    RunningView,
    Snapshot,
    TextDelta,
    decode_logged,
)
from chat.llm.tools import Registry
from chat.models import ALIVE_SQL, LISTED_SQL, Status
from chat.services.replies import queue
from chat.services.replies.growing import GrowingText
from chat.services.replies.jump import Place
from chat.services.replies.lease import AnswerSoFar
from chat.services.replies.threads import MessagePage, message_page

PART_MAX_CHARACTERS = 48 * 1024  # keeps a frame under 64 KiB, unless a single message is larger

# At most one answer of a thread is being written.
THREAD = f"""
SELECT {LISTED_SQL}, t.queue_paused, q.queued, coalesce(nullif(t.model, ''), s.model, '') AS model,
    o.id AS origin, o.title AS origin_title, g.answer_id, g.partial, g.partial_reasoning, g.partial_reasoning_ms,
    g.partial_thinking, g.ckpt_epoch, g.ckpt_s
FROM chat_thread t LEFT JOIN generation g ON g.thread_id = t.id AND g.state IN {ALIVE_SQL}
LEFT JOIN user_settings s ON s.user_id = t.user_id
LEFT JOIN chat_thread o ON o.id = t.forked_from_id AND o.user_id = t.user_id AND o.deleted_at IS NULL
LEFT JOIN LATERAL ({queue.QUEUED}) q ON true
WHERE t.id = $1 AND t.deleted_at IS NULL
"""  # noqa: S608
THREAD_STATES = f"""
SELECT t.id, t.rev, EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN {ALIVE_SQL})
    AS running
FROM chat_thread t WHERE t.id = ANY($1::uuid[]) AND t.deleted_at IS NULL
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class ThreadState:
    """A thread's last committed change, and whether an answer is being written."""

    rev: int
    running: bool


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A thread at one moment. Events after `position` continue it; earlier ones change nothing."""

    position: LogPosition
    rev: int
    title: str
    page: MessagePage
    queue: QueueView
    running: RunningView | None = None
    model: str = ""
    forked_from: OriginView | None = None
    pinned: bool = False
    archived: bool = False
    unread: bool = False

    def snapshots(self) -> list[Snapshot]:
        """The view as frames."""
        groups = _parts(self.page.messages)
        return [
            Snapshot(
                cursor=str(self.position),
                rev=self.rev,
                title=self.title,
                part=number,
                parts=len(groups),
                has_older=self.page.has_older,
                older_cursor=self.page.older_cursor,
                messages=group,
                queue=self.queue if number == len(groups) else None,
                running=self.running if number == len(groups) else None,
                model=self.model,
                forked_from=self.forked_from,
                pinned=self.pinned,
                archived=self.archived,
                unread=self.unread,
            )
            for number, group in enumerate(groups, start=1)
        ]


async def view_thread(
    thread_id: UUID, *, broadcast: Broadcast, tools: Registry, place: Place | None = None
) -> ThreadView | None:
    """The thread as it is now; None if it was deleted. Without Redis the position is empty, and the text may be older.
    With a place, the part of it around one message.

    The order matters. The position is read before the rows, so that an event in between is sent twice rather than
    never; the running text before the messages, so that an answer which ends in between has its stored text.
    """
    position = await _end_of_log(thread_id, broadcast)
    threads = await query(THREAD, thread_id)
    if not threads:
        with suppress(Unavailable):  # reading its end has created one
            await broadcast.log.forget([thread_id])
        return None
    thread = threads[0]
    part = message_page(thread_id, tools=tools, **(place.page if place else {}))
    page, running = await part, None
    if answer_id := thread["answer_id"]:
        running = RunningView(answer_id, shown=any(message.id == answer_id for message in page.messages))
        at, answer = LogPosition(thread["ckpt_epoch"], thread["ckpt_s"]), AnswerSoFar.stored(thread)
        try:
            answer = await answer_so_far(thread_id, answer_id, answer, at, broadcast)
        except Unavailable:
            position = LogPosition()  # events after the old position would not continue this text
        page = replace(page, messages=[_with(answer, message, answer_id) for message in page.messages])
    queued = queue.view(thread["queue_paused"], thread["queued"])
    model, origin = thread["model"], thread["origin"] and OriginView(thread["origin"], thread["origin_title"])
    listed = {name: thread[name] for name in ("pinned", "archived", "unread")}
    return ThreadView(position, thread["rev"], thread["title"], page, queued, running, model, origin, **listed)


async def thread_states(thread_ids: list[UUID]) -> dict[UUID, ThreadState]:
    """The states of many threads; deleted ones are left out. Urgent: a crowd in the pool is no outage."""
    return {row["id"]: ThreadState(row["rev"], row["running"]) for row in await urgent(THREAD_STATES, thread_ids)}


async def answer_so_far(
    thread_id: UUID, answer_id: UUID, kept: AnswerSoFar, at: LogPosition, broadcast: Broadcast
) -> AnswerSoFar:
    """What a checkpoint kept, continued by the log up to its first hole. Raises Unavailable."""
    log = await broadcast.log.read(thread_id, after=at.offset)
    if at.epoch != log.end.epoch and at.offset:
        log = await broadcast.log.read(thread_id)  # a new epoch begins with the whole text
    return _continued(kept, answer_id, log)


async def _end_of_log(thread_id: UUID, broadcast: Broadcast) -> LogPosition:
    try:
        return await broadcast.log.end(thread_id)
    except Unavailable:
        return LogPosition()


def _continued(kept: AnswerSoFar, answer_id: UUID, log: LogSlice) -> AnswerSoFar:
    """Each delta goes where its `pos` says: known text is cut off, a hole ends the text."""
    text, reasoning, ms, thinking = (
        GrowingText(kept.text),
        GrowingText(kept.reasoning),
        kept.reasoning_ms,
        kept.thinking,
    )
    for _, payload in log.entries:
        match decode_logged(payload):
            case ResponseText(message_id=message_id) as whole if message_id == answer_id:
                text, reasoning = GrowingText(whole.text), GrowingText(whole.reasoning)
                ms, thinking = whole.reasoning_ms, whole.thinking
            case TextDelta(message_id=message_id, pos=pos, delta=delta) if message_id == answer_id:
                if not text.add_at(pos, delta):
                    break
            case ReasoningDelta(message_id=message_id, pos=pos, delta=delta) as piece if message_id == answer_id:
                if not reasoning.add_at(pos, delta):
                    break
                ms, thinking = piece.ms, True
            case ReasoningDone(message_id=message_id) as done if message_id == answer_id:
                ms, thinking = done.ms, False
    return AnswerSoFar(text.text, reasoning.text, ms, thinking)


def _with(answer: AnswerSoFar, message: MessageView, answer_id: UUID) -> MessageView:
    if message.id != answer_id or message.status != Status.STREAMING:
        return message
    return msgspec.structs.replace(
        message,
        content=answer.text,
        reasoning=answer.reasoning,
        reasoning_ms=answer.reasoning_ms,
        thinking=answer.thinking,
    )


def _parts(messages: list[MessageView]) -> list[list[MessageView]]:
    groups: list[list[MessageView]] = [[]]
    size = 0
    for message in messages:
        length = len(message.content) + len(message.reasoning)
        size += length
        if groups[-1] and size > PART_MAX_CHARACTERS:
            groups.append([])
            size = length
        groups[-1].append(message)
    return groups
