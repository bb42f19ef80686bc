"""Snapshots for new tabs: nothing is missing, whether Redis or the rows are newer."""

from __future__ import annotations

import uuid

import pytest
from redis.asyncio import Redis

from chat.broadcast import Append, Broadcast, LogPosition, LogSlice, Unavailable
from chat.events import QueueView, ResponseText, TextDelta
from chat.llm.tools import Registry
from chat.models import ChatMessage, Generation
from chat.services.replies.lease import AnswerSoFar, Checkpoint, Claim
from chat.services.replies.live_text import LiveText
from chat.services.replies.snapshot import ThreadState, ThreadView, answer_so_far, thread_states, view_thread
from chat.services.replies.threads import PAGE_MAX_BYTES, MessagePage, message_page
from chat.tools import load
from tests.support import newer, patches
from tests.support.cast import Person
from tests.support.rows import in_a_row
from tests.support.site import Site

TOOLS = load()


@pytest.mark.parametrize(
    "cursor", ["", ":", "ab12cd34", "ab12cd34:", ":5", "ab12cd34:x", "ab12cd34:-1", "a:1" + "0" * 20]
)
def test_an_invalid_cursor_has_no_position(cursor: str) -> None:
    assert LogPosition.parse(cursor) is None


def test_a_cursor_is_the_text_of_a_position() -> None:
    assert LogPosition.parse("ab12cd34:17") == LogPosition("ab12cd34", 17)
    assert (str(LogPosition("ab12cd34", 17)), str(LogPosition())) == ("ab12cd34:17", "")


async def text_so_far(thread: uuid.UUID, answer: uuid.UUID, text: str, at: LogPosition, live: Broadcast) -> str:
    return (await answer_so_far(thread, answer, AnswerSoFar(text), at, live)).text


async def test_text_continues_a_checkpoint_up_to_the_first_hole(site: Site) -> None:
    live, thread, answer = site.resources.broadcast, uuid.uuid4(), uuid.uuid4()
    for pos, delta in ((0, "Hé"), (2, "llo😀"), (7, " wor"), (99, "lost")):
        last = await live.log.append(Append(thread, TextDelta(answer, pos, delta)))

    assert await text_so_far(thread, answer, "", LogPosition(), live) == "Héllo😀 wor"
    assert await text_so_far(thread, answer, "Héllo", LogPosition(last.epoch, 1), live) == "Héllo😀 wor"
    assert await text_so_far(thread, answer, "Hé", LogPosition(last.epoch, 2), live) == "Hé", "a hole"
    assert await text_so_far(thread, uuid.uuid4(), "Other", LogPosition(), live) == "Other"


async def test_text_continues_over_events_that_this_release_does_not_know(site: Site) -> None:
    live, thread, answer = site.resources.broadcast, uuid.uuid4(), uuid.uuid4()
    await live.log.append(Append(thread, TextDelta(answer, 0, "Hel")))
    for event in newer.events(answer):
        await live.log.append(Append(thread, event))
    await live.log.append(Append(thread, TextDelta(answer, 3, "lo")))

    assert await text_so_far(thread, answer, "", LogPosition(), live) == "Hello"


async def test_a_checkpoint_of_an_older_epoch_is_continued_from_the_logs_start(site: Site) -> None:
    live, thread, answer = site.resources.broadcast, uuid.uuid4(), uuid.uuid4()
    await live.log.append(Append(thread, ResponseText(answer, "Hello the")))
    await live.log.append(Append(thread, TextDelta(answer, 9, "re")))

    assert await text_so_far(thread, answer, "Hello", LogPosition("00000000", 40), live) == "Hello there"


async def test_a_running_answer_is_shown_with_more_than_its_row_has(alice: Person, site: Site) -> None:
    posted = await alice.ask("Tell me something long [offline: pace=20]")
    async with alice.tab(posted["thread_id"]) as tab:
        seen = await tab.until_text(posted["reply_id"], 40)
        view = await view_thread(uuid.UUID(posted["thread_id"]), broadcast=site.resources.broadcast, tools=TOOLS)
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        await tab.until_finished(posted["reply_id"])

    assert view is not None
    assert view.page.messages[-1].content.startswith(seen)
    assert view.page.messages[-1].status == "streaming"


async def test_an_answer_that_ends_while_the_view_is_read_is_shown_with_its_stored_text(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    await ChatMessage.filter(id=posted["reply_id"]).update(status="streaming", content="")
    future = (await Generation.get(answer_id=posted["reply_id"])).created_at.replace(year=2090)
    await Generation.filter(answer_id=posted["reply_id"]).update(
        state="running", owner="x", lease_until=future, partial="Hel"
    )

    async def ends_now(thread_id: uuid.UUID, *, tools: Registry) -> MessagePage:
        await ChatMessage.filter(id=posted["reply_id"]).update(status="final", content="Hello, all of it")
        await Generation.filter(answer_id=posted["reply_id"]).update(state="completed")
        return await message_page(thread_id, tools=tools)

    patches.SNAPSHOT_MESSAGE_PAGE.replace(monkeypatch, ends_now)
    view = await view_thread(uuid.UUID(posted["thread_id"]), broadcast=site.resources.broadcast, tools=TOOLS)

    assert view is not None
    assert (view.page.messages[-1].status, view.page.messages[-1].content) == ("final", "Hello, all of it")


async def test_without_redis_the_rows_have_to_do(alice: Person, stores: object) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    nowhere = Broadcast(Redis.from_url("redis://127.0.0.1:1/0"))
    view = await view_thread(uuid.UUID(posted["thread_id"]), broadcast=nowhere, tools=TOOLS)

    assert view is not None
    assert (view.position, view.page.messages[-1].content) == (LogPosition(), "Hello")


async def test_a_position_matches_the_text_read_with_it(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis fails after returning the log's end: the stored text is older."""
    posted = await alice.ask("Count to 9000 [offline: pace=10]")
    live = site.resources.broadcast
    read = live.log.read

    async def told_the_end(thread_id: uuid.UUID, *, after: int = 0) -> LogSlice:
        patches.LOG_READ.replace(patch, lost, of=live.log)
        return await read(thread_id, after=after)

    async def lost(*_: object, **__: object) -> None:
        raise Unavailable("lost")

    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 40)
        with monkeypatch.context() as patch:
            patches.LOG_READ.replace(patch, told_the_end, of=live.log)
            view = await view_thread(uuid.UUID(posted["thread_id"]), broadcast=live, tools=TOOLS)
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        await tab.until_finished(posted["reply_id"])

    assert view is not None
    assert (view.page.messages[-1].status, view.position) == ("streaming", LogPosition())


async def test_a_thread_that_is_gone_has_no_view(site: Site) -> None:
    assert await view_thread(uuid.uuid4(), broadcast=site.resources.broadcast, tools=TOOLS) is None


async def test_the_states_of_many_threads_are_one_query(alice: Person) -> None:
    running = await alice.ask("Tell me something long [offline: pace=20]")
    ended = await alice.ask("say Hello")
    async with alice.tab(ended["thread_id"]) as tab:
        await tab.until_finished(ended["reply_id"])
        one, other, nowhere = uuid.UUID(running["thread_id"]), uuid.UUID(ended["thread_id"]), uuid.uuid4()
        found = await thread_states([one, other, nowhere])
    async with alice.tab(running["thread_id"]) as tab:
        await tab.send({"type": "response.cancel", "message_id": running["reply_id"]})
        await tab.until_finished(running["reply_id"])

    assert found == {one: ThreadState(1, running=True), other: ThreadState(2, running=False)}


async def test_a_large_thread_comes_in_parts_that_hold_every_message_once(alice: Person, site: Site) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    view = await view_thread(uuid.UUID(posted["thread_id"]), broadcast=site.resources.broadcast, tools=TOOLS)
    assert view is not None
    assert await Generation.filter(thread_id=posted["thread_id"]).count() == 1
    one = view.page.messages[0]
    large = [one.__class__(uuid.uuid4(), None, "user", "final", "x" * 20_000, "", one.created_at) for _ in range(9)]
    parts = ThreadView(view.position, 1, "", MessagePage(large, False, ""), QueueView()).snapshots()

    assert len(parts) > 1
    assert [message.id for part in parts for message in part.messages] == [message.id for message in large]
    assert [(part.part, part.parts) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    assert all(sum(len(message.content) for message in part.messages) <= 49_152 for part in parts)
    empty = ThreadView(view.position, 1, "", MessagePage([], False, ""), QueueView()).snapshots()
    assert [(part.part, part.parts, part.messages) for part in empty] == [(1, 1, [])]


async def test_pages_of_long_messages_are_short_and_hold_every_message_once(alice: Person) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    thread_id = uuid.UUID(posted["thread_id"])
    long, too_long = "\N{KEY}" * 32_000, "x" * (PAGE_MAX_BYTES + 1)
    for number, content in enumerate([long] * 9 + [too_long] + [long] * 9, start=10):
        await ChatMessage.create(thread_id=thread_id, number=number, role="user", status="final", content=content)
    await in_a_row(thread_id)
    pages = [await message_page(thread_id, tools=TOOLS)]
    while pages[0].has_older:
        pages.insert(0, await message_page(thread_id, tools=TOOLS, before=pages[0].older_cursor))

    sizes = [sum(len(message.content.encode()) for message in page.messages) for page in pages]
    assert [one for one in sizes if one > PAGE_MAX_BYTES] == [len(too_long)], "alone, since it has to be somewhere"
    shown = [message.id for page in pages for message in page.messages]
    assert shown == await ChatMessage.filter(thread_id=thread_id).order_by("number").values_list("id", flat=True)
    assert pages[0].messages[0].content == "say Hello"


def claim_of(thread: uuid.UUID, answer: uuid.UUID, *, fence: int, kept: LogPosition) -> Claim:
    """What the second owner of an answer finds: a checkpoint of "Hello"."""
    return Claim(
        generation_id=uuid.uuid4(), thread_id=thread, user_id=uuid.uuid4(), answer_id=answer, question_id=uuid.uuid4(),
        parent_id=uuid.uuid4(), is_first=True, continues=False, model="", fence=fence, rev=2, asked=True,
        cancelled=False, takeovers=1, response_id="resp", background=True, round_start=0,
        checkpoint=Checkpoint(AnswerSoFar("Hello"), 5, 3, kept),
    )  # fmt: skip


async def test_while_a_resumed_text_comes_again_a_checkpoint_still_leads_to_all_that_was_shown(site: Site) -> None:
    live, thread, answer = site.resources.broadcast, uuid.uuid4(), uuid.uuid4()
    kept = await live.log.append(Append(thread, TextDelta(answer, 0, "Hello"), fence=2))
    await live.log.append(Append(thread, TextDelta(answer, 5, " there"), fence=2))
    claim = claim_of(thread, answer, fence=4, kept=LogPosition(kept.epoch, kept.offset))
    second = LiveText(claim, broadcast=live, flush_seconds=0, so_far=AnswerSoFar("Hello there"), repeats=True)
    await second.announce()
    for piece in (" th", "ere, you"):
        early = second.checkpoint()
        found = await answer_so_far(thread, answer, early.answer, early.position, live)
        assert (early.answer.text, found.text) == ("Hello there"[: early.length], "Hello there")
        second.add(piece, sequence=4)
    await second.flush()
    late = second.checkpoint()

    assert (late.answer.text, late.position) == ("Hello there, you", second.position)
    assert await answer_so_far(thread, answer, late.answer, late.position, live) == late.answer
