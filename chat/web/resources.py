"""What is open while the app serves: one object, made at the start and closed at the end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import asyncpg
from quart import current_app
from redis.asyncio import Redis
from tortoise.exceptions import BaseORMException

from chat import broadcast, database, tools
from chat.broadcast import Broadcast
from chat.llm.client import LLMClient
from chat.llm.tools.registry import Registry
from chat.mailer import Mailer
from chat.security import password_rules
from chat.security.limits import Limits
from chat.security.passwords import Passwords
from chat.services.accounts.credentials import Accounts
from chat.services.admin.worker_stats import WorkerLoad, WorkerStats
from chat.services.replies.reply import Collaborators
from chat.services.replies.worker import Worker
from chat.services.usage import ledger
from chat.settings import Settings
from chat.web.chat.open_sockets import OpenSockets
from chat.web.chat.reconciler import Reconciler
from chat.web.readiness import Readiness

logger = logging.getLogger(__name__)

EXTENSION = "chat"


class CannotStart(Exception):
    """Something that has to be there is not; the sentence is for whoever started the server."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything a view hands to a service."""

    settings: Settings
    redis: Redis
    broadcast: Broadcast
    limits: Limits
    passwords: Passwords
    accounts: Accounts
    mailer: Mailer
    worker: Worker
    tools: Registry
    reconciler: Reconciler
    readiness: Readiness
    worker_stats: WorkerStats
    sockets: OpenSockets


def resources() -> Resources:
    """Those of the app that serves this request."""
    return cast(Resources, current_app.extensions[EXTENSION])


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Resources]:
    """Open everything, run the worker's loops, close in the opposite order."""
    await _open_database(settings)
    redis = broadcast.connect(settings.redis_url)
    passwords, mailer = Passwords(), Mailer(settings)
    llm = ledger.model_client(settings)
    _check_prices(settings, llm)
    live = Broadcast(redis)
    limits = Limits(redis, enabled=settings.rate_limits)
    registry = tools.load()
    worker = Worker(Collaborators(settings, live, llm, registry))
    accounts = Accounts(settings, passwords, mailer, limits)
    reconciler, readiness, sockets = Reconciler(live), Readiness(redis), OpenSockets()
    worker_stats = WorkerStats(redis, worker.name, lambda: WorkerLoad(len(sockets), mailer.waiting))
    loops = [
        asyncio.create_task(live.run(), name="broadcast"),
        asyncio.create_task(worker.run(), name="worker"),
        asyncio.create_task(reconciler.run(), name="reconciler"),
        asyncio.create_task(worker_stats.run(), name="worker stats"),
    ]
    for loop in loops:
        loop.add_done_callback(_end_process)
    try:
        await asyncio.to_thread(password_rules.common_passwords)  # so that no sign-up waits for it
        await llm.warm_up()
        yield Resources(
            settings, redis, live, limits, passwords, accounts, mailer, worker, registry, reconciler, readiness,
            worker_stats, sockets,
        )  # fmt: skip
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await mailer.close()
        await llm.close()
        passwords.close()
        await redis.aclose()
        await database.close_database()


async def _open_database(settings: Settings) -> None:
    try:
        await database.open_database(settings)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException) as error:
        await database.close_database()
        why = str(error) or type(error).__name__
        raise CannotStart(f"PostgreSQL cannot be used ({why}): see DATABASE_URL.") from error


def _check_prices(settings: Settings, llm: LLMClient) -> None:
    """A budget for calls whose cost nobody knows would be no budget."""
    unknown = [model for model in settings.models if not llm.prices.knows(model)]
    if settings.llm_monthly_budget is not None and unknown:
        raise CannotStart(f"LLM_MONTHLY_BUDGET is set, and nobody knows what {unknown[0]} costs: add it to LLM_PRICES.")


def _end_process(loop: asyncio.Task[None]) -> None:
    """A worker without one of its loops would look well and do nothing: it says so and stops, like on SIGTERM."""
    if not loop.cancelled():
        logger.critical("The loop %s ended, so this worker ends", loop.get_name(), exc_info=loop.exception())
        os.kill(os.getpid(), signal.SIGTERM)
