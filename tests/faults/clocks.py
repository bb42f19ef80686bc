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
    assert await _seconds_ahead(ahead) > seconds / 2, "libfaketime has no effect"
    assert await _seconds_ahead(behind) < -seconds / 2, "libfaketime has no effect"
    return ahead, behind


async def _seconds_ahead(worker: Worker) -> float:
    """By the Date of its responses, which has whole seconds."""
    async with new_client(base_url=worker.url) as http:
        answer = await http.get("/healthz")
    return parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
