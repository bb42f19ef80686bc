"""An answer shows the tool calls and their results above its text."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect

from chat.models import ToolCall
from tests.support.cast import Person
from tests.support.desk import PHONE, Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer

DETAILS = ["مرحبا، كيف حالك؟", "\u202eevil <b>bold</b> `code` [x](https://evil.example)", "很长" * 400]


async def test_a_tool_is_shown_while_it_runs_and_stays(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    states = await chat.page.evaluate_handle(
        """() => {
          const states = [];
          new MutationObserver(() => {
            const state = document.querySelector(".tool-call")?.dataset.status;
            if (state && state !== states.at(-1)) states.push(state);
          }).observe(document.getElementById("chat-messages"), { subtree: true, childList: true, attributes: true });
          return states;
        }"""
    )
    await chat.say("What is 12 * 7?")
    await chat.is_over(answers=2)
    tool = chat.answer.locator(".tool-call")
    await expect(tool).to_have_count(1)
    await expect(tool.locator("summary")).to_have_text("Calculated · 12 * 7")
    assert await states.json_value() in (["running", "done"], ["done"])

    await chat.page.reload()
    await chat.is_connected()
    await expect(tool).to_have_count(1)
    await expect(tool.locator("summary")).to_have_text("Calculated · 12 * 7")
    await tool.locator("summary").click()
    await expect(tool.locator(".tool-output pre")).to_have_text("84")
    await expect(chat.answer.locator("code", has_text="12 * 7 = 84")).to_be_visible()


async def test_a_tab_that_paints_late_shows_the_tool_too(desk: Desk, alice: Person) -> None:
    """A hidden tab paints late: its answer begins with the tool call."""
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.page.evaluate("() => { window.requestAnimationFrame = (paint) => setTimeout(paint, 300) }")
    await chat.say("What is 12 * 7?")

    await chat.is_over(answers=2)
    await expect(chat.answer.locator(".tool-call")).to_have_attribute("data-status", "done")


async def test_a_tool_says_what_it_does_while_it_runs(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
        line = chat.answer.locator(".tool-call summary")
        await answer.uses("current_time", title="Checking the time", detail="Asia/Tokyo")
        await expect(line).to_have_text("Checking the time… · Asia/Tokyo")
        await answer.uses("current_time", "failed", title="Checking the time", detail="Asia/Tokyo")
        await expect(line).to_have_text("Checking the time failed · Asia/Tokyo")
        await answer.uses("current_time", "done", title="Checked the time", detail="Asia/Tokyo")
        await expect(line).to_have_text("Checked the time · Asia/Tokyo")


async def test_a_failed_tool_is_the_same_in_every_tab_and_after_a_reload(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat, other = await desk.chat(alice, thread_id), await desk.chat(alice, thread_id)
    await chat.say("What is 1 / 0?")
    await chat.is_over(answers=2)
    await chat.page.reload()

    for one in (chat, other):
        tool = one.answer.locator(".tool-call")
        await expect(tool.locator("summary")).to_have_text("Calculating failed · 1 / 0")
        await tool.locator("summary").click()
        await expect(tool.locator(".tool-arguments pre")).to_have_text('{\n  "expression": "1 / 0"\n}')
        await expect(tool.locator(".tool-output pre")).to_have_text("The expression divides by zero.")


@pytest.mark.parametrize("java_script", [True, False])
@pytest.mark.parametrize("detail", DETAILS)
async def test_what_a_model_wrote_in_a_tools_line_is_text_of_its_own(
    desk: Desk, alice: Person, java_script: bool, detail: str
) -> None:
    """Old tools too: their rows are all that is left of them."""
    posted = await alice.ask("What is 12 * 7?")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    arguments = json.dumps({"query": detail}, ensure_ascii=False)
    calls = ToolCall.filter(generation__answer_id=posted["reply_id"])
    await calls.update(name="search_my_threads", arguments=arguments)
    page = await (await desk.context(alice, java_script_enabled=java_script, viewport=PHONE)).new_page()
    await page.goto(f"/chat/{posted['thread_id']}/")
    line = page.locator("#chat-messages .tool-call summary")

    shown = detail if len(detail) < 64 else detail[:63] + "…"
    await expect(line).to_have_text(f"Searched your chats · {shown}")
    await expect(line.locator("b, a, code")).to_have_count(0)
    boxes = [await part.bounding_box() for part in (line.locator(".tool-title"), line.locator(".tool-detail"))]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] < boxes[1]["x"]
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    await calls.update(name="no_longer_there")
    await page.reload()
    await expect(line).to_have_text("No longer there", use_inner_text=True)
