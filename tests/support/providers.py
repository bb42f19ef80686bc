"""A provider that counts as down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chat.llm.events import Code
from chat.llm.provider import failures
from chat.llm.provider.breaker import THRESHOLD
from tests.support import patches
from tests.support.site import Site

ANSWERED = patches.BREAKER_ANSWERED.value


@contextmanager
def provider_down(site: Site, monkeypatch: pytest.MonkeyPatch, name: str = "") -> Iterator[None]:
    """One provider of the site, or its only one, is down until the block ends; it is not probed."""
    patches.BREAKER_OPEN_SECONDS.replace(monkeypatch, (3600.0,))
    # A request that was sent before, such as a title's, may be answered now: that must not end the outage.
    patches.BREAKER_ANSWERED.replace(monkeypatch, lambda _: None)
    providers = site.resources.llm._providers
    breaker = (providers[name] if name else next(iter(providers.values()))).breaker
    for _ in range(THRESHOLD):
        breaker.failed(failures.failed(Code.UNREACHABLE, "refused"), "a conversation")
    try:
        yield
    finally:
        ANSWERED(breaker)
