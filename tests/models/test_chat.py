"""The whole product with a real model: a conversation, tools, limits, a stop, tabs and a reload."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chat.models import ChatMessage, ChatThread, Generation, LLMCallLog, Status, TitleBy, ToolCall
from tests.support.cast import Person
from tests.support.real_model import RealModel
from tests.support.replies import answered
from tests.support.site import Beside, Site
from tests.support.waiting import eventually

TOO_LONG_TWICE = 250  # tokens of a message that fits into the model's context once, beside the instructions
STORY = "Write a story about the sea."


@pytest.fixture(scope="module")
async def roomy(beside: Beside) -> AsyncIterator[Site]:
    """A site whose answers may be long, and whose titles come from the model."""
    async with beside(LLM_MAX_OUTPUT_TOKENS="900", LLM_TITLES="on") as site:
        yield site


@pytest.fixture
async def carol(roomy: Site) -> AsyncIterator[Person]:
    async with Person.signed_up(roomy, "carol") as person:
        yield person


async def rounds_of(generation: Generation) -> list[LLMCallLog]:
    return await LLMCallLog.filter(generation_id=generation.id, caller="chat").order_by("round")


async def test_a_chat_with_a_tool_continues(alice: Person) -> None:
    first, generation, tab = await answered(alice, "Use get_secret_number.")
    [call] = await ToolCall.filter(generation_id=generation.id)
    assert (first["status"], call.name, call.state) == ("final", "get_secret_number", "done")
    assert call.output in str(first["content"])
    assert [log.status for log in await rounds_of(generation)] == ["completed"] * 2
    assert any(frame["type"] == "response.tool_call" for frame in tab.frames)

    second, generation, _ = await answered(alice, "Use get_secret_number.", str(generation.thread_id))
    assert (second["status"], len(await rounds_of(generation))) == ("final", 2)


async def test_an_answer_at_the_limit_can_be_continued(alice: Person) -> None:
    cut, _, _ = await answered(alice, STORY)
    row = await ChatMessage.get(id=cut["id"])
    assert (row.status, row.error) == (Status.FINAL, "This answer reached the length limit.")
    thread_id = row.thread_id
    form = {"message_id": cut["id"], "go_on": "1"}
    posted = await alice.http.post(f"/chat/{thread_id}/again/", data=form, headers={"Accept": "application/json"})
    assert posted.status_code == 201
    async with alice.tab(str(thread_id)) as tab:
        continued = await tab.until_finished(posted.json()["reply_id"])
    assert continued["content"]


async def test_a_stop_reaches_the_server(carol: Person, model: RealModel) -> None:
    posted = await carol.ask(STORY)
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_text(posted["reply_id"], 20)
        assert await model.working()
        await tab.send({"type": "response.cancel", "message_id": posted["reply_id"]})
        stopped = await tab.until_finished(posted["reply_id"])
    await model.is_idle()
    assert (stopped["status"], len(stopped["content"]) >= 20) == ("stopped", True)
    [log] = await rounds_of(await Generation.get(answer_id=posted["reply_id"]))
    assert (log.status, log.estimated) == ("stopped", True)


async def test_a_chat_beyond_the_context_is_shortened_and_answered(alice: Person) -> None:
    long = "sea " * TOO_LONG_TWICE
    _, first, _ = await answered(alice, f"{long}Hello!")
    message, generation, _ = await answered(alice, f"{long}Hello!", str(first.thread_id))
    assert (message["status"], bool(message["content"])) == ("final", True)
    assert "Earlier messages were left out" in (await ChatMessage.get(id=message["id"])).error
    statuses = [log.status for log in await rounds_of(generation)]
    assert (statuses[0], statuses[-1]) == ("context_too_long", "completed")


async def test_two_tabs_and_a_reload_in_the_middle_see_one_answer(carol: Person) -> None:
    posted = await carol.ask(STORY)
    thread_id, answer_id = posted["thread_id"], posted["reply_id"]
    async with carol.tab(thread_id) as one, carol.tab(thread_id) as two:
        await one.until_text(answer_id, 40)
        reloaded = (await carol.messages(thread_id))[-1]
        assert reloaded["status"] == "streaming"
        async with carol.tab(thread_id) as late:
            await one.until_text(answer_id, 80)
            await two.send({"type": "response.cancel", "message_id": answer_id})
            seen = {str((await tab.until_finished(answer_id))["content"]) for tab in (one, two, late)}
    row = await ChatMessage.get(id=answer_id)
    assert seen == {row.content}
    assert row.status == Status.STOPPED


async def test_a_title_that_the_model_cannot_write_stays_the_first_words(carol: Person) -> None:
    message, generation, _ = await answered(carol, "Hello!")
    assert message["status"] == "final"
    titles = LLMCallLog.filter(user__email=carol.email, caller="title").exclude(status="running")
    await eventually(titles.first, seconds=60)
    thread = await ChatThread.get(id=generation.thread_id)
    assert (thread.title, thread.title_by) == ("Hello!", TitleBy.WORDS)
