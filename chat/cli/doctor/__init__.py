"""`chat doctor`: everything that a deployment needs, one line each."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeAlias

from chat import development
from chat.cli.doctor import configured, machine, outside, postgres, redis
from chat.cli.doctor.findings import Finding, Level, problem
from chat.settings import Settings
from chat.text import printable

__all__ = ["doctor"]

BOUND_SECONDS = 20.0  # of each check; they run side by side
HIDDEN = "[hidden]"
Check: TypeAlias = "Callable[[], Awaitable[list[Finding]]]"


def doctor(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 if anything is a problem. Warnings change nothing."""
    environment = development.beside_a_run(os.environ)
    settings, found = configured.read(environment)
    if settings:
        found += [] if found else configured.checked(settings)
        found += _run(settings, call=arguments.call)
    report = _as_json(found) if arguments.json else _as_text(found)
    for secret in configured.secrets_in(environment):
        report = report.replace(secret, HIDDEN)
    sys.stdout.write(report)
    sys.stdout.flush()
    # Not by returning: a thread may still wait for DNS, long after its check was given up, and would keep the process.
    os._exit(any(one.level is Level.PROBLEM for one in found))


def _run(settings: Settings, *, call: bool) -> list[Finding]:
    """What all checks find."""
    loop = asyncio.new_event_loop()
    try:
        results = loop.run_until_complete(_all(_checks(settings, call=call)))
    finally:
        loop.close()
    return [one for found in results for one in found]


def _checks(settings: Settings, *, call: bool) -> dict[str, Check]:
    checks: dict[str, Check] = {
        postgres.CHECK: lambda: postgres.check(settings),
        postgres.MIGRATE: lambda: postgres.check_migrations(settings),
        redis.CHECK: lambda: redis.check(settings),
        outside.MAIL: lambda: outside.check_mail(settings),
        outside.SITE: lambda: outside.check_site(settings),
        machine.BUILD: lambda: _in_thread(lambda: [machine.check_build()]),
        machine.FILES: lambda: _in_thread(lambda: [machine.check_files()]),
        machine.DISK: lambda: _in_thread(machine.check_disk),
    }
    has_provider = settings.openai_api_key or settings.declared_models
    for provider in settings.catalogue.providers if has_provider else ():
        name = f"{outside.MODEL} ({provider.name})"
        checks[name] = partial(outside.check_model, settings, provider, call=call)
    return checks


async def _in_thread(work: Callable[[], Iterable[Finding]]) -> list[Finding]:
    return await asyncio.to_thread(lambda: list(work()))


async def _all(checks: dict[str, Check]) -> list[list[Finding]]:
    return await asyncio.gather(*(_bounded(name, check) for name, check in checks.items()))


async def _bounded(name: str, check: Check) -> list[Finding]:
    """A check's findings; that it does not end, or fails itself, is a finding, too."""
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            return await check()
    except TimeoutError:
        says = f"did not answer within {BOUND_SECONDS:.0f} s"
        return [problem(name, says, "check the network, the firewall and DNS")]
    except Exception as error:  # noqa: BLE001 - the other checks have something to say
        says = f"the check failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return [problem(name, says, "report it, with this line")]


def _as_text(found: list[Finding]) -> str:
    width = max(len(one.check) for one in found)
    lines = [
        printable(f"{one.level:<7}  {one.check:<{width}}  {one.says}" + (f": {one.to_do}." if one.to_do else "."))
        for one in found
    ]
    return "\n".join([*lines, _sum(found)]) + "\n"


def _sum(found: list[Finding]) -> str:
    counts = Counter(one.level for one in found)
    problems, warnings = counts[Level.PROBLEM], counts[Level.WARNING]
    if not problems and not warnings:
        return "Everything is as it should be."
    return f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _as_json(found: list[Finding]) -> str:
    counts = Counter(one.level for one in found)
    report = {
        "problems": counts[Level.PROBLEM],
        "warnings": counts[Level.WARNING],
        "findings": [one._asdict() for one in found],
    }
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"
