"""The model is read at the ticks at which its text is published: read sooner, it would only wait."""

from __future__ import annotations

import asyncio

import pytest

from chat.services.replies.live_text import PIECE, LiveText
from tests.support import patches
from tests.support.cast import Person
from tests.support.claims import claim
from tests.support.replies import answered
from tests.support.site import Site
from tests.support.waiting import LONG_SECONDS

HOUR = 3600.0


def gathering(site: Site, text: str, seconds: float) -> LiveText:
    """An answer with this text, of which nothing is published."""
    live_text = LiveText(claim(), broadcast=site.resources.broadcast, flush_seconds=seconds)
    if text:
        live_text.add(text, sequence=1)
    return live_text


async def test_while_text_waits_for_the_tick_the_model_does_too(site: Site) -> None:
    tick = asyncio.Event()
    site.resources.broadcast.ticks.set_at_next(tick, 0.05)
    await asyncio.wait_for(gathering(site, "Hello", 0.05).next_tick(), LONG_SECONDS)
    assert tick.is_set()


async def test_reasoning_waits_like_text(site: Site) -> None:
    live_text, tick = gathering(site, "", 0.05), asyncio.Event()
    live_text.think("Hm", sequence=1)
    site.resources.broadcast.ticks.set_at_next(tick, 0.05)
    await asyncio.wait_for(live_text.next_tick(), LONG_SECONDS)
    assert tick.is_set()


async def test_the_first_text_and_what_follows_a_lot_of_text_is_read_at_once(site: Site) -> None:
    await asyncio.wait_for(gathering(site, "", HOUR).next_tick(), LONG_SECONDS)
    await asyncio.wait_for(gathering(site, "x" * PIECE, HOUR).next_tick(), LONG_SECONDS)


async def test_what_is_published_no_longer_delays_the_model(site: Site) -> None:
    live_text = gathering(site, "Hello", HOUR)
    await live_text.flush()
    await asyncio.wait_for(live_text.next_tick(), LONG_SECONDS)


async def test_a_reply_reads_its_model_at_its_ticks(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = asyncio.Event()

    async def tick(_live_text: LiveText) -> None:
        waited.set()

    patches.LIVE_TEXT_NEXT_TICK.replace(monkeypatch, tick)
    message, _, _ = await answered(alice, "say One two three")

    assert message["content"] == "One two three"
    assert waited.is_set()
