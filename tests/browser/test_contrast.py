"""Forced colors and reduced motion: what is seen by color or moves elsewhere is seen all the same."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.support.cast import Person
from tests.support.desk import Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer

FORCED: dict[str, Any] = {"forced_colors": "active"}
BACKGROUND = "(it, pseudo) => getComputedStyle(it, pseudo).backgroundColor"
RUNNING = """
    () => document.getAnimations().filter(({ playState, effect }) =>
      playState === "running" && effect.getComputedTiming().endTime > 100).map(({ animationName }) => animationName)
"""

HIGHLIGHT = """
    () => {
      const probe = document.createElement("i");
      probe.style.backgroundColor = "Highlight";
      document.body.append(probe);
      return getComputedStyle(probe).backgroundColor;
    }
"""
INK = """
    () => {
      const chart = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const bar = document.createElementNS(chart.namespaceURI, "rect");
      chart.classList.add("chart");
      bar.classList.add("chart-second");
      chart.append(bar);
      document.body.append(chart);
      return getComputedStyle(bar).fill;
    }
"""
SMOOTH = """
    () => [...document.querySelectorAll("*")].filter((it) => getComputedStyle(it).scrollBehavior === "smooth").length
"""


async def background(place: Locator, pseudo: str | None = None) -> str:
    color: str = await place.first.evaluate(BACKGROUND, pseudo)
    return color


async def canvas(page: Page) -> str:
    return await background(page.locator("body"))


async def test_the_chat_in_forced_colors(desk: Desk, alice: Person) -> None:
    await past_thread(alice, title="Another one")
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id), **FORCED)
        current = chat.page.locator(".thread-link[aria-current]")
        ground = await canvas(chat.page)
        await expect(chat.field).to_be_focused()
        box = chat.page.locator("#composer div:has(> textarea)")
        await expect(box).to_have_css("outline-style", "solid")
        assert await background(current) != ground
        assert await background(current.locator(".thread-running")) != await background(current)
        await expect(chat.answer.locator(".message-thinking")).to_be_visible()
        assert await background(chat.answer.locator(".message-thinking i")) != ground
        await expect(chat.questions.locator(".markdown-content")).to_have_css("border-top-style", "solid")
        await answer.says("Some text")
        text = chat.answer.locator(".markdown-content p")
        await expect(text).to_have_text("Some text")
        assert await background(text, "::after") != ground


async def test_an_unread_chat_has_the_color_of_highlights(desk: Desk, alice: Person) -> None:
    first, other = await past_thread(alice), await past_thread(alice, title="Another one")
    chat = await desk.chat(alice, first, **FORCED)
    await alice.ask("say hello", other)
    dot = chat.page.locator(".thread-unread:visible")
    await expect(dot).to_be_visible()

    assert await background(dot) == await chat.page.evaluate(HIGHLIGHT)


async def test_choices_and_charts_in_forced_colors(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice, **FORCED)).new_page()
    await page.goto("/accounts/settings/")
    for choice in await page.locator("[type=radio], [type=checkbox]").all():
        await expect(choice).to_have_css("appearance", "auto")
    await page.goto("/usage/")
    ink = await page.evaluate(INK)

    assert ink != await canvas(page)


async def test_nothing_moves_for_those_who_want_no_motion(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id), reduced_motion="reduce")
        await expect(chat.answer.locator(".message-thinking")).to_be_visible()
        assert await chat.page.evaluate(RUNNING) == []
        await answer.says("Some text")
        await expect(chat.answer.locator(".markdown-content p")).to_have_text("Some text")
        assert await chat.page.evaluate(RUNNING) == []
        await chat.page.set_viewport_size({"width": 390, "height": 844})
        await chat.page.get_by_label("Open chats").click()
        assert await chat.page.evaluate(RUNNING) == []
        assert await chat.page.evaluate(SMOOTH) == 0
