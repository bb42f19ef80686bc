"""A model that is silent for long is not a broken page: the page says what it waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import NO_CONNECTION, ChatPage, Desk
from tests.support.scripted import ScriptedAnswer
from tests.support.site import Site

WORDS = "Still waiting for the model…"
SILENT_MS = 8_000


@pytest.fixture
async def answer(alice: Person) -> AsyncIterator[ScriptedAnswer]:
    async with ScriptedAnswer.begun(alice) as answer:
        yield answer


@pytest.fixture
async def chat(desk: Desk, alice: Person, answer: ScriptedAnswer) -> AsyncIterator[ChatPage]:
    """A thread with a running answer, on a page whose clock the test moves."""
    context = await desk.context(alice, allowed=(NO_CONNECTION,))
    page = await context.new_page()
    await page.clock.install()
    yield await ChatPage.opened(page, str(answer.thread_id))


async def test_silence_is_said_before_the_first_event_and_ends_with_it(chat: ChatPage, answer: ScriptedAnswer) -> None:
    words = chat.answer.get_by_text(WORDS)
    height = await chat.answer.evaluate("it => it.offsetHeight")
    await chat.page.clock.fast_forward(SILENT_MS)
    await expect(words).to_be_visible()
    await chat.hears(WORDS)
    assert await chat.answer.evaluate("it => it.offsetHeight") == height

    await answer.says("Hello")
    await expect(words).to_be_hidden()
    await expect(chat.answer.locator(".markdown-content")).to_have_text("Hello")


async def test_silence_in_the_middle_of_an_answer_moves_nothing(chat: ChatPage, answer: ScriptedAnswer) -> None:
    await answer.says("One, two")
    await chat.has_text(8)
    height = await chat.answer.evaluate("it => it.offsetHeight")
    await chat.page.clock.fast_forward(SILENT_MS)

    await expect(chat.answer.get_by_text(WORDS)).to_be_visible()
    assert await chat.answer.evaluate("it => it.offsetHeight") == height
    assert await chat.text() == "One, two"


async def test_a_running_tool_is_not_silence(chat: ChatPage, answer: ScriptedAnswer) -> None:
    await answer.uses("calculate")
    await expect(chat.answer.locator(".tool-call summary")).to_have_text("calculate…", use_inner_text=True)
    await chat.page.clock.fast_forward(SILENT_MS)
    await expect(chat.answer.get_by_text(WORDS)).to_be_hidden()

    await answer.uses("calculate", "done")
    await expect(chat.answer.locator(".tool-call summary")).to_have_text("calculate", use_inner_text=True)
    await chat.page.clock.fast_forward(SILENT_MS)
    await expect(chat.answer.get_by_text(WORDS)).to_be_visible()


async def test_a_lost_connection_is_not_the_models_silence(chat: ChatPage, site: Site) -> None:
    words = chat.answer.get_by_text(WORDS)
    await chat.page.clock.fast_forward(SILENT_MS)
    await expect(words).to_be_visible()
    await chat.page.context.set_offline(True)
    for socket in site.resources.sockets:
        socket.leave()

    await expect(words).to_be_hidden()


async def test_a_stopped_answer_is_not_waited_for(chat: ChatPage) -> None:
    await chat.page.clock.fast_forward(SILENT_MS)
    await expect(chat.answer.get_by_text(WORDS)).to_be_visible()
    await chat.stop_button.click()
    await chat.is_over("stopped")

    await expect(chat.answer.get_by_text(WORDS)).to_be_hidden()
    await expect(chat.note).to_have_text("You stopped this answer.")
