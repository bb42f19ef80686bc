"""Reasoning of a reply: shown in all tabs, kept over reloads and lost workers, sent back to its model only, counted."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.llm.call import CallEvent
from chat.llm.events import ReasoningDelta
from chat.llm.items import text_of
from chat.models import ChatMessage, Generation, LLMCallLog, LLMCallText, RoundItem
from chat.services.replies.prompt import turns
from chat.services.replies.thoughts import ELLIPSIS, MAX_BYTES
from tests.support.cast import Person
from tests.support.deleted import purged
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.raw_server import RawServer, responds, serving
from tests.support.replies import answered
from tests.support.rows import past_thread
from tests.support.site import Beside, Site
from tests.support.tab import Tab
from tests.support.waiting import eventually

SHOWN = ("content", "reasoning", "reasoning_ms", "thinking", "status")
TOOL = "tool=calculate arguments=%7B%22expression%22:%226*7%22%7D"


@pytest.fixture(scope="module")
async def background_site(beside: Beside) -> AsyncIterator[Site]:
    async with beside(LLM_BACKGROUND="on") as site:
        yield site


@pytest.fixture
async def carol(background_site: Site) -> AsyncIterator[Person]:
    async with Person.signed_up(background_site, "carol") as person:
        yield person


def answering(*rounds: list[dict[str, Any]]) -> AbstractAsyncContextManager[RawServer]:
    """A server that answers by these events."""
    bodies = ("".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() for events in rounds)
    return serving(*(responds(body, kind="text/event-stream") for body in bodies))


def shown(message: dict[str, Any]) -> list[Any]:
    return [message[name] for name in SHOWN]


async def stored(reply_id: str) -> list[Any]:
    row = await ChatMessage.get(id=reply_id)
    return [row.content, row.reasoning, row.reasoning_ms, False, row.status]


async def until_thought(tab: Tab, reply_id: str, length: int) -> str:
    """Receive until an answer has this much reasoning."""
    while True:
        message = tab.store.find(reply_id) or {}
        if len(message.get("reasoning", "")) >= length:
            return str(message["reasoning"])
        await tab.receive()


async def stop(tab: Tab, reply_id: str) -> dict[str, Any]:
    await tab.send({"type": "response.cancel", "message_id": reply_id})
    return await tab.until_finished(reply_id)


# -- shown ------------------------------------------------------------------------------------------------------


async def test_two_tabs_and_the_row_have_the_same_reasoning(alice: Person) -> None:
    posted = await alice.ask("say Hello there [offline: reasoning=20 pace=5]")
    async with alice.tab(posted["thread_id"]) as one, alice.tab(posted["thread_id"]) as other:
        seen = [shown(await tab.until_finished(posted["reply_id"])) for tab in (one, other)]
    [message] = [one for one in await alice.messages(posted["thread_id"]) if one["id"] == posted["reply_id"]]

    assert seen[0] == seen[1] == await stored(posted["reply_id"]) == shown(message)
    assert (seen[0][0], seen[0][3], seen[0][4]) == ("Hello there", False, "final")
    assert seen[0][1]
    assert seen[0][2] > 0


async def test_a_tab_that_opens_while_the_model_thinks_has_what_it_thought(alice: Person, site: Site) -> None:
    posted = await alice.ask("say Hello [offline: reasoning=40 reason_for=20]")
    async with alice.tab(posted["thread_id"]) as first:
        before = await until_thought(first, posted["reply_id"], 60)
        page = await alice.http.get(f"/chat/{posted['thread_id']}/")
        async with alice.tab(posted["thread_id"]) as second:
            snapshot = await second.until_type("thread.snapshot")
            await stop(second, posted["reply_id"])
            ends = [shown(await tab.until_finished(posted["reply_id"])) for tab in (first, second)]

    [opened] = [one for one in snapshot["messages"] if one["id"] == posted["reply_id"]]
    assert opened["thinking"]
    assert opened["reasoning"].startswith(before)
    assert opened["reasoning_ms"] > 0
    assert before[:20] in Page(page.text).text
    assert ends[0] == ends[1] == await stored(posted["reply_id"])


async def test_a_model_that_thinks_in_silence_is_thinking_for_a_new_tab_too(alice: Person) -> None:
    """No event of the log is after the checkpoint: the row says it."""
    posted = await alice.ask("say Hello [offline: reasoning=1 reason_for=20]")
    async with alice.tab(posted["thread_id"]) as first:
        await until_thought(first, posted["reply_id"], 1)  # in an event, or in the snapshot
        thinking = Generation.filter(answer_id=posted["reply_id"], partial_thinking=True)
        await eventually(thinking.exists)
        async with alice.tab(posted["thread_id"]) as second:
            snapshot = await second.until_type("thread.snapshot")
            await stop(second, posted["reply_id"])
        ended = await first.until_finished(posted["reply_id"])

    assert snapshot["messages"][-1]["thinking"]
    assert snapshot["messages"][-1]["reasoning_ms"] is not None
    assert (ended["status"], ended["content"], ended["thinking"]) == ("stopped", "", False)


async def test_reasoning_goes_on_in_a_new_log_when_redis_loses_the_old_one(alice: Person, site: Site) -> None:
    posted = await alice.ask("say Hello [offline: reasoning=30 pace=30]")
    async with alice.tab(posted["thread_id"]) as tab:
        await until_thought(tab, posted["reply_id"], 20)
        await site.resources.broadcast.log.forget([uuid.UUID(posted["thread_id"])])
        seen = shown(await tab.until_finished(posted["reply_id"]))

    assert seen == await stored(posted["reply_id"])


async def test_reasoning_of_several_rounds_is_one_text_and_its_time_is_added(alice: Person) -> None:
    message, generation, tab = await answered(alice, f"How much? [offline: reasoning=3 {TOOL}]")
    deltas = [frame for frame in tab.frames if frame["type"].startswith("response.reasoning.")]

    assert message["reasoning"].count("\n\n") >= 1
    assert [frame["ms"] for frame in deltas] == sorted(frame["ms"] for frame in deltas)
    assert shown(message) == await stored(str(message["id"]))
    assert sum([call.reasoning_tokens for call in await LLMCallLog.filter(generation_id=generation.id)]) > 0


async def test_too_much_reasoning_is_cut_for_everyone(beside: Beside) -> None:
    thought = [{"type": "response.reasoning_text.delta", "delta": "thinking🥚 " * 500} for _ in range(20)]
    async with (
        answering([*thought, *saying("Done.")]) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        posted = await alice.ask("What is it?")
        async with alice.tab(posted["thread_id"]) as tab:
            seen = shown(await tab.until_finished(posted["reply_id"]))

    assert seen == await stored(posted["reply_id"])
    assert MAX_BYTES - 8 < len(seen[1].encode()) <= MAX_BYTES
    assert seen[1].endswith(ELLIPSIS)
    assert seen[0] == "Done."


# -- ends -------------------------------------------------------------------------------------------------------


async def test_stopping_while_the_model_thinks_keeps_what_it_thought(alice: Person) -> None:
    posted = await alice.ask("say Hello [offline: reasoning=50 pace=50]")
    async with alice.tab(posted["thread_id"]) as tab:
        await until_thought(tab, posted["reply_id"], 20)
        seen = shown(await stop(tab, posted["reply_id"]))

    assert seen == await stored(posted["reply_id"])
    assert (seen[0], seen[4]) == ("", "stopped")
    assert seen[1]


def saying(text: str) -> list[dict[str, Any]]:
    return [
        {"type": "response.output_text.delta", "delta": text},
        {"type": "response.completed", "response": {"id": "", "model": "gpt-5-mini"}},
    ]


def thinking(end: str, **fields: Any) -> list[dict[str, Any]]:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    usage = {"input_tokens": 9, "output_tokens": 40, "total_tokens": 49}
    return [
        {"type": "response.output_item.added", "item": {"type": "reasoning", "id": "rs_1", "summary": []}},
        {"type": "response.reasoning_text.delta", "item_id": "rs_1", "delta": "Hm."},
        {"type": "response.output_item.done", "item": item},
        {"type": end, "response": {"id": "", "model": "gpt-5-mini", "output": [item], "usage": usage, **fields}},
    ]


async def test_an_error_while_the_model_thinks_keeps_what_it_thought(beside: Beside) -> None:
    failing = [*thinking("response.completed")[:2], {"type": "error", "code": "server_error", "message": "no"}]
    async with (
        answering(failing) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        message, generation, _ = await answered(alice, "What is it?")
    [call] = await LLMCallLog.filter(generation_id=generation.id)

    assert (message["status"], message["content"], message["reasoning"]) == ("error", "", "Hm.")
    assert shown(message) == await stored(str(message["id"]))
    assert call.estimated
    assert call.output_tokens > 0


CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}


@pytest.mark.parametrize("end", [("response.incomplete", CUT), ("response.completed", CUT), ("response.completed", {})])
async def test_an_answer_that_is_only_reasoning_says_so_and_can_be_continued(
    beside: Beside, end: tuple[str, dict[str, Any]]
) -> None:
    async with (
        answering(thinking(end[0], **end[1]), saying("Done.")) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        thread_id = await past_thread(alice, messages=0)
        async with alice.tab(thread_id) as tab:
            posted = await tab.say("What is it?")  # not before the tab is there, which would miss the end
            first = await tab.until_type("final")
            again = await alice.http.post(
                f"/chat/{thread_id}/again/",
                data={"message_id": posted["reply_id"], "go_on": "1"},
                headers={"accept": "application/json"},
            )
            second = await tab.until_finished(again.json()["reply_id"])

    row = await ChatMessage.get(id=posted["reply_id"])
    assert (row.status, row.content, row.reasoning) == ("final", "", "Hm.")
    assert (
        first["message"]
        == row.error
        == "The model stopped thinking before its answer began. Continue it, or try again."
    )
    assert first["can_continue"]
    assert second["content"] == "Done."
    [said] = server.bodies[1]["input"]
    assert said["role"] == "user"
    assert said["content"][0]["text"] == "What is it?"
    assert "Answer now" in text_of(said)


# -- sent back --------------------------------------------------------------------------------------------------


async def requests(model: OfflineServer, generation: Generation) -> list[dict[str, Any]]:
    bodies = (await model.http.get("/control/requests")).json()["requests"]
    return [body for body in bodies if body.get("metadata", {}).get("generation_id") == str(generation.id)]


def kinds(items: list[dict[str, Any]]) -> list[str]:
    return [str(item["type"]) for item in items]


async def test_a_round_gets_the_reasoning_of_the_one_before_and_its_secret_part_is_not_kept(
    alice: Person, model: OfflineServer
) -> None:
    message, generation, _ = await answered(alice, f"say Well. [offline: reasoning=3 also reasoning_required {TOOL}]")
    first, second = await requests(model, generation)

    assert message["status"] == "final"
    assert (first["reasoning"]["summary"], first["include"]) == ("auto", ["reasoning.encrypted_content"])
    sent = second["input"][len(first["input"]) :]
    assert kinds(sent) == ["message", "reasoning", "function_call", "function_call_output"]
    assert sent[1]["encrypted_content"]
    kept = await RoundItem.filter(generation_id=generation.id).order_by("round", "number")
    assert [(row.round, row.item["type"], row.model) for row in kept] == [
        (1, "message", first["model"]), (1, "function_call", first["model"]),
    ]  # fmt: skip
    assert "encrypted_content" not in str([row.item for row in kept])
    texts = await LLMCallText.filter(generation_id=generation.id)
    assert "encrypted_content" not in str([row.input for row in texts])


async def test_readable_reasoning_of_a_tool_round_is_in_later_turns_of_its_model_only(
    alice: Person, model: OfflineServer
) -> None:
    message, generation, _ = await answered(alice, f"How much? [offline: raw=3 {TOOL}]")
    thread = (await ChatMessage.get(id=message["id"])).thread_id
    name = (await RoundItem.filter(generation_id=generation.id).first()).model  # type: ignore[union-attr]
    same = await turns(message["id"], max_tokens=9000, model=name)
    other = await turns(message["id"], max_tokens=9000, model="another")

    assert kinds(same) == ["message", "reasoning", "function_call", "function_call_output", "message"]
    assert same[1]["content"]
    assert kinds(other) == ["message", "function_call", "function_call_output", "message"]
    _, second, _ = await answered(alice, "And then? [offline: raw=1]", str(thread))
    [body] = await requests(model, second)
    assert kinds(body["input"]) == [*kinds(same), "message"]


async def test_text_before_a_call_is_in_its_place_in_later_turns_and_only_there(alice: Person) -> None:
    message, _, _ = await answered(alice, f"say Let me see. [offline: also {TOOL}]")
    items = await turns(message["id"], max_tokens=9000)

    assert kinds(items)[1:4] == ["message", "function_call", "function_call_output"]
    assert text_of(items[1]) == "Let me see."
    assert "".join(text_of(item) for item in items if item.get("role") == "assistant") == message["content"]


async def test_a_deleted_thread_leaves_no_item(alice: Person) -> None:
    message, generation, _ = await answered(alice, f"How much? [offline: raw=3 {TOOL}]")
    thread = (await ChatMessage.get(id=message["id"])).thread_id
    assert await RoundItem.filter(generation_id=generation.id).exists()
    await alice.http.post(f"/chat/{thread}/delete/")
    await purged(str(thread))

    assert not await RoundItem.filter(generation_id=generation.id).exists()


async def test_a_background_round_refers_to_the_one_before_it(carol: Person, model: OfflineServer) -> None:
    message, generation, _ = await answered(carol, f"How much? [offline: reasoning=3 reasoning_required {TOOL}]")
    first, second = await requests(model, generation)

    assert message["status"] == "final"
    assert "include" not in first
    assert second["previous_response_id"]
    assert kinds(second["input"]) == ["function_call_output"]


# -- lost workers -----------------------------------------------------------------------------------------------


class Held:
    """The client of a model; its stream stops for ever at the event that `at` chooses, once."""

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self.at: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._llm, name)

    async def stream(self, said: Any, **options: Any) -> AsyncGenerator[CallEvent, None]:
        """The events up to there."""
        at, self.at = self.at, None
        async with aclosing(self._llm.stream(said, **options)) as events:
            async for event in events:
                yield event
                if at and at(event):
                    await asyncio.Event().wait()


@asynccontextmanager
async def holding(site: Site, at: Any) -> AsyncIterator[None]:
    worker = site.resources.worker
    kept, held = worker._deps, Held(worker._deps.llm)
    held.at = at
    worker._deps = replace(kept, llm=held)  # type: ignore[arg-type]
    try:
        yield
    finally:
        worker._deps = kept


async def lose(site: Site, reply_id: str) -> None:
    """The worker is lost silently, the lease expires at once, and another worker finds the reply."""
    generation, worker = await Generation.get(answer_id=reply_id), site.resources.worker
    worker._replies[generation.id].abandon()
    await eventually(lambda: generation.id not in worker._replies)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await Generation.filter(id=generation.id).update(lease_until=past, owner="gone:1:x")
    worker.start(generation.id)
    await eventually(lambda: Generation.filter(id=generation.id, fence__not=generation.fence).exists())


def after(pieces: int) -> Any:
    """Chooses the event with this number of pieces of reasoning."""
    seen: Iterator[int] = iter(range(1, 1000))
    return lambda event: isinstance(event, ReasoningDelta) and event.text and next(seen) == pieces


@pytest.mark.parametrize("pieces", [1, 7, 15])
async def test_a_reply_is_resumed_while_the_model_thinks(carol: Person, pieces: int) -> None:
    whole = (await answered(carol, "say Hello [offline: reasoning=20 pace=1]"))[0]["reasoning"]
    async with holding(carol.site, after(pieces)):
        posted = await carol.ask("say Hello [offline: reasoning=20 pace=10]")
        async with carol.tab(posted["thread_id"]) as tab:
            await until_thought(tab, posted["reply_id"], pieces)
            await lose(carol.site, posted["reply_id"])
            seen = shown(await tab.until_finished(posted["reply_id"]))

    assert seen == await stored(posted["reply_id"])
    assert (seen[0], seen[1], seen[4]) == ("Hello", whole, "final")


async def test_a_worker_lost_while_the_model_thinks_leaves_what_it_thought_and_a_true_bill(alice: Person) -> None:
    async with holding(alice.site, after(9)):
        posted = await alice.ask("say Hello [offline: reasoning=20 pace=10]")
        async with alice.tab(posted["thread_id"]) as tab:
            await until_thought(tab, posted["reply_id"], 9)
            before = str((tab.store.find(posted["reply_id"]) or {})["reasoning"])
            await lose(alice.site, posted["reply_id"])
            seen = shown(await tab.until_finished(posted["reply_id"]))

    assert seen == await stored(posted["reply_id"])
    assert (seen[0], seen[3], seen[4]) == ("", False, "interrupted")
    assert seen[1].startswith(before)
    [call] = await LLMCallLog.filter(generation__answer_id=posted["reply_id"])
    assert (call.status, call.estimated) == ("lost", True)
    assert call.output_tokens > 0


@pytest.mark.parametrize("background", [True, False])
async def test_a_worker_lost_between_two_rounds_leaves_the_first_one_whole(
    alice: Person, carol: Person, model: OfflineServer, background: bool
) -> None:
    """In the second round: the rows of the first were committed before it was asked."""
    person = carol if background else alice
    asked = f"say Well. [offline: reasoning=3 also reasoning_required pace=5 {TOOL}]"
    async with holding(person.site, after(5)):
        posted = await person.ask(asked)
        async with person.tab(posted["thread_id"]) as tab:
            while await LLMCallLog.filter(generation__answer_id=posted["reply_id"]).count() < 1:
                await tab.receive()
            generation = await Generation.get(answer_id=posted["reply_id"])
            kept = await RoundItem.filter(generation_id=generation.id).order_by("number")
            await lose(person.site, posted["reply_id"])
            seen = shown(await tab.until_finished(posted["reply_id"]))

    assert [row.item["type"] for row in kept] == ["message", "reasoning", "function_call"]
    assert kept[1].item.get("encrypted_content") or background
    assert seen == await stored(posted["reply_id"])
    assert seen[4] == ("final" if background else "interrupted")
    calls = await LLMCallLog.filter(generation_id=generation.id).order_by("round")
    assert [call.round for call in calls] == [1, 2]
    assert calls[1].input_tokens > calls[0].input_tokens
