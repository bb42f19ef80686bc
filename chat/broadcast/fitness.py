"""Whether a Redis or Valkey server is new enough."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat.lateness import time_limit

OLDEST = (6, 2)
SECONDS = 1.0  # a server that says nothing must not delay the start


def version_of(info: dict[str, Any]) -> str:
    """The server's name and version, from its INFO. Valkey also tells the version of Redis that it stands in for."""
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '?')}"


def is_too_old(info: dict[str, Any]) -> bool:
    """Whether it is older than what was tried; a version that is no number counts as new."""
    parts = str(info.get("redis_version", "")).split(".")[:2]
    return all(part.isdigit() for part in parts) and parts != [""] and tuple(map(int, parts)) < OLDEST


async def too_old(redis: Redis) -> str:
    """A sentence about a server that is too old; empty if it is not, or says nothing now."""
    try:
        async with time_limit(SECONDS):
            info = await redis.info("server")
    except (RedisError, OSError):
        return ""
    return (
        f"{version_of(info)} is older than Redis 6.2, so live text may not work: update it" if is_too_old(info) else ""
    )
