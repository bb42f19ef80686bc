"""The interface for recording calls: notified before a round is sent, when it runs, and when it ends."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

import msgspec
from msgspec.structs import replace

from chat.llm.events import Usage
from chat.llm.items import readable, text_of
from chat.llm.provider.request import ModelRequest, body_of


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One round that is about to be sent. `user` and `caller` are options of the call, passed on."""

    call_id: UUID
    number: int  # from 1; a call with tools has several rounds
    user: UUID | None
    caller: str
    model: str  # its name; the request has the provider's id of it
    provider: str  # the provider's name
    request: ModelRequest

    @property
    def schema_name(self) -> str:
        """The name of the answer's schema; empty without one."""
        return str(self.request.output_format["name"]) if self.request.output_format else ""

    @property
    def sent(self) -> dict[str, Any]:
        """What the model receives, as JSON values that people can read."""
        body = self._body()
        return {
            "instructions": body.get("instructions", ""),
            "input": readable(body["input"]),
            "format": body.get("text", {}).get("format"),
        }

    @property
    def sent_sha256(self) -> str:
        """Identifies the same question without storing it."""
        return sha256(msgspec.json.encode(self.sent, order="sorted")).hexdigest()

    @property
    def sent_text(self) -> str:
        """All text that the model reads, for counting tokens."""
        body = self._body()
        schemas = [part for part in (*body.get("tools", ()), body.get("text", {}).get("format")) if part]
        written = [msgspec.json.encode(part).decode() for part in schemas]
        return "\n".join((body.get("instructions", ""), *map(text_of, body["input"]), *written))

    def _body(self) -> dict[str, Any]:
        """The request with all that the model reads, also where the provider has a part of it already."""
        return body_of(replace(self.request, previous_response_id=""))


class CallLog(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one round. There is one for every round that was planned, however it ended.

    `status` is completed, incomplete, refused, stopped (left before its end) or the code of the failure. `usage` is the
    provider's, or counted here if `estimated`. `uncertain`: the round may or may not have run. `cost` is in USD, None
    if the price is unknown, zero if nothing ran.
    """

    plan: Plan
    model: str  # the model that answered
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
    output: str  # all text that was received, also in a failed round
    items: tuple[dict[str, Any], ...] = ()  # the same with reasoning and calls, in the format of the Responses API
    service_tier: str = ""  # used, as reported by the provider


class Journal(Protocol):
    """Records calls. An exception from it ends the call."""

    async def begin(self, plan: Plan) -> None:
        """Called before a round is sent. Raise to refuse it: then nothing is sent and `end` is not called."""

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        """The provider accepted the round; `sequence` numbers its first event. The caller has seen no event yet."""

    async def end(self, log: CallLog) -> None:
        """The round is over. Called once for each round that began, also if it was left or cancelled."""


class NoJournal:
    """Records nothing."""

    async def begin(self, plan: Plan) -> None:
        """Allow every round."""

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        """Ignore the event."""

    async def end(self, log: CallLog) -> None:
        """Ignore the log: the caller gets the log with the result."""
