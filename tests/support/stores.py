"""Where the stores of a test run are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stores:
    """Where PostgreSQL and Valkey of this test run are."""

    database_url: str
    redis_url: str
