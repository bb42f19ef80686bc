"""Everything that is kept of a user, as a zip that is made while it is sent: never more than a page of it is in memory.

Each page of rows is one statement, so nothing of the database is held while a slow client takes its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

from chat.database import query
from chat.models.ids import NO_ID
from chat.services.accounts import transcripts

PAGE = 50  # rows: some of them are a long answer
PIECE_BYTES = 64 * 1024
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

ACCOUNT = """
SELECT email, display_name, email_verified, is_staff, monthly_budget, created_at, last_seen_at,
    (SELECT confirmed_at FROM second_factor WHERE user_id = $1) AS second_factor_since
FROM users WHERE id = $1
"""
SETTINGS = "SELECT theme, model FROM user_settings WHERE user_id = $1"
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
SELECT id, title, title_by, model, archived, created_at, last_message_at FROM chat_thread
WHERE user_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4
"""
MESSAGES = """
SELECT m.id, m.number, m.role, m.status, m.content, m.error, m.created_at
FROM chat_message m JOIN chat_thread t ON t.id = m.thread_id
WHERE t.user_id = $1 AND t.id = $2 AND m.number > $3 ORDER BY m.number LIMIT $4
"""
TOOL_CALLS = """
SELECT g.answer_id, c.name, c.arguments, c.output, c.state, c.created_at, c.finished_at
FROM tool_call c JOIN generation g ON g.id = c.generation_id
WHERE g.answer_id = ANY($1::uuid[]) ORDER BY c.created_at, c.id
"""

Row = dict[str, Any]


class Outbox:
    """What zipfile writes to: a file that cannot be wound back, emptied again and again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def write(self, piece: bytes) -> int:
        """Keep it until it is taken."""
        self._pieces.append(bytes(piece))
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """There is nothing behind this."""

    def take(self) -> bytes:
        """All of it."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return taken


async def archive(user_id: UUID) -> AsyncGenerator[bytes, None]:
    """The zip, piece by piece: a Markdown file for each thread, and all of it as data.json."""
    outbox, number = Outbox(), 0
    with ZipFile(outbox, "w", ZIP_DEFLATED) as packed:  # type: ignore[call-overload]
        async for thread in _threads(user_id):
            number += 1
            entry = _entry(transcripts.file_name(number, thread), thread["last_message_at"])
            async with aclosing(_packed(packed, entry, _transcript(user_id, thread), outbox)) as pieces:
                async for piece in pieces:
                    yield piece
        entry = _entry("data.json", datetime.now(UTC))
        async with aclosing(_packed(packed, entry, _json(user_id), outbox)) as pieces:
            async for piece in pieces:
                yield piece
    yield outbox.take()


async def _packed(
    packed: ZipFile, entry: ZipInfo, texts: AsyncIterator[str], outbox: Outbox
) -> AsyncGenerator[bytes, None]:
    with packed.open(entry, "w", force_zip64=True) as file:
        async for text in texts:
            file.write(text.encode())
            if outbox.size > PIECE_BYTES:
                yield outbox.take()
            await asyncio.sleep(0)  # packing is work, and others want to be served meanwhile


def _entry(name: str, changed: datetime) -> ZipInfo:
    entry = ZipInfo(name, date_time=max(changed, datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry


async def _transcript(user_id: UUID, thread: Row) -> AsyncIterator[str]:
    yield transcripts.heading(thread)
    async for message in _messages(user_id, thread["id"]):
        for paragraph in transcripts.paragraphs(message):
            yield paragraph


async def _json(user_id: UUID) -> AsyncIterator[str]:
    """One object; what can be long is written row by row."""
    yield '{"made_at": ' + _encoded(datetime.now(UTC))
    for name, sql in (("account", ACCOUNT), ("settings", SETTINGS)):
        rows = await query(sql, user_id)
        yield f',\n"{name}": {_encoded(rows[0] if rows else None)}'
    for name, sql in (("sessions", SESSIONS), ("usage_by_month", MONTHS)):
        yield f',\n"{name}": {_encoded(await query(sql, user_id))}'
    yield ',\n"calls": ['
    async for comma, call in _separated(_calls(user_id)):
        yield comma + _encoded(call)
    yield '],\n"threads": ['
    async for comma, thread in _separated(_threads(user_id)):
        yield f'{comma}{_encoded(thread)[:-1]}, "messages": ['
        async for other_comma, message in _separated(_messages(user_id, thread["id"])):
            yield other_comma + _encoded(message)
        yield "]}"
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
