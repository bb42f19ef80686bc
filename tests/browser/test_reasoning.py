"""What the model wrote while it was thinking is folded above its answer, with the time that it took."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer

LONG = "\n\n".join(f"Thought {number} of the model." for number in range(200))
TOP = "it => it.getBoundingClientRect().top"


@dataclass
class Fold:
    """The reasoning of the last answer."""

    chat: ChatPage

    @property
    def root(self) -> Locator:
        return self.chat.answer.locator(".message-reasoning")

    @property
    def summary(self) -> Locator:
        return self.root.locator("summary")

    @property
    def text(self) -> Locator:
        return self.root.locator(".reasoning-text")


@pytest.fixture
async def answer(alice: Person) -> ScriptedAnswer:
    return await ScriptedAnswer.begun(alice)


@pytest.fixture
async def chat(desk: Desk, alice: Person, answer: ScriptedAnswer) -> ChatPage:
    return await desk.chat(alice, str(answer.thread_id))


@pytest.fixture
def fold(chat: ChatPage) -> Fold:
    return Fold(chat)


async def test_the_time_is_counted_while_the_model_thinks_and_stays_afterwards(
    chat: ChatPage, answer: ScriptedAnswer, fold: Fold
) -> None:
    await expect(fold.root).to_be_hidden()
    await expect(chat.answer.locator(".message-thinking")).to_be_visible()
    await answer.thinks("First **this**", ms=64_200)
    await expect(fold.summary).to_have_text("Thinking… 1 min 4 s")
    await expect(chat.answer.locator(".message-thinking")).to_be_hidden()
    await expect(fold.summary).to_have_text("Thinking… 1 min 5 s")  # by the page's own clock
    await answer.has_thought(66_000)
    await answer.says("Hello")

    await expect(fold.summary).to_have_text("Thought for 1 min 6 s")
    await expect(fold.text).to_be_hidden()
    await fold.summary.click()
    await expect(fold.text.locator("strong")).to_have_text("this")
    assert await chat.text() == "Hello"


async def test_reasoning_without_text_cannot_be_opened(chat: ChatPage, answer: ScriptedAnswer, fold: Fold) -> None:
    await answer.thinks(ms=0)
    await expect(fold.root).to_have_text(re.compile("Thinking…"))
    await expect(fold.summary).to_be_hidden()
    await answer.has_thought(400)

    await expect(fold.root.locator("p")).to_have_text("Thought for a moment")
    await expect(chat.answer.locator(".message-thinking")).to_be_visible()  # the answer is still awaited


async def test_open_reasoning_stays_open_and_in_place_while_it_grows(desk: Desk, alice: Person) -> None:
    answer = await ScriptedAnswer.begun(alice, await past_thread(alice, messages=40))
    chat = await desk.chat(alice, str(answer.thread_id))
    fold = Fold(chat)
    await answer.thinks("The beginning.", ms=3_000)
    await fold.summary.click()
    before = await fold.summary.evaluate(TOP)
    await answer.thinks(f"\n\n{LONG}", ms=4_000)
    await expect(fold.text).to_contain_text("Thought 199")
    await answer.has_thought(5_000)
    await answer.says("Hello")
    await expect(fold.summary).to_have_text("Thought for 5 s")

    await expect(fold.text).to_be_visible()
    assert abs(await fold.summary.evaluate(TOP) - before) <= 1
    assert await fold.text.evaluate("it => it.clientHeight < 400 && it.scrollHeight > 2000")
    # It was read to its end while it grew.
    assert await fold.text.evaluate("it => it.scrollHeight - it.scrollTop - it.clientHeight") <= 1


async def test_screen_readers_hear_the_beginning_and_the_end_but_no_seconds(
    chat: ChatPage, answer: ScriptedAnswer, fold: Fold
) -> None:
    said: Any = await chat.page.evaluate_handle(
        """() => {
          const said = [], announcer = document.getElementById("chat-announcer");
          const note = () => said.at(-1) === announcer.textContent || said.push(announcer.textContent);
          new MutationObserver(note).observe(announcer, { childList: true });
          return said;
        }"""
    )
    await answer.thinks("First this", ms=1_000)
    await expect(fold.summary).to_have_text("Thinking… 3 s")
    await expect(fold.summary).to_have_accessible_name("Thinking…")
    await answer.thinks(", then that", ms=3_500)
    await answer.has_thought(4_000)
    await expect(fold.summary).to_have_accessible_name("Thought for 4 s")

    assert await said.json_value() == ["Thinking", "Thought for 4 s"]
    assert await fold.root.evaluate("it => Boolean(it.closest('[aria-live=off]'))")


async def test_open_reasoning_has_nothing_for_axe_to_find(chat: ChatPage, answer: ScriptedAnswer, fold: Fold) -> None:
    await answer.thinks(LONG, ms=1_000)
    await fold.summary.click()
    await expect(fold.text).to_contain_text("Thought 199")
    assert await violations(chat.page, AXE.read_text()) == []


async def test_reasoning_from_right_to_left(chat: ChatPage, answer: ScriptedAnswer, fold: Fold) -> None:
    await answer.thinks("המספר הוא שבע.", ms=1_000)
    await fold.summary.click()
    await expect(fold.text).to_have_css("direction", "rtl")
