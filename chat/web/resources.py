"""Everything that is open while the app serves: one object, made at the start and closed at the end."""

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
from redis.exceptions import RedisError
from tortoise.exceptions import BaseORMException

from chat import broadcast, database, tools
from chat.broadcast import Broadcast
from chat.broadcast.fitness import too_old
from chat.database.clock import ClockCheck
from chat.database.fitness import Facts, too_many_connections
from chat.database.reasons import explained
from chat.llm.client import LLMClient
from chat.mailer import Mailer
from chat.metrics import Metrics
from chat.models import User
from chat.security import guessing
from chat.security.limits import Limits
from chat.security.passwords import Passwords
from chat.services.accounts import approval
from chat.services.accounts.credentials import Accounts
from chat.services.admin.counts import Counts
from chat.services.admin.exposition import build
from chat.services.admin.worker_stats import WorkerLoad, WorkerStats
from chat.services.deps import Deps
from chat.services.replies.worker import Worker
from chat.services.usage import ledger
from chat.settings import Settings, SettingsError
from chat.settings.sign_up import SignUp
from chat.tracing import Traces
from chat.web.chat.model_notice import ModelNotice
from chat.web.chat.open_sockets import OpenSockets
from chat.web.chat.reconciler import Reconciler
from chat.web.pulse import Pulse, memory_bytes
from chat.web.readiness import Readiness

logger = logging.getLogger(__name__)

EXTENSION = "chat"
SAID_SECONDS = 10  # processes of one start begin within this time


class CannotStart(Exception):
    """A required service or setting is missing; the sentence is for the operator who started the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources(Deps):
    """The services' dependencies, and those of the web."""

    worker: Worker
    accounts: Accounts
    reconciler: Reconciler
    readiness: Readiness
    worker_stats: WorkerStats
    sockets: OpenSockets
    model_notice: ModelNotice
    counts: Counts
    pulse: Pulse


def resources() -> Resources:
    """The resources of the app that serves this request."""
    return cast(Resources, current_app.extensions[EXTENSION])


@asynccontextmanager
async def opened(settings: Settings, metrics: Metrics, traces: Traces) -> AsyncIterator[Resources]:
    """Open everything, run the loops, close in the opposite order."""
    facts = await _open_database(settings)
    deps = _assembled(settings, metrics, traces)
    await _say_once(deps.redis, "connections", too_many_connections(settings, facts))
    await _say_once(deps.redis, "redis", await too_old(deps.redis))
    _check_prices(settings, deps.llm)
    await _look_for_administrator()
    loops = [
        asyncio.create_task(deps.broadcast.run(), name="broadcast"),
        asyncio.create_task(deps.worker.run(deps), name="worker"),
        asyncio.create_task(deps.reconciler.run(), name="reconciler"),
        asyncio.create_task(deps.worker_stats.run(), name="worker stats"),
        asyncio.create_task(deps.pulse.run(), name="pulse"),
        asyncio.create_task(ClockCheck().run(), name="clock"),
        asyncio.create_task(deps.model_notice.run(), name="model notice"),
    ]
    if settings.sign_up is SignUp.APPROVAL:
        announcing = approval.keep_announcing(mailer=deps.mailer, settings=settings)
        loops.append(asyncio.create_task(announcing, name="approval"))
    for loop in loops:
        loop.add_done_callback(_end_process)
    try:
        await asyncio.to_thread(guessing.common_words)  # so that no sign-up waits for it
        await deps.llm.warm_up()
        logger.info("Worker started", extra={"fields": {"owner": deps.worker.name}})
        yield deps
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await deps.worker.close()
        await deps.mailer.close()
        await deps.llm.close()
        deps.passwords.close()
        await deps.redis.aclose()
        await database.close_database()
        await deps.traces.close()


def _assembled(settings: Settings, metrics: Metrics, traces: Traces) -> Resources:
    redis = broadcast.connect(settings.redis_url, settings.redis_tls_verify)
    live, limits = Broadcast(redis), Limits(redis, enabled=settings.rate_limits)
    passwords, mailer = Passwords(), Mailer(settings)
    llm = ledger.model_client(settings, metrics, traces)
    worker, sockets = Worker(most_replies=settings.llm_replies_per_process), OpenSockets()
    readiness, counts = Readiness(redis), Counts(redis, worker.name, metrics)
    pulse, versions = Pulse(counts, metrics, readiness), build()
    return Resources(
        settings=settings,
        redis=redis,
        broadcast=live,
        limits=limits,
        llm=llm,
        tools=tools.load(),
        mailer=mailer,
        passwords=passwords,
        metrics=metrics,
        traces=traces,
        worker=worker,
        accounts=Accounts(settings, passwords, mailer, limits),
        reconciler=Reconciler(live),
        readiness=readiness,
        worker_stats=WorkerStats(redis, worker.name, lambda: _load(worker, sockets, mailer, pulse, versions)),
        sockets=sockets,
        model_notice=ModelNotice(llm, sockets),
        counts=counts,
        pulse=pulse,
    )


def _load(worker: Worker, sockets: OpenSockets, mailer: Mailer, pulse: Pulse, versions: tuple[str, str]) -> WorkerLoad:
    return WorkerLoad(
        tabs=len(sockets),
        emails=mailer.waiting,
        answers=worker.running,
        starting=max(0, worker.capacity.taken - worker.running),
        capacity=worker.capacity.most,
        lag_ms=pulse.lag_ms,
        redis_ms=pulse.redis_ms,
        memory=memory_bytes(),
        version=versions[0],
        python=versions[1],
    )


async def _open_database(settings: Settings) -> Facts:
    try:
        return await database.open_database(settings)
    except SettingsError as error:
        await database.close_database()
        raise CannotStart(f"{error.problems[0]}.") from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException) as error:
        await database.close_database()
        why = str(error) or type(error).__name__
        raise CannotStart(f"PostgreSQL can't be used. {explained(why)}.") from error


async def _say_once(redis: Redis, what: str, sentence: str) -> None:
    """Log a warning once, in the first of the processes that start together."""
    if not sentence:
        return
    try:
        first = await redis.set(f"chat:said:{what}", 1, nx=True, ex=SAID_SECONDS)
    except (RedisError, OSError):
        first = True
    if first:
        logger.warning("%s.", sentence)


async def _look_for_administrator() -> None:
    try:
        found = await User.exists(is_staff=True, is_active=True)
    except (OSError, BaseORMException):  # not migrated yet, or unavailable again: the site starts anyway
        return
    if not found:
        logger.warning("This site has no administrator. Create the first one with `chat create-admin EMAIL`.")


def _check_prices(settings: Settings, llm: LLMClient) -> None:
    """Refuse a budget with a model of unknown price: it could not be enforced."""
    unknown = [model.name for model in llm.catalogue.models if not llm.prices.knows(model.name)]
    if settings.llm_monthly_budget is not None and unknown:
        where = "the models file" if settings.declared_models else "LLM_PRICES"
        raise CannotStart(f"LLM_MONTHLY_BUDGET is set, but the price of {unknown[0]} is unknown: add it to {where}.")


def _end_process(loop: asyncio.Task[None]) -> None:
    """A worker without one of its loops would look healthy and do nothing: log it and stop, as on SIGTERM."""
    if not loop.cancelled():
        logger.critical("The %s loop ended, so this worker stops", loop.get_name(), exc_info=loop.exception())
        os.kill(os.getpid(), signal.SIGTERM)
