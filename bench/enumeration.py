"""Whether the time of an answer tells who has an account: `python bench/enumeration.py`.

A site as in production but for its throttles; PostgreSQL, Valkey and a mail server are processes of their own.
Known and unknown addresses are tried in turns, with a pause in which what comes after the response is over.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import secrets
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

import asyncpg
import httpx
from processes import CHAT, PROJECT, process

sys.path.insert(0, str(PROJECT))

from chat.devservices import embedded_postgres, embedded_valkey
from tests.support.ports import free_port

PASSWORD, ANOTHER = "a-good-long-passphrase-7", "of whoever signs up again"
FORMS = ["log_in", "log_in_after", "sign_up", "accept", "resend", "reset"]
PAUSE_SECONDS = 0.15
READY_SECONDS = 30
TEMPLATE = "somebody@example.com"
COPY = """
INSERT INTO users SELECT (jsonb_populate_record(u, jsonb_build_object(
    'id', gen_random_uuid(), 'email', $1::text, 'email_verified', $2::boolean))).* FROM users u WHERE email = $3
"""

INVITE = """
INSERT INTO invitation (id, token_sha256, email, is_mailed, uses, uses_left, created_at, expires_at)
VALUES (gen_random_uuid(), $1, '', false, 1, 1, now(), now() + interval '1 day')
"""


class Bench:
    """A browser and the rows behind the site."""

    def __init__(self, http: httpx.AsyncClient, rows: asyncpg.Connection) -> None:
        self.http = http
        self.rows = rows

    async def address(self, *, known: bool, verified: bool = True) -> str:
        """A new one, with an account or without."""
        address, other = (f"somebody-{uuid.uuid4().hex[:12]}@example.com" for _ in range(2))
        await self.rows.execute(COPY, address if known else other, verified, TEMPLATE)  # the same work for either
        await asyncio.sleep(PAUSE_SECONDS)
        return address

    async def signed_up(self, *, known: bool, verified: bool) -> str:
        """The same, and this browser has signed up with it a moment ago: now it has an account in any case."""
        address = await self.address(known=known, verified=verified)
        await self.sign_up(address)
        await asyncio.sleep(PAUSE_SECONDS)
        return address

    async def remembered(self, *, known: bool, verified: bool) -> str:
        """The same, and an unknown one has no account again."""
        address = await self.signed_up(known=known, verified=verified)
        if not known:
            await self.rows.execute("DELETE FROM users WHERE email = $1", address)
        return address

    async def sign_up(self, address: str, password: str = ANOTHER) -> httpx.Response:
        fields = {"email": address, "password1": password, "password2": password}
        return await self.http.post("/accounts/signup/", data=fields)

    async def accept(self, address: str) -> httpx.Response:
        """Sign up with a link for several people, which this browser has opened."""
        fields = {"email": address, "password1": PASSWORD, "password2": PASSWORD}
        return await self.http.post("/accounts/invitation/", data=fields)

    async def open_invitation(self) -> None:
        token = uuid.uuid4().hex
        await self.rows.execute(INVITE, sha256(token.encode()).hexdigest())
        await self.http.get(f"/accounts/invitation/{token}/")

    async def log_in(self, address: str) -> httpx.Response:
        return await self.http.post("/accounts/login/", data={"email": address, "password": "a wrong one"})

    async def log_in_after(self, address: str) -> httpx.Response:
        """With the password of the sign-up a moment ago."""
        return await self.http.post("/accounts/login/", data={"email": address, "password": ANOTHER})

    async def resend(self, _: str) -> httpx.Response:
        return await self.http.post("/accounts/verify-email/resend/")

    async def reset(self, address: str) -> httpx.Response:
        return await self.http.post("/accounts/password_reset/", data={"email": address})

    async def milliseconds(self, form: Callable[[str], Awaitable[httpx.Response]], address: str) -> float:
        """The time of one answer."""
        began = time.perf_counter()
        answer = await form(address)
        spent = time.perf_counter() - began
        if answer.status_code not in (303, 422):
            raise SystemExit(f"{answer.request.url.path} answered {answer.status_code}")
        await asyncio.sleep(PAUSE_SECONDS)
        return spent * 1000


async def compare(bench: Bench, name: str, *, verified: bool, tries: int) -> None:
    """Print one row of the table."""
    form = getattr(bench, name)
    spent: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(tries):
        for known in random.sample((True, False), 2):
            make = {"log_in_after": bench.signed_up, "resend": bench.remembered}.get(name, bench.address)
            address = await make(known=known, verified=verified)
            if name == "accept":
                await bench.open_invitation()
            spent[known].append(await bench.milliseconds(form, address))
            bench.http.cookies.clear()
    known_ms, unknown_ms = statistics.median(spent[True]), statistics.median(spent[False])
    spread = statistics.median(abs(one - unknown_ms) for one in spent[False])
    label = f"{name} ({'' if verified else 'not yet '}verified)"
    print(f"{label:<26}{known_ms:>12.2f}{unknown_ms:>14.2f}{known_ms / unknown_ms:>9.3f}{spread:>12.2f}", flush=True)  # noqa: T201


@asynccontextmanager
async def opened(url: str, database_url: str) -> AsyncIterator[Bench]:
    """As soon as the site answers."""
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=20) as http:
        async with asyncio.timeout(READY_SECONDS):
            while not await ready(http):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)
        rows = await asyncpg.connect(database_url)
        yield Bench(http, rows)
        await rows.close()


async def ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


async def measure(url: str, database_url: str, *, forms: list[str], tries: int) -> None:
    """Print the table."""
    async with opened(url, database_url) as bench:
        await bench.milliseconds(partial(bench.sign_up, password=PASSWORD), TEMPLATE)
        for _ in range(5):  # the first ones load and compile
            await bench.milliseconds(bench.sign_up, await bench.address(known=False))
            await bench.milliseconds(bench.log_in, await bench.address(known=True))
        print(f"{'form':<26}{'known ms':>12}{'unknown ms':>14}{'ratio':>9}{'deviation':>12}")  # noqa: T201
        for name in forms:
            for verified in (True, False):
                await compare(bench, name, verified=verified, tries=tries)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python bench/enumeration.py", description=__doc__)
    parser.add_argument("--tries", type=int, default=30)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    arguments = parser.parse_args()
    port, mail = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user there
        database_url = stack.enter_context(embedded_postgres(Path(folder) / "postgres"))
        environment = {
            "DEBUG": "True",
            "RATE_LIMITS": "off",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_URL": url,
            "PORT": str(port),
            "DATABASE_URL": database_url,
            "REDIS_URL": stack.enter_context(embedded_valkey(Path(folder) / "valkey")),
            "OPENAI_API_KEY": "none",
            "SIGNUP": "open",
            "EMAIL_VERIFICATION_REQUIRED": "True",
            "EMAIL_BACKEND": "smtp",
            "DEFAULT_FROM_EMAIL": "chat@example.com",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail),
            "SMTP_TLS": "none",
            "LOG_LEVEL": "WARNING",
        }
        with process("-c", CHAT, "migrate", **environment) as migrating:
            migrating.wait()
        stack.enter_context(process("-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{mail}", "-c", "aiosmtpd.handlers.Sink"))
        stack.enter_context(process("-c", CHAT, "serve", **environment))
        print(f"Medians of {arguments.tries}, Python {platform.python_version()}, {os.cpu_count()} processors\n")  # noqa: T201
        asyncio.run(measure(url, database_url, forms=arguments.forms, tries=arguments.tries))


if __name__ == "__main__":
    main()
