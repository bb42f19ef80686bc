"""A site as in production, behind a proxy that terminates https."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx

from tests.support.cast import Person
from tests.support.client import SHORTER_THAN_THE_SERVER, new_client
from tests.support.site import Site

PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(48),
    "PUBLIC_URL": "https://chat.example.com",
    "DATABASE_URL": "postgres://chat:secret@db/chat?sslmode=require",
    "REDIS_URL": "rediss://:secret@redis:6379/0",
    "OPENAI_API_KEY": "sk-test",
    "SIGNUP": "open",
    "EMAIL_BACKEND": "smtp",
    "SMTP_HOST": "mail.example.com",
    "DEFAULT_FROM_EMAIL": "Chat <noreply@example.com>",
}
# Another part of 10.0.0.0/8 for each such site: they have their stores in common, and with them what was counted.
FIRST_ADDRESS, ADDRESSES = int(ip_address("10.0.0.1")), 2**24 - 10_000


@dataclass
class Production:
    """A site as in production. Its visitors come through a proxy that terminates https, each from another address."""

    site: Site
    origin: str = "https://chat.example.com"
    addresses: itertools.count[int] = field(default_factory=lambda: itertools.count(secrets.randbelow(ADDRESSES)))

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[Person]:
        """A visitor without an account."""
        proxy = TlsProxy(self.site, address=str(ip_address(FIRST_ADDRESS + next(self.addresses))))
        async with new_client(
            base_url=self.origin, transport=proxy, headers={"Origin": self.origin}, timeout=20
        ) as http:
            yield Person(self.site, http)


class TlsProxy(httpx.AsyncHTTPTransport):
    """The proxy in front of the server: accepts https for the public host and adds the forwarding headers."""

    def __init__(self, site: Site, *, address: str) -> None:
        super().__init__(verify=False, limits=SHORTER_THAN_THE_SERVER)
        self._site = site
        self._address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Forward a request."""
        assert request.url.scheme == "https"
        headers = httpx.Headers(request.headers)
        hops = [value for value in (headers.get("X-Forwarded-For"), self._address) if value]
        headers.update({"X-Forwarded-For": ", ".join(hops), "X-Forwarded-Proto": "https"})
        target = httpx.URL(self._site.url)
        url = request.url.copy_with(scheme="http", host=target.host, port=target.port)
        passed_on = httpx.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        return await super().handle_async_request(passed_on)
