"""Two hosts behind a real nginx or Caddy with TLS, restarted one after the other, with tabs, running answers and views.

    python bench/rolling_restart.py nginx --workers 2   # deploy/nginx.conf; or: caddy, nginx-defaults
    python bench/rolling_restart.py caddy --hosts 1

It needs `nginx` or `caddy` and `openssl` on the PATH, and starts everything else itself: PostgreSQL, Valkey, the
offline model and the hosts (`chat serve`, as in production). Certificates are verified; Caddy's is of its own authority
(`tls internal`). It prints one JSON object, or fails at the first frame that breaks a rule.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
from processes import CHAT, PROJECT, process

sys.path.insert(0, str(PROJECT))

from rolling_tabs import OK, Browser, Seen, Tab, figures, keep_asking, read_pages, stopped_in_both_tabs

from chat.devservices import embedded_postgres, embedded_valkey
from chat.devservices.offline_model.launch import offline_model_server
from chat.devservices.offline_model.prices import LLM_PRICES
from tests.faults.oracle import FINISHED
from tests.support.balancers import balancer, verified
from tests.support.ports import free_port

WARM_SECONDS, COOL_SECONDS = 8.0, 15.0
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


async def measured(
    hosts: list[Host], public: str, tls: ssl.SSLContext, chosen: argparse.Namespace
) -> dict[str, object]:
    """Restart the hosts in turn, and say what happened meanwhile."""
    for host in hosts:
        host.start()
    await asyncio.gather(*(host.until_ready() for host in hosts))
    people = [Browser(public, tls, f"127.0.1.{number + 1}") for number in range(chosen.users + 1)]
    for person in people:
        await person.sign_up()
    *people, asker = people
    stop = await stopped_in_both_tabs(asker)
    seen = Seen()
    async with AsyncExitStack() as opened:
        tabs: list[Tab] = []
        answers = [await person.ask(f"Count to {chosen.count} [offline: pace=100]") for person in people]
        for person, answer in zip(people, answers, strict=True):
            new = [Tab(person, answer["thread_id"]) for _ in range(chosen.tabs)]
            tabs += [await opened.enter_async_context(tab.open()) for tab in new]
        tasks = [asyncio.create_task(read_pages(person, seen)) for person in people[:3]]
        tasks += [asyncio.create_task(keep_asking(asker, seen))]
        await asyncio.sleep(WARM_SECONDS)
        restarts = [await restarted(host, seen) for host in hosts]
        await asyncio.sleep(COOL_SECONDS)
        await end(tasks)
        whole = [await is_whole(*one, tabs, chosen.count) for one in zip(people, answers, strict=True)]
        seconds = round(seen.now)
    return {
        "proxy": chosen.proxy,
        "hosts": f"{chosen.hosts} with {chosen.workers} processes",
        "restarts": restarts,
        "tabs": len(tabs),
        "seconds": seconds,
        "stopped_answer": stop,
        "whole_answers_in_all_tabs": f"{sum(whole)} of {len(whole)}",
        **figures(tabs, seen),
    }


async def restarted(host: Host, seen: Seen) -> dict[str, float]:
    """Restart a host; when it was told to stop, had ended and was ready again, and its exit code."""
    stopped = seen.now
    code = await host.stop()
    over = seen.now
    host.start()
    await host.until_ready()
    times = {"stopped": stopped, "ended": over, "ready": seen.now}
    return {name: round(at, 1) for name, at in times.items()} | {"code": code}


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """End the tasks; one that has failed fails the measurement."""
    for task in tasks:
        task.cancel()
    for failed in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(failed, asyncio.CancelledError):
            raise failed or RuntimeError("a task ended early")


async def is_whole(person: Browser, answer: dict[str, str], tabs: list[Tab], count: int) -> bool:
    """Whether the answer ended normally, with each number once, in the row and in each of its tabs."""
    text, reply = ", ".join(str(number) for number in range(1, count + 1)), answer["reply_id"]
    own = [tab for tab in tabs if tab.thread_id == answer["thread_id"]]
    for tab in own:
        await tab.until(lambda tab=tab: tab.status(reply) in FINISHED, seconds=count / 5)
    row = (await person.stored(answer["thread_id"]))[-1]
    return {row["content"], *(tab.text(reply) for tab in own)} == {text} and row["status"] == "final"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("proxy", choices=["nginx", "nginx-defaults", "caddy"])
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes of each host")
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--tabs", type=int, default=5, help="tabs of each user")
    parser.add_argument("--count", type=int, default=800, help="how far the answers count, at ten numbers a second")
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
            "WEB_CONCURRENCY": str(chosen.workers),
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
        place = folder / "proxy"
        stack.enter_context(balancer(kind, place, port, ports, example=example, internal=kind == "caddy"))
        tls = verified(kind, place, internal=kind == "caddy")
        try:
            print(json.dumps(asyncio.run(measured(hosts, public, tls, chosen)), indent=2))  # noqa: T201
        finally:
            for host in hosts:
                if host.running and host.running.poll() is None:
                    host.running.terminate()
                    host.running.wait()


if __name__ == "__main__":
    main()
