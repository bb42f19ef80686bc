"""Other sites beside the one that all tests share: with throttles, and as in production behind a proxy with https."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpx
import pytest

from chat.security.limits import Limit
from tests.cast import Person
from tests.conftest import Beside, Stores
from tests.llm.conftest import OfflineServer
from tests.site import Site
from tests.test_settings import PRODUCTION
from tests.web.client import new_client
from tests.web.mailbox import Mailbox

# Another part of 10.0.0.0/8 for each such site: they have their stores in common, and with them what was counted.
FIRST_ADDRESS, ADDRESSES = int(ip_address("10.0.0.1")), 2**24 - 10_000


@pytest.fixture(scope="session")
async def throttled(beside: Beside) -> AsyncIterator[Site]:
    """With rate limits, and nothing in front."""
    async with beside(RATE_LIMITS="on") as site:
        yield site


@pytest.fixture
def unforgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits allow no further attempt while a test runs, however long it takes."""
    monkeypatch.setattr(Limit, "interval_ms", 3_600_000)


@pytest.fixture(scope="session")
async def mailbox() -> AsyncIterator[Mailbox]:
    """A real mail server; it takes what the production site sends."""
    async with Mailbox.listening() as mailbox:
        yield mailbox


@dataclass
class Production:
    """A site as in production. Its visitors come through a proxy that ends https, each from an address of their own."""

    site: Site
    origin: str = "https://chat.example.com"
    addresses: itertools.count[int] = field(default_factory=lambda: itertools.count(secrets.randbelow(ADDRESSES)))

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[Person]:
        """Somebody without an account."""
        proxy = TlsProxy(self.site, address=str(ip_address(FIRST_ADDRESS + next(self.addresses))))
        async with new_client(
            base_url=self.origin, transport=proxy, headers={"Origin": self.origin}, timeout=20
        ) as http:
            yield Person(self.site, http)


class TlsProxy(httpx.AsyncHTTPTransport):
    """What stands in front of the server: takes https for the public host, passes it on, and says so in headers."""

    def __init__(self, site: Site, *, address: str) -> None:
        super().__init__(verify=False)
        self._target = httpx.URL(site.url)
        self._address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        assert request.url.scheme == "https"
        headers = httpx.Headers(request.headers)
        hops = [value for value in (headers.get("X-Forwarded-For"), self._address) if value]
        headers.update({"X-Forwarded-For": ", ".join(hops), "X-Forwarded-Proto": "https"})
        url = request.url.copy_with(scheme="http", host=self._target.host, port=self._target.port)
        passed_on = httpx.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        return await super().handle_async_request(passed_on)


@pytest.fixture(scope="session")
async def production(
    beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox
) -> AsyncIterator[Production]:
    """All that production demands, with one trusted proxy, and e-mail that arrives."""
    settings = PRODUCTION | {
        "DEBUG": "False",
        "RATE_LIMITS": "on",
        "TRUSTED_PROXIES": "1",
        "EMAIL_VERIFICATION_REQUIRED": "True",
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "OPENAI_BASE_URL": model.base_url,
        "SMTP_HOST": mailbox.host,
        "SMTP_PORT": str(mailbox.port),
        "SMTP_TLS": "none",
    }
    async with beside(**settings) as site:
        yield Production(site)
