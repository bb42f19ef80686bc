"""`chat` with faults in it, which FAULTS in its environment names.

Failpoints are patched in here and nowhere else, so that nothing can turn them on in production. The second table takes
rules of the delivery away one by one: a test proves that the oracle notices each.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket as socket_module
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from redis.asyncio.connection import AbstractConnection

from chat import cli, server
from chat.broadcast import channels
from chat.services.replies import lease, send, snapshot, worker
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.live_text import LiveText
from chat.web import resources
from chat.web.chat import feed, socket

BLOCKED_SECONDS = 15
SLOW_START_SECONDS = 3
BLOCKED_AT = 100  # characters of an answer


def die(*_: Any, **__: Any) -> None:
    """As after kill -9: nothing is closed, nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, act: Callable[..., None]) -> None:
    original = getattr(owner, name)

    async def patched(*given: Any, **named: Any) -> Any:
        act(*given, **named)
        return await original(*given, **named)

    setattr(owner, name, patched)


def after(owner: Any, name: str, act: Callable[[], None]) -> None:
    original = getattr(owner, name)

    async def patched(*given: Any, **named: Any) -> Any:
        result = await original(*given, **named)
        act()
        return result

    setattr(owner, name, patched)


def die_before_the_last_event() -> None:
    before(LiveText, "tell", lambda *_, terminal=False: die() if terminal else None)


def block_the_loop() -> None:
    original = LiveText.add

    def add(self: LiveText, piece: str, *, sequence: int) -> None:
        original(self, piece, sequence=sequence)
        if self.checkpoint().length - len(piece) < BLOCKED_AT <= self.checkpoint().length:
            time.sleep(BLOCKED_SECONDS)

    LiveText.add = add


def set_the_clock(seconds: float) -> None:
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)


def cut_under_commands() -> None:
    """Each 20th command to Redis finds its connection closed under it, which uvloop tells by a RuntimeError."""
    original, counted = AbstractConnection.send_packed_command, itertools.count(1)

    async def send_packed_command(self: Any, *given: Any, **named: Any) -> None:
        if next(counted) % 20 == 0 and self._writer:
            self._writer.transport.abort()
            await asyncio.sleep(0)
        await original(self, *given, **named)

    AbstractConnection.send_packed_command = send_packed_command


def buffer_little() -> None:
    """The system keeps megabytes for a connection, which is more than an answer: here it keeps 16 KiB."""
    original = server._bind

    def bind(*given: Any) -> Any:
        listener = original(*given)
        listener.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_SNDBUF, 8 * 1024)
        return listener

    server._bind = bind


def respawn(min_seconds: float) -> None:
    """How long a process has to have lived for its end not to end everything."""
    server.RESPAWN_MIN_SECONDS = min_seconds


def start_slowly() -> None:
    original = server._serve_here

    def serve_here(*given: Any) -> int:
        time.sleep(SLOW_START_SECONDS)
        return original(*given)

    server._serve_here = serve_here


def hasten() -> None:
    """All times of the ownership divided by four, so that two hundred takeovers do not take an hour."""
    worker.HEARTBEAT_SECONDS, worker.SELF_FENCE_SECONDS, worker.REAPER_SECONDS = 0.75, 2.25, (0.5, 1)
    for name in ("CLAIM", "RENEW"):
        setattr(lease, name, getattr(lease, name).replace(lease.LEASE, "3 seconds"))
    lease.EXPIRED = lease.EXPIRED.replace("3 seconds", "1 second")


# Rules taken away


def read_the_position_after_the_rows() -> None:
    """An event between the rows and the place is then neither in the rows nor sent."""
    original = snapshot.view_thread

    async def view_thread(thread_id: Any, *, broadcast: Any) -> Any:
        view = await original(thread_id, broadcast=broadcast)
        await asyncio.sleep(0.03)
        return view and replace(view, position=await snapshot._end_of_log(thread_id, broadcast))

    feed.view_thread = view_thread


def subscribe_slowly() -> None:
    """That alone does no harm."""
    original = channels._Connection._synchronise

    async def synchronise(self: Any, of: Any) -> None:
        if of.desired - self._sent:
            await asyncio.sleep(0.3)
        await original(self, of)

    channels._Connection._synchronise = synchronise


def do_not_wait_for_the_subscription() -> None:
    async def subscribed(*_: Any) -> None:
        return

    subscribe_slowly()
    socket.Socket._subscribed = subscribed


def do_not_refill_from_the_log() -> None:
    snapshot._continued = lambda text, *_: text


def do_not_check() -> None:
    """Neither positions nor revs are compared."""
    resources.Reconciler = partial(resources.Reconciler, positions=False, revs=False)


FAULTS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,  # a worker of a test's own
    "die_after_submit_commit": lambda: before(send, "_begin", die),
    "die_before_response_created": lambda: before(ReplyJournal, "created", die),
    "die_before_final_commit": lambda: after(ReplyJournal, "settle", die),
    "die_after_final_commit": die_before_the_last_event,
    "block_the_loop": block_the_loop,
    "cut_under_commands": cut_under_commands,
    "clock_ahead": lambda: set_the_clock(+3600),
    "clock_behind": lambda: set_the_clock(-3600),
    "small_buffers": buffer_little,
    "hasty": hasten,
    "respawn_always": lambda: respawn(0),
    "respawn_never": lambda: respawn(60),
    "slow_start": start_slowly,
    "place_after_rows": read_the_position_after_the_rows,
    "slow_subscription": subscribe_slowly,
    "no_wait_for_subscription": do_not_wait_for_the_subscription,
    "no_refill": do_not_refill_from_the_log,
    "no_checks": do_not_check,
}


def main(*words: str) -> None:
    """The command, as it is typed."""
    server.end_with_parent()
    for name in os.environ.get("FAULTS", "").split():
        FAULTS[name]()
    sys.argv = ["chat", *words]
    cli.main()
