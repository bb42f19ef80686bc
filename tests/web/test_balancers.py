"""The examples of deploy/: forwarded headers are overwritten, and a host that drains gets no new sockets."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import websockets

from chat.web.server_patches import TrustedProxies
from tests.support import patches
from tests.support.balancers import EXAMPLES, balancer, installed, unverified
from tests.support.cast import Person
from tests.support.ports import free_port
from tests.support.rows import past_thread
from tests.support.site import Beside, Site
from tests.support.waiting import eventually

SOCKETS = 12
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")


@dataclass
class Balanced:
    """Two hosts behind a proxy."""

    url: str
    hosts: tuple[Site, Site]


@pytest.fixture(params=["nginx", "caddy"])
async def balanced(request: pytest.FixtureRequest, beside: Beside, tmp_path: Path) -> AsyncIterator[Balanced]:
    kind: str = request.param
    if not installed(kind):
        assert "CI" not in os.environ, f"CI installs {kind}"
        pytest.skip(f"{kind} is not installed")
    port = free_port()
    url = f"https://localhost:{port}"
    settings = {"PUBLIC_URL": url, "TRUSTED_PROXIES": "1", "SIGNUP": "open"}
    async with beside(**settings) as one, beside(**settings) as two:
        ports = [httpx.URL(site.url).port or 0 for site in (one, two)]
        with balancer(kind, tmp_path, port, ports):
            async with httpx.AsyncClient(verify=unverified(), base_url=url) as http:
                await eventually(lambda: answers(http))
            yield Balanced(url, (one, two))


async def answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).status_code == 200
    except httpx.HTTPError:
        return False


def connection(person: Person, url: str, thread_id: str, **headers: str) -> websockets.connect:
    cookie = "; ".join(f"{name}={value}" for name, value in person.http.cookies.items())
    return websockets.connect(
        f"{url.replace('https', 'wss')}/ws/chat/{thread_id}/",
        origin=websockets.Origin(url),
        additional_headers={"Cookie": cookie, **headers},
        ssl=unverified(),
        compression=None,
    )


@pytest.mark.parametrize("draining", [0, 1])
async def test_every_new_socket_goes_to_the_host_that_does_not_drain(
    alice: Person, balanced: Balanced, draining: int
) -> None:
    thread_id = await past_thread(alice)
    leaving, staying = balanced.hosts[draining], balanced.hosts[1 - draining]
    leaving.resources.worker.draining = True
    async with AsyncExitStack() as stack:
        for _ in range(SOCKETS):
            socket = await stack.enter_async_context(connection(alice, balanced.url, thread_id))
            await socket.send(json.dumps({"type": "hello", "v": 1, "cursor": "", "rev": 0}))
            assert json.loads(await socket.recv())["type"] == "welcome"
        assert (len(leaving.resources.sockets), len(staying.resources.sockets)) == (0, SOCKETS)


async def test_what_a_client_says_about_itself_is_overwritten(
    alice: Person, balanced: Balanced, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    corrected = patches.CORRECTED.value

    def noted(self: TrustedProxies, scope: dict[str, object]) -> dict[str, object]:
        now = corrected(self, scope)
        seen.append((now["client"][0], now["scheme"]))
        return now

    patches.CORRECTED.replace(monkeypatch, noted)
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example.com"}
    forged |= {"X-Request-Id": "chosen-by-a-visitor"}
    async with httpx.AsyncClient(verify=unverified(), base_url=balanced.url, headers=forged) as http:
        page = await http.get("/accounts/login/")
    async with connection(alice, balanced.url, await past_thread(alice), **forged) as socket:
        await socket.send(json.dumps({"type": "hello", "v": 1, "cursor": "", "rev": 0}))
        assert json.loads(await socket.recv())["type"] == "welcome"

    assert page.status_code == 200
    assert len(page.headers["X-Request-Id"]) >= 32, "the proxy's, and not the visitor's"
    assert seen == [("127.0.0.1", "https"), ("127.0.0.1", "wss")]


def test_nginx_overwrites_every_header_in_every_place_that_sets_one() -> None:
    """nginx inherits headers only by a block that sets none itself."""
    text = EXAMPLES["nginx"].read_text()
    blocks = [block for block in re.findall(r"\{([^{}]*)\}", text) if "proxy_set_header" in block]
    server = text[text.index("listen 443") : text.index("location / {")]

    assert blocks, "at least that of the sockets"
    for block in (*blocks, server):
        assert all(re.search(rf"proxy_set_header {name} \$", block) for name in ("Host", *FORWARDED, "X-Request-Id"))


def test_caddy_takes_its_site_and_its_hosts_from_its_environment() -> None:
    """As deploy/compose.yaml gives them."""
    if not installed("caddy"):
        assert "CI" not in os.environ, "CI installs caddy"
        pytest.skip("caddy is not installed")
    given = {**os.environ, "CHAT_SITE": "https://chat.example.org", "CHAT_HOSTS": "app:8000"}
    command = ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(EXAMPLES["caddy"])]
    adapted = subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout

    assert re.findall(r'"host":\["([^"]+)"\]', adapted) == ["chat.example.org"]
    assert set(re.findall(r'"dial":"([^"]+)"', adapted)) == {"app:8000"}
