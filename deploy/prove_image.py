"""Run the image that deploy/prove.sh has built, as a container would: its command, its user, a read-only root.

    python -m deploy.prove_image FOLDER     # of the Debian that built it

PostgreSQL, Valkey and the offline model are this checkout's. It prints one JSON object, or fails at the first
difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import websockets

from chat.devservices import embedded_postgres, embedded_valkey
from chat.devservices.offline_model.launch import offline_model_server
from tests.faults.proxy import ChaosProxy
from tests.support.ports import free_port
from tests.support.tab import Tab

SITE = "https://chat.example.com"
PASSWORD = "a-good-long-passphrase-7"  # noqa: S105
START_SECONDS = 60.0
OK, SEE_OTHER, CREATED = 200, 303, 201
NEVER_SENT = (".env", ".git", "var", "node_modules", "tests", "docs", ".venv", "static/dist", "bin/post_compile")
# A container without a daemon: its own mounts and processes, in which the command is the first one, no way to more
# rights, nothing to write to but /tmp.
CONTAINER = """
root=$1 user=$2 folder=$3; shift 3
mount --bind "$root" "$root"
mount --options remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec setpriv --no-new-privs /usr/sbin/chroot --userspec "$user" --groups= "$root" env --chdir="$folder" -- "$@"
"""


class Image:
    """The unpacked image with its configuration."""

    def __init__(self, built: Path, name: str) -> None:
        inspected = json.loads((built / f"out/{name}.json").read_text())
        self.config = inspected["Docker"]["config"]
        self.root = built / (built / "out" / name).readlink().relative_to("/")

    def command(self, *arguments: str) -> list[str]:
        """What a container runs with these arguments in place of the image's own, or with its own."""
        command = [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]
        return self._contained(command)

    def health_check(self) -> list[str]:
        """What a daemon runs from time to time."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD", "no shell is needed"
        return self._contained(command)

    def environment(self, given: dict[str, str]) -> dict[str, str]:
        """The image's variables, and those that are given."""
        return dict(one.split("=", 1) for one in self.config["Env"]) | given

    def _contained(self, command: list[str]) -> list[str]:
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-euc"]
        return [*own, CONTAINER, "sh", str(self.root), self.config["User"], self.config["WorkingDir"], *command]


async def proved(image: Image, settings: dict[str, str]) -> dict[str, object]:
    """Migrate, serve, answer, stop."""
    environment = image.environment(settings)
    migrated = await said(image, environment, "migrate")
    assert "Applied" in migrated, migrated
    assert await said(image, environment, "migrate") == "The database is up to date.\n"
    began = time.monotonic()
    with subprocess.Popen(image.command(), env=environment) as running:
        try:
            seconds_to_ready = await until_ready(int(settings["PORT"]), began)
            await printed(image.health_check(), environment)
            answer = await asked(f"http://127.0.0.1:{settings['PORT']}")
            os.kill(first_child(running.pid), signal.SIGTERM)
            began = time.monotonic()
            code = await asyncio.to_thread(running.wait, 30)
        finally:
            running.kill()
    assert code == 0, f"it ended with {code}"
    return {
        "migrations": migrated.count("Applied"),
        "seconds_until_ready": seconds_to_ready,
        "answer": answer,
        "exit": {"code": code, "seconds": round(time.monotonic() - began, 1)},
    }


async def said(image: Image, environment: dict[str, str], *arguments: str) -> str:
    """What another command prints. It must succeed."""
    return await printed(image.command(*arguments), environment)


async def printed(command: list[str], environment: dict[str, str]) -> str:
    """In a thread: the stores are reached through this one."""
    done = await asyncio.to_thread(subprocess.run, command, env=environment, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{command[-2:]} ended with {done.returncode}"
    return done.stdout


def first_child(pid: int) -> int:
    """The command itself: `unshare` is its parent."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


async def until_ready(port: int, began: float) -> float:
    """Seconds until `/readyz` answers 200."""
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get("/readyz")).status_code == OK:
                    return round(time.monotonic() - began, 1)
            await asyncio.sleep(0.1)


async def asked(url: str) -> dict[str, object]:
    """Sign up, ask for the time in Tokyo, which needs a time zone, and see the whole answer in a tab."""
    proxied = {
        "Host": urlsplit(SITE).netloc,
        "Origin": SITE,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "10.0.0.1",
    }
    fields = {"email": "alice@example.com", "password1": PASSWORD, "password2": PASSWORD}
    async with httpx.AsyncClient(base_url=url, headers=proxied, timeout=30) as http:
        signed_up = await http.post("/accounts/signup/", data=fields)
        assert signed_up.status_code == SEE_OTHER, signed_up.text[:500]
        cookie = "; ".join(line.split(";")[0] for line in signed_up.headers.get_list("set-cookie"))
        http.headers["Cookie"] = cookie
        script = await http.get("/static/dist/app.js", headers={"Accept-Encoding": "br"})
        assert script.headers["Content-Encoding"] == "br", "Node has built and compressed the scripts"
        message = {"message": "What time is it in Asia/Tokyo?", "client_id": str(uuid.uuid4())}
        posted = await http.post("/chat/", data=message, headers={"Accept": "application/json"})
        assert posted.status_code == CREATED, posted.text[:500]
        thread, reply = posted.json()["thread_id"], posted.json()["reply_id"]
        path = f"{url.replace('http', 'ws')}/ws/chat/{thread}/"
        forwarded = {name: value for name, value in proxied.items() if name.startswith("X-")} | {"Cookie": cookie}
        async with websockets.connect(path, origin=websockets.Origin(SITE), additional_headers=forwarded) as connection:
            tab = Tab(connection)
            await tab.hello()
            shown = await tab.until_finished(reply)
        rows = (await http.get(f"/chat/api/threads/{thread}/messages/")).json()["messages"]
    assert shown["status"] == "final", shown
    assert shown["content"] == rows[-1]["content"] != ""
    return {"status": shown["status"], "tools": [call["name"] for call in shown["tools"]], "text": shown["content"]}


@asynccontextmanager
async def reachable(url: str) -> AsyncIterator[str]:
    """The TCP address of a store that listens on a socket in a private folder, which the image's user cannot enter."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    proxy = ChaosProxy(Path(folder, ".s.PGSQL.5432") if folder else Path(unquote(parts.path)))
    async with proxy.running():
        yield f"127.0.0.1:{proxy.port}"


async def main(built: Path) -> None:
    """The command."""
    image, context = Image(built, "chat"), Image(built, "context")
    sent = [name for name in NEVER_SENT if (context.root / name).exists()]
    assert not sent, f".dockerignore lets these through: {sent}"
    size = int(subprocess.check_output(["du", "-sb", str(image.root)]).split()[0])
    packed = (built / "out/chat.tar.gz").stat().st_size
    async with AsyncExitStack() as reached:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-image-")))
            postgres = await reached.enter_async_context(
                reachable(stack.enter_context(embedded_postgres(folder / "postgres", durable=False)))
            )
            valkey = await reached.enter_async_context(
                reachable(stack.enter_context(embedded_valkey(folder / "valkey", durable=False)))
            )
            model = stack.enter_context(offline_model_server(log=folder / "model.log"))
            settings = {
                "SECRET_KEY": "kJ8s-2nQ_vX0zR4bT6yU1wE3mP5hG7dF9aLcViOo",
                "PUBLIC_URL": SITE,
                "ALLOWED_HOSTS": "127.0.0.1",
                "PORT": str(free_port()),
                "WEB_CONCURRENCY": "2",
                "TRUSTED_PROXIES": "1",
                "DATABASE_URL": f"postgres://postgres@{postgres}/postgres",
                "REDIS_URL": f"redis://{valkey}/0",
                "OPENAI_API_KEY": "any",
                "OPENAI_BASE_URL": model,
                "SIGNUP": "open",
                "EMAIL_VERIFICATION_REQUIRED": "False",
            }
            figures = await proved(image, settings)
    megabytes = {"unpacked_MB": round(size / 1e6), "packed_MB": round(packed / 1e6)}
    print(json.dumps({**megabytes, "user": image.config["User"], **figures}, indent=2))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve()))
