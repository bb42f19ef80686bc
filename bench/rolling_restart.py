"""Two hosts behind a real nginx or Caddy, restarted one after the other, with tabs, running answers and page views.

    python bench/rolling_restart.py nginx       # deploy/nginx.conf; or: caddy, nginx-defaults
    python bench/rolling_restart.py nginx --hosts 1

It needs `nginx` or `caddy` and `openssl` on the PATH, and starts everything else itself: PostgreSQL, Valkey, the
offline model and the hosts (`chat serve`, as in production). It prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import websockets
from processes import CHAT, PROJECT, free_port, process

sys.path.insert(0, str(PROJECT))

from chat.devservices import embedded_postgres, embedded_valkey
from chat.devservices.offline_model.launch import offline_model_server
from chat.devservices.offline_model.prices import LLM_PRICES
from tests.support.balancers import balancer, unverified

PASSWORD = "a-good-long-passphrase-7"  # noqa: S105
WARM_SECONDS, COOL_SECONDS = 8.0, 15.0
PAGE_EVERY_SECONDS = 0.1
OVERLOAD, OK, SEE_OTHER, CREATED = 1013, 200, 303, 201
STABLE_SECONDS = RESTART_SECONDS = 60.0
NGINX_DEFAULTS = """
worker_processes 1;
events { worker_connections 4096; }
http {
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  upstream chat { server 127.0.0.1:8001; server 127.0.0.1:8002; }
  server {
    listen 443 ssl;
    server_name chat.example.com;
    ssl_certificate /etc/ssl/chat.example.com.pem;
    ssl_certificate_key /etc/ssl/chat.example.com.key;
    location / {
      proxy_pass http://chat;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
    }
  }
}
"""


@dataclass
class Host:
    """`chat serve` on one port."""

    port: int
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", CHAT, "serve"],
                cwd=self.log.parent,
                env={**os.environ, "PYTHONPATH": str(PROJECT), "PORT": str(self.port), **self.environment},
                stdout=log,
                stderr=log,
            )

    async def until_ready(self) -> None:
        """Wait until it should receive requests."""
        async with httpx.AsyncClient() as http:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == OK:
                        return
                await asyncio.sleep(0.1)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        if not self.running:
            return 0
        self.running.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.running.wait)


@dataclass
class Seen:
    """What tabs and readers got."""

    began: float = field(default_factory=time.monotonic)
    pages: list[tuple[float, int]] = field(default_factory=list)
    closes: Counter[int] = field(default_factory=Counter)
    handshakes: Counter[int] = field(default_factory=Counter)
    gaps: list[float] = field(default_factory=list)  # seconds without a connection, of each tab

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began


class Tab:
    """A tab, with the delays of static/src/chat/reconnect.js."""

    def __init__(self, url: str, path: str, cookie: str, tls: ssl.SSLContext, seen: Seen) -> None:
        self._url, self._path, self._cookie, self._tls, self._seen = url, path, cookie, tls, seen
        self._chance = random.Random()  # noqa: S311
        self._failures, self._retry_ms, self._up_at, self._down_at, self._bye_at = 0, None, 0.0, 0.0, -1e9

    async def stay(self) -> None:
        """Come back until cancelled."""
        while True:
            code = await self._connected()
            if self._up_at:
                self._down_at = time.monotonic()
                self._failures = 0 if time.monotonic() - self._up_at > STABLE_SECONDS else self._failures
            delay = self._delay(code)
            self._failures += 1
            self._retry_ms, self._up_at = None, 0.0
            await asyncio.sleep(delay)

    def _delay(self, code: int) -> float:
        if code == OVERLOAD:
            return 5 * (1 + self._chance.random())
        if self._retry_ms is not None:
            return self._chance.random() * max(self._retry_ms, 1000) / 1000
        longest = 5 if time.monotonic() - self._bye_at < RESTART_SECONDS else 30
        return self._chance.random() * (1 if self._failures == 0 else min(longest, 0.5 * 2**self._failures))

    async def _connected(self) -> int:
        try:
            async with websockets.connect(
                self._url.replace("https", "wss") + self._path,
                origin=websockets.Origin(self._url),
                additional_headers={"Cookie": self._cookie},
                ssl=self._tls,
                compression=None,
                open_timeout=10,
                ping_interval=None,
            ) as connection:
                await connection.send(json.dumps({"type": "hello", "v": 1, "cursor": "", "rev": 0}))
                async for data in connection:
                    await self._took(connection, json.loads(data))
                code = connection.close_code or 1006
        except websockets.InvalidStatus as refused:
            self._seen.handshakes[refused.response.status_code] += 1
            return 1006
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
        except (OSError, TimeoutError, websockets.WebSocketException):
            self._seen.handshakes[0] += 1
            return 1006
        self._seen.closes[code] += 1
        return code

    async def _took(self, connection: websockets.ClientConnection, frame: dict[str, object]) -> None:
        match frame["type"]:
            case "welcome":
                self._up_at = time.monotonic()
                if self._down_at:
                    self._seen.gaps.append(self._up_at - self._down_at)
                    self._down_at = 0.0
            case "ping":
                await connection.send(json.dumps({"type": "pong", "n": frame["n"], "cursor": ""}))
            case "bye":
                self._retry_ms, self._bye_at = frame["retry_ms"], time.monotonic()


async def read_pages(url: str, cookie: str, tls: ssl.SSLContext, seen: Seen) -> None:
    """One page after another, each on a new connection."""
    async with httpx.AsyncClient(base_url=url, verify=tls, headers={"Cookie": cookie}, timeout=30) as http:
        while True:
            try:
                status = (await http.get("/chat/")).status_code
            except httpx.HTTPError:
                status = 0
            seen.pages.append((seen.now, status))
            await asyncio.sleep(PAGE_EVERY_SECONDS)


async def signed_up(host: Host, public: str, number: int) -> str:
    """The cookie of a new user, who came by another address."""
    headers = {
        "Host": public.removeprefix("https://"),
        "Origin": public,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": f"10.0.{number // 200}.{number % 200 + 1}",
    }
    fields = {"email": f"{uuid.uuid4().hex}@example.com", "password1": PASSWORD, "password2": PASSWORD}
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.post(f"http://127.0.0.1:{host.port}/accounts/signup/", data=fields, headers=headers)
        if answer.status_code != SEE_OTHER:
            raise RuntimeError(answer.text[:500])
        return "; ".join(line.split(";")[0] for line in answer.headers.get_list("set-cookie"))


async def asked(url: str, cookie: str, tls: ssl.SSLContext, text: str) -> str:
    """Start an answer; the thread."""
    headers = {"Cookie": cookie, "Origin": url, "Accept": "application/json"}
    async with httpx.AsyncClient(base_url=url, verify=tls, timeout=30, headers=headers) as http:
        answer = await http.post("/chat/", data={"message": text, "client_id": str(uuid.uuid4())})
        if answer.status_code != CREATED:
            raise RuntimeError(answer.text[:500])
        return str(answer.json()["thread_id"])


async def measured(kind: str, hosts: list[Host], public: str, *, users: int, tabs: int) -> dict[str, object]:
    """Restart the hosts in turn, and say what happened meanwhile."""
    tls = unverified()
    for host in hosts:
        host.start()
    await asyncio.gather(*(host.until_ready() for host in hosts))
    cookies = await asyncio.gather(*(signed_up(hosts[0], public, number) for number in range(users)))
    seen = Seen()
    tasks = []
    text = "Count to 3000 [offline: pace=100]"
    threads = await asyncio.gather(*(asked(public, cookie, tls, text) for cookie in cookies))
    for cookie, thread in zip(cookies, threads, strict=True):
        tasks += [
            asyncio.create_task(Tab(public, f"/ws/chat/{thread}/", cookie, tls, seen).stay()) for _ in range(tabs)
        ]
    tasks += [asyncio.create_task(read_pages(public, cookie, tls, seen)) for cookie in cookies[:3]]
    await asyncio.sleep(WARM_SECONDS)
    restarts = []
    for host in hosts:
        stopped = seen.now
        code = await host.stop()
        ended = seen.now
        host.start()
        await host.until_ready()
        times = {"stopped": stopped, "ended": ended, "ready": seen.now}
        restarts.append({name: round(at, 1) for name, at in times.items()} | {"code": code})
    await asyncio.sleep(COOL_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"proxy": kind, "restarts": restarts, "tabs": users * tabs, **figures(seen)}


def figures(seen: Seen) -> dict[str, object]:
    """The counts."""
    gaps = sorted(seen.gaps)
    bad = [at for at, status in seen.pages if status != OK]
    return {
        "pages": dict(Counter(status for _, status in seen.pages)),
        "seconds_with_failed_pages": len({int(at) for at in bad}),
        "closes": dict(seen.closes),
        "refused_handshakes": dict(seen.handshakes),
        "seconds_without_a_connection": {
            "p50": round(gaps[len(gaps) // 2], 2),
            "p99": round(gaps[int(len(gaps) * 0.99)], 2),
            "longest": round(gaps[-1], 2),
        }
        if gaps
        else {},
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("proxy", choices=["nginx", "nginx-defaults", "caddy"])
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--tabs", type=int, default=5, help="tabs of each user")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rolling-")))
        (folder / "proxy").mkdir()
        database = stack.enter_context(embedded_postgres(folder / "postgres", durable=False))
        redis = stack.enter_context(embedded_valkey(folder / "valkey", durable=False))
        model = stack.enter_context(offline_model_server("--pace-ms", "15", log=folder / "model.log"))
        port, ports = free_port(), [free_port() for _ in range(chosen.hosts)]
        public = f"https://localhost:{port}"
        environment = {
            "DEBUG": "False",
            "SECRET_KEY": "kJ8s-2nQ_vX0zR4bT6yU1wE3mP5hG7dF9aLcViOo",
            "PUBLIC_URL": public,
            "TRUSTED_PROXIES": "1",
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": model,
            "LLM_PRICES": LLM_PRICES,
            "LLM_TITLES": "off",
            "SIGNUP": "open",
            "LLM_BACKGROUND": "on",
            "EMAIL_BACKEND": "smtp",
            "SMTP_HOST": "127.0.0.1",
            "DEFAULT_FROM_EMAIL": "chat@example.com",
            "EMAIL_VERIFICATION_REQUIRED": "False",
        }
        hosts = [Host(one, environment, folder / f"host-{one}.log") for one in ports]
        with process("-c", CHAT, "migrate", **environment) as migrating:
            migrating.wait()
        kind, _, defaults = chosen.proxy.partition("-")
        example = NGINX_DEFAULTS if defaults else ""
        stack.enter_context(balancer(kind, folder / "proxy", port, ports, example=example))
        try:
            figures_of = measured(chosen.proxy, hosts, public, users=chosen.users, tabs=chosen.tabs)
            print(json.dumps(asyncio.run(figures_of), indent=2))  # noqa: T201
        finally:
            for host in hosts:
                if host.running and host.running.poll() is None:
                    host.running.terminate()
                    host.running.wait()


if __name__ == "__main__":
    main()
