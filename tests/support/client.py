"""A browser for tests: an HTTP client that is quick to create."""

from __future__ import annotations

from typing import Any

import httpx


def new_client(**options: Any) -> httpx.AsyncClient:
    """Reading the certificates for https takes 60 ms of each one, and no server of the tests speaks it."""
    shorter_than_the_server = httpx.Limits(keepalive_expiry=2)  # it never asks on one that just closes
    return httpx.AsyncClient(verify=False, **{"timeout": 20, "limits": shorter_than_the_server, **options})
