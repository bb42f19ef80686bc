"""What the model put out in the finished rounds of a reply, kept so that later rounds and turns can send it back.

Reasoning is sent to the model that wrote it and to no other: servers refuse foreign items.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from chat.database import query
from chat.llm.items import InputItem, message_item, output_item, text_of, tool_items
from chat.llm.journal import CallLog
from chat.models import PROVIDER_ID_MAX_LENGTH
from chat.models.ids import uuid7
from chat.services.replies.thoughts import BLANK_LINE
from chat.settings import MODEL_MAX_LENGTH
from chat.text import fitting

# The answer may have been deleted meanwhile: its round must still be recorded in the ledger.
STORE = """
INSERT INTO round_item (id, generation_id, round, number, model, item)
SELECT new.id, g.id, $2, new.number, $3, new.item::jsonb
FROM unnest($4::uuid[], $5::int[], $6::text[]) AS new(id, number, item) JOIN generation g ON g.id = $1
ON CONFLICT DO NOTHING
"""
OF_ANSWERS = """
SELECT g.answer_id, i.round, i.model, i.item FROM round_item i JOIN generation g ON g.id = i.generation_id
WHERE g.answer_id = ANY($1::uuid[]) ORDER BY i.round, i.number
"""
# Encrypted reasoning is for the rounds of one reply. Without it, only readable reasoning can be sent back.
DROP_ENCRYPTED = """
DELETE FROM round_item WHERE generation_id = $1 AND item->>'type' = 'reasoning'
    AND coalesce(item->'content', '[]'::jsonb) IN ('[]'::jsonb, 'null'::jsonb)
"""
PRUNE_ENCRYPTED = """
UPDATE round_item SET item = item - 'encrypted_content' WHERE generation_id = $1 AND item ? 'encrypted_content'
"""


class Kept(NamedTuple):
    """An item of a finished round, and the name of the model that wrote it."""

    round: int
    model: str
    item: InputItem


async def store(generation_id: UUID, log: CallLog) -> None:
    """In the caller's transaction, which may run twice."""
    ids, numbers = [uuid7() for _ in log.items], list(range(len(log.items)))
    items = [msgspec.json.encode(item).decode() for item in log.items]
    await query(STORE, generation_id, log.plan.number, log.plan.model[:MODEL_MAX_LENGTH], ids, numbers, items)


async def prune(generation_id: UUID) -> None:
    """In the transaction that ends the reply."""
    await query(DROP_ENCRYPTED, generation_id)
    await query(PRUNE_ENCRYPTED, generation_id)


async def kept_of(answer_ids: list[UUID]) -> dict[UUID, list[Kept]]:
    """The items of each answer's finished rounds, in order."""
    found: dict[UUID, list[Kept]] = {}
    for row in await query(OF_ANSWERS, answer_ids) if answer_ids else ():
        item = msgspec.json.decode(row["item"]) if isinstance(row["item"], str) else row["item"]
        found.setdefault(row["answer_id"], []).append(Kept(row["round"], row["model"], item))
    return found


def rounds(calls: list[dict[str, Any]], kept: Iterable[Kept], *, model: str) -> tuple[InputItem, ...]:
    """An answer's rounds with tool calls as input for this model, from rows of tool_call that have ended.

    Rounds of which nothing was kept, like those of an older release, have their calls and results only.
    """
    by_round: dict[int, list[Kept]] = {}
    for one in kept:
        by_round.setdefault(one.round, []).append(one)
    items: list[InputItem] = []
    for number, group in groupby(calls, key=lambda call: call["round"]):
        items += _round({call["call_id"]: call for call in group}, by_round.get(number, []), model)
    return tuple(items)


def answer_items(text: str, calls: list[dict[str, Any]], kept: Iterable[Kept], *, model: str) -> list[InputItem]:
    """An answer as input for this model: its rounds with tool calls, then the rest of its text."""
    items = list(rounds(calls, kept, model=model))
    rest = _unsaid(text, items)
    return [*items, message_item("assistant", rest)] if rest else items


def reasoning_of(kept: Iterable[Kept]) -> str:
    """The part of these rounds' reasoning that users have seen."""
    items = (one.item for one in kept if one.item.get("type") == "reasoning")
    return BLANK_LINE.join(filter(None, map(_readable, items)))


def _readable(item: InputItem) -> str:
    parts = item.get("summary") or item.get("content") or []
    return BLANK_LINE.join(str(part.get("text") or "") for part in parts if isinstance(part, dict)).strip("\n")


def _unsaid(text: str, items: Iterable[InputItem]) -> str:
    """The answer's text without the beginning that these items already have."""
    for item in items:
        said = text_of(item) if item.get("type") == "message" else ""
        if text.startswith(said):
            text = text[len(said) :]
    return text.lstrip("\n")


def _round(calls: dict[str, dict[str, Any]], kept: list[Kept], model: str) -> list[InputItem]:
    items = [one.item for one in kept if _belongs(one, calls, model)]
    left = {**calls}
    results: list[InputItem] = []
    for item in items:
        if item.get("type") == "function_call":
            call = left.pop(_stored_id(item), {})
            results.append(output_item(str(item.get("call_id")), call.get("output", "")))
    others = ((call["call_id"], call["name"], call["arguments"], call["output"]) for call in left.values())
    return [*items, *results, *tool_items(others)]


def _belongs(one: Kept, calls: dict[str, dict[str, Any]], model: str) -> bool:
    match one.item.get("type"):
        case "reasoning":
            return one.model == model
        case "function_call":
            return _stored_id(one.item) in calls
        case _:
            return True


def _stored_id(item: InputItem) -> str:
    return fitting(str(item.get("call_id")), PROVIDER_ID_MAX_LENGTH)
