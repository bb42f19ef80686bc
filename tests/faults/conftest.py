"""Stores, a model and workers of this folder's own, which its tests may break."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.faults.cluster import Cluster


@pytest.fixture(scope="session")
async def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with Cluster.running(tmp_path_factory.mktemp("faults")) as cluster:
        yield cluster


@pytest.fixture
async def cluster(shared_cluster: Cluster) -> AsyncIterator[Cluster]:
    """Whole at the start and at the end of each test."""
    yield shared_cluster
    shared_cluster.heal()
    shared_cluster.dismiss("", "hasty")
