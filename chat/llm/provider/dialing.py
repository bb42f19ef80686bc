"""Connecting to a host by the first of its addresses that answers (RFC 8305), also in loops that can't: uvloop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

NEXT_SECONDS = 0.25  # until the next address is tried beside the ones before

Address = tuple[int, int, int, str, Any]  # as getaddrinfo gives it


async def connected(host: str, port: int) -> socket.socket:
    """A socket that is connected. Raises OSError."""
    found = await _addresses(host, port)
    attempts: list[asyncio.Task[socket.socket]] = []
    chosen = None
    try:
        for address in (*_families_in_turn(found), None):
            if address:
                attempts.append(asyncio.create_task(_connect(address)))
            chosen = await _first_success(attempts, NEXT_SECONDS if address else None)
            if chosen:
                return chosen.result()
        raise OSError("All connection attempts failed") from attempts[0].exception()
    finally:
        await _drop([attempt for attempt in attempts if attempt is not chosen])


async def _addresses(host: str, port: int) -> Sequence[Address]:
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _first_success(
    attempts: list[asyncio.Task[socket.socket]], seconds: float | None
) -> asyncio.Task[socket.socket] | None:
    """None: another address should be tried, because of a failure or after these seconds."""
    while running := [attempt for attempt in attempts if not attempt.done()]:
        done, _ = await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        succeeded = next((attempt for attempt in done if not attempt.exception()), None)
        if succeeded or seconds is not None:
            return succeeded
    return None


async def _connect(address: Address) -> socket.socket:
    family, kind, protocol, _, target = address
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, target)
    except BaseException:
        connection.close()
        raise
    return connection


async def _drop(attempts: list[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for result in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


def _families_in_turn(found: Sequence[Address]) -> list[Address]:
    """IPv6 and IPv4 alternate, IPv6 first."""
    newer = [address for address in found if address[0] == socket.AF_INET6]
    older = [address for address in found if address[0] != socket.AF_INET6]
    return [address for address in chain.from_iterable(zip_longest(newer, older)) if address]
