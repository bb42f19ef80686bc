"""During a rolling deploy, a worker of the older release serves threads whose logs a newer release also writes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from chat.broadcast import Append
from chat.events import ResponseStarted, TextDelta
from chat.models import ChatMessage, Generation
from tests.support import newer
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.replies import ended, ready
from tests.support.site import Site

NEWER = ["message.reaction", "response.tool_call", "response.tool_call"]


async def written_by_another_worker(alice: Person, site: Site) -> tuple[uuid.UUID, Generation]:
    """A running answer, "Hello there", with a newer release's events between the two words."""
    posted = await ready(alice)
    generation = await Generation.get(answer_id=posted["reply_id"])
    future = datetime.now(UTC) + timedelta(hours=1)
    await ChatMessage.filter(id=posted["reply_id"]).update(status="streaming", content="")
    await Generation.filter(id=generation.id).update(state="running", owner="newer:1:x", lease_until=future, ckpt_s=0)
    thread_id, answer_id = uuid.UUID(posted["thread_id"]), uuid.UUID(posted["reply_id"])
    log = site.resources.broadcast.log
    await log.forget([thread_id])
    for event in (
        ResponseStarted(2, answer_id),
        TextDelta(answer_id, 0, "Hello"),
        *newer.events(answer_id),
        TextDelta(answer_id, 5, " there"),
    ):
        await log.append(Append(thread_id, event))
    return thread_id, await Generation.get(id=generation.id)


async def test_the_page_shows_all_of_the_text(alice: Person, site: Site) -> None:
    thread_id, _ = await written_by_another_worker(alice, site)
    page = Page((await alice.http.get(f"/chat/{thread_id}/")).text)
    end = await site.resources.broadcast.log.end(thread_id)

    assert "Hello there" in page.text
    assert page.find("main")["data-cursor"] == str(end)


async def test_a_snapshot_has_all_of_the_text_and_live_events_continue_it(alice: Person, site: Site) -> None:
    thread_id, generation = await written_by_another_worker(alice, site)
    log = site.resources.broadcast.log
    async with alice.tab(str(thread_id)) as tab:
        snapshot = await tab.until_type("thread.snapshot")
        for event in (*newer.events(generation.answer_id), TextDelta(generation.answer_id, 11, ", you")):
            await log.append(Append(thread_id, event))
        text = await tab.until_text(str(generation.answer_id), 16)
        end = await log.end(thread_id)

    assert snapshot["messages"][-1]["content"] == "Hello there"
    assert text == "Hello there, you"
    assert [frame["type"] for frame in tab.frames[-4:]] == [*NEWER, "response.output_text.delta"], "no second snapshot"
    assert tab.store.cursor == str(end)


async def test_a_replay_has_all_of_the_text_and_the_newer_events(alice: Person, site: Site) -> None:
    thread_id, generation = await written_by_another_worker(alice, site)
    end = await site.resources.broadcast.log.end(thread_id)
    rev = Page((await alice.http.get(f"/chat/{thread_id}/")).text).find("main")["data-rev"]
    async with alice.tab(str(thread_id), cursor=f"{end.epoch}:0", rev=int(rev)) as tab:
        text = await tab.until_text(str(generation.answer_id), 11)

    assert tab.frames[0]["mode"] == "replay"
    assert text == "Hello there"
    assert [frame["type"] for frame in tab.frames if frame["type"] in NEWER] == NEWER


async def test_a_takeover_keeps_all_of_the_text(alice: Person, site: Site) -> None:
    _, generation = await written_by_another_worker(alice, site)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await Generation.filter(id=generation.id).update(lease_until=past, request_at=past, response_id=None)
    site.resources.worker.start(generation.id)
    row = await ended(str(generation.answer_id))

    assert (row.status, row.content) == ("interrupted", "Hello there")
