"""TLS in front of a server of the tests that has none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.certificates import server_context


@asynccontextmanager
async def behind_tls(socket_path: str, certificate: Path) -> AsyncIterator[int]:
    """The port of 127.0.0.1 at which TLS leads to this socket."""
    pumps: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_unix_connection(socket_path)
        both = (asyncio.create_task(pump(reader, ahead)), asyncio.create_task(pump(behind, writer)))
        pumps.update(both)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=server_context(certificate))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
