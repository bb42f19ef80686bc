"""The figures of all processes in the text format of Prometheus."""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from chat import metrics
from chat.metrics import SUM, Counter, Histogram
from chat.services.admin.worker_stats import WorkerLoad

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(sums: dict[str, int], loads: Sequence[WorkerLoad], *, queued: int | None) -> bytes:
    """The sums of all counts, and what the processes have at the moment; None: not known."""
    registry = CollectorRegistry()
    registry.register(_All([*_counts(sums), *_gauges(loads, queued)]))
    return generate_latest(registry)


class _All(Collector):
    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = list(found)

    def collect(self) -> Iterable[Metric]:
        return self._found

    def describe(self) -> Iterable[Metric]:
        return ()


def _counts(sums: dict[str, int]) -> Iterator[Metric]:
    found = metrics.series(sums)
    for metric in metrics.ALL:
        if isinstance(metric, Counter):
            yield _counter(metric, found[metric.name])
        else:
            yield _histogram(metric, found[metric.name])


def _counter(metric: Counter, found: dict[tuple[str, ...], int]) -> Metric:
    """Without labels it starts at zero; with them, a series begins with its first count."""
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in (found or ({} if metric.labels else {(): 0})).items():
        family.add_metric(labels, value / metric.scale)
    return family


def _histogram(metric: Histogram, found: dict[tuple[str, ...], int]) -> Metric:
    """What is stored of each bucket is its own count; what is shown includes the buckets below."""
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [*map(str, metric.bounds), "+Inf"]
    for labels in {one[:-1] for one in found}:
        counts = accumulate(found.get((*labels, str(place)), 0) for place in range(len(bounds)))
        pairs = list(zip(bounds, counts, strict=True))
        family.add_metric(labels, buckets=pairs, sum_value=found.get((*labels, SUM), 0) / 1000)
    return family


def _gauges(loads: Sequence[WorkerLoad], queued: int | None) -> Iterator[Metric]:
    def gauge(name: str, told: str, value: float) -> Metric:
        return GaugeMetricFamily(name, told, value=value)

    yield gauge("chat_workers", "Processes that serve.", len(loads))
    yield gauge("chat_tabs", "Open websockets.", sum(load.tabs for load in loads))
    yield gauge("chat_answers_running", "Answers that are being written.", sum(load.answers for load in loads))
    yield gauge(
        "chat_answers_starting", "Answers that wait for a store or a lease.", sum(load.starting for load in loads)
    )
    yield gauge("chat_answers_capacity", "Answers that fit into all processes.", sum(load.capacity for load in loads))
    if queued is not None:
        yield gauge("chat_messages_queued", "Messages that wait for an answer in their chat to end.", queued)
    yield gauge("chat_emails_waiting", "Emails that are not sent yet.", sum(load.emails for load in loads))
    lag, redis = (max((getattr(load, name) for load in loads), default=0) / 1000 for name in ("lag_ms", "redis_ms"))
    yield gauge("chat_loop_lag_seconds", "The latest timer of any process within its last 5 seconds.", lag)
    yield gauge("chat_redis_seconds", "The slowest round trip of any process to Redis, at its last report.", redis)
    yield gauge("chat_memory_bytes", "Resident memory of all processes.", sum(load.memory for load in loads))
    yield gauge(
        "chat_memory_largest_bytes",
        "Resident memory of the largest process.",
        max((one.memory for one in loads), default=0),
    )
    yield _build(loads)


def _build(loads: Sequence[WorkerLoad]) -> Metric:
    family = GaugeMetricFamily("chat_build_info", "Processes by their version.", labels=("version", "python"))
    for (release, python), count in Tally((load.version, load.python) for load in loads).items():
        family.add_metric((release, python), count)
    return family


def build() -> tuple[str, str]:
    """The versions of this process: the site's and Python's."""
    return version("chat"), platform.python_version()
