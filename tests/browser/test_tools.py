"""An answer shows the tool calls and their results above its text."""

from __future__ import annotations

from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread


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
    await expect(tool.locator(".tool-status")).to_have_text("done")
    assert await states.json_value() in (["running", "done"], ["done"])

    await chat.page.reload()
    await chat.is_connected()
    await expect(tool).to_have_count(1)
    await expect(tool.locator("summary")).to_contain_text("calculate")
    await expect(tool.locator("summary")).to_contain_text("done")
    await tool.locator("summary").click()
    await expect(tool.locator(".tool-output pre")).to_have_text("84")
    await expect(chat.answer.locator("code", has_text="12 * 7 = 84")).to_be_visible()


async def test_a_tab_that_paints_late_shows_the_tool_too(desk: Desk, alice: Person) -> None:
    """A hidden tab paints late: its answer begins with the tool call."""
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.page.evaluate("() => { window.requestAnimationFrame = (paint) => setTimeout(paint, 300) }")
    await chat.say("What is 12 * 7?")

    await chat.is_over(answers=2)
    await expect(chat.answer.locator(".tool-call .tool-status")).to_have_text("done")
