"""Runs hypercorn: N processes on one port, and a SIGTERM that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.utils import LifespanFailureError
from quart import Quart

from chat import database, error_reports, logs, tracing
from chat.app import create_app
from chat.broadcast.address import is_unverified
from chat.database.address import ignored
from chat.llm import token_table
from chat.port import ListeningLoop, Port
from chat.settings import Settings, SettingsError
from chat.settings.summary import summary
from chat.web.hypercorn_setup import hypercorn_config
from chat.web.resources import EXTENSION, Resources

logger = logging.getLogger(__name__)

SOCKETS_CLOSE_SECONDS = 3.0
HARD_EXIT_SECONDS = 28.0  # hosts kill at 30 s
INTERACTIVE_DRAIN_SECONDS = 1.0  # after Ctrl-C, when someone is waiting at the terminal
RESPAWN_MIN_SECONDS = 5.0  # a process that lives shorter than this never served
# Allocations before the garbage collector looks for cycles, which are rare here. With Python's default of 700,
# collecting took a quarter of the time in which a thousand tabs reconnected.
COLLECT_AFTER = (50_000, 20, 20)
PR_SET_PDEATHSIG = 1
# How much freed memory glibc keeps at the end of the heap. If this is not set, it raises its limit to 20 MiB and more.
KEPT_BYTES = 128 * 1024
M_TRIM_THRESHOLD = -1
Leave = Callable[[ListeningLoop], Awaitable[None]]
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings, *, on_listening: Callable[[], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code. Needs the main thread. Raises SettingsError."""
    logs.start(settings.log_level, settings.log_format, access=settings.access_log)
    _return_freed_memory()
    if settings.web_concurrency > 1:
        token_table.load()  # forked processes share it; a single one counts tokens elsewhere
    _check_addresses(settings)
    _check_extras(settings)
    logger.info("Starting", extra={"fields": summary(settings)})
    try:
        listener = _bind(settings)
    except OSError as error:
        sys.stderr.write(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}): set PORT or HOST.\n"
        )
        return 1
    with listener:
        if settings.web_concurrency == 1:
            return _serve_here(settings, listener, on_listening)
        return _Supervisor(settings, listener, on_listening).run()


def _check_extras(settings: Settings) -> None:
    if settings.sentry_dsn and not error_reports.is_installed():
        raise SettingsError(["SENTRY_DSN needs sentry-sdk: install the extra, `pip install '.[sentry]'`"])
    if settings.otel_exporter_otlp_endpoint and not tracing.is_installed():
        needed = "OTEL_EXPORTER_OTLP_ENDPOINT needs opentelemetry-sdk and its exporter"
        raise SettingsError([f"{needed}: install the extra, `pip install '.[otel]'`"])


def _check_addresses(settings: Settings) -> None:
    """A malformed URL is reported like any other bad setting; ignored parameters are logged once, before the fork."""
    database.credentials(settings.database_url)
    for sentence in ignored(settings.database_url):
        logger.warning("DATABASE_URL: %s", sentence)
    if settings.redis_url and is_unverified(settings.redis_url, settings.redis_tls_verify):
        logger.warning(
            "The certificate of Redis is not verified (REDIS_TLS_VERIFY, or ssl_cert_reqs in REDIS_URL): set "
            "REDIS_TLS_VERIFY to a file with its authority, if there is one"
        )


def _return_freed_memory() -> None:
    """Return freed memory to the system: a start and one hashed password leave 20 MiB. Only glibc has `mallopt`."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def end_with_parent() -> None:
    """Get SIGTERM when the parent ends, even by kill -9, so that it leaves no orphans. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _bind(settings: Settings) -> socket.socket:
    """A bound socket that does not listen yet, so that no client connects before a server can answer."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener


async def _stay(_loop: ListeningLoop) -> None:
    """A lone process serves pages while it drains."""


def _serve_here(
    settings: Settings, listener: socket.socket, on_listening: Callable[[], None] | None, leave: Leave = _stay
) -> int:
    if settings.sentry_dsn:
        error_reports.start(settings.sentry_dsn, environment="development" if settings.debug else "production")
    with asyncio.Runner(loop_factory=ListeningLoop) as runner:
        try:
            runner.run(_serve(settings, listener, on_listening, leave))
        except LifespanFailureError as error:
            sentence = str(error).partition(". ")[2].strip("'")  # hypercorn: "Lifespan failure in startup. '…'"
            sys.stderr.write(f"The server could not start. {sentence}\n")
            return 1
    return 0


async def _serve(
    settings: Settings, listener: socket.socket, on_listening: Callable[[], None] | None, leave: Leave
) -> None:
    gc.set_threshold(*COLLECT_AFTER)
    asyncio.get_running_loop().set_exception_handler(_report)
    app = create_app(settings)
    stop = _Stop()
    announcing = asyncio.create_task(_announce(listener, on_listening)) if on_listening else None
    try:
        drained = partial(_drained, app, stop, settings.drain_seconds, leave)
        await hypercorn_serve(app, hypercorn_config(listener), shutdown_trigger=drained)
    finally:
        if announcing:
            announcing.cancel()


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """As asyncio does, but for connections that the shutdown cancels: it takes those for failures."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


class _Stop:
    """Set by the first SIGTERM or SIGINT; later signals change nothing."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self.interactive = False
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, False)
        loop.add_signal_handler(signal.SIGINT, self._stop, True)

    def _stop(self, interactive: bool) -> None:
        if not self.wanted.is_set():
            self.interactive = interactive
            self.wanted.set()
            _arm_hard_exit()


async def _drained(app: Quart, stop: _Stop, drain_seconds: float, leave: Leave) -> None:
    """Return when this process may stop; hypercorn then closes its connections.

    hypercorn cancels handlers only after the database is closed, so all websockets must be gone by then.
    """
    await stop.wanted.wait()
    opened: Resources | None = app.extensions.get(EXTENSION)
    if opened is None:
        return
    opened.worker.draining = True
    seconds = INTERACTIVE_DRAIN_SECONDS if stop.interactive else drain_seconds
    counts = {"answers": opened.worker.running, "tabs": len(opened.sockets), "emails": opened.mailer.waiting}
    logger.info("Draining for at most %g s", seconds, extra={"fields": counts})
    for one in list(opened.sockets):
        one.leave()
    leaving = leave(cast(ListeningLoop, asyncio.get_running_loop()))
    await asyncio.gather(leaving, opened.worker.drain(seconds=seconds), opened.mailer.drain(seconds=seconds))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SOCKETS_CLOSE_SECONDS):
            await opened.sockets.all_gone()
    counts = {"answers": opened.worker.running, "tabs": len(opened.sockets), "emails": opened.mailer.waiting}
    logger.info("Drained", extra={"fields": counts})


def _arm_hard_exit() -> None:
    timer = threading.Timer(HARD_EXIT_SECONDS, os._exit, [1])
    timer.daemon = True
    timer.start()


async def _announce(listener: socket.socket, on_listening: Callable[[], None]) -> None:
    """Call `on_listening` once the server accepts connections."""
    host, port = listener.getsockname()[:2]
    while True:
        try:
            _, writer = await asyncio.open_connection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            on_listening()
            return


class _Supervisor:
    """Forks the processes before any event loop or thread exists, and replaces those that are killed."""

    def __init__(self, settings: Settings, listener: socket.socket, on_listening: Callable[[], None] | None) -> None:
        self._settings = settings
        self._port = Port(listener, settings.web_concurrency)
        self._on_listening = on_listening
        self._children: dict[int, tuple[int, float]] = {}  # the index of each process, and when it was started
        self._stopping = False

    def run(self) -> int:
        """Run until the last child has ended; 0 if all of them ended normally after a signal."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._forward)
        for index in range(self._settings.web_concurrency):
            self._fork(index, self._on_listening if index == 0 else None)
        failed = 0
        while self._children:
            child, status = os.wait()
            index, began = self._children.pop(child)
            lived = time.monotonic() - began
            code = os.waitstatus_to_exitcode(status)
            if self._stopping:
                self._port.close(index)
                failed = failed or code not in (0, *(-number for number in STOP_SIGNALS))
            elif lived < RESPAWN_MIN_SECONDS and code:
                logger.critical("A server process ended with %s right after its start: stopping all processes", code)
                failed = 1
                self._forward(signal.SIGTERM, None)
            else:
                logger.error("Server process %s ended with %s; starting a new one", child, code)
                self._fork(index, None)
        return 1 if failed else 0

    def _fork(self, index: int, on_listening: Callable[[], None] | None) -> None:
        """Signals are blocked until the child is registered here and, in the child, until it has reset the handlers."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            if self._stopping:
                return
            child = os.fork()
            if child:
                self._children[child] = index, time.monotonic()
            else:
                self._be_child(index, on_listening)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def _be_child(self, index: int, on_listening: Callable[[], None] | None) -> None:
        code = 1
        try:
            for number in STOP_SIGNALS:
                # Until the event loop has its own handlers; nothing can be lost yet.
                signal.signal(number, signal.SIG_DFL)
            end_with_parent()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            self._port.keep_only(index)
            leave = partial(self._port.leave, index)
            code = _serve_here(self._settings, self._port.socket(index), on_listening, leave)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _forward(self, number: int, _frame: object) -> None:
        self._stopping = True
        self._port.end()
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(child, number)
