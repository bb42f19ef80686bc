"""A site with rate limits, and limits that allow nothing further while a test runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support import patches
from tests.support.site import Beside, Site


@pytest.fixture(scope="session")
async def throttled(beside: Beside) -> AsyncIterator[Site]:
    """A site with rate limits and without a proxy."""
    async with beside(RATE_LIMITS="on") as site:
        yield site


@pytest.fixture
def unforgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits allow no further attempt while a test runs, however long it takes."""
    patches.LIMIT_INTERVAL_MS.replace(monkeypatch, 3_600_000)
