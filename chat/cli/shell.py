"""`chat shell`: Python with the site's settings, rows, stores and model client, and `await` at the prompt."""

from __future__ import annotations

import argparse
import ast
import asyncio
import code
import inspect
import sys
import threading
import types
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tortoise.transactions import in_transaction

from chat import broadcast, database, models, tools
from chat.cli.environment import settings_with_database
from chat.mailer import Mailer
from chat.security.passwords import Passwords
from chat.services.usage import ledger
from chat.settings import Settings

try:
    import readline
    import rlcompleter
except ImportError:  # Python without readline: lines can't be edited
    readline = None  # type: ignore[assignment]

Result = TypeVar("Result")

EMAIL_SECONDS = 60  # it waits until its emails are sent
BANNER = """\
{site}: {store}
  rows      User, ChatThread, ChatMessage, Generation, LLMCallLog and the other models
  queries   await query("SELECT …", value), async with in_transaction()
  model     await llm.call("Say hello"), which costs money and is no user's
  others    settings, redis, live (broadcast), mailer, passwords, tools, database
Nothing asks twice here: what is changed is changed. `await User.filter(is_staff=True)` works at the prompt."""


def shell(arguments: argparse.Namespace) -> int:
    """Run code that was given, code from standard input, or a prompt."""
    settings = settings_with_database()
    source = arguments.code
    if source is None and not sys.stdin.isatty():
        source = sys.stdin.read()
    with _Loop() as loop:
        opened = _opened(settings)
        namespace = loop.run(opened.__aenter__())
        try:
            if source is not None:
                return _run_script(source, namespace, loop)
            return _prompt(namespace, settings, loop)
        finally:
            loop.run(opened.__aexit__(None, None, None))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """The names that code finds. Redis is connected to when it is first used."""
    mailer, passwords, llm = Mailer(settings), Passwords(), ledger.model_client(settings)
    redis = broadcast.connect(settings.redis_url or "redis://", settings.redis_tls_verify)
    rows = {name: value for name, value in vars(models).items() if isinstance(value, type)}
    try:
        async with database.opened(settings):
            yield {
                **rows,
                "__name__": "__console__",
                "broadcast": broadcast,
                "database": database,
                "in_transaction": in_transaction,
                "live": broadcast.Broadcast(redis),
                "llm": llm,
                "mailer": mailer,
                "models": models,
                "passwords": passwords,
                "query": database.query,
                "redis": redis,
                "settings": settings,
                "tools": tools.load(),
            }
            await mailer.drain(seconds=EMAIL_SECONDS)
    finally:
        await mailer.close()
        await llm.close()
        await redis.aclose()
        passwords.close()


class _Loop:
    """An event loop in a thread, so that Ctrl-C at the prompt ends what is awaited and nothing else."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="shell loop", daemon=True)

    def __enter__(self) -> _Loop:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of a coroutine; Ctrl-C cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def execute(self, compiled: types.CodeType, namespace: dict[str, Any]) -> None:
        """Run code in the loop's thread, and await it if it awaits. Raises what it raises."""
        if end := self.run(_executed(compiled, namespace)):
            raise end


async def _executed(compiled: types.CodeType, namespace: dict[str, Any]) -> SystemExit | None:
    """Run the code. A task that raised SystemExit would end the loop, and with it what closes the stores."""
    try:
        result = types.FunctionType(compiled, namespace)()
        if inspect.iscoroutine(result):
            await result
    except SystemExit as end:
        return end
    return None


class _Console(code.InteractiveConsole):
    """A prompt that awaits."""

    def __init__(self, namespace: dict[str, Any], loop: _Loop) -> None:
        super().__init__(namespace)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._names, self._loop = namespace, loop

    def runcode(self, code: types.CodeType) -> None:
        """Called for each complete statement."""
        try:
            self._loop.execute(code, self._names)
        except SystemExit:
            raise
        except KeyboardInterrupt:
            self.write("\nKeyboardInterrupt\n")
        except BaseException:  # noqa: BLE001 - the prompt continues, whatever was raised
            self.showtraceback()


def _prompt(namespace: dict[str, Any], settings: Settings, loop: _Loop) -> int:
    if readline:
        readline.set_completer(rlcompleter.Completer(namespace).complete)
        readline.parse_and_bind("tab: complete")
    store = "this machine's own database" if "host=" in settings.database_url else "the database of DATABASE_URL"
    _Console(namespace, loop).interact(banner=BANNER.format(site=settings.site_name, store=store), exitmsg="")
    return 0


def _run_script(source: str, namespace: dict[str, Any], loop: _Loop) -> int:
    """Run a script; 1 if it raises, with the traceback on stderr."""
    console = _Console(namespace, loop)
    try:
        compiled = compile(source, "<script>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        loop.execute(compiled, namespace)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except SyntaxError:
        console.showsyntaxerror("<script>")
        return 1
    except Exception:  # noqa: BLE001 - it is the script's
        console.showtraceback()
        return 1
    return 0
