"""Visitors whose browsers speak https to a proxy in front of the workers; its headers say so."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpx
import websockets

from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.production import ADDRESSES, FIRST_ADDRESS, PRODUCTION, TlsProxy
from tests.support.site import Site

ORIGIN = PRODUCTION["PUBLIC_URL"]
HOST = httpx.URL(ORIGIN).host


@dataclass
class Visitor(Person):
    """`site.url` is where the proxy passes requests on to, and may change. Limits count by `address`."""

    address: str = ""

    @classmethod
    @asynccontextmanager
    async def visiting(cls, site: Site) -> AsyncIterator[Visitor]:
        """A person who is not logged in."""
        address = str(ip_address(FIRST_ADDRESS + secrets.randbelow(ADDRESSES)))
        proxy = TlsProxy(site, address=address)
        async with new_client(base_url=ORIGIN, transport=proxy, headers={"Origin": ORIGIN}) as http:
            yield cls(site, http, address=address)

    def handshake(self, thread_id: str, url: str = "", **options: Any) -> websockets.connect:
        """A websocket to a thread, at this address of a worker or balancer."""
        target = httpx.URL(url or self.site.url)
        place = {} if "sock" in options else {"host": target.host, "port": target.port}
        headers = {name: value for name, value in self.socket_headers.items() if name not in ("Host", "Origin")}
        return websockets.connect(
            f"ws://{HOST}/ws/chat/{thread_id}/",
            origin=websockets.Origin(ORIGIN),
            additional_headers=headers,
            **{"compression": None, "max_size": None, "open_timeout": 10, **place, **options},
        )

    @asynccontextmanager
    async def connection(self, thread_id: str, origin: str = "") -> AsyncIterator[websockets.ClientConnection]:
        """A bare websocket with the cookies, before hello."""
        assert not origin, "of another site: tests/web has that"
        async with self.handshake(thread_id) as connection:
            yield connection

    @property
    def socket_headers(self) -> dict[str, str]:
        """Of a handshake."""
        forwarded = {"X-Forwarded-For": self.address, "X-Forwarded-Proto": "https"}
        return {**super().socket_headers, "Host": HOST, "Origin": ORIGIN, **forwarded}


@asynccontextmanager
async def visitor(url: str) -> AsyncIterator[Visitor]:
    """Someone without an account, at this worker."""
    async with Visitor.visiting(Site(None, url)) as person:  # type: ignore[arg-type]
        yield person


@asynccontextmanager
async def new_account(url: str) -> AsyncIterator[Visitor]:
    """Alice, logged in, at this worker."""
    async with Visitor.signed_up(Site(None, url), "alice") as person:  # type: ignore[arg-type]
        assert isinstance(person, Visitor)
        yield person
