"""Redis: whether the site can use it, whether it drops what is live, its memory and its clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from redis.exceptions import RedisError

from chat import broadcast
from chat.broadcast.fitness import is_too_old, version_of
from chat.cli.doctor.findings import Finding, ok, problem, warning
from chat.cli.doctor.postgres import clock_finding
from chat.settings import Settings, SettingsError

CHECK = "redis"
NEARLY_FULL = 0.8
MEGABYTE = 1024 * 1024
# A part of an error's text, in lower case, and the advice; the first one that is found counts.
ADVICE = (
    ("certificate_verify_failed", "set REDIS_TLS_VERIFY to a file with the server's authority, or to off (Heroku)"),
    ("wrong_version_number", "the server has no TLS: write redis:// in REDIS_URL"),
    ("record layer failure", "the server has no TLS: write redis:// in REDIS_URL"),
    ("invalid username-password", "check the user and the password in REDIS_URL"),
    ("wrongpass", "check the user and the password in REDIS_URL"),
    ("authentication required", "REDIS_URL has no password"),
    ("noauth", "REDIS_URL has no password"),
    ("without any password configured", "the server has no password: remove it from REDIS_URL"),
    ("db index", "the server has no database of this number: change the path of REDIS_URL"),
    ("name or service not known", "check the host in REDIS_URL"),
    ("refused", "nothing listens there: check the host and the port in REDIS_URL, and whether the server runs"),
    ("connect call failed", "nothing listens there: check REDIS_URL, and whether the server runs"),
    ("connection closed by server", "the server may want TLS: write rediss:// in REDIS_URL"),
    ("connection lost", "the server may want TLS: write rediss:// in REDIS_URL"),
    ("reset by peer", "the server may want TLS: write rediss:// in REDIS_URL"),
    ("timeout", "no answer: check the host and the port in REDIS_URL, and the firewall"),
)


async def check(settings: Settings) -> list[Finding]:
    """What the live side of the site would meet."""
    if not settings.redis_url:
        return [warning(CHECK, "REDIS_URL is not set; `make run` brings a server of its own", "set REDIS_URL")]
    try:
        client = broadcast.connect(settings.redis_url, settings.redis_tls_verify)
    except SettingsError:
        return []  # among the settings
    try:
        await client.ping()
        before = time.time()
        seconds, micros = await client.time()
        after = time.time()
        info = await client.info("server") | await client.info("memory")
    except (RedisError, OSError) as error:
        return [_refused(error)]
    finally:
        await client.aclose()
    return [*_described(info), *clock_finding(CHECK, "Redis", before, seconds + micros / 1e6, after)]


def _refused(error: Exception) -> Finding:
    why = " ".join(str(error).split()) or "Timeout"
    advice = next((advice for part, advice in ADVICE if part in why.lower()), "check REDIS_URL")
    return problem(CHECK, f"can't be used ({why})", advice)


def _described(info: dict[str, Any]) -> Iterator[Finding]:
    if is_too_old(info):
        yield problem(CHECK, f"{version_of(info)} is too old", "use Redis 6.2 or newer, or Valkey")
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        says = f"maxmemory-policy is {policy}: when memory is full, live text and counters of limits are dropped"
        yield warning(CHECK, says, "set maxmemory-policy to noeviction")
    if most and used > NEARLY_FULL * most:
        says = f"{used // MEGABYTE} of {most // MEGABYTE} MB are used"
        yield warning(CHECK, says, "raise maxmemory, or use a larger server")
    limit = f" of {most // MEGABYTE} MB" if most else ""
    yield ok(CHECK, f"{version_of(info)}, {used // MEGABYTE} MB{limit} used")
