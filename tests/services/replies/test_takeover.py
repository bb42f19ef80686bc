"""Another worker resumes a lost worker's reply if the provider still runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.llm.call import CallEvent
from chat.llm.client import LLMClient
from chat.llm.events import TextDelta
from chat.llm.tools import Registry, tool
from chat.models import ChatMessage, Generation, LLMCallLog, LLMCallText, ToolCall
from tests.support.cast import Person
from tests.support.deleted import purged
from tests.support.offline import OfflineServer
from tests.support.site import Beside, Site
from tests.support.tab import Tab
from tests.support.waiting import eventually

WORDS = " ".join(f"wörd{number}😀" for number in range(40))
SLOW = f"say {WORDS} [offline: pace=10]"
LASTING = f"say {WORDS} [offline: pace=200]"  # still runs when a busy machine gets to ending it


@pytest.fixture(scope="module")
async def background_site(beside: Beside) -> AsyncIterator[Site]:
    async with beside(LLM_BACKGROUND="on") as site:
        yield site


@pytest.fixture
async def carol(background_site: Site) -> AsyncIterator[Person]:
    async with Person.signed_up(background_site, "carol") as person:
        yield person


class Held:
    """The client of a model; its streams stop at these lengths, one after the other, until they are lost."""

    def __init__(self, llm: LLMClient) -> None:
        self._llm = llm
        self.at: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    async def stream(self, said: Any, **options: Any) -> AsyncGenerator[CallEvent, None]:
        """The events up to this length."""
        left = self.at.pop(0) if self.at else len(WORDS) * 9
        async with aclosing(self._llm.stream(said, **options)) as events:
            async for event in events:
                yield event
                left -= len(event.text) if isinstance(event, TextDelta) else 0
                if left <= 0:
                    await asyncio.Event().wait()


def holding(site: Site) -> Iterator[Held]:
    worker = site.resources.worker
    kept, held = worker._deps, Held(worker._deps.llm)
    worker._deps = replace(kept, llm=held)  # type: ignore[arg-type]
    yield held
    worker._deps = kept


@pytest.fixture
def held(background_site: Site) -> Iterator[Held]:
    """Answers stop where a test wants to lose them, however slow it is."""
    yield from holding(background_site)


@pytest.fixture
def held_here(site: Site) -> Iterator[Held]:
    """The same without background runs."""
    yield from holding(site)


async def lose(site: Site, reply_id: str) -> None:
    """The worker is lost silently, the lease expires at once, and another worker finds the reply."""
    generation, worker = await Generation.get(answer_id=reply_id), site.resources.worker
    worker._replies[generation.id].abandon()
    await eventually(lambda: generation.id not in worker._replies)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await Generation.filter(id=generation.id).update(lease_until=past, owner="gone:1:x")
    worker.start(generation.id)
    await eventually(lambda: Generation.filter(id=generation.id, fence__not=generation.fence).exists())


async def ended(tab: Tab, reply_id: str, model: OfflineServer) -> tuple[ChatMessage, Generation, list[LLMCallLog]]:
    """The answer's row, once the tab has all of it; checks that each round was one call."""
    message = await tab.until_finished(reply_id)
    row, generation = await ChatMessage.get(id=reply_id), await Generation.get(answer_id=reply_id)
    rounds = await LLMCallLog.filter(generation_id=generation.id).order_by("round")
    assert message["content"] == row.content
    assert message["status"] == row.status
    assert await model.creates(str(generation.id)) == len(rounds)
    assert [one.round for one in rounds] == list(range(1, len(rounds) + 1))
    return row, generation, rounds


@pytest.mark.parametrize("length", [1, 60, 200])
async def test_a_reply_is_resumed_in_the_middle_of_its_text(
    carol: Person, held: Held, model: OfflineServer, length: int
) -> None:
    held.at = [length]
    posted = await carol.ask(SLOW)
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], length)
        await lose(carol.site, posted["reply_id"])
        row, generation, [call] = await ended(tab, posted["reply_id"], model)

    assert (row.status, row.content) == ("final", WORDS)
    assert (generation.state, generation.takeovers) == ("completed", 1)
    assert (call.status, call.estimated) == ("completed", False)


async def test_a_reply_is_resumed_from_a_checkpoint_that_is_behind_the_log(
    carol: Person, held: Held, model: OfflineServer
) -> None:
    held.at = [200]
    posted = await carol.ask(SLOW.replace("pace=10", "pace=25"))
    async with carol.tab(posted["thread_id"]) as tab:
        await eventually(lambda: Generation.exists(answer_id=posted["reply_id"], partial_len__gt=0))
        await tab.until_text(posted["reply_id"], 200)
        generation = await Generation.get(answer_id=posted["reply_id"])
        await lose(carol.site, posted["reply_id"])
        row, _, _ = await ended(tab, posted["reply_id"], model)

    assert 0 < generation.partial_len < len(WORDS)
    assert (row.status, row.content) == ("final", WORDS)


async def test_a_reply_is_resumed_after_two_lost_workers(carol: Person, held: Held, model: OfflineServer) -> None:
    held.at = [20, 200]
    posted = await carol.ask(SLOW.replace("pace=10", "pace=30"))
    async with carol.tab(posted["thread_id"]) as tab:
        for length in (20, 200):
            await tab.until_text(posted["reply_id"], length)
            await lose(carol.site, posted["reply_id"])
        row, generation, _ = await ended(tab, posted["reply_id"], model)

    assert (row.status, row.content, generation.takeovers) == ("final", WORDS, 2)


@pytest.mark.parametrize("script", ["repeat", "skip"])
async def test_a_resumed_stream_may_repeat_or_skip_events(
    carol: Person, held: Held, model: OfflineServer, script: str
) -> None:
    held.at = [60]
    posted = await carol.ask(f"say {WORDS} [offline: pace=10 {script}]")
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 60)
        await lose(carol.site, posted["reply_id"])
        row, _, _ = await ended(tab, posted["reply_id"], model)

    assert (row.status, row.content) == ("final", WORDS)


async def test_a_run_that_is_gone_ends_as_interrupted_with_its_text(
    carol: Person, held: Held, model: OfflineServer
) -> None:
    held.at = [60]
    posted = await carol.ask(f"say {WORDS} [offline: pace=10 expire]")
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 60)
        await lose(carol.site, posted["reply_id"])
        row, generation, [call] = await ended(tab, posted["reply_id"], model)

    assert (row.status, generation.state) == ("interrupted", "interrupted")
    assert WORDS.startswith(row.content)
    assert len(row.content) >= 30
    assert call.estimated


async def test_a_run_that_ended_without_a_reader_is_shown_completely(
    carol: Person, held: Held, model: OfflineServer
) -> None:
    held.at = [20]
    posted = await carol.ask(f"say {WORDS} [offline: pace=3]")
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        await lose(carol.site, posted["reply_id"])
        await model.open(until=0)
        row, _, _ = await ended(tab, posted["reply_id"], model)

    assert (row.status, row.content) == ("final", WORDS)


async def test_a_reply_is_given_up_after_three_owners(carol: Person, held: Held) -> None:
    held.at = [20]
    posted = await carol.ask(SLOW.replace("pace=10", "pace=50"))
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        await Generation.filter(answer_id=posted["reply_id"]).update(takeovers=2)
        await lose(carol.site, posted["reply_id"])
        message = await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])

    assert (message["status"], generation.state, generation.reason) == ("error", "failed", "crash_loop")


async def is_cancelled(model: OfflineServer, generation: Generation) -> bool:
    """Whether the provider has ended its run."""
    return (await model.billed(str(generation.id)))[0]["status"] == "cancelled"


async def test_stop_ends_a_run_at_the_provider(carol: Person, model: OfflineServer) -> None:
    posted = await carol.ask(LASTING)
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        message = await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    await eventually(lambda: is_cancelled(model, generation))

    assert message["status"] == "stopped"


@pytest.mark.parametrize("has_owner", [True, False])
async def test_deleting_the_thread_ends_a_run_at_the_provider(
    carol: Person, model: OfflineServer, has_owner: bool
) -> None:
    posted = await carol.ask(LASTING)
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        generation = await Generation.get(answer_id=posted["reply_id"])
        if not has_owner:  # its worker is lost, and no other has noticed yet
            worker = carol.site.resources.worker
            worker._replies[generation.id].abandon()
            await eventually(lambda: generation.id not in worker._replies)
            past = datetime.now(UTC) - timedelta(seconds=1)
            await Generation.filter(id=generation.id).update(lease_until=past)
        await carol.http.post(f"/chat/{posted['thread_id']}/delete/")
    await eventually(lambda: is_cancelled(model, generation))
    await purged(posted["thread_id"])

    assert not await Generation.exists(id=generation.id)


async def test_a_draining_worker_hands_its_replies_over(
    carol: Person, held: Held, beside: Beside, model: OfflineServer
) -> None:
    async with beside(LLM_BACKGROUND="on") as other:
        held.at = [40]
        posted = await carol.ask(SLOW.replace("pace=10", "pace=30"))
        async with carol.tab(posted["thread_id"]) as tab:
            await tab.until_text(posted["reply_id"], 40)
            await Generation.get(answer_id=posted["reply_id"])
            reply = next(iter(carol.site.resources.worker._replies.values()))
            assert reply.hand_over()
            row, generation, _ = await ended(tab, posted["reply_id"], model)

    assert (row.status, row.content, generation.takeovers) == ("final", WORDS, 1)
    assert other is not carol.site


class Bench:
    """Tools that can be left in the middle."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_end = asyncio.Event()

    def registry(self) -> Registry:
        """Two tools that wait, one of which must not run twice, and one that doesn't wait."""

        @tool(idempotent=True)
        async def look_up() -> str:
            """Look something up."""
            return await self._work("look_up")

        @tool(idempotent=False)
        async def pay() -> str:
            """Pay for something."""
            return await self._work("pay")

        @tool(idempotent=False)
        async def note() -> str:
            """Write something down."""
            self.begun.append("note")
            return "noted"

        return Registry([look_up, pay, note])

    async def _work(self, name: str) -> str:
        self.begun.append(name)
        await self.may_end.wait()
        return f"{name} is done"


@pytest.fixture
def bench(background_site: Site) -> Iterator[Bench]:
    worker, bench = background_site.resources.worker, Bench()
    kept, worker._deps = worker._deps, replace(worker._deps, tools=bench.registry())
    yield bench
    worker._deps = kept


async def running(bench: Bench, *names: str) -> None:
    """Wait until these tools have started."""
    await eventually(lambda: set(bench.begun) >= set(names))


async def test_a_tool_that_may_run_twice_does_and_the_next_round_is_asked(
    carol: Person, bench: Bench, model: OfflineServer
) -> None:
    posted = await carol.ask("Hello [offline: tool=look_up]")
    async with carol.tab(posted["thread_id"]) as tab:
        await running(bench, "look_up")
        await lose(carol.site, posted["reply_id"])
        bench.may_end.set()
        row, generation, rounds = await ended(tab, posted["reply_id"], model)
    call = await ToolCall.get(generation_id=generation.id)

    assert bench.begun == ["look_up", "look_up"]
    assert (call.state, call.output, call.round) == ("done", "look_up is done", 1)
    assert (row.status, len(rounds)) == ("final", 2)
    assert "look_up is done" in row.content


async def test_a_tool_that_has_ended_is_not_run_again(carol: Person, bench: Bench, model: OfflineServer) -> None:
    posted = await carol.ask("Hello [offline: tools=note,look_up]")
    async with carol.tab(posted["thread_id"]) as tab:
        noted = ToolCall.filter(generation__answer_id=posted["reply_id"], name="note", state="done")
        await eventually(noted.exists)
        await running(bench, "look_up")
        await lose(carol.site, posted["reply_id"])
        bench.may_end.set()
        row, _, rounds = await ended(tab, posted["reply_id"], model)

    assert bench.begun.count("note") == 1
    assert (row.status, len(rounds)) == ("final", 2)
    assert "noted" in row.content


async def test_a_tool_that_must_not_run_twice_ends_the_reply_with_a_notice(
    carol: Person, bench: Bench, model: OfflineServer
) -> None:
    posted = await carol.ask("Hello [offline: tool=pay]")
    async with carol.tab(posted["thread_id"]) as tab:
        await running(bench, "pay")
        await lose(carol.site, posted["reply_id"])
        row, generation, _ = await ended(tab, posted["reply_id"], model)

    assert bench.begun == ["pay"]
    assert (row.status, generation.reason) == ("interrupted", "tool")
    assert "while a tool was running" in row.error


async def test_a_reply_in_its_second_round_knows_what_the_first_one_did(
    carol: Person, bench: Bench, held: Held, model: OfflineServer
) -> None:
    held.at = [30]
    posted = await carol.ask("Hello [offline: tool=note pace=20]")
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 30)
        await lose(carol.site, posted["reply_id"])
        row, _, rounds = await ended(tab, posted["reply_id"], model)

    assert bench.begun == ["note"]
    assert (row.status, len(rounds)) == ("final", 2)
    assert "noted" in row.content


async def test_a_lost_round_is_counted_by_its_own_text_only(
    alice: Person, held_here: Held, model: OfflineServer
) -> None:
    """The round before it is in the usage ledger; the lost round had read its tool result."""
    held_here.at = [len(WORDS) + 20]
    posted = await alice.ask(f"say {WORDS} [offline: tool=calculate also pace=8]")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], len(WORDS) + 20)
        await lose(alice.site, posted["reply_id"])
        row, generation, rounds = await ended(tab, posted["reply_id"], model)

    assert generation.reason == "lost"
    assert [one.status for one in rounds] == ["completed", "lost"]
    texts = [(await LLMCallText.get(call_id=one.id)).output for one in rounds]
    assert texts[1]
    assert "".join(texts) == row.content
    assert rounds[1].input_tokens > rounds[0].input_tokens
