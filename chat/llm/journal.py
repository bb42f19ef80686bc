"""What is told of a call to whoever keeps the books: before a round is sent, when it runs, and how it ended."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

import msgspec

from chat.llm.events import Usage
from chat.llm.provider.provider import ModelRequest


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One round with the provider that is about to be sent. `user` and `caller` are the caller's own words."""

    call_id: UUID
    number: int  # from 1; a call that uses tools has several
    user: UUID | None
    caller: str
    request: ModelRequest

    @property
    def schema_name(self) -> str:
        """Of the schema that the answer has to fit; empty without one."""
        return str(self.request.output_format["name"]) if self.request.output_format else ""

    @property
    def sent(self) -> dict[str, Any]:
        """What the model is given, as JSON would have it."""
        request = self.request
        return {"instructions": request.instructions, "input": list(request.input), "format": request.output_format}

    @property
    def sent_sha256(self) -> str:
        """By which the same question can be found again, without the question."""
        return sha256(msgspec.json.encode(self.sent, order="sorted")).hexdigest()

    @property
    def sent_text(self) -> str:
        """All that the model reads, for counting."""
        request = self.request
        items = [item.get("content") or item.get("output") or item.get("arguments") or "" for item in request.input]
        schemas = [part for part in (*request.tools, request.output_format) if part]
        texts = [part if isinstance(part, str) else msgspec.json.encode(part).decode() for part in (*items, *schemas)]
        return "\n".join((request.instructions, *texts))


class CallLog(msgspec.Struct, frozen=True, kw_only=True):
    """One round as it went. It is written for every round that was planned, whatever became of it.

    `status` is completed, incomplete, refused, stopped (left before its end) or the code of the failure. `usage` is the
    provider's, or counted here if `estimated`. `uncertain`: it may have run, or not. `cost` is in USD, None where
    nobody knows the price, zero where nothing ran.
    """

    plan: Plan
    model: str  # that answered
    response_id: str | None
    request_id: str
    status: str
    error: str
    usage: Usage
    estimated: bool
    uncertain: bool
    cost: Decimal | None
    attempts: int
    duration_ms: int
    first_event_ms: int | None
    output: str  # everything that was received, also of a round that failed


class Journal(Protocol):
    """Keeps the books of calls. An exception from it ends the call."""

    async def begin(self, plan: Plan) -> None:
        """Before a round is sent. Raise to refuse it: then nothing is sent, and `end` is not called."""

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        """The provider has taken the round, and numbers its events from there on. Nothing of it was given out yet."""

    async def end(self, log: CallLog) -> None:
        """The round is over. Called once for each that began, also if it was left or cancelled."""


class NoJournal:
    """For those who keep no books."""

    async def begin(self, plan: Plan) -> None:
        """Everything is allowed."""

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        """Nobody needs to know."""

    async def end(self, log: CallLog) -> None:
        """The caller gets it with the result."""
