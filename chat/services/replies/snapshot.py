"""A thread as a new tab sees it: the stored messages, with a running answer's text up to this moment."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from chat.broadcast import Broadcast, LogPosition, LogSlice, Unavailable
from chat.database import query
from chat.events import MessageView, ResponseText, Snapshot, TextDelta, decode_logged
from chat.models import ALIVE_SQL, Status
from chat.services.replies.threads import MessagePage, message_page
from chat.text import from_utf16, utf16_length

PART_MAX_CHARACTERS = 48 * 1024  # keeps a frame under 64 KiB, unless a single message is larger

THREAD = "SELECT rev, title FROM chat_thread WHERE id = $1"
THREAD_STATES = f"""
SELECT t.id, t.rev, EXISTS (SELECT 1 FROM generation g WHERE g.thread_id = t.id AND g.state IN {ALIVE_SQL})
    AS running
FROM chat_thread t WHERE t.id = ANY($1::uuid[])
"""  # noqa: S608
RUNNING = f"""
SELECT answer_id, partial, ckpt_epoch, ckpt_s FROM generation WHERE thread_id = $1 AND state IN {ALIVE_SQL}
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
            )
            for number, group in enumerate(groups, start=1)
        ]


async def view_thread(thread_id: UUID, *, broadcast: Broadcast) -> ThreadView | None:
    """The thread as it is now; None if it was deleted. Without Redis the position is empty, and the text may be older.

    The order matters. The position is read before the rows, so that an event in between is sent twice rather than
    never; the running text before the messages, so that an answer which ends in between has its stored text.
    """
    position = await _end_of_log(thread_id, broadcast)
    threads = await query(THREAD, thread_id)
    if not threads:
        with suppress(Unavailable):  # reading its end has created one
            await broadcast.log.forget([thread_id])
        return None
    running = await query(RUNNING, thread_id)
    page = await message_page(thread_id)
    for one in running:
        kept = LogPosition(one["ckpt_epoch"], one["ckpt_s"])
        try:
            text = await text_so_far(thread_id, one["answer_id"], one["partial"], kept, broadcast)
        except Unavailable:
            position, text = LogPosition(), one["partial"]  # events after the old position would not continue this text
        page = replace(page, messages=[_with_text(message, one["answer_id"], text) for message in page.messages])
    return ThreadView(position, threads[0]["rev"], threads[0]["title"], page)


async def thread_states(thread_ids: list[UUID]) -> dict[UUID, ThreadState]:
    """The states of many threads; deleted ones are left out."""
    return {row["id"]: ThreadState(row["rev"], row["running"]) for row in await query(THREAD_STATES, thread_ids)}


async def text_so_far(thread_id: UUID, answer_id: UUID, partial: str, kept: LogPosition, broadcast: Broadcast) -> str:
    """A checkpoint's text, continued by the log up to its first hole. Raises Unavailable."""
    log = await broadcast.log.read(thread_id, after=kept.offset)
    if kept.epoch != log.end.epoch and kept.offset:
        log = await broadcast.log.read(thread_id)  # a new epoch begins with the whole text
    return _continued(partial, answer_id, log)


async def _end_of_log(thread_id: UUID, broadcast: Broadcast) -> LogPosition:
    try:
        return await broadcast.log.end(thread_id)
    except Unavailable:
        return LogPosition()


def _continued(text: str, answer_id: UUID, log: LogSlice) -> str:
    """Each delta goes where its `pos` says: known text is cut off, a hole ends the text."""
    pieces, length = [text], utf16_length(text)
    for _, payload in log.entries:
        match decode_logged(payload):
            case ResponseText(message_id=message_id, text=whole) if message_id == answer_id:
                pieces, length = [whole], utf16_length(whole)
            case TextDelta(message_id=message_id, pos=pos, delta=delta) if message_id == answer_id:
                if pos > length:
                    break
                beyond = from_utf16(delta, length - pos)
                pieces.append(beyond)
                length += utf16_length(beyond)
    return "".join(pieces)


def _with_text(message: MessageView, answer_id: UUID, text: str) -> MessageView:
    running = message.id == answer_id and message.status == Status.STREAMING
    return msgspec.structs.replace(message, content=text) if running else message


def _parts(messages: list[MessageView]) -> list[list[MessageView]]:
    groups: list[list[MessageView]] = [[]]
    size = 0
    for message in messages:
        size += len(message.content)
        if groups[-1] and size > PART_MAX_CHARACTERS:
            groups.append([])
            size = len(message.content)
        groups[-1].append(message)
    return groups
