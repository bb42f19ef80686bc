"""The model is chosen below the message, and sent with each message."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from chat.models import Generation
from tests.support.cast import Person
from tests.support.desk import NO_CONNECTION, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.site import Beside


@pytest.fixture(scope="module")
async def choosing(browser: Browser, beside: Beside) -> AsyncIterator[Desk]:
    """A desk at a site with a choice."""
    async with beside(LLM_MODELS="large,small") as site:
        desk = Desk(browser, site)
        yield desk
        assert await desk.clear() == []


@pytest.fixture
async def alice(choosing: Desk) -> AsyncIterator[Person]:
    async with Person.signed_up(choosing.site, "alice") as person:
        yield person


async def models_of(thread_id: str) -> list[str]:
    """The model of each answer of a thread."""
    return [one.model for one in await Generation.filter(thread_id=thread_id).order_by("created_at")]


async def test_the_chosen_model_is_sent_with_each_message_and_kept(choosing: Desk, alice: Person) -> None:
    chat = await choosing.chat(alice)
    model = chat.page.get_by_label("Model", exact=True)
    await expect(model).to_have_value("gpt-6-luna")
    await expect(model.locator("option .model-label")).to_have_text(["gpt-6-luna", "large", "small"])
    await model.select_option("small")
    await chat.say("say one")
    await chat.is_over()
    await chat.is_connected()
    await expect(model).to_have_value("small")
    await chat.say("say two [offline: delay_first=1]")  # the next one not within a second
    await chat.is_over(answers=2)
    await model.select_option("large")
    await chat.say("say three")
    await chat.is_over(answers=3)
    await chat.page.reload()

    await expect(model).to_have_value("large")
    assert await models_of(chat.thread_id) == ["small", "small", "large"]


async def test_a_message_that_waits_keeps_the_model_that_it_was_written_for(choosing: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    context = await choosing.context(alice, allowed=(NO_CONNECTION,))
    await context.add_init_script("Math.random = () => 0.9")
    chat = await ChatPage.opened(await context.new_page(), thread_id)
    async with chat.socket.expect_event("close"):
        for socket in choosing.site.resources.sockets:
            socket.leave()
    await context.set_offline(True)
    await chat.page.get_by_label("Model", exact=True).select_option("small")
    await chat.say("say hello")
    await expect(chat.questions.last).to_have_attribute("data-status", "pending")
    await chat.page.goto("about:blank")
    await context.set_offline(False)
    await chat.page.goto(f"/chat/{thread_id}/")

    await chat.is_over(answers=2)
    assert await models_of(thread_id) == ["small"]


async def test_a_withdrawn_model_is_reported_and_the_text_returns_to_the_composer(
    choosing: Desk, alice: Person
) -> None:
    chat = await choosing.chat(alice, await past_thread(alice))
    model = chat.page.get_by_label("Model", exact=True)
    await model.locator("option").last.evaluate("it => { it.value = 'gone'; it.selected = true; }")
    await chat.say("say hello")

    await expect(chat.error).to_have_text("This model isn't available. Choose one of: gpt-6-luna, large, small.")
    await expect(chat.field).to_have_value("say hello")
    await model.select_option("large")
    await chat.field.press("End")
    await chat.page.wait_for_timeout(1000)  # between two messages
    await chat.field.press("Enter")
    await chat.is_over(answers=2)
    assert await models_of(chat.thread_id) == ["large"]


async def test_without_javascript(choosing: Desk, alice: Person) -> None:
    context = await choosing.context(alice, java_script_enabled=False)
    chat = await ChatPage.opened(await context.new_page())
    await chat.page.get_by_label("Model", exact=True).select_option("large")
    await chat.field.fill("say hello")
    await chat.send_button.click()

    await expect(chat.questions).to_have_count(1)
    await expect(chat.page.get_by_label("Model", exact=True)).to_have_value("large")
    assert await models_of(chat.thread_id) == ["large"]
