"""Redis: the log and the channel of each thread, one appending and one listening task per worker."""

from __future__ import annotations

import asyncio

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chat.broadcast.channels import GAP, Channels, Event, Gap, Subscription, control_channel, user_channel
from chat.broadcast.log import Append, Appended, Log, LogSlice, Unavailable, thread_channel

__all__ = [
    "GAP",
    "Append",
    "Appended",
    "Broadcast",
    "Event",
    "Gap",
    "LogSlice",
    "Subscription",
    "Unavailable",
    "connect",
    "control_channel",
    "thread_channel",
    "user_channel",
]

COMMAND_TIMEOUT_SECONDS = 2
CONNECTIONS = 4


def connect(url: str) -> Redis:
    """A client that shows every error at once: whoever calls decides what to do about it."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=COMMAND_TIMEOUT_SECONDS,
        socket_timeout=COMMAND_TIMEOUT_SECONDS,
        socket_connect_timeout=COMMAND_TIMEOUT_SECONDS,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


class Broadcast:
    """The live half of a worker: the logs of threads, and channels to every worker."""

    def __init__(self, redis: Redis) -> None:
        self.log = Log(redis)
        self.channels = Channels(redis)

    async def run(self) -> None:
        """Append and listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.log.run(), name="broadcast log")
            group.create_task(self.channels.run(), name="broadcast channels")
