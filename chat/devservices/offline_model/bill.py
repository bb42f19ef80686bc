"""The provider's bill: tokens and cost of each response."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from chat.devservices.offline_model.prices import price_of, written
from chat.devservices.offline_model.run import Run

COUNTS = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "total_tokens")


class Entry(msgspec.Struct, frozen=True):
    """One response on the bill; `cost` is in USD, None for a model without a price."""

    response_id: str
    metadata: dict[str, str]
    model: str
    status: str
    counts: dict[str, int]
    cost: Decimal | None

    def as_line(self) -> dict[str, Any]:
        return {
            "generation_id": self.metadata.get("generation_id"),
            "model": self.model,
            "status": self.status,
            **self.counts,
            "cost": None if self.cost is None else written(self.cost),
        }


def entry_of(run: Run) -> Entry:
    """The bill's entry for a response, finished or not, whatever usage the response itself reports."""
    usage = run.usage()
    price = price_of(run.request.model)
    return Entry(
        response_id=run.id,
        metadata=run.request.metadata or {},
        model=run.model,
        status=run.status,
        counts={name: getattr(usage, name) for name in COUNTS},
        cost=price.cost(usage) if price else None,
    )


def bill_of(entries: Iterable[Entry], pairs: dict[str, str]) -> dict[str, Any]:
    """The entries whose metadata has these pairs, and their sums."""
    chosen = [entry for entry in entries if pairs.items() <= entry.metadata.items()]
    return {
        "responses": {entry.response_id: entry.as_line() for entry in chosen},
        "total_tokens": sum(entry.counts["total_tokens"] for entry in chosen),
        "total_cost": written(sum((entry.cost for entry in chosen if entry.cost), Decimal(0))),
    }
