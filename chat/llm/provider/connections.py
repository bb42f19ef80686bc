"""The HTTP client under the SDK: error bodies are bounded, redirects not followed, connections safe to reuse."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx2
import openai

from chat.llm.provider.failures import Refused
from chat.llm.provider.network import Backend

KEEPALIVE_CONNECTIONS = 20  # every request searches the pool, so idle connections are not free
# Shorter than the 5 s after which uvicorn, Node and llama.cpp close an idle connection. A request on a connection that
# the server is closing is lost, and it can't be sent again: no one can tell whether it ran.
KEEPALIVE_SECONDS = 4.0
MAX_ERROR_BYTES = 64 * 1024  # of an error's body; the rest is not read
ERROR_SECONDS = 5.0  # to read it
DRAIN_SECONDS, DRAIN_BYTES = 0.2, 64 * 1024  # to read a finished body to its end, so that its connection can be reused


def http_client(timeout: httpx2.Timeout, *, max_connections: int, reuse: bool) -> httpx2.AsyncClient:
    """With `reuse`, an idle connection is kept for the next request."""
    client = openai.DefaultAsyncHttpxClient(
        timeout=timeout,
        limits=httpx2.Limits(
            max_connections=max_connections,
            max_keepalive_connections=KEEPALIVE_CONNECTIONS if reuse else 0,
            keepalive_expiry=KEEPALIVE_SECONDS,
        ),
        follow_redirects=False,
        event_hooks={"response": [_refuse_errors]},
    )
    backend = Backend()
    for transport in (client._transport, *client._mounts.values()):  # the latter are proxies, None is for no_proxy
        if transport:
            transport._pool._network_backend = backend  # type: ignore[attr-defined] # httpx2 has no argument for it
    return client


def hang_up_at(deadline: float, response: httpx2.Response) -> asyncio.TimerHandle:
    """Ends the response's body at this time of the event loop, unless the handle is canceled before.

    One timer for a whole stream: a read can last any time without a byte for its reader, as in the extension of a
    chunk or in the header of a compressed body. A timer for each read costs 7 µs.
    """
    return asyncio.get_running_loop().call_at(deadline, response.extensions["network_stream"].hang_up)


async def drain(response: httpx2.Response, chunks: Any, client: httpx2.AsyncClient) -> None:
    """Read the few bytes after the terminal event, so that the connection can be reused; otherwise close it."""
    size = 0
    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for piece in chunks:
                size += len(piece)
                if size > DRAIN_BYTES:
                    break
    with contextlib.suppress(httpx2.HTTPError):
        await response.aclose()
    await _close_if_more_came(response, client)


async def _close_if_more_came(response: httpx2.Response, client: httpx2.AsyncClient) -> None:
    """Close a connection on which more than the answer arrived.

    h11 keeps those bytes, and would read them as the answer to the next request: that of another user. No await may
    come between the end of the body and this check.
    """
    stream = response.extensions.get("network_stream")
    for connection in client._transport._pool.connections:  # type: ignore[attr-defined]
        http11 = getattr(connection, "_connection", None)
        if http11 and http11._network_stream is stream and http11._h11_state.trailing_data[0]:
            await connection.aclose()
            return


async def _refuse_errors(response: httpx2.Response) -> None:
    """Raise Refused for every status but 2xx. The SDK would read the whole body, without a limit on size or time."""
    if response.is_success:
        return
    body = bytearray()
    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(ERROR_SECONDS):
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) >= MAX_ERROR_BYTES:
                    break
    raise Refused(response.status_code, response.headers, bytes(body[:MAX_ERROR_BYTES]))
