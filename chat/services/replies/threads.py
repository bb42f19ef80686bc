"""A user's threads, always looked up through the user: other users' threads are simply not found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

from tortoise.transactions import in_transaction

from chat.broadcast import Append, Broadcast, Publish, user_channel
from chat.database import query
from chat.events import MessageView, ThreadUpdated, TitleUpdated, ToolCallView
from chat.llm.tools import Registry
from chat.models import ALIVE_SQL, TITLE_MAX_LENGTH, ChatMessage, ChatThread, TitleBy, User
from chat.services.errors import Refused
from chat.services.replies.endings import can_continue, can_retry
from chat.services.replies.tool_calls import PREVIEW, calls_of, shown
from chat.text import is_visible, storable, without_hidden

PAGE_SIZE = 50
NUMBER_MAX = 2**31 - 1  # of PostgreSQL's integer
PAGE_MAX_BYTES = 512 * 1024  # of text: twenty tabs that ask at once must not exhaust the memory

SET_TITLE = """
UPDATE chat_thread SET title = $3, title_by = $4, rev = rev + 1
WHERE user_id = $1 AND id = $2 AND (title_by <> 'user' OR $4 = 'user') RETURNING rev, last_message_at
"""
RUNNING = f"""
SELECT EXISTS (SELECT 1 FROM generation WHERE thread_id = $1 AND state IN {ALIVE_SQL}) AS running
"""  # noqa: S608
SIZES = """
SELECT number, octet_length(content) + octet_length(reasoning) AS bytes FROM chat_message
WHERE thread_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3
"""
ATTEMPTS = "SELECT answer_id, reason, continues FROM generation WHERE answer_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages in order, and the cursor for older ones."""

    messages: list[MessageView]
    has_older: bool
    older_cursor: str


async def own_thread(user: User, thread_id: UUID) -> ChatThread | None:
    """The user's thread, or None."""
    return await ChatThread.get_or_none(id=thread_id, user_id=user.id)


async def rename(user: User, thread_id: UUID, title: str, *, broadcast: Broadcast) -> str | None:
    """Rename the user's thread; returns the title as stored, or None if there is no such thread. Raises Refused."""
    title = tidy_title(title)
    if not is_visible(title):
        raise Refused("empty", "Enter a title.")
    if len(title) > TITLE_MAX_LENGTH:
        raise Refused("too_long", f"The title has {len(title):,} characters. The maximum is {TITLE_MAX_LENGTH}.")
    stored = await set_title(user.id, thread_id, title, TitleBy.USER, broadcast=broadcast)
    return title if stored else None


async def set_title(user_id: UUID, thread_id: UUID, title: str, by: TitleBy, *, broadcast: Broadcast) -> bool:
    """Store a title, cut if too long, and send it to all tabs. False if the thread is gone or its user has named it."""
    title = tidy_title(title)[:TITLE_MAX_LENGTH].rstrip()
    async with in_transaction():
        rows = await query(SET_TITLE, user_id, thread_id, title, by)
        if not rows:
            return False
        # A separate query, under the thread's lock: the UPDATE's snapshot is older than its wait for that lock.
        running = (await query(RUNNING, thread_id))[0]["running"]
    rev = rows[0]["rev"]
    updated = ThreadUpdated(thread_id, title, rows[0]["last_message_at"], running, rev)
    titled = Append(thread_id, TitleUpdated(rev, thread_id, title))
    await broadcast.announce(titled, Publish(user_channel(user_id), updated))
    return True


def tidy_title(title: str) -> str:
    """The title on one line, with single spaces, without hidden characters and those that PostgreSQL cannot store."""
    return " ".join(without_hidden(storable(title)).split())


async def message_page(thread_id: UUID, *, tools: Registry, before: str = "") -> MessagePage:
    """The last messages before a cursor, oldest first; an invalid cursor means the newest page.

    `tools` has the words for tool calls. A page has 1 to `PAGE_SIZE` messages, and fewer if their text is long.
    """
    is_number = before.isascii() and before.isdigit() and len(before) < len(str(NUMBER_MAX))
    sizes = await query(SIZES, thread_id, int(before) if is_number else NUMBER_MAX, PAGE_SIZE + 1)
    fitting = _fitting([row["bytes"] for row in sizes[:PAGE_SIZE]])
    numbers = [row["number"] for row in sizes[:fitting]]
    page = await ChatMessage.filter(thread_id=thread_id, number__in=numbers).order_by("number")
    ids = [message.id for message in page]
    rows = await calls_of(ids, characters=PREVIEW)
    calls = {answer_id: [shown(row, tools) for row in of_one] for answer_id, of_one in rows.items()}
    attempts = {row.pop("answer_id"): row for row in await query(ATTEMPTS, ids)}
    has_older = len(sizes) > fitting
    return MessagePage(
        [view(message, calls.get(message.id, ()), **attempts.get(message.id, {})) for message in page],
        has_older,
        str(numbers[-1]) if has_older else "",
    )


def _fitting(sizes: list[int]) -> int:
    """How many of these messages fit on a page."""
    sums = accumulate(sizes)
    return max(sum(total <= PAGE_MAX_BYTES for total in sums), min(len(sizes), 1))


def view(
    message: ChatMessage, calls: Sequence[ToolCallView] = (), *, reason: str = "", continues: bool = False
) -> MessageView:
    """The message as tabs get it, with the reason of its end."""
    return MessageView(
        id=message.id,
        client_id=message.client_id,
        role=message.role,
        status=message.status,
        content=message.content,
        error=message.error,
        created_at=message.created_at,
        tools=list(calls),
        reasoning=message.reasoning,
        reasoning_ms=message.reasoning_ms,
        retryable=can_retry(reason),
        can_continue=can_continue(message.status, reason),
        continues=continues,
    )
