"""The reconcilers find events that a tab has missed, and each check is needed.

Every loss happens in the real Valkey or on the way there. Where a check can be turned off, the same loss is
seen to stay: so the test could fail.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from chat.broadcast import Append, Appended, LogPosition, Unavailable, rev_of
from chat.broadcast.log import FOLDER
from chat.events import Close, ResponseStarted, TitleUpdated, ToolCallChanged, encode
from chat.models import ChatThread, Generation, ToolCall
from chat.web.chat.feed import _continued
from chat.web.chat.reconciler import Reconciler
from tests.support import patches
from tests.support.cast import Person
from tests.support.replies import ready
from tests.support.site import Site
from tests.support.sockets import closed
from tests.support.tab import Tab
from tests.support.waiting import LONG_SECONDS, eventually

APPEND = (FOLDER / "append.lua").read_text()


@pytest.fixture
async def reconciler(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reconciler]:
    """The site's reconcilers, which check every 50 ms and can be turned off."""
    patches.RECONCILER_CHECK_SECONDS.replace(monkeypatch, 0.05)
    patches.RECONCILER_QUIET_SECONDS.replace(monkeypatch, 0.05)
    patches.RECONCILER_AGAIN_SECONDS.replace(monkeypatch, 0.01)
    found = site.resources.reconciler
    found._all_due_at = 0.0  # it may be half a minute away
    found.hurry()
    yield found
    found.positions = found.revs = True


async def heard(tab: Tab, what: Callable[[], object], *, within: float = LONG_SECONDS) -> bool:
    """Receive until the condition is true; False on a timeout."""
    try:
        async with asyncio.timeout(within):
            while not what():
                await tab.receive()
    except TimeoutError:
        return False
    return True


def without(beginning: str) -> str:
    """append.lua with one of its lines left out."""
    lines = APPEND.splitlines()
    kept = [line for line in lines if not line.startswith(beginning)]
    assert len(kept) == len(lines) - 1
    return "\n".join(kept)


def tool(posted: dict[str, str], call_id: str, status: str = "done") -> ToolCallChanged:
    return ToolCallChanged(uuid.UUID(posted["reply_id"]), call_id, "calculate", status, "{}", "4")


def calls(tab: Tab, posted: dict[str, str]) -> list[str]:
    """The tool calls of the answer, as the tab has them."""
    message = tab.store.find(posted["reply_id"])
    return [call["call_id"] for call in message["tools"]] if message else []


@pytest.fixture
def lost_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last event of each answer does not get into Redis."""
    log = site.resources.broadcast.log
    append: Callable[[Append], Awaitable[Appended]] = log.append

    async def losing(item: Append) -> Appended:
        if item.terminal:
            raise Unavailable("lost")
        return await append(item)

    patches.LOG_APPEND.replace(monkeypatch, losing, of=log)


@pytest.mark.parametrize("checked", [True, False])
async def test_an_end_that_redis_lost_is_found_by_the_rev(
    alice: Person, reconciler: Reconciler, lost_ends: None, checked: bool
) -> None:
    reconciler.revs = checked
    posted = await alice.ask("say Hello [offline: delay=1]")
    async with alice.tab(posted["thread_id"], want="snapshot") as tab:
        over = lambda: (tab.store.find(posted["reply_id"]) or {}).get("status") == "final"  # noqa: E731
        found = await heard(tab, over, within=LONG_SECONDS if checked else 2)

        assert found is checked
        if checked:
            assert tab.store.find(posted["reply_id"])["content"] == "Hello"  # type: ignore[index]
    if not checked:
        assert (await Generation.get(answer_id=posted["reply_id"])).state == "completed"


async def test_an_end_that_seems_to_be_lost_is_checked_again_soon(
    alice: Person, site: Site, lost_ends: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = site.resources.reconciler
    with monkeypatch.context() as patch:
        patches.RECONCILER_CHECK_SECONDS.replace(patch, 1_000)
        patches.RECONCILER_DOUBT_SECONDS.replace(patch, 0.05)
        posted = await alice.ask("say Hello")
        async with alice.tab(posted["thread_id"], want="snapshot") as tab:
            await eventually(Generation.filter(answer_id=posted["reply_id"], state="completed").exists)
            await tab.until_type("thread.snapshot")
            found.hurry()
            await tab.until_finished(posted["reply_id"])
    found.hurry()  # it waits for the thousand seconds


async def test_an_end_that_came_before_the_tab_needs_no_check(alice: Person, lost_ends: None) -> None:
    posted = await alice.ask("say Hello")
    await eventually(Generation.filter(answer_id=posted["reply_id"], state="completed").exists)
    async with alice.tab(posted["thread_id"]) as tab:
        assert (await tab.until_finished(posted["reply_id"]))["content"] == "Hello"


@pytest.mark.parametrize("checked", [True, False])
async def test_an_event_whose_publishing_was_lost_on_a_quiet_thread_is_found_by_the_position(
    alice: Person, site: Site, reconciler: Reconciler, checked: bool
) -> None:
    reconciler.positions = checked
    posted = await ready(alice)
    lost = Append(uuid.UUID(posted["thread_id"]), tool(posted, "lost"))
    unpublished = without("redis.call('PUBLISH'")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        await site.resources.redis.eval(unpublished, 2, *lost.keys(), *lost.arguments())
        found = await heard(tab, lambda: calls(tab, posted) == ["lost"], within=LONG_SECONDS if checked else 2)

    assert found is checked


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_redis_that_went_back_in_time_under_a_living_writer_hides_nothing(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The tab is offline meanwhile, and returns with a position that the log has reached a second time."""
    posted = await ready(alice)
    log, redis = site.resources.broadcast.log, site.resources.redis
    guard = "if ARGV[11] == e and tonumber(ARGV[10]) >"
    if not guarded:
        patches.replace_append_script(monkeypatch, log, redis.register_script(without(guard)))
    thread_id = uuid.UUID(posted["thread_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    last = await log.end(thread_id)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        cursor, rev = tab.store.cursor, tab.store.rev
    await redis.hincrby(f"{{t:{thread_id}}}:meta", "s", -2)
    await redis.xtrim(f"{{t:{thread_id}}}:log", maxlen=0, approximate=False)
    await redis.execute_command("XSETID", f"{{t:{thread_id}}}:log", f"{last.offset - 2}-0")
    for number in range(4):
        await ToolCall.create(
            generation_id=generation.id,
            call_id=f"c{number}",
            name="calculate",
            arguments="{}",
            output="4",
            state="done",
        )
        appended = await log.append(Append(thread_id, tool(posted, f"c{number}"), minimum=last))
        last = LogPosition(appended.epoch, appended.offset)
    async with alice.tab(posted["thread_id"], cursor=cursor, rev=rev) as tab:
        tab.store.messages = await alice.messages(posted["thread_id"])
        tab.store.messages[-1]["tools"] = []
        found = await heard(
            tab, lambda: calls(tab, posted) == ["c0", "c1", "c2", "c3"], within=LONG_SECONDS if guarded else 1
        )

    assert found is guarded


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_worker_that_wakes_after_the_end_writes_nothing_into_it(
    alice: Person, site: Site, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    posted = await ready(alice)
    log = site.resources.broadcast.log
    guard = "if ARGV[7] ~= '' and tonumber(ARGV[7]) <"
    if not guarded:
        patches.replace_append_script(monkeypatch, log, site.resources.redis.register_script(without(guard)))
    generation = await Generation.get(answer_id=posted["reply_id"])
    late = Append(uuid.UUID(posted["thread_id"]), tool(posted, "late", "running"), fence=generation.fence)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        written = await log.append(late)
        after = await tab.say("say Something after it")
        await tab.until_finished(after["reply_id"])  # which comes by the same channel; what was acknowledged does not
        shown = calls(tab, posted)

    assert (written.offset == -1, shown) == ((True, []) if guarded else (False, ["late"]))


async def test_a_thread_that_is_gone_closes_its_sockets(alice: Person, reconciler: Reconciler) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_type("thread.snapshot")
        await ChatThread.filter(id=posted["thread_id"]).delete()

        assert await closed(tab.connection) == Close.DELETED


async def test_a_tab_that_has_everything_is_left_alone(alice: Person, reconciler: Reconciler) -> None:
    posted = await ready(alice)
    async with alice.tab(posted["thread_id"]) as tab:
        for text in ("say One", "say Two"):
            acknowledged = await tab.say(text)
            await tab.until_finished(acknowledged["reply_id"])
        await heard(tab, lambda: False, within=0.5)

    assert [frame["type"] for frame in tab.frames].count("thread.snapshot") == 1


def test_only_changes_that_follow_each_other_count() -> None:
    assert _continued(4, [5, 6]) == 6
    assert _continued(4, [6, 5]) == 6
    assert _continued(4, [0, 6]) == 4
    assert _continued(4, []) == 4


def test_the_start_of_an_answer_is_not_a_change() -> None:
    some: Any = uuid.uuid4()

    assert rev_of(encode(TitleUpdated(7, some, "Eggs"))) == 7
    assert rev_of(encode(ResponseStarted(7, some))) == 0
    assert rev_of(encode(tool({"reply_id": str(some)}, "c"))) == 0
