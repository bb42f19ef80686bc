"""The chat works with a minimal compatible server: no details in its usage, unknown events, no background."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chat.models import Generation, LLMCallLog
from tests.support.cast import Person
from tests.support.offline import start_offline_model
from tests.support.replies import answered
from tests.support.site import Beside, Site


@pytest.fixture(scope="module")
async def plain_site(beside: Beside) -> AsyncIterator[Site]:
    process, url = start_offline_model("--plain", "--pace-ms", "0")
    try:
        async with beside(
            OPENAI_BASE_URL=url, LLM_MODEL="house-brand", LLM_TITLES="on", LLM_PRICES="house-*=1/2"
        ) as site:
            yield site
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def carol(plain_site: Site) -> AsyncIterator[Person]:
    async with Person.signed_up(plain_site, "carol") as person:
        yield person


async def test_an_answer_streams_and_is_counted(carol: Person) -> None:
    message, generation, _ = await answered(carol, "say Hello, world")
    row = await LLMCallLog.get(generation_id=generation.id)

    assert (message["status"], message["content"]) == ("final", "Hello, world")
    assert (row.status, row.model, row.estimated) == ("completed", "house-brand", False)
    assert row.cost is not None
    assert row.cost * 1_000_000 == row.input_tokens + 2 * row.output_tokens


async def test_tools_are_called(carol: Person) -> None:
    message, generation, _ = await answered(carol, "What is 12 * 7?")

    assert "84" in str(message["content"])
    assert [call["status"] for call in message["tools"]] == ["done"]  # type: ignore[attr-defined]
    assert await LLMCallLog.filter(generation_id=generation.id).count() == 2


async def test_the_conversation_and_its_tools_are_shown_again(carol: Person) -> None:
    posted = await carol.ask("What is 12 * 7?")
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        message, _, _ = await answered(carol, "Hello again", posted["thread_id"])

    assert message["status"] == "final"
    assert "2 messages from you" in str(message["content"])


async def test_a_broken_stream_ends_honestly(carol: Person) -> None:
    message, generation, _ = await answered(carol, "say one two three four five six [offline: cut=3]")

    assert message["status"] == "interrupted"
    assert (await Generation.get(id=generation.id)).state == "interrupted"


async def test_a_thread_gets_its_title(carol: Person) -> None:
    posted = await carol.ask("say something about bread and butter")
    async with carol.tab(posted["thread_id"]) as tab:
        await tab.until(lambda _: tab.store.title == "Say something about bread and butter")
