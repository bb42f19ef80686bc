"""What services work with: opened once when the app starts to serve, and handed down as one argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from chat.broadcast import Broadcast
from chat.llm.client import LLMClient
from chat.llm.tools import Registry
from chat.mailer import Mailer
from chat.security.limits import Limits
from chat.security.passwords import Passwords
from chat.settings import Settings

if TYPE_CHECKING:
    from chat.services.replies.worker import Worker  # which works with the rest of this


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
    worker: Worker
