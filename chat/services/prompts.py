"""What the model is told: the instructions, and as much of the conversation as fits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from chat.llm.tokens import count_tokens, most_tokens
from chat.models import ChatMessage, Role

INSTRUCTIONS = """\
You are a helpful assistant in a chat. Answer in the language of the user, to the point and honestly: say so when you
do not know. Format with markdown where it helps the reader: headings, **bold**, lists, tables, quotes, links, and
fenced code blocks with the language named. Emoji shortcodes like :sparkles: are shown as emoji; use them sparingly.
"""
MESSAGE_OVERHEAD_TOKENS = 4  # what a turn costs besides its text
HISTORY_MAX_MESSAGES = 400


async def turns(thread_id: UUID, *, up_to: int, max_tokens: int) -> list[dict[str, Any]]:
    """The conversation up to the message with this number, oldest first, as input items of the Responses API.

    Taken newest backwards while they fit; the newest is always there. Messages without text (an answer that failed
    before its first word) are left out.
    """
    messages = (
        await ChatMessage.filter(thread_id=thread_id, number__lte=up_to, role__in=[Role.USER, Role.ASSISTANT])
        .exclude(content="")
        .order_by("-number")
        .limit(HISTORY_MAX_MESSAGES)
    )
    kept = messages if _surely_fits(messages, max_tokens) else await _newest(messages, max_tokens)
    return [{"role": str(message.role), "content": message.content} for message in reversed(kept)]


def _surely_fits(messages: list[ChatMessage], max_tokens: int) -> bool:
    return sum(most_tokens(message.content) + MESSAGE_OVERHEAD_TOKENS for message in messages) <= max_tokens


async def _newest(messages: list[ChatMessage], max_tokens: int) -> list[ChatMessage]:
    await _count_once(messages)
    kept, total = messages[:1], (messages[0].token_count or 0) + MESSAGE_OVERHEAD_TOKENS
    for message in messages[1:]:
        total += (message.token_count or 0) + MESSAGE_OVERHEAD_TOKENS
        if total > max_tokens:
            break
        kept.append(message)
    return kept


async def _count_once(messages: list[ChatMessage]) -> None:
    """Count what was never counted, and keep the numbers with the messages."""
    uncounted = [message for message in messages if message.token_count is None]
    counts = await count_tokens([message.content for message in uncounted])
    for message, count in zip(uncounted, counts, strict=True):
        message.token_count = count
    if uncounted:
        await ChatMessage.bulk_update(uncounted, fields=["token_count"])
