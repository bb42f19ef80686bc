"""What the model wrote while it was thinking is folded above its answer, with the time that it took."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, expect

from chat.models import ChatMessage, Role
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer
from tests.support.waiting import eventually

LONG = "\n\n".join(f"Thought {number} of the model." for number in range(200))
TOP = "it => it.getBoundingClientRect().top"
SUMMARY = "document.querySelector('#chat-messages article:last-of-type .message-reasoning summary')"


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

    async def counts(self, words: str) -> None:
        """Wait for the summary of one second; asked again and again, since the next one replaces it."""
        await eventually(lambda: self.chat.page.evaluate(f"words => ({SUMMARY})?.textContent.trim() === words", words))


@pytest.fixture
async def answer(alice: Person) -> AsyncIterator[ScriptedAnswer]:
    async with ScriptedAnswer.begun(alice) as answer:
        yield answer


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
    await fold.counts("Thinking… 1 min 4 s")
    await expect(chat.answer.locator(".message-thinking")).to_be_hidden()
    await fold.counts("Thinking… 1 min 5 s")  # by the page's own clock
    await answer.has_thought(66_000)
    await answer.says("Hello")

    await expect(fold.summary).to_have_text("Thought for 1 min 6 s")
    await expect(fold.text).to_be_hidden()
    await fold.summary.click()
    await expect(fold.text.locator("strong")).to_have_text("this")
    await expect(chat.answer.locator(".markdown-content")).to_have_text("Hello")


async def test_reasoning_without_text_cannot_be_opened(chat: ChatPage, answer: ScriptedAnswer, fold: Fold) -> None:
    await answer.thinks(ms=0)
    await expect(fold.root).to_have_text(re.compile("Thinking…"))
    await expect(fold.summary).to_be_hidden()
    await answer.has_thought(400)

    await expect(fold.root.locator("p")).to_have_text("Thought for a moment")
    await expect(chat.answer.locator(".message-thinking")).to_be_visible()  # the answer is still awaited


async def test_open_reasoning_stays_open_and_in_place_while_it_grows(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice, await past_thread(alice, messages=40)) as answer:
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


async def test_growing_reasoning_does_not_pull_its_reader_back(
    chat: ChatPage, answer: ScriptedAnswer, fold: Fold
) -> None:
    await answer.thinks(LONG, ms=1_000)
    await fold.summary.click()
    await expect(fold.text).to_contain_text("Thought 199")
    await fold.text.evaluate("it => { it.scrollTo(0, it.scrollHeight); it.scrollBy(0, -5); }")
    read = fold.text.get_by_text("Thought 195")
    place = await read.evaluate(TOP)
    await answer.thinks("\n\nThought 200", ms=2_000)
    await expect(fold.text).to_contain_text("Thought 200")
    assert abs(await read.evaluate(TOP) - place) <= 1


async def test_screen_readers_hear_the_beginning_and_the_end_but_no_seconds(
    chat: ChatPage, answer: ScriptedAnswer, fold: Fold
) -> None:
    await answer.thinks("First this", ms=1_000)
    await fold.counts("Thinking… 3 s")
    await expect(fold.summary).to_have_accessible_name("Thinking…")
    await answer.thinks(", then that", ms=3_500)
    await answer.has_thought(4_000)
    await expect(fold.summary).to_have_accessible_name("Thought for 4 s")

    assert await chat.hears("Thought for 4 s") == ["Answering", "Thinking", "Thought for 4 s"]
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


# With the offline model: all the way from its stream


async def test_reasoning_is_the_same_in_all_tabs_and_after_a_reload(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat, other = await desk.chat(alice, thread_id), await desk.chat(alice, thread_id)
    await chat.say("say hello [offline: rawtext=6 pause=3:2]")
    for tab in (chat, other):
        await tab.is_over(answers=2)
    seen = [await stored(tab) for tab in (chat, other)]
    await chat.page.reload()
    await chat.is_connected()
    seen.append(await stored(chat))

    row = (await alice.messages(thread_id))[-1]
    assert row["reasoning"]
    assert set(seen) == {(row["reasoning"], f"Thought for {row['reasoning_ms'] // 1_000} s")}
    assert await chat.text() == "hello"


async def stored(chat: ChatPage) -> tuple[str, str]:
    """The text and the title of the last answer's reasoning."""
    fold = Fold(chat)
    return await fold.text.text_content() or "", (await fold.summary.text_content() or "").strip()


async def test_a_reload_while_the_model_thinks_loses_neither_time_nor_text(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    fold = Fold(chat)
    await chat.say("say hello [offline: rawtext=6 pause=3:2]")
    await expect(fold.summary).to_have_text(re.compile("Thinking…"))
    await expect(fold.summary).to_be_visible()
    await chat.page.reload()
    await chat.is_connected()
    await chat.is_over(answers=2)

    row = (await alice.messages(thread_id))[-1]
    assert row["reasoning_ms"] >= 1_000
    assert await stored(chat) == (row["reasoning"], f"Thought for {row['reasoning_ms'] // 1_000} s")


async def test_stopped_while_it_thinks_an_answer_keeps_its_reasoning(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.say("say hello [offline: rawtext=6 pause=3:50]")
    await expect(Fold(chat).summary).to_be_visible()
    await chat.stop_button.click()
    await chat.is_over("stopped", answers=2)

    await expect(Fold(chat).summary).to_have_text(re.compile("^Thought for"))
    await expect(chat.note).to_have_text("You stopped this answer.")
    row = (await alice.messages(thread_id))[-1]
    assert row["reasoning"]
    assert (await stored(chat))[0] == row["reasoning"]
    await expect(chat.answer.get_by_role("button", name="Try again")).to_be_visible()
    await expect(chat.answer.get_by_role("button", name="Continue")).to_be_hidden()  # there is no text to continue


async def test_thinking_in_the_text_is_reasoning_too(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say hello [offline: think=3]")
    await chat.is_over(answers=2)

    assert await chat.text() == "hello"
    await expect(Fold(chat).summary).to_have_text(re.compile("^Thought for"))


async def test_a_copied_answer_has_no_reasoning(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, permissions=["clipboard-read", "clipboard-write"])
    chat = await ChatPage.opened(await context.new_page(), await past_thread(alice))
    await chat.say("say hello [offline: rawtext=3]")
    await chat.is_over(answers=2)
    await chat.answer.get_by_role("button", name="Copy answer").click()

    await chat.hears("Answer copied")
    assert await chat.page.evaluate("navigator.clipboard.readText()") == "hello"


async def test_reasoning_opens_without_javascript(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    await ChatMessage.filter(thread_id=thread_id, role=Role.ASSISTANT).update(
        reasoning="First *this*,\nthen that.", reasoning_ms=65_000
    )
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto(f"/chat/{thread_id}/")
    fold = Fold(ChatPage(page))
    await expect(fold.summary).to_have_text("Thought for 1 min 5 s")
    await expect(fold.text).to_be_hidden()
    await fold.summary.click()

    await expect(fold.text).to_have_text("First *this*,\nthen that.")
    await expect(fold.text).to_have_css("white-space", "pre-wrap")
