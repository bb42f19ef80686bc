"""A browser for tests: an HTTP client that is quick to create."""

from __future__ import annotations

from typing import Any

import httpx

SHORTER_THAN_THE_SERVER = httpx.Limits(keepalive_expiry=2)  # it never asks on a connection that just closes


def new_client(**options: Any) -> httpx.AsyncClient:
    """Reading the certificates for https takes 60 ms of each one, and no server of the tests speaks it."""
    return httpx.AsyncClient(verify=False, **{"timeout": 20, "limits": SHORTER_THAN_THE_SERVER, **options})


def without_id(answer: httpx.Response) -> str:
    """The text of an error, to be compared with another one: each names its own request."""
    return answer.text.replace(answer.headers["X-Request-Id"], "")
