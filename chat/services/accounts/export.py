"""A user's data as a zip file that is made while it is sent, with at most one page of rows in memory.

Each page is one statement, so that a slow client holds nothing of the database.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from chat.database import query
from chat.models.ids import NO_ID
from chat.services.accounts.transcripts import block, inert

PAGE = 50  # rows; an answer can be long
PATH_PAGE = 500  # rows without text
PIECE_BYTES = 64 * 1024
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
ZIP_EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # zip files cannot say an earlier time
TITLE_MAX_CHARACTERS = 40  # of up to 4 bytes, within the 255 bytes of a file name
NOT_IN_NAMES = re.compile(r"[^\w.-]")  # of tools, which the model can invent
SPEAKERS = {"user": "You", "assistant": "Assistant"}

ACCOUNT = """
SELECT email, display_name, email_verified, is_staff,
    monthly_budget,
    (SELECT confirmed_at FROM second_factor WHERE user_id = $1) AS second_factor_since,
    created_at, last_seen_at, approved_at,
    (SELECT created_at FROM invitation WHERE id = users.invitation_id) AS invited_at
FROM users WHERE id = $1
"""
INVITATIONS = """
SELECT created_at, email, uses, uses_left, is_mailed, expires_at, revoked_at FROM invitation
WHERE maker_id = $1 ORDER BY created_at LIMIT 1000
"""
SETTINGS = "SELECT theme, model, enter_key FROM user_settings WHERE user_id = $1"
SESSIONS = """
SELECT created_at, last_seen_at, authenticated_at, ip, user_agent, remembered FROM auth_session
WHERE user_id = $1 ORDER BY created_at LIMIT 1000
"""
MONTHS = """
SELECT month, calls, unpriced_calls, input_tokens, output_tokens, total_tokens, cost FROM user_monthly_usage
WHERE user_id = $1 ORDER BY month
"""
CALLS = """
SELECT id, created_at, caller, round, model_asked, model, status, input_tokens, cached_tokens, cache_write_tokens,
    output_tokens, reasoning_tokens, total_tokens, cost, estimated, uncertain, attempts, duration_ms, first_event_ms
FROM llm_call_log WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3
"""
THREADS = """
SELECT id, title, title_by, model, archived, pinned, head_id, forked_from_id, created_at, last_message_at
FROM chat_thread
WHERE user_id = $1 AND deleted_at IS NULL AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4
"""
MESSAGES = """
SELECT m.id, m.parent_id, m.number, m.role, m.status, m.content, m.reasoning, m.reasoning_ms, m.error, m.created_at
FROM chat_message m JOIN chat_thread t ON t.id = m.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND m.number > $3 ORDER BY m.number LIMIT $4
"""
# A part of the path, from $3 back.
PATH = """
WITH RECURSIVE path AS (
    SELECT m.number, m.parent_id, 1 AS step FROM chat_message m JOIN chat_thread t ON t.id = m.thread_id
    WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL AND m.id = $3
    UNION ALL
    SELECT m.number, m.parent_id, p.step + 1 FROM path p JOIN chat_message m ON m.id = p.parent_id WHERE p.step < $4
)
SELECT number, parent_id FROM path ORDER BY step
"""
QUEUE = """
SELECT q.client_id, q.content, q.model, q.created_at
FROM queued_message q JOIN chat_thread t ON t.id = q.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND t.deleted_at IS NULL ORDER BY q.is_next DESC, q.number
"""
TOOL_CALLS = """
SELECT g.answer_id, c.name, c.arguments, c.output, c.state, c.created_at, c.finished_at
FROM tool_call c JOIN generation g ON g.id = c.generation_id
WHERE g.answer_id = ANY($1::uuid[]) ORDER BY c.created_at, c.id
"""

Row = dict[str, Any]


class Outbox(bytearray):
    """The unseekable file that zipfile writes to; its content is taken whenever there is enough to send."""

    def write(self, piece: bytes) -> int:
        """Append the piece."""
        self.extend(piece)
        return len(piece)

    def flush(self) -> None:
        """Required by zipfile."""

    def take(self) -> bytes:
        """Remove and return the content."""
        taken = bytes(self)
        self.clear()
        return taken


async def archive(user_id: UUID) -> AsyncGenerator[bytes, None]:
    """The zip file, piece by piece: a Markdown file for each thread, and everything as data.json."""
    outbox = Outbox()
    with ZipFile(outbox, "w", ZIP_DEFLATED) as packed:  # type: ignore[call-overload]
        async for entry, texts in _entries(user_id):
            with packed.open(entry, "w", force_zip64=True) as file:
                async for text in texts:
                    file.write(text.encode())
                    if len(outbox) > PIECE_BYTES:
                        yield outbox.take()
                    await asyncio.sleep(0)  # compressing takes CPU time: let other requests run
    yield outbox.take()


async def _entries(user_id: UUID) -> AsyncIterator[tuple[ZipInfo, AsyncIterator[str]]]:
    number = 0
    async for thread in _threads(user_id):
        number += 1
        yield _entry(_file_name(number, thread), thread["last_message_at"]), _transcript(user_id, thread)
    yield _entry("data.json", datetime.now(UTC)), _json(user_id)


def _entry(name: str, changed: datetime) -> ZipInfo:
    entry = ZipInfo(name, date_time=max(changed, ZIP_EPOCH).timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


def _file_name(number: int, thread: Row) -> str:
    """A file name such as `chats/0012 2026-11-22 Eggs.md`: unique by its number, and valid on every system.

    Only letters, digits and combining marks of the title stay: no slash, no dot, no control of the text's direction.
    """
    kept = "".join(letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in thread["title"])
    title = " ".join(kept.split())[:TITLE_MAX_CHARACTERS].strip()
    return f"chats/{number:04} {thread['created_at']:%Y-%m-%d} {title or 'Chat'}.md"


async def _transcript(user_id: UUID, thread: Row) -> AsyncIterator[str]:
    """The thread as Markdown that any program may open."""
    yield f"# {inert(thread['title']) or 'New chat'}\n\nStarted {thread['created_at']:%Y-%m-%d %H:%M} UTC.\n"
    shown, others = await _shown(user_id, thread), 0
    async for message in _messages(user_id, thread["id"]):
        others += message["number"] not in shown
        for paragraph in _paragraphs(message) if message["number"] in shown else ():
            yield paragraph
    if others:
        yield "\n# Other versions\n\nMessages of other versions of this chat, in the order of their numbers.\n"
        async for message in _messages(user_id, thread["id"]):
            for paragraph in _paragraphs(message) if message["number"] not in shown else ():
                yield paragraph
    if waiting := await query(QUEUE, user_id, thread["id"]):
        yield "\n# Waiting messages\n\nMessages that are not sent yet, in their order.\n"
        for message in waiting:
            yield f"\n## Waiting since {message['created_at']:%Y-%m-%d %H:%M} UTC\n\n{inert(message['content'])}\n"


async def _shown(user_id: UUID, thread: Row) -> set[int]:
    """The numbers of the messages that are shown; the others belong to other versions."""
    shown: set[int] = set()
    last = thread["head_id"]
    while last and (rows := await query(PATH, user_id, thread["id"], last, PATH_PAGE)):
        shown.update(row["number"] for row in rows)
        last = rows[-1]["parent_id"]
    return shown


def _paragraphs(message: Row) -> Iterator[str]:
    yield f"\n## {SPEAKERS.get(message['role'], message['role'])}, {message['created_at']:%Y-%m-%d %H:%M} UTC\n\n"
    if message["reasoning"]:
        yield f"Reasoning:\n\n{_quoted(inert(message['reasoning']))}\n\n"
    for call in message["tool_calls"]:
        yield f"Tool `{NOT_IN_NAMES.sub('_', call['name'])}`:\n\n"
        yield f"{block(call['arguments'])}\n\n{block(call['output'])}\n\n"
    yield f"{inert(message['content'])}\n"
    if message["status"] not in ("final", "streaming"):
        yield f"\n*{inert(message['error']) or 'Stopped before the end.'}*\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


async def _json(user_id: UUID) -> AsyncIterator[str]:
    """One JSON object; long lists are written row by row."""
    yield '{"made_at": ' + _encoded(datetime.now(UTC))
    for name, sql in (("account", ACCOUNT), ("settings", SETTINGS)):
        rows = await query(sql, user_id)
        yield f',\n"{name}": {_encoded(rows[0] if rows else None)}'
    for name, sql in (("sessions", SESSIONS), ("invitations", INVITATIONS), ("usage_by_month", MONTHS)):
        yield f',\n"{name}": {_encoded(await query(sql, user_id))}'
    yield ',\n"calls": ['
    async for comma, call in _separated(_calls(user_id)):
        yield comma + _encoded(call)
    yield '],\n"threads": ['
    async for comma, thread in _separated(_threads(user_id)):
        yield f'{comma}{_encoded(thread)[:-1]}, "messages": ['
        async for other_comma, message in _separated(_messages(user_id, thread["id"])):
            yield other_comma + _encoded(message)
        yield f'], "queue": {_encoded(await query(QUEUE, user_id, thread["id"]))}}}'
    yield "]}\n"


async def _separated(rows: AsyncIterator[Row]) -> AsyncIterator[tuple[str, Row]]:
    comma = "\n"
    async for row in rows:
        yield comma, row
        comma = ",\n"


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


async def _calls(user_id: UUID) -> AsyncIterator[Row]:
    last = NO_ID
    while rows := await query(CALLS, user_id, last, PAGE):
        for row in rows:
            yield row
        last = rows[-1]["id"]


async def _threads(user_id: UUID) -> AsyncIterator[Row]:
    last: tuple[datetime, UUID] = (EARLIEST, NO_ID)
    while rows := await query(THREADS, user_id, *last, PAGE):
        for row in rows:
            yield row
        last = (rows[-1]["created_at"], rows[-1]["id"])


async def _messages(user_id: UUID, thread_id: UUID) -> AsyncIterator[Row]:
    last = 0
    while rows := await query(MESSAGES, user_id, thread_id, last, PAGE):
        called: dict[UUID, list[Row]] = {}
        for call in await query(TOOL_CALLS, [row["id"] for row in rows]):
            called.setdefault(call.pop("answer_id"), []).append(call)
        for row in rows:
            yield {**row, "tool_calls": called.get(row["id"], [])}
        last = rows[-1]["number"]
