"""`chat` with the faults that FAULTS in its environment names.

Failpoints are patched in only here, so that nothing can turn them on in production. The second group removes rules of
the delivery one by one: a test proves that the oracle notices each.
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
from pathlib import Path
from typing import Any

from redis.asyncio.connection import AbstractConnection

from chat import cli, server
from chat.checkout import ROOT
from chat.events import ThreadDeleted
from chat.security.limits import MESSAGE_EACH_SECOND, SOCKET_CONNECT, Limit
from chat.services.replies.live_text import LiveText
from tests.support import faketime, patches
from tests.support.patches import Part

UNKNOWN_NAMES = "unknown-names"  # in the workers' folder, like the next
NEXT_MIGRATIONS = "next-migrations"
BLOCKED_SECONDS = 20  # an owner that wakes within 18 may find its lease spared, and continues
FEW_HANDSHAKES = 30
SLOW_START_SECONDS = 3
BLOCKED_AT = 100  # characters of an answer


def die(*_: Any, **__: Any) -> None:
    """Like kill -9: nothing is closed or announced."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(part: Part, act: Callable[..., None]) -> None:
    original = part.value

    async def patched(*given: Any, **named: Any) -> Any:
        act(*given, **named)
        return await original(*given, **named)

    part.replace_in_this_process(patched)


def after(part: Part, act: Callable[[], None]) -> None:
    original = part.value

    async def patched(*given: Any, **named: Any) -> Any:
        result = await original(*given, **named)
        act()
        return result

    part.replace_in_this_process(patched)


def die_before_the_last_event() -> None:
    before(patches.LIVE_TEXT_TELL, lambda *_, terminal=False: die() if terminal else None)


def die_before_the_next_message() -> None:
    """Once the end of an answer is stored, and before the queue is looked into."""
    patches.RUN_QUEUE.replace_in_this_process(die)


def die_after_a_deletion() -> None:
    """Once it is stored, and before anyone is told."""

    def is_told(_: Any, *events: Any) -> None:
        if any(isinstance(one.event, ThreadDeleted) for one in events):
            die()

    before(patches.BROADCAST_ANNOUNCE, is_told)


def block_the_loop() -> None:
    original = patches.LIVE_TEXT_ADD.value

    def add(self: LiveText, piece: str, *, sequence: int) -> None:
        original(self, piece, sequence=sequence)
        if self.checkpoint().length - len(piece) < BLOCKED_AT <= self.checkpoint().length:
            time.sleep(BLOCKED_SECONDS)  # the fault itself

    patches.LIVE_TEXT_ADD.replace_in_this_process(add)


def set_the_clock(seconds: int) -> None:
    """Start this process again, since its clocks can't be changed while it runs."""
    if "FAKETIME" not in os.environ:
        command = [sys.executable, "-P", "-c", f"from {__name__} import main; main(*{sys.argv[1:]!r})"]
        os.execve(command[0], command, {**os.environ, **faketime.environment(seconds), "PYTHONPATH": str(ROOT)})


def cut_under_commands() -> None:
    """Each 20th command to Redis finds its connection closed, which uvloop reports by a RuntimeError."""
    original, counted = AbstractConnection.send_packed_command, itertools.count(1)

    async def send_packed_command(self: Any, *given: Any, **named: Any) -> None:
        if next(counted) % 20 == 0 and self._writer:
            self._writer.transport.abort()
            await asyncio.sleep(0)
        await original(self, *given, **named)

    AbstractConnection.send_packed_command = send_packed_command


def buffer_little() -> None:
    """The system keeps megabytes for a connection, which is more than an answer: here it keeps 16 KiB."""
    original = patches.BIND.value

    def bind(*given: Any) -> Any:
        listener = original(*given)
        listener.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_SNDBUF, 8 * 1024)
        return listener

    patches.BIND.replace_in_this_process(bind)


def respawn(min_seconds: float) -> None:
    """Set the minimum uptime of a worker whose end doesn't end the server."""
    patches.RESPAWN_MIN_SECONDS.replace_in_this_process(min_seconds)


def start_slowly() -> None:
    original = patches.SERVE_HERE.value

    def serve_here(*given: Any) -> int:
        time.sleep(SLOW_START_SECONDS)  # the fault itself
        return original(*given)

    patches.SERVE_HERE.replace_in_this_process(serve_here)


def raise_limits() -> None:
    """A test user does in seconds what people do in minutes. Limits are on, and these two are high."""
    change_limits({MESSAGE_EACH_SECOND: 100, SOCKET_CONNECT: 100 * SOCKET_CONNECT.count})


def change_limits(counts: dict[Limit, int]) -> None:
    original = patches.LIMITS_WAIT.value

    async def wait_ms(self: Any, limit: Limit, key: str, **named: Any) -> int:
        return int(await original(self, replace(limit, count=counts.get(limit, limit.count)), key, **named))

    patches.LIMITS_WAIT.replace_in_this_process(wait_ms)


def ask_for_names() -> None:
    """Names in .test are this machine's, but for those in a file. On asyncio's loop, since uvloop asks in C."""
    patches.LISTENING_LOOP.replace_in_this_process(asyncio.new_event_loop)
    original = socket_module.getaddrinfo

    def getaddrinfo(host: Any, *given: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name.endswith(".test"):
            unknown = Path(UNKNOWN_NAMES)
            if unknown.exists() and name in unknown.read_text():
                raise socket_module.gaierror(socket_module.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return original(host, *given, **named)

    socket_module.getaddrinfo = getaddrinfo


def migrate_to_the_next_release() -> None:
    patches.AERICH.replace_in_this_process(partial(patches.AERICH.value, location=Path(NEXT_MIGRATIONS)))


def hasten() -> None:
    """All times of the ownership divided by four, so that two hundred takeovers do not take an hour."""
    patches.HEARTBEAT_SECONDS.replace_in_this_process(0.75)
    patches.SELF_FENCE_SECONDS.replace_in_this_process(2.25)
    patches.REAPER_SECONDS.replace_in_this_process((0.5, 1))
    for statement in patches.LEASE_STATEMENTS:
        statement.replace_in_this_process(replaced(statement.value, patches.LEASE.value, "3 seconds"))
    patches.SPARE.replace_in_this_process(replaced(patches.SPARE.value, "1.5 seconds", "0.6 seconds"))
    expired = patches.EXPIRED_STATEMENT
    expired.replace_in_this_process(replaced(expired.value, "3 seconds", "1 second"))


def replaced(statement: str, old: str, new: str) -> str:
    assert old in statement
    return statement.replace(old, new)


# Removed rules


def read_the_position_after_the_rows() -> None:
    """An event between the rows and the position is then neither in the rows nor sent."""
    original, end_of_log = patches.FEED_VIEW_THREAD.value, patches.END_OF_LOG.value

    async def view_thread(thread_id: Any, *, broadcast: Any, tools: Any) -> Any:
        view = await original(thread_id, broadcast=broadcast, tools=tools)
        await asyncio.sleep(0.03)  # the fault itself
        return view and replace(view, position=await end_of_log(thread_id, broadcast))

    patches.FEED_VIEW_THREAD.replace_in_this_process(view_thread)


def subscribe_slowly() -> None:
    """This fault alone is harmless."""
    original = patches.SYNCHRONIZE.value

    async def synchronize(self: Any, of: Any) -> None:
        if of.desired - self._sent:
            await asyncio.sleep(0.3)  # the fault itself
        await original(self, of)

    patches.SYNCHRONIZE.replace_in_this_process(synchronize)


def do_not_wait_for_the_subscription() -> None:
    async def subscribed(*_: Any) -> None:
        return

    subscribe_slowly()
    patches.SUBSCRIBED.replace_in_this_process(subscribed)


def do_not_refill_from_the_log() -> None:
    patches.CONTINUED.replace_in_this_process(lambda text, *_: text)


def do_not_check() -> None:
    """Neither positions nor revs are compared."""
    patches.RECONCILER.replace_in_this_process(partial(patches.RECONCILER.value, positions=False, revs=False))


def die_before_indexing() -> None:
    """When an answer has ended; a sweep adds others, any number of them."""
    original = patches.INDEXER_ADD.value

    def add(indexer: Any, *message_ids: Any) -> None:
        if len(message_ids) == 2:
            die()
        original(indexer, *message_ids)

    patches.INDEXER_ADD.replace_in_this_process(add)


FAULTS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,  # a worker of a test's own
    "die_after_submit_commit": lambda: before(patches.BEGIN_REPLY, die),
    "die_before_response_created": lambda: before(patches.JOURNAL_CREATED, die),
    "die_before_final_commit": lambda: after(patches.JOURNAL_SETTLE, die),
    "die_after_final_commit": die_before_the_last_event,
    "die_before_indexing": die_before_indexing,
    "die_before_the_next_message": die_before_the_next_message,
    "die_after_a_deletion": die_after_a_deletion,
    "block_the_loop": block_the_loop,
    "cut_under_commands": cut_under_commands,
    **{f"clock:{seconds:+d}": partial(set_the_clock, seconds) for seconds in (3600, -3600, 2, -2)},
    "strict_limits": lambda: None,  # production's
    "few_handshakes": lambda: change_limits({SOCKET_CONNECT: FEW_HANDSHAKES}),
    "names": ask_for_names,
    "next_release": migrate_to_the_next_release,
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
    sys.argv = ["chat", *words]
    wanted = os.environ.get("FAULTS", "").split()
    if "strict_limits" not in wanted:
        raise_limits()
    for name in wanted:
        FAULTS[name]()
    cli.main()
