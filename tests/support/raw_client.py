"""A client that writes requests byte by byte, for what no HTTP client would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from tests.support.site import Site
from tests.support.waiting import LONG_SECONDS, eventually


@asynccontextmanager
async def connected(site: Site) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the site, until the block ends."""
    target = httpx.URL(site.url)
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(site: Site, *pieces: bytes) -> bytes:
    """Everything that the server sends until it closes the connection."""
    async with connected(site) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), LONG_SECONDS)


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fails if the server still serves a connection of the block some time after it."""
    before = served()
    yield
    await eventually(lambda: served() <= before)


def served() -> set[asyncio.Task[Any]]:
    """The tasks of hypercorn that serve connections."""
    return {task for task in asyncio.all_tasks() if "_server_callback" in str(task.get_coro())}


@contextmanager
def first_of(checks: list[Any], check: Callable[[], Awaitable[Any]]) -> Iterator[None]:
    """The site asks `check` before all other checks of this list."""
    checks.insert(0, check)
    try:
        yield
    finally:
        checks.remove(check)
