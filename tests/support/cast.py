"""The people of the tests, each with a browser's cookies."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import websockets

from tests.support.client import new_client
from tests.support.site import Site
from tests.support.tab import Tab

PASSWORD = "a-good-long-passphrase-7"


@dataclass
class Person:
    """A person with a browser."""

    site: Site
    http: httpx.AsyncClient
    email: str = ""

    @classmethod
    @asynccontextmanager
    async def visiting(cls, site: Site) -> AsyncIterator[Person]:
        """A person who is not logged in."""
        async with new_client(base_url=site.url, headers={"Origin": site.url}) as http:
            yield cls(site, http)

    @classmethod
    @asynccontextmanager
    async def signed_up(cls, site: Site, name: str) -> AsyncIterator[Person]:
        """A person who is logged in to a new account."""
        async with cls.visiting(site) as person:
            person.email = f"{name}-{uuid.uuid4().hex[:8]}@example.com"
            response = await person.sign_up(person.email)
            assert response.status_code == 303, response.text
            yield person

    async def sign_up(self, email: str, password: str = PASSWORD) -> httpx.Response:
        """Fill in the form."""
        fields = {"email": email, "password1": password, "password2": password}
        return await self.http.post("/accounts/signup/", data=fields)

    async def log_in(self, email: str, password: str = PASSWORD, **more: str) -> httpx.Response:
        """Fill in the form."""
        return await self.http.post("/accounts/login/", data={"email": email, "password": password, **more})

    async def post(self, text: str, thread_id: str = "", client_id: str = "") -> httpx.Response:
        """Send a message as a program would."""
        fields = {"message": text, "client_id": client_id or str(uuid.uuid4())}
        path = f"/chat/{thread_id}/" if thread_id else "/chat/"
        return await self.http.post(path, data=fields, headers={"Accept": "application/json"})

    async def ask(self, text: str, thread_id: str = "") -> dict[str, str]:
        """Send a message that must be accepted."""
        response = await self.post(text, thread_id)
        assert response.status_code == 201, response.text
        posted: dict[str, str] = response.json()
        return posted

    async def messages(self, thread_id: str) -> list[dict[str, Any]]:
        """The newest page, from the JSON API."""
        response = await self.http.get(f"/chat/api/threads/{thread_id}/messages/")
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["messages"]
        return found

    @property
    def socket_headers(self) -> dict[str, str]:
        """Of a handshake, as the browser writes them."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        return {"Host": httpx.URL(self.site.url).netloc.decode(), "Origin": self.site.url, "Cookie": cookie}

    @asynccontextmanager
    async def connection(self, thread_id: str, origin: str = "") -> AsyncIterator[websockets.ClientConnection]:
        """A bare websocket with the cookies, before hello; without a thread that of a new chat's page."""
        async with websockets.connect(
            f"{self.site.socket_url}/ws/chat/{thread_id}/" if thread_id else f"{self.site.socket_url}/ws/chat/",
            origin=websockets.Origin(origin or self.site.url),
            additional_headers={"Cookie": self.socket_headers["Cookie"]},
            compression=None,
            max_size=None,
            open_timeout=10,
        ) as connection:
            yield connection

    @asynccontextmanager
    async def tab(self, thread_id: str, *, cursor: str = "", rev: int = 0, want: str = "") -> AsyncIterator[Tab]:
        """A tab that has sent hello and applies its frames by the protocol."""
        async with self.connection(thread_id) as connection:
            tab = Tab(connection)
            await tab.hello(cursor=cursor, rev=rev, want=want)
            yield tab
