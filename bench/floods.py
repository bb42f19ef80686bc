"""How late the event loop is while a client floods one process: `python bench/floods.py`.

GET /healthz is asked over one connection, every 20 ms, and timed: during a flood, and before and after it, which gives
the machine's own delay. A flood comes from a process of its own. Limits are off, so that nothing protects the loop but
the server itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import secrets
import statistics
import sys
import time
from contextlib import ExitStack, suppress

from processes import CHAT, PROJECT, process

sys.path.insert(0, str(PROJECT))

from stores import stores

from tests.support.ports import free_port

EVERY_SECONDS = 0.02
READY_SECONDS = 30
CLIENTS = 8
SLOW_CLIENTS = 300
HEAD = "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
FORM = f"POST /accounts/login/ HTTP/1.1\r\n{HEAD}Content-Type: application/x-www-form-urlencoded\r\n"
MULTIPART = FORM.replace("application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
PARTS = "".join(f'--x\r\nContent-Disposition: form-data; name="a{number}"\r\n\r\nb\r\n' for number in range(1000))
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
CANCEL = b"\x00\x00\x00\x08"
RESETS = b"".join(
    b"\x00\x00\x03\x01\x05%b\x82\x84\x86\x00\x00\x04\x03\x00%b%b" % (stream.to_bytes(4), stream.to_bytes(4), CANCEL)
    for stream in range(1, 6001, 2)
)
CHUNKS = "1\r\na\r\n" * 9000
LINES = "".join(f"X-{number}: {'a' * 50}\r\n" for number in range(1000))
COOKIES = "; ".join(f"c{number}={'v' * 20}" for number in range(560))


def posted(head: str, body: str) -> bytes:
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


# What one client sends over a connection, again and again.
REQUESTS: dict[str, bytes] = {
    "HTTP/2 by upgrade": f"GET / HTTP/1.1\r\n{HEAD}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n".encode()
    + PREFACE
    + RESETS,
    "HTTP/2 by prior knowledge": PREFACE + RESETS,
    "a form of 500 KB of &": posted(FORM, "&" * 500_000),
    "a form of 1,000 parts": posted(MULTIPART, f"{PARTS}--x--\r\n"),
    "a body in 9,000 chunks": f"{FORM}Transfer-Encoding: chunked\r\n\r\n{CHUNKS}0\r\n\r\n".encode(),
    "a head of 60 KB": f"GET / HTTP/1.1\r\n{HEAD}{LINES}\r\n".encode(),
    "200 requests in one packet": f"GET /accounts/login/ HTTP/1.1\r\n{HEAD}\r\n".encode() * 200,
    "15 KB of cookies": f"GET /accounts/login/ HTTP/1.1\r\n{HEAD}Cookie: {COOKIES}\r\n\r\n".encode(),
}
SLOW = f"{FORM}Content-Length: 10000\r\n\r\n".encode()


async def repeat(port: int, request: bytes) -> None:
    """Send a request on a new connection, read what is answered until the server is silent or hangs up, and again."""
    while True:
        with suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request)
                async with asyncio.timeout(5):
                    await writer.drain()
                    await reader.read(2**16)
            finally:
                writer.transport.abort()


async def dribble(port: int) -> None:
    """A body of one byte at a time."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(SLOW)
            for _ in range(100):
                await asyncio.sleep(0.1)
                writer.write(b"a")
                await writer.drain()


async def flood(name: str, port: int) -> None:
    """Until the process is ended."""
    slow = [dribble(port) for _ in range(SLOW_CLIENTS)]
    await asyncio.gather(*(slow if name == "slow bodies" else [repeat(port, REQUESTS[name]) for _ in range(CLIENTS)]))


async def lags(port: int, seconds: float) -> list[float]:
    """Milliseconds until each answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    spent: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        writer.write(f"GET /healthz HTTP/1.1\r\n{HEAD}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"/healthz answered {head[:30]!r}")
        [length] = [int(line.split()[1]) for line in head.lower().splitlines() if line.startswith(b"content-length")]
        await reader.readexactly(length)
        spent.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(EVERY_SECONDS)
    writer.close()
    return spent


def told(name: str, spent: list[float], idle: list[float]) -> None:
    """A row of the table."""
    figures = [
        *statistics.quantiles(spent, n=100, method="inclusive")[49::49],
        max(spent),
        *statistics.quantiles(idle, n=100, method="inclusive")[49::49],
    ]
    print(f"{name:<28}" + "".join(f"{figure:>12.1f}" for figure in figures), flush=True)  # noqa: T201


async def measure(port: int, names: list[str], seconds: float) -> None:
    """Print the table."""
    async with asyncio.timeout(READY_SECONDS):
        while not await is_ready(port):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.1)
    print(f"{'flood':<28}" + "".join(f"{column:>12}" for column in ("p50 ms", "p99", "most", "idle p50", "idle p99")))  # noqa: T201
    for name in names:
        before = await lags(port, seconds / 2)
        with process(__file__, "--flood", name, "--port", str(port)):
            await asyncio.sleep(1)  # until it has begun
            during = await lags(port, seconds)
        await asyncio.sleep(1)
        told(name, during, [*before, *await lags(port, seconds / 2)])


async def is_ready(port: int) -> bool:
    try:
        return bool(await lags(port, EVERY_SECONDS))
    except OSError:
        return False


def main() -> None:
    floods = [*REQUESTS, "slow bodies"]
    parser = argparse.ArgumentParser(prog="python bench/floods.py", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--floods", nargs="+", choices=floods, default=floods)
    parser.add_argument("--flood", choices=floods, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.flood:
        asyncio.run(flood(arguments.flood, arguments.port))
    port = free_port()
    with ExitStack() as stack:
        _, environment = stack.enter_context(stores())
        environment |= {
            "RATE_LIMITS": "off",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
        }
        with process("-c", CHAT, "migrate", **environment) as migrating:
            migrating.wait()
        stack.enter_context(process("-c", CHAT, "serve", **environment))
        print(f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")  # noqa: T201
        asyncio.run(measure(port, arguments.floods, arguments.seconds))


if __name__ == "__main__":
    main()
