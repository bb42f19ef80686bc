"""The reader decides what is seen: nothing that is read moves, and only readers who go to the end follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer

PARAGRAPH = "Line {} of an answer that is long enough to be read for a while, and goes on.\n\n"
# Where the conversation comes to rest after smooth scrolling.
AT_REST = """
    (it) => new Promise((resolve) => {
      let [place, frames] = [it.scrollTop, 0];
      const look = () => {
        frames = it.scrollTop === place ? frames + 1 : 0;
        place = it.scrollTop;
        if (frames > 10) resolve(place);
        else requestAnimationFrame(look);
      };
      look();
    })
"""
TOP = "it => it.getBoundingClientRect().top"


def jump(chat: ChatPage) -> Locator:
    return chat.page.get_by_role("button", name="Jump to latest")


async def top(element: Locator) -> float:
    """Pixels below the top of the page."""
    place: float = await element.evaluate(TOP)
    return place


async def top_in_view(chat: ChatPage, element: Locator) -> float:
    """Pixels below the top of the conversation."""
    return await top(element) - await top(chat.scroller)


async def is_rendered(chat: ChatPage) -> None:
    """Wait until the oldest answer is, which comes last."""
    await expect(chat.answers.first.locator(".is-rendered")).to_be_attached()


async def is_at_top(chat: ChatPage) -> bool:
    """Whether the last question is."""
    return -1 <= await top_in_view(chat, chat.questions.last) < 60


# -- following the end -------------------------------------------------------------------------------------------------


class Stream:
    """Paragraphs that keep coming."""

    def __init__(self, answer: ScriptedAnswer) -> None:
        self._answer = answer
        self._written = 0

    async def write(self, paragraphs: int) -> str:
        """Some at once; returns the beginning of the last one."""
        text = "".join(PARAGRAPH.format(self._written + number) for number in range(1, paragraphs + 1))
        self._written += paragraphs
        await self._answer.says(text)
        return f"Line {self._written} of"

    async def flow(self) -> None:
        """One every 20 ms, for as long as the reader's gesture takes."""
        while True:
            await self.write(1)
            await asyncio.sleep(0.02)  # the pace of the model

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Meanwhile the answer grows."""
        task = asyncio.create_task(self.flow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def following(desk: Desk, person: Person, answer: ScriptedAnswer, **options: Any) -> tuple[ChatPage, Stream]:
    """A tab that follows an answer of 40 lines."""
    chat, stream = await desk.chat(person, str(answer.thread_id), **options), Stream(answer)
    await expect(chat.answer).to_contain_text(await stream.write(40))
    await jump(chat).click()
    await expect(jump(chat)).to_be_hidden()
    assert await chat.distance_to_end() <= 1
    return chat, stream


async def _swipe(chat: ChatPage, step: int, pace_ms: int) -> None:
    """A finger that draws the page down by 200 px, in steps of some pixels."""
    session = await chat.page.context.new_cdp_session(chat.page)
    for y in range(300, 501, step):
        touch = {"type": "touchStart" if y == 300 else "touchMove", "touchPoints": [{"x": 180, "y": y}]}
        await session.send("Input.dispatchTouchEvent", touch)
        await asyncio.sleep(pace_ms / 1000)  # the pace of the finger
    await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def _press(chat: ChatPage, key: str) -> None:
    await chat.scroller.focus()
    await chat.page.keyboard.press(key)


async def _wheel(chat: ChatPage, pixels: int) -> None:
    await chat.scroller.hover()
    await chat.page.mouse.wheel(0, -pixels)


async def _drag_scroll_bar(chat: ChatPage, pixels: int) -> None:
    """As the page sees it; the browser of the tests has no scroll bars."""
    await chat.scroller.evaluate("(it, pixels) => it.scrollBy(0, -pixels)", pixels)


async def _visit(chat: ChatPage) -> None:
    """As a screen reader does that goes to an earlier message."""
    await chat.questions.nth(-2).evaluate("it => { it.tabIndex = -1; it.focus(); }")


UPWARD: dict[str, Callable[[ChatPage], Awaitable[None]]] = {
    "finger, 2 px in 30 ms": lambda chat: _swipe(chat, 2, 30),
    "finger, 4 px in 8 ms": lambda chat: _swipe(chat, 4, 8),
    "finger, 8 px in 60 ms": lambda chat: _swipe(chat, 8, 60),
    "finger, flick": lambda chat: _swipe(chat, 50, 0),
    "wheel": lambda chat: _wheel(chat, 60),
    "wheel, 3 px": lambda chat: _wheel(chat, 3),
    "ArrowUp": lambda chat: _press(chat, "ArrowUp"),
    "PageUp": lambda chat: _press(chat, "PageUp"),
    "Home": lambda chat: _press(chat, "Home"),
    "Shift and space": lambda chat: _press(chat, "Shift+Space"),
    "scroll bar": lambda chat: _drag_scroll_bar(chat, 5),
    "screen reader": _visit,
}


@pytest.mark.parametrize("move", UPWARD.values(), ids=UPWARD.keys())
async def test_any_upward_movement_ends_following(
    desk: Desk, alice: Person, move: Callable[[ChatPage], Awaitable[None]]
) -> None:
    async with ScriptedAnswer.begun(alice, await past_thread(alice, messages=8)) as answer:
        chat, stream = await following(desk, alice, answer, viewport=PHONE, has_touch=True)
        async with stream.flowing():
            await expect(chat.answer).to_contain_text("Line 50 of")
            await move(chat)
            await expect(jump(chat)).to_be_visible()
        await expect(chat.answer).to_contain_text(await stream.write(1))
        place = await chat.scroller.evaluate(AT_REST)
        await expect(chat.answer).to_contain_text(await stream.write(10))
        assert await chat.scroller.evaluate("it => it.scrollTop") == place
        assert await chat.distance_to_end() > 100

        await jump(chat).click()
        await expect(jump(chat)).to_be_hidden()
        await expect(chat.scroller).to_be_focused()
        await expect(chat.answer).to_contain_text(await stream.write(10))
        assert await chat.distance_to_end() <= 1


async def test_a_reader_who_scrolls_to_the_end_is_followed_again(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat, stream = await following(desk, alice, answer)
        await chat.scroller.hover()
        await chat.page.mouse.wheel(0, -300)
        await expect(jump(chat)).to_be_visible()
        await chat.page.mouse.wheel(0, 200)
        await expect(chat.answer).to_contain_text(await stream.write(5))
        assert await chat.distance_to_end() > 100

        await chat.page.mouse.wheel(0, 5_000)
        await expect(jump(chat)).to_be_hidden()
        await expect(chat.answer).to_contain_text(await stream.write(10))
        assert await chat.distance_to_end() <= 1


async def test_text_that_is_being_selected_does_not_move(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat, stream = await following(desk, alice, answer)
        line = chat.answer.get_by_text("Line 39 of")
        box = await line.bounding_box()
        assert box
        await chat.page.mouse.move(box["x"] + 2, box["y"] + 10)
        await chat.page.mouse.down()
        await chat.page.mouse.move(box["x"] + 120, box["y"] + 10)
        await expect(chat.answer).to_contain_text(await stream.write(10))
        assert await top(line) == pytest.approx(box["y"], abs=1)
        assert "Line 39" in await chat.page.evaluate("String(getSelection())")
        await chat.page.mouse.up()


# -- a new question ----------------------------------------------------------------------------------------------------


async def test_a_question_goes_to_the_top_and_its_answer_grows_below_it(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=40))
    await chat.say("count to 900 [offline: pause=20:1 pause=150:1]")
    await chat.has_text(40, answers=21)
    assert await is_at_top(chat)
    places = [await top(chat.questions.last), await top(chat.answer)]

    await chat.has_text(2_900, answers=21)
    assert [await top(chat.questions.last), await top(chat.answer)] == pytest.approx(places, abs=1)
    await expect(jump(chat)).to_be_visible()
    await chat.is_over(answers=21)
    assert [await top(chat.questions.last), await top(chat.answer)] == pytest.approx(places, abs=1)

    await jump(chat).click()
    assert await chat.distance_to_end() <= 1


async def test_the_first_question_of_a_chat_is_at_the_top(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice)
    await chat.say("count to 900 [offline: pause=20:5]")
    await chat.is_connected()
    await chat.has_text(2_900)

    assert await is_at_top(chat)
    await expect(jump(chat)).to_be_visible()


async def test_a_reader_elsewhere_comes_to_the_question_and_no_other_tab_moves(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=50)
    chat, reading, at_end = [await desk.chat(alice, thread_id) for _ in range(3)]
    await chat.scroller.evaluate("it => it.scrollTo(0, 0)")
    await is_rendered(reading)
    await reading.scroller.evaluate("it => it.scrollTo(0, 200)")
    read = reading.page.get_by_text("Message 7", exact=True)
    place = await top(read)
    await expect(jump(chat)).to_be_visible()
    await expect(jump(reading)).to_be_visible()
    await chat.say("say hello")

    for tab in (chat, reading, at_end):
        await tab.is_over(answers=26)
    for tab in (chat, at_end):
        assert await is_at_top(tab)
        await expect(jump(tab)).to_be_hidden()
    assert await top(read) == pytest.approx(place, abs=1)
    await expect(jump(reading)).to_be_visible()


async def test_of_a_question_longer_than_the_page_the_end_is_shown(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=6))
    lines = "\n".join(f"{number}." for number in range(1, 61))
    await chat.say(f"{lines}\n\ncount to 900 [offline: pause=20:1]")
    await chat.has_text(40, answers=4)

    view = await chat.scroller.evaluate("it => it.clientHeight")
    place = await top_in_view(chat, chat.answer)
    assert view / 3 < place < view * 2 / 3
    await chat.has_text(2_900, answers=4)
    assert await top_in_view(chat, chat.answer) == pytest.approx(place, abs=1)


async def test_what_comes_before_the_text_does_not_move_it(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
        await answer.says("First I look at the clock.\n\n")
        text = chat.answer.get_by_text("First I look")
        place = await top(text)
        await answer.uses("current_time")
        await expect(chat.answer.locator(".tool-call")).to_have_count(1)
        assert await top(text) == pytest.approx(place, abs=1)
        await answer.thinks("The clock is right.", ms=2_000)
        await expect(chat.answer.locator(".message-reasoning")).to_be_visible()
        assert await top(text) == pytest.approx(place, abs=1)

        await expect(chat.answer).to_contain_text(await Stream(answer).write(40))
        assert await top(text) == pytest.approx(place, abs=1)


async def test_an_answer_tried_again_starts_below_its_question(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=20))
    await chat.say("count to 400 [offline: pause=100:60]")
    await chat.has_text(200, answers=11)
    await chat.stop_button.click()
    await chat.is_over("stopped", answers=11)
    first = await chat.answer_id()
    await chat.answer.get_by_role("button", name="Try again").click()

    await chat.shows_another(first)
    await chat.has_text(200, answers=11)
    view = await chat.scroller.evaluate("it => it.clientHeight")
    assert -1 <= await top_in_view(chat, chat.answer) <= view / 2 + 1
    await chat.stop_button.click()


# -- keyboards and windows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [1, 20], ids=["short", "long"])
async def test_the_end_stays_the_end_over_a_keyboard(desk: Desk, alice: Person, answers: int) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=2 * answers), viewport=PHONE, has_touch=True)
    await chat.field.fill("say hello")
    await chat.send_button.click()
    await chat.is_over(answers=answers + 1)
    for height in (508, 844):
        await chat.page.set_viewport_size({"width": 390, "height": height})
        await expect(chat.answer.locator(".markdown-content")).to_be_in_viewport(ratio=1)
        assert await chat.distance_to_end() <= 1
        await expect(chat.field).to_be_in_viewport(ratio=1)


async def test_a_reader_in_the_middle_does_not_move_when_the_keyboard_opens(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=50), viewport=PHONE, has_touch=True)
    await is_rendered(chat)
    await chat.scroller.evaluate("it => it.scrollTo(0, 900)")
    await expect(jump(chat)).to_be_visible()
    read = chat.page.get_by_text("Message 16", exact=True)
    place = await top(read)
    await chat.page.set_viewport_size({"width": 390, "height": 508})
    await expect(chat.field).to_be_in_viewport(ratio=1)
    assert await top(read) == place


async def test_a_keyboard_that_covers_the_page_makes_it_smaller(desk: Desk, alice: Person) -> None:
    """As on an iPhone, whose keyboard changes the visual viewport only."""
    chat = await desk.chat(alice, await past_thread(alice, messages=50), viewport=PHONE, has_touch=True)
    covered = """height => {
      Object.defineProperty(visualViewport, "height", { configurable: true, value: height });
      visualViewport.dispatchEvent(new Event("resize"));
    }"""
    await chat.page.evaluate(covered, 500)
    await expect(chat.messages.last.locator(".markdown-content")).to_be_in_viewport(ratio=1)
    box = await chat.field.bounding_box()
    assert box
    assert box["y"] + box["height"] < 500
    await chat.page.evaluate(covered, 844)
    assert await chat.page.evaluate("document.body.offsetHeight") == 844


@pytest.mark.parametrize("size", [(320, 256), (320, 200), (844, 170)], ids=["400 %", "400 %, low", "landscape"])
async def test_a_low_window_shows_the_conversation(desk: Desk, alice: Person, size: tuple[int, int]) -> None:
    viewport = {"width": size[0], "height": size[1]}
    chat = await desk.chat(alice, await past_thread(alice, messages=50), viewport=viewport)
    await expect(chat.messages.last).to_be_in_viewport()
    await expect(chat.field).to_be_in_viewport(ratio=1)
    assert await chat.scroller.evaluate("it => it.clientHeight") > size[1] / 4
    menu = chat.page.get_by_role("button", name="Open chats")
    await expect(menu).not_to_be_in_viewport()
    await menu.focus()
    await expect(menu).to_be_in_viewport()
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# -- older messages ----------------------------------------------------------------------------------------------------


async def test_older_messages_load_above_without_moving_the_view(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=120))
    more = chat.page.get_by_role("button", name="Load older messages")
    first = chat.messages.first
    for shown, expected in ((50, "Message 71"), (100, "Message 21")):
        await expect(chat.messages).to_have_count(shown)
        await expect(first).to_contain_text(expected)
        await chat.scroller.evaluate("it => it.scrollTo(0, 0)")
        read = chat.page.locator(f'article[data-message-id="{await first.get_attribute("data-message-id")}"]')
        before = await top(read)
        await more.click()
        loaded = min(50, 120 - shown)
        await expect(chat.page.get_by_role("status").get_by_text(f"{loaded} older messages loaded")).to_be_attached()
        await expect(chat.messages).to_have_count(shown + loaded)
        assert abs(await top(read) - before) <= 1
        await expect(read).to_be_focused()
    await expect(more).to_be_hidden()
    texts = await chat.messages.locator(".markdown-content").all_text_contents()
    assert texts == [f"Message {number}" for number in range(1, 121)]


async def test_failed_loading_of_older_messages_can_be_retried(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=60), allowed=("Failed to load resource",))
    await chat.page.route("**/messages/?before=*", lambda route: route.abort(), times=1)
    more = chat.page.get_by_role("button", name="Load older messages")
    await more.click()
    await expect(chat.page.get_by_text("The messages could not be loaded. Try again.")).to_be_visible()
    await more.click()

    await expect(chat.messages).to_have_count(60)
    await expect(chat.page.get_by_text("could not be loaded")).to_be_hidden()
