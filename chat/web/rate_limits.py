"""Rate limits on views, by quart-rate-limiter's decorator and our atomic counter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from quart import Quart, current_app, request
from quart.wrappers import Response
from quart_rate_limiter import (
    QUART_RATE_LIMITER_LIMITS_ATTRIBUTE,
    RateLimit,
    RateLimiter,
    RateLimitExceeded,
    rate_limit,
)

from chat.durations import wait_seconds
from chat.security.limits import Limit, network
from chat.web.auth import signed_in_user
from chat.web.resources import resources
from chat.web.security_headers import SAFE_METHODS


def install(app: Quart) -> None:
    """Check the limits of each view before it runs."""
    AtomicRateLimiter(app, key_function=client_key)


def client_address() -> str:
    """The network address that limits count by: an IPv6 address by its /64."""
    return network(request.remote_addr or "unknown")


async def client_key() -> str:
    """What a limit counts by: the user, or the network address of a visitor."""
    user = await signed_in_user()
    return str(user.id) if user else client_address()


async def _counted(limit: Limit) -> str:
    return client_address() if limit.by_address else await client_key()


class _Policy(RateLimit):
    """A RateLimit of quart-rate-limiter that carries our named limit."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.count, timedelta(seconds=limit.period_seconds))
        self.limit = limit


def limited(*limits: Limit) -> Callable[[Any], Any]:
    """Limit the unsafe methods of a view."""
    return rate_limit(limits=[_Policy(limit) for limit in limits])


async def count(limit: Limit, key: str) -> None:
    """Count one request against the limit. Raises RateLimitExceeded, which becomes a 429 with Retry-After."""
    if key == client_address():
        limit = replace(limit, count=limit.count * resources().settings.people_per_address)
    if wait_ms := await resources().limits.wait_ms(limit, key):
        raise RateLimitExceeded(wait_seconds(wait_ms))


def limits_of(view: Callable[..., Any]) -> list[Limit]:
    """The limits that `limited` put on a view."""
    marks = getattr(view, QUART_RATE_LIMITER_LIMITS_ATTRIBUTE, [])
    return [mark.limit for mark in marks if isinstance(mark, _Policy)]


class AtomicRateLimiter(RateLimiter):
    """quart-rate-limiter with its check replaced: the original lets 50 of 50 parallel requests pass a limit of 5."""

    async def _before_request(self) -> None:
        view = current_app.view_functions.get(request.endpoint or "")
        if view is None or request.method in SAFE_METHODS:
            return
        for limit in limits_of(view):
            await count(limit, await _counted(limit))

    async def _after_request(self, response: Response) -> Response:
        return response
