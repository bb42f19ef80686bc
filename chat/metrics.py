"""What a process counts, in plain numbers. Other modules send the sums to Redis, and show those of all processes."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain

MOST_SERIES = 200  # of one metric, by its labels; what is beyond them is counted as "other"
OTHER = "other"
SEPARATOR = "\x1f"
SUM = "sum"


@dataclass(frozen=True, slots=True)
class Counter:
    """Something that is counted. `scale`: how many of what is counted here are one of what is shown."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """Times in seconds, counted here in milliseconds, by the first of these bounds that is not less."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


ANSWERS = Counter("chat_answers", "Answers that ended.", ("model", "provider", "end"))
FAILED = Counter("chat_answers_failed", "Answers that ended with an error.", ("model", "code"))
INTERRUPTED = Counter("chat_answers_interrupted", "Answers that were interrupted.", ("reason",))
TAKEN_OVER = Counter("chat_takeovers", "Answers taken over from another worker, by what was done.", ("reason",))
FIRST_TEXT = Histogram("chat_first_text_seconds", "From the start of an answer to its first text in tabs.", ("model",))
ANSWER_TIME = Histogram("chat_answer_seconds", "From the start of an answer to its end.", ("model",))
CALLS = Counter("chat_model_calls", "Calls of a model, by how they ended.", ("model", "provider", "code"))
TOKENS = Counter("chat_tokens", "Tokens of model calls.", ("model", "provider", "kind"))
COST = Counter("chat_cost_usd", "Known cost of model calls in USD.", ("model", "provider"), scale=10**9)
TOOL_CALLS = Counter("chat_tool_calls", "Tools that were called, by how that ended.", ("tool", "outcome"))
REFUSED = Counter("chat_messages_refused", "Messages that were not accepted.", ("code",))
RESYNCS = Counter("chat_resyncs", "Snapshots sent to tabs that had missed events.")
SOCKETS_CLOSED = Counter(
    "chat_sockets_closed", "Websockets that closed, by the server's code, or by the tab.", ("code",)
)
REQUESTS = Counter(
    "chat_http_requests", "HTTP requests, except files and health checks, by the class of their status.", ("code",)
)
REQUEST_TIME = Histogram(
    "chat_http_request_seconds",
    "HTTP requests, except files and health checks.",
    (),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
UNAVAILABLE = Counter(
    "chat_store_unavailable_seconds", "Time without a store, added up over all processes.", ("store",)
)
ALL: tuple[Counter | Histogram, ...] = (
    ANSWERS, FAILED, INTERRUPTED, TAKEN_OVER, FIRST_TEXT, ANSWER_TIME, CALLS, TOKENS, COST, TOOL_CALLS, REFUSED,
    RESYNCS, SOCKETS_CLOSED, REQUESTS, REQUEST_TIME, UNAVAILABLE,
)  # fmt: skip


class Metrics:
    """The counts of this process since its start, by their field in Redis: the name, the labels, and a bucket."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self._series: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)

    def count(self, metric: Counter, *labels: str, by: int = 1) -> None:
        """Count something once, or `by` times the scale's fraction."""
        self._add((metric.name, *self._known(metric, labels)), by)

    def observe(self, metric: Histogram, milliseconds: float, *labels: str) -> None:
        """Count a time."""
        series = (metric.name, *self._known(metric, labels))
        self._add((*series, str(bisect_left(metric.bounds, milliseconds / 1000))), 1)
        self._add((*series, SUM), round(milliseconds))

    def totals(self) -> dict[str, int]:
        """All counts of this moment."""
        return dict(self._totals)

    def _add(self, parts: tuple[str, ...], by: int) -> None:
        field = SEPARATOR.join(parts)
        self._totals[field] = self._totals.get(field, 0) + by

    def _known(self, metric: Counter | Histogram, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The labels, or "other" for each of them once there are too many of the metric."""
        known = self._series[metric.name]
        if labels not in known:
            if len(known) >= MOST_SERIES:
                return (OTHER,) * len(labels)
            known.add(labels)
        return labels


def series(totals: dict[str, int]) -> dict[str, dict[tuple[str, ...], int]]:
    """The counts by the name of their metric, and by the labels and bucket."""
    found: dict[str, dict[tuple[str, ...], int]] = {metric.name: {} for metric in ALL}
    for field, value in totals.items():
        name, *rest = field.split(SEPARATOR)
        if name in found:  # others are of another release
            found[name][tuple(rest)] = value
    return found


def label_names() -> set[str]:
    """The labels of all metrics."""
    return set(chain.from_iterable(metric.labels for metric in ALL))
