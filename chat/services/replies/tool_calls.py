"""The tool calls of an answer: each is stored before it runs, and every tab sees it running, then its result."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from chat.database import query
from chat.events import ToolCallChanged, ToolCallView
from chat.llm.events import ToolCall
from chat.llm.tokens import count_tokens
from chat.llm.tools import Registry, ToolResult
from chat.models import PROVIDER_ID_MAX_LENGTH, TOOL_NAME_MAX_LENGTH, ChatThread, ToolState, User
from chat.models.ids import uuid7
from chat.services.replies import lease
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import Claim, Fenced
from chat.services.replies.live_text import LiveText
from chat.text import fitting, without_hidden

PREVIEW = 2_000  # characters of a tool's arguments and output that tabs are shown

STARTED = f"""
INSERT INTO tool_call (id, generation_id, call_id, name, arguments, round, output, state, created_at)
SELECT $3::uuid, id, $4::varchar, $5::varchar, $6::text, $7::int, '', 'running', now()
FROM generation WHERE {lease.OWNED}
ON CONFLICT (generation_id, call_id) DO NOTHING RETURNING id
"""  # noqa: S608 - constants
CALLS = """
SELECT g.answer_id, c.round, c.call_id, c.name, c.state, c.arguments, c.output
FROM tool_call c JOIN generation g ON g.id = c.generation_id
WHERE g.answer_id = ANY($1::uuid[]) ORDER BY c.created_at, c.id
"""
STARTED_BEFORE = """
SELECT c.output, c.state FROM tool_call c JOIN generation g ON g.id = c.generation_id
WHERE g.id = $1 AND g.fence = $2 AND c.call_id = $3
"""
ENDED = f"""
UPDATE tool_call SET output = $4, state = $5, token_count = $6, finished_at = now()
WHERE generation_id = (SELECT id FROM generation WHERE {lease.OWNED}) AND call_id = $3 RETURNING id
"""  # noqa: S608


async def calls_of(answer_ids: list[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """The calls of each answer in order, whole."""
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in await query(CALLS, answer_ids) if answer_ids else ():
        found.setdefault(row.pop("answer_id"), []).append(row)
    return found


def shown(row: dict[str, Any], tools: Registry) -> ToolCallView:
    """A call's row as tabs get it, with words for people; arguments and output are cut."""
    words, arguments = tools.words(row["name"]), without_hidden(row["arguments"][:PREVIEW])
    return ToolCallView(
        call_id=row["call_id"],
        name=row["name"],
        status=row["state"],
        arguments=arguments,
        output=without_hidden(row["output"][:PREVIEW]),
        title=words.done if row["state"] == ToolState.DONE else words.doing,
        detail=words.detail(arguments),
    )


class ToolCalls:
    """Runs the tools of one answer."""

    def __init__(self, claim: Claim, live_text: LiveText, registry: Registry, journal: ReplyJournal) -> None:
        self._claim = claim
        self._live_text = live_text
        self._registry = registry
        self._journal = journal
        self._context: dict[type, object] = {}

    def schemas(self) -> tuple[dict[str, Any], ...]:
        """The tools' schemas, as the model gets them."""
        return self._registry.schemas()

    async def run(self, call: ToolCall) -> ToolResult:
        """Run one call as its user; a call that ended before its worker was lost is not run again. Raises Fenced."""
        call_id = fitting(call.call_id, PROVIDER_ID_MAX_LENGTH)
        if known := await self._start(call, call_id):
            return known
        await self._tell(call, ToolState.RUNNING, "")
        result = await self._registry.dispatch(call.name, call.arguments, await lease.while_leased(self._its_context))
        state = ToolState.DONE if result.ok else ToolState.FAILED
        [tokens] = await count_tokens([f"{call.name}{call.arguments}{result.output}"])
        ended = (self._claim.generation_id, self._claim.fence, call_id, result.output, state, tokens)
        if not await lease.while_leased(partial(query, ENDED, *ended)):
            raise Fenced(self._claim.generation_id)
        await self._tell(call, state, result.output)
        return result

    async def _start(self, call: ToolCall, call_id: str) -> ToolResult | None:
        """Store the call before it runs; its result, if it has ended before."""
        owned = (self._claim.generation_id, self._claim.fence)
        row = (call_id, call.name[:TOOL_NAME_MAX_LENGTH], call.arguments, self._journal.round)
        if await lease.while_leased(partial(query, STARTED, *owned, uuid7(), *row)):
            return None
        before = await lease.while_leased(partial(query, STARTED_BEFORE, *owned, call_id))
        if not before:
            raise Fenced(self._claim.generation_id)
        if before[0]["state"] == ToolState.RUNNING:
            return None
        return ToolResult(before[0]["output"], ok=before[0]["state"] == ToolState.DONE)

    async def _its_context(self) -> dict[type, object]:
        if not self._context:
            user, thread = await User.get(id=self._claim.user_id), await ChatThread.get(id=self._claim.thread_id)
            self._context = {User: user, ChatThread: thread}
        return self._context

    async def _tell(self, call: ToolCall, state: ToolState, output: str) -> None:
        call_id, name = fitting(call.call_id, PROVIDER_ID_MAX_LENGTH), call.name[:TOOL_NAME_MAX_LENGTH]
        row = {"call_id": call_id, "name": name, "state": state, "arguments": call.arguments, "output": output}
        view = msgspec.structs.asdict(shown(row, self._registry))
        await self._live_text.tell(ToolCallChanged(self._claim.answer_id, **view))
