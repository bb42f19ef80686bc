"""Two workers whose hosts' clocks differ."""

from __future__ import annotations

import asyncio
import os
import time
from email.utils import parsedate_to_datetime

import pytest

from tests.faults.cluster import Cluster, Worker
from tests.support.client import new_client
from tests.support.faketime import libraries


async def clocks_off(cluster: Cluster, seconds: int) -> tuple[Worker, Worker]:
    """One worker that is this far ahead, and one that is as far behind."""
    if not libraries():
        assert "CI" not in os.environ, "CI installs libfaketime"
        pytest.skip("libfaketime is not installed")
    groups = await asyncio.gather(*(cluster.workers(1, f"clock:{off:+d}") for off in (seconds, -seconds)))
    ahead, behind = (group[0] for group in groups)
    assert await _is_off(ahead, seconds), "libfaketime has no effect"
    assert await _is_off(behind, -seconds), "libfaketime has no effect"
    return ahead, behind


async def _is_off(worker: Worker, seconds: int) -> bool:
    """By the Date of a response, which has whole seconds, rounded down: half of the difference has to be seen."""
    before = time.time()
    async with new_client(base_url=worker.url) as http:
        answer = await http.get("/healthz")
    after = time.time()
    date = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    return date - before > seconds / 2 if seconds > 0 else date - after < seconds / 2
