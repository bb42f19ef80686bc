"""The model's input: the instructions in `templates/prompts/`, and as much of the conversation as fits."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chat.checkout import TEMPLATES
from chat.database import query
from chat.llm.items import InputItem, message_item
from chat.llm.tokens import count_tokens, most_tokens
from chat.models import Role, ToolState
from chat.services.replies import path, round_items
from chat.services.replies.path import Spoken
from chat.services.replies.round_items import Kept
from chat.services.replies.tool_calls import calls_of

MESSAGE_OVERHEAD_TOKENS = 4  # per turn, besides its text
HISTORY_MAX_MESSAGES = 400
LEFT_OUT = "(Earlier messages of this chat are left out.)"
BYTES_PER_TOKEN = 4  # of reasoning, about

# The size of each answer's calls without reading them, as they can be many and large.
TOOL_SIZES = """
SELECT g.answer_id, count(*) AS calls, sum(octet_length(c.name || c.arguments || c.output)) AS bytes,
    sum(coalesce(c.token_count, octet_length(c.name || c.arguments || c.output))) AS tokens
FROM tool_call c JOIN generation g ON g.id = c.generation_id
WHERE g.answer_id = ANY($1::uuid[]) AND c.state <> 'running' GROUP BY g.answer_id
"""
REASONING_SIZES = """
SELECT g.answer_id, sum(octet_length(i.item::text)) AS bytes
FROM round_item i JOIN generation g ON g.id = i.generation_id
WHERE g.answer_id = ANY($1::uuid[]) AND i.model = $2 AND i.item->>'type' = 'reasoning' GROUP BY g.answer_id
"""
COUNTED = """
UPDATE chat_message m SET token_count = new.count FROM unnest($1::uuid[], $2::int[]) AS new(id, count)
WHERE m.id = new.id
"""
_templates = Environment(  # a model reads the output, so nothing is escaped
    loader=FileSystemLoader(TEMPLATES / "prompts"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701
)


def instructions(name: str = "instructions", **values: object) -> str:
    """The text of `templates/prompts/<name>.md` with these values."""
    return _templates.get_template(f"{name}.md").render(values).strip()


def cache_key(thread_id: UUID) -> str:
    """The key by which a provider lets a thread's requests share a cache; it reveals nothing about the thread."""
    return sha256(thread_id.bytes).hexdigest()[:32]


async def turns(last_id: UUID, *, max_tokens: int, model: str = "") -> list[InputItem]:
    """The path to a message, oldest first, as input items of the Responses API.

    Messages are added from the newest backwards while they fit; the newest is always included. An answer is included
    with its tool calls or not at all; only the newest loses its calls if they do not fit. Messages without text (an
    answer that failed before its first word) are left out, except the last one if it has called tools. Users and the
    assistant take turns, which the templates of many local models require.
    """
    messages = await path.spoken(last_id, most=HISTORY_MAX_MESSAGES)
    sizes = await _tool_sizes([message.id for message in messages if message.role == Role.ASSISTANT], model)
    messages = [message for message in messages if message.content.strip() or message.id in sizes]
    if not _surely_fits(messages, sizes, max_tokens):
        await _count_once(messages)
        messages = _newest(messages, sizes, max_tokens)
    with_calls = [message.id for message in messages if message.id in sizes]
    calls, kept = await calls_of(with_calls), await round_items.kept_of(with_calls)
    answers = {
        one.id: _answer(one, calls.get(one.id, []), kept.get(one.id, []), model)
        for one in messages
        if one.role == Role.ASSISTANT
    }
    return list(_in_turns(messages[::-1], answers))


async def _tool_sizes(answers: list[UUID], model: str) -> dict[UUID, dict[str, int]]:
    if not answers:
        return {}
    sizes = {row.pop("answer_id"): row for row in await query(TOOL_SIZES, answers)}
    for row in await query(REASONING_SIZES, list(sizes), model) if sizes else ():
        sizes[row["answer_id"]]["bytes"] += row["bytes"]
        sizes[row["answer_id"]]["tokens"] += row["bytes"] // BYTES_PER_TOKEN
    return sizes


def _in_turns(messages: list[Spoken], answers: dict[UUID, list[InputItem]]) -> Iterator[InputItem]:
    """The messages as items: consecutive user messages become one, and every answer has a user message before it."""
    before: str | None = None
    for role, group in groupby(messages, key=lambda message: message.role):
        said = list(group)
        if role == Role.USER:
            yield message_item("user", *(message.content for message in said))
        else:
            for message in said:
                if before != Role.USER:
                    yield message_item("user", instructions("continue") if before else LEFT_OUT)
                yield from answers[message.id]
                before = role
        before = role


def _answer(message: Spoken, calls: list[dict[str, Any]], kept: list[Kept], model: str) -> list[InputItem]:
    """The rounds of an answer whose calls have ended, and its text."""
    ended = [call for call in calls if call["state"] != ToolState.RUNNING]
    return round_items.answer_items(message.content, ended, kept, model=model)


def _surely_fits(messages: list[Spoken], sizes: dict[UUID, dict[str, int]], max_tokens: int) -> bool:
    texts = sum(most_tokens(message.content) + MESSAGE_OVERHEAD_TOKENS for message in messages)
    tools = sum(size["bytes"] + size["calls"] * MESSAGE_OVERHEAD_TOKENS for size in sizes.values())
    return texts + tools <= max_tokens


def _newest(messages: list[Spoken], sizes: dict[UUID, dict[str, int]], max_tokens: int) -> list[Spoken]:
    """The messages that fit, and the first in any case; if its tool calls do not fit, they are removed from `sizes`."""
    kept: list[Spoken] = []
    total = 0
    for message in messages:
        total += (message.token_count or 0) + MESSAGE_OVERHEAD_TOKENS
        if size := sizes.get(message.id):
            tools = size["tokens"] + 2 * MESSAGE_OVERHEAD_TOKENS * size["calls"]
            if not kept and total + tools > max_tokens:
                del sizes[message.id]
            else:
                total += tools
        if kept and total > max_tokens:
            break
        kept.append(message)
    return kept


async def _count_once(messages: list[Spoken]) -> None:
    """Count messages that were never counted, and store the counts with them."""
    uncounted = [message for message in messages if message.token_count is None]
    counts = await count_tokens([message.content for message in uncounted])
    for message, count in zip(uncounted, counts, strict=True):
        message.token_count = count
    if uncounted:
        await query(COUNTED, [message.id for message in uncounted], list(counts))
