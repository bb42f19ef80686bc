"""A site on a real port, in the tests' own event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import cast

from hypercorn.asyncio import serve
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from quart import Quart
from tortoise import context as tortoise_context

from chat.app import create_app
from chat.settings import Settings
from chat.web.hypercorn_setup import hypercorn_config
from chat.web.resources import EXTENSION, Resources


class Compiled(BytecodeCache):
    """The templates of all sites in this process: each is compiled once, as long as its text stays the same."""

    def __init__(self) -> None:
        self._templates: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Called by Jinja before it compiles; an unknown template leaves the bucket empty."""
        if known := self._templates.get(bucket.key):
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Called by Jinja after it has compiled."""
        self._templates[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


@dataclass
class Site:
    """A served app; `url` is like http://127.0.0.1:12345."""

    app: Quart
    url: str

    @property
    def resources(self) -> Resources:
        """The app's open resources."""
        return cast(Resources, self.app.extensions[EXTENSION])

    @property
    def socket_url(self) -> str:
        """The address for websockets."""
        return self.url.replace("http", "ws", 1)


@asynccontextmanager
async def serving(environment: dict[str, str], **more: str) -> AsyncIterator[Site]:
    """Serve a site with these settings until the block ends."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = Settings.from_environment({"PUBLIC_URL": url, **environment, **more})
        app, stop = create_app(settings), asyncio.Event()
        app.jinja_env.bytecode_cache = COMPILED
        config = hypercorn_config(listener)
        config.graceful_timeout = 0.1
        config.keep_alive_timeout = 60  # longer than a client keeps one: it never asks on a connection that just closes
        server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
        await _listening(listener, server)
        try:
            yield Site(app, url)
        finally:
            stop.set()
            await server


async def _listening(listener: socket.socket, server: asyncio.Task[None]) -> None:
    while not server.done():
        try:
            _, writer = await asyncio.open_connection(*listener.getsockname())
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)  # not `eventually`: a server that ends raises its own error
        else:
            writer.close()
            return
    await server


@asynccontextmanager
async def serving_beside(environment: dict[str, str]) -> AsyncIterator[Site]:
    """Tortoise has one context a process: the other site begins with none, and leaves the first one's in its place."""
    token = tortoise_context._current_context.set(None)
    kept, tortoise_context._global_context = tortoise_context._global_context, None
    other = serving(environment)
    try:
        site = await other.__aenter__()
    finally:
        tortoise_context._global_context = kept
        tortoise_context._current_context.reset(token)
    try:
        yield site
    finally:
        await other.__aexit__(None, None, None)


# Serves another site on the stores of the first, with additional settings.
Beside = Callable[..., AbstractAsyncContextManager[Site]]
