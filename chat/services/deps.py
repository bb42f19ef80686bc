"""What services work with: opened once when the app starts to serve, and handed down as one argument."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from redis.asyncio import Redis

from chat.broadcast import Broadcast
from chat.llm.client import LLMClient
from chat.llm.tools import Registry
from chat.mailer import Mailer
from chat.metrics import Metrics
from chat.security.limits import Limits
from chat.security.passwords import Passwords
from chat.settings import Settings
from chat.tracing import Traces

Result = TypeVar("Result")


class ReplyWorker(Protocol):
    """What sending a message needs of this process's worker, which itself works with the rest of `Deps`."""

    name: str
    draining: bool

    def start(self, generation_id: UUID) -> None:
        """Claim a stored answer, if it is there and no other worker has it, and write it in a task of the worker's."""

    def answering(self, claim: Any) -> AbstractContextManager[None]:
        """Own an answer that was claimed as it was stored, and write it after the block, which announces it."""

    def room(self, sentence: str = ...) -> AbstractContextManager[None]:
        """Take a place among this process's answers while a message is stored and its answer starts. Raises Refused."""

    async def stop_marked(self, generation_ids: Sequence[UUID]) -> None:
        """Stop replies that are marked to be stopped, on any worker."""

    async def shielded(self, work: Coroutine[Any, Any, Result], name: str) -> Result:
        """Finish the work even if the caller is cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The settings, and every open connection, client and cache of this process."""

    settings: Settings
    redis: Redis
    broadcast: Broadcast
    limits: Limits
    llm: LLMClient
    tools: Registry
    mailer: Mailer
    passwords: Passwords
    metrics: Metrics
    traces: Traces
    worker: ReplyWorker
