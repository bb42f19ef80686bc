"""This folder's own stores, model and workers, which its tests may break, and the matrix at the end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.faults.cluster import Cluster

ROWS = re.compile(r"test_rows?_(\d+(?:_and_\d+)*)_")


@pytest.fixture(scope="session")
async def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with Cluster.running(tmp_path_factory.mktemp("faults")) as cluster:
        yield cluster


@pytest.fixture
async def cluster(shared_cluster: Cluster) -> AsyncIterator[Cluster]:
    """The cluster, without faults at the start and end of each test."""
    yield shared_cluster
    shared_cluster.heal()
    shared_cluster.dismiss("", "hasty")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each row of the matrix, and the measurements."""
    rows: dict[int, list[pytest.TestReport]] = {}
    figures: list[str] = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if report.when != "call" or "tests/faults" not in report.nodeid:
                continue
            figures += [str(value) for name, value in report.user_properties if name == "figure"]
            if found := ROWS.search(report.nodeid):
                for row in found[1].split("_and_"):
                    rows.setdefault(int(row), []).append(report)
    if rows or figures:
        terminalreporter.section("faults")
    for row, reports in sorted(rows.items()):
        word = "FAILED" if any(report.failed for report in reports) else "ok"
        seconds = max(report.duration for report in reports)
        terminalreporter.line(f"row {row:2}  {word:6}  {seconds:5.1f} s  {len(reports)} tests")
    for figure in figures:
        terminalreporter.line(figure)
