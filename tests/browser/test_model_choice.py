"""The model is chosen below the message, and sent with each message."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from chat.models import ChatThread, Generation
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import NO_CONNECTION, PHONE, ChatPage, Desk
from tests.support.offline import OfflineServer
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


# Models of a file, which say what they can do

MODELS = """
[[provider]]
name = "closed"
base_url = "http://127.0.0.1:9/v1"
[[provider]]
name = "works"
base_url = "{url}"
[[model]]
id = "luna"
provider = "closed"
name = "luna"
label = "Luna"
vision = true
reasoning = true
context = 400000
price = "0/0"
fallback = ["works/gemma"]
[[model]]
id = "gemma"
provider = "works"
label = "Gemma (fast, private)"
tools = false
context = 8192
price = "0/0"
"""
ONE_OF_MANY = """
[[model]]
id = "many-{number}"
provider = "works"
label = "One of many, whose label is as long as a label may be, {number:>2}"
price = "0/0"
"""

UNDER_THE_MIDDLE = (
    "({ x, y, width, height }) => document.elementFromPoint(x + width / 2, y + height / 2).closest('select, div').id"
)


@pytest.fixture(scope="module")
async def described(browser: Browser, beside: Beside, model: OfflineServer) -> AsyncIterator[Desk]:
    """A desk at a site whose models are in a file."""
    models = MODELS.format(url=model.base_url) + "".join(ONE_OF_MANY.format(number=number) for number in range(18))
    async with beside(OPENAI_BASE_URL="", MODELS_TOML=models, CHAT_HISTORY_TOKENS="20000") as site:
        desk = Desk(browser, site)
        yield desk
        assert await desk.clear() == []


@pytest.fixture
async def carol(described: Desk) -> AsyncIterator[Person]:
    async with Person.signed_up(described.site, "carol") as person:
        yield person


async def test_each_model_says_what_it_can_do_and_is_chosen_by_keyboard(described: Desk, carol: Person) -> None:
    chat = await described.chat(carol)
    model = chat.page.get_by_label("Model", exact=True)
    await expect(model.locator("option .model-abilities").first).to_have_text("Tools, images, reasoning · 400k context")
    await model.focus()
    await chat.page.keyboard.press("Enter")
    option = model.locator("option").nth(1)
    await expect(option).to_be_visible()
    await expect(option).to_have_accessible_name("Gemma (fast, private) 8k context")
    assert await violations(chat.page, AXE.read_text()) == []
    await chat.page.keyboard.press("ArrowDown")
    await expect(option).to_be_focused()
    await chat.page.keyboard.press("Enter")

    await expect(option).to_be_hidden()
    await expect(model).to_have_value("works/gemma")
    await expect(model).to_be_focused()


async def test_twenty_models_with_long_labels_fit_on_a_phone(described: Desk, carol: Person) -> None:
    chat = await described.chat(carol, viewport=PHONE, has_touch=True)
    model = chat.page.get_by_label("Model", exact=True)
    await expect(model.locator("option")).to_have_count(20)
    await model.click()
    first, last = model.locator("option").first, model.locator("option").last
    await expect(first).to_be_in_viewport()
    box, button = await first.bounding_box(), await model.bounding_box()
    assert box
    assert button
    assert box["x"] >= 16
    assert box["x"] + box["width"] <= PHONE["width"] - 16
    assert box["height"] >= 44
    assert await chat.page.evaluate(UNDER_THE_MIDDLE, button) == "model"  # the list does not cover its own button
    await last.scroll_into_view_if_needed()
    await last.click()

    await expect(model).to_have_value("works/many-17")
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await model.evaluate("it => it.offsetHeight") < 50  # a long label is cut, not wrapped


async def test_a_model_that_is_gone_is_named_until_the_next_message(described: Desk, carol: Person) -> None:
    thread_id = await past_thread(carol)
    await ChatThread.filter(id=thread_id).update(model="retired")
    chat = await described.chat(carol, thread_id)
    model, said = chat.page.get_by_label("Model", exact=True), "retired is no longer available. Luna answers instead."
    await expect(chat.page.get_by_text(said)).to_be_visible()
    await expect(model).to_have_accessible_description(said)
    await model.select_option("works/gemma")
    await chat.say("say hello")
    await chat.is_over(answers=2)

    await expect(chat.page.get_by_text(said)).to_have_count(0)
    assert await models_of(thread_id) == ["works/gemma"]


async def test_the_model_for_new_chats_is_chosen_from_the_same_list(described: Desk, carol: Person) -> None:
    page = await (await described.context(carol)).new_page()
    await page.goto("/accounts/settings/")
    field = page.get_by_label("Model for new chats")
    await expect(field.locator("option .model-label").nth(1)).to_have_text("Gemma (fast, private)")
    await field.select_option("works/gemma")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Settings saved.")).to_be_visible()
    chat = await described.chat(carol)

    await expect(chat.page.get_by_label("Model", exact=True)).to_have_value("works/gemma")


async def test_an_answer_by_another_model_says_so_after_a_reload_too(described: Desk, carol: Person) -> None:
    said = "Gemma (fast, private) answered because Luna can't be reached."
    chat = await described.chat(carol, await past_thread(carol))
    await chat.say("say hello")
    await chat.is_over(answers=2)
    await expect(chat.note).to_have_text(said)
    assert await chat.text() == "hello"
    await chat.page.reload()

    await chat.is_connected()
    await expect(chat.note).to_have_text(said)
    await expect(chat.answer).to_have_attribute("data-status", "final")
    await expect(chat.answer.get_by_role("button", name="Continue")).to_be_hidden()
