"""A stopped call disconnects, cancels its tools and is recorded in the journal."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any

import pytest

from chat.llm.call import CallEvent
from chat.llm.client import LLMClient
from chat.llm.events import Code, ToolCallArguments
from chat.llm.tools import tool
from tests.support import patches
from tests.support.llm import PRICES, WHOLE, MemoryJournal, text_of
from tests.support.offline import OfflineServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_is_left")

BRIEF_SECONDS = 20


class Phase:
    """A point in a call at which it is stopped."""

    def __init__(self, said: str, *, ran: bool, uncertain: bool = False, before_anything: bool = False) -> None:
        self.said, self.ran, self.uncertain = said, ran, uncertain
        self.before_anything = before_anything


PHASES = {
    "before the headers": Phase("hello [offline: delay=30]", ran=True, uncertain=True, before_anything=True),
    "in the text": Phase(f"say {WHOLE} [offline: silence=3]", ran=True),
    "while a tool runs": Phase(f"say {WHOLE} [offline: tool=wait also silence=4]", ran=True),
    "in a pause": Phase("hello [offline: status=429]", ran=False, before_anything=True),
}
MEANS = ("cancel", "cancel twice", "cancel again and again", "timeout", "close", "break")
# Before the first event there is no loop to leave.
STOPS = [
    (phase, means) for phase in PHASES for means in MEANS
    if not (PHASES[phase].before_anything and means in ("close", "break"))
]  # fmt: skip


@pytest.mark.parametrize(("phase", "means"), STOPS)
async def test_a_stop_hangs_up_and_is_recorded(  # noqa: PLR0917 - fixtures
    llm: LLMClient,
    journal: MemoryJournal,
    offline: OfflineServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
    means: str,
) -> None:
    patches.PAUSES.replace(monkeypatch, {Code.RATE_LIMITED: (20,)})
    in_tool = asyncio.Event()

    @tool(idempotent=True)
    async def wait() -> str:
        """Wait for ever."""
        in_tool.set()
        await asyncio.sleep(30)  # longer than any test
        return ""

    seen: list[CallEvent] = []

    def arrived() -> bool:
        match phase:
            case "in the text":
                return len(text_of(seen)) > 5
            case "while a tool runs":
                return in_tool.is_set() and text_of(seen) != ""
            case "in a pause":
                return "Attempt 1 failed" in caplog.text
        return False

    async def read() -> None:
        async with aclosing(llm.stream(PHASES[phase].said, tools=[wait], timeout_seconds=20)) as events:
            async for event in events:
                seen.append(event)
                if means == "break" and arrived():
                    break
                if means == "close" and arrived():
                    await events.aclose()

    with caplog.at_level(logging.DEBUG, "chat.llm"):
        limit = asyncio.timeout(None)
        reading = asyncio.create_task(bounded(read, limit))
        if phase == "before the headers":
            await offline.open(until=1)
        else:
            await eventually(lambda: arrived() or reading.done())
        if means == "timeout":
            limit.reschedule(asyncio.get_running_loop().time())
        for _ in range({"cancel": 1, "cancel twice": 2, "cancel again and again": 20}.get(means, 0)):
            reading.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(BRIEF_SECONDS):
            with suppress(asyncio.CancelledError):
                await reading

    assert await offline.open(until=0) == 0
    log, expected = journal.log, PHASES[phase]
    assert (log.status, log.estimated, log.uncertain) == ("stopped", expected.ran, expected.uncertain)
    assert bool(log.usage.total_tokens) is bool(log.cost) is expected.ran
    assert log.output == text_of(seen)
    assert reading.cancelled() is means.startswith("cancel")


async def bounded(read: Callable[[], Any], limit: asyncio.Timeout) -> None:
    with suppress(TimeoutError):
        async with limit:
            await read()


async def test_a_stop_during_the_last_tool_leaves_a_completed_round(llm: LLMClient, journal: MemoryJournal) -> None:
    cancelled = asyncio.Event()

    @tool(idempotent=True)
    async def wait() -> str:
        """Wait for ever."""
        try:
            await asyncio.sleep(30)  # longer than any test
        finally:
            cancelled.set()
        return ""

    reading = asyncio.create_task(llm.call("hello [offline: tool=wait]", tools=[wait]))
    await eventually(lambda: bool(journal.logs))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert cancelled.is_set()
    assert (journal.log.status, journal.log.estimated) == ("completed", False)


async def test_a_stop_while_the_journal_writes_waits_for_it(offline_url: str) -> None:
    class Slow(MemoryJournal):
        def __init__(self) -> None:
            super().__init__()
            self.writing, self.may_end = asyncio.Event(), asyncio.Event()

        async def end(self, log: Any) -> None:
            self.writing.set()
            await self.may_end.wait()
            self.logs.append(log)

    journal = Slow()
    async with LLMClient(api_key="test", base_url=offline_url, prices=PRICES, journal=journal) as llm:
        reading = asyncio.create_task(llm.call("say yes"))
        await journal.writing.wait()
        for _ in range(3):
            reading.cancel()
            await asyncio.sleep(0.001)  # further stops at different moments are the point
        journal.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert journal.log.status == "completed"


async def test_a_stop_while_a_tool_cleans_up_loses_no_round(llm: LLMClient, journal: MemoryJournal) -> None:
    started, cleaned = asyncio.Event(), asyncio.Event()

    @tool(idempotent=True)
    async def tidy() -> str:
        """Leave nothing lying about."""
        try:
            started.set()
            await asyncio.sleep(30)  # longer than any test
        finally:
            await asyncio.sleep(0.05)  # longer than the stops below take
            cleaned.set()
        return ""

    reading = asyncio.create_task(
        llm.call(f"say {WHOLE} [offline: tool=tidy also silence=3]", tools=[tidy])
    )  # fmt: skip
    await started.wait()
    for _ in range(3):
        reading.cancel()
        await asyncio.sleep(0.005)  # while it cleans up
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert cleaned.is_set()
    assert journal.log.status == "stopped"


async def test_an_unread_stream_sends_nothing(
    llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str
) -> None:
    await llm.stream("hello", metadata={"generation_id": generation_id}).aclose()
    assert (journal.planned, await offline.creates(generation_id)) == ([], 0)


async def test_partial_tool_arguments_of_a_stopped_call_are_counted(llm: LLMClient, journal: MemoryJournal) -> None:
    arguments = "%7B%22text%22:%22" + "many words ".replace(" ", "%20") * 20 + "%22%7D"
    async with aclosing(llm.stream(f"hello [offline: tool=x arguments={arguments} silence=20]")) as events:
        async for event in events:
            if isinstance(event, ToolCallArguments) and len(journal.created_ids) == 1:
                break
    assert journal.log.status == "stopped"
    assert journal.log.usage.output_tokens >= 1
