"""A page opens where the reader wants to be, rendered, before anything is seen; without its script it can be read."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import past_thread, written
from tests.support.scripted import ScriptedAnswer
from tests.support.waiting import eventually

ANSWER = "## Heading\n\nSome **bold** words, `code` and\n\n- one\n- two\n\n```python\nprint(1)\n```\n\n" * 3
FAST_3G = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
# What is seen in every frame until the socket is connected: answers that show their source, the distance from the end.
WATCH = """
    window.seen = { raw: 0, frames: 0, distances: new Set(), shift: 0 };
    new PerformanceObserver((list) => {
      for (const { value } of list.getEntries()) window.seen.shift += value;
    }).observe({ type: "layout-shift", buffered: true });
    const look = () => {
      requestAnimationFrame(look);
      const scroller = document.getElementById("chat-scroll");
      if (!scroller) return;
      const view = scroller.getBoundingClientRect();
      const texts = [...scroller.querySelectorAll(".markdown-content")].filter((it) => {
        const { top, bottom } = it.getBoundingClientRect();
        return bottom > view.top && top < view.bottom && it.checkVisibility({ visibilityProperty: true });
      });
      if (!texts.length) return;
      window.seen.frames += 1;
      window.seen.raw += texts.filter((it) => /\\*\\*|## /.test(it.textContent)).length;
      window.seen.distances.add(scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight);
    };
    requestAnimationFrame(look);
"""
SEEN = "({ ...window.seen, distances: [...window.seen.distances] })"


async def seen(page: Page) -> dict[str, Any]:
    """What `WATCH` has seen."""
    noted: dict[str, Any] = await page.evaluate(SEEN)
    return noted


async def top_of(chat: ChatPage, text: str) -> float:
    """Where a message is."""
    place: float = await chat.page.get_by_text(text, exact=True).evaluate("it => it.getBoundingClientRect().top")
    return place


@pytest.mark.parametrize("slow", [False, True], ids=["desktop", "phone on fast 3G"])
async def test_a_page_opens_at_its_end_without_showing_source(desk: Desk, alice: Person, slow: bool) -> None:
    thread_id = await written(alice, *["Tell me more.", ANSWER] * 20)
    context = await desk.context(alice, **({"viewport": PHONE, "has_touch": True} if slow else {}))
    page = await context.new_page()
    await page.add_init_script(WATCH)
    if slow:
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.emulateNetworkConditions", FAST_3G)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    chat = await ChatPage.opened(page, thread_id)
    await expect(chat.answers.first.locator("strong").first).to_be_attached()

    noted = await seen(page)
    assert noted["frames"] > 0
    assert noted["raw"] == 0
    assert max(noted["distances"]) <= 1
    assert noted["shift"] < 0.05
    await expect(chat.answer.locator(".is-rendered")).to_be_visible()


async def test_the_socket_is_opened_before_old_messages_are_rendered(desk: Desk, alice: Person) -> None:
    thread_id = await written(alice, *["Tell me more.", ANSWER] * 20)
    page = await (await desk.context(alice)).new_page()
    await page.add_init_script("""
      const Native = WebSocket;
      window.WebSocket = class extends Native {
        constructor(...options) {
          super(...options);
          window.renderedBefore ??= document.querySelectorAll(".is-rendered").length;
        }
      };
    """)
    await ChatPage.opened(page, thread_id)
    assert await page.evaluate("window.renderedBefore") == 0


async def test_a_reload_keeps_the_place(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=50))
    await expect(chat.answers.first.locator(".is-rendered")).to_be_attached()
    await chat.scroller.evaluate("it => it.scrollTo(0, 900)")
    await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    place = await top_of(chat, "Message 16")
    await chat.page.reload()
    await chat.is_connected()
    assert await top_of(chat, "Message 16") == pytest.approx(place, abs=1)

    await chat.page.goto("/chat/")
    await chat.page.go_back()
    await chat.is_connected()
    assert await top_of(chat, "Message 16") == pytest.approx(place, abs=1)

    await chat.page.goto(f"/chat/{chat.thread_id}/?again")
    await chat.is_connected()
    assert await chat.distance_to_end() <= 1


async def test_a_reload_in_mid_answer_keeps_the_question_at_the_top(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice, await past_thread(alice, messages=20)) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
        place = await chat.questions.last.evaluate("it => it.getBoundingClientRect().top")
        await answer.says("The first words.")
        await expect(chat.answer).to_contain_text("The first words.")
        await chat.page.reload()
        await chat.is_connected()
        await expect(chat.answer).to_contain_text("The first words.")
        assert await chat.questions.last.evaluate("it => it.getBoundingClientRect().top") == pytest.approx(place, abs=1)

        await answer.says("\n\nA line." * 60)
        await expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_visible()
        await chat.page.reload()
        await chat.is_connected()
        await expect(chat.answer.locator("p").get_by_text("A line.")).to_have_count(60)
        assert await chat.questions.last.evaluate("it => it.getBoundingClientRect().top") == pytest.approx(place, abs=1)


@pytest.mark.parametrize("how", ["missing", "broken", "never"])
async def test_a_page_whose_script_does_not_come_can_be_read(desk: Desk, alice: Person, how: str) -> None:
    thread_id = await written(alice, *["Tell me more.", ANSWER] * 20)
    context = await desk.context(alice, allowed=("Failed to load resource", "uncaught", "console error"))
    page = await context.new_page()
    await page.clock.install()

    async def answer(route: Route) -> None:
        if how == "missing":
            await route.abort()
        elif how == "broken":
            await route.fulfill(content_type="text/javascript", body="throw new Error('broken')")

    await page.route("**/dist/app.js*", answer)
    await page.goto(f"/chat/{thread_id}/", wait_until="commit")
    chat = ChatPage(page)
    await expect(chat.messages).to_have_count(40)
    if how == "never":
        await eventually(lambda: page.evaluate("document.readyState === 'interactive'"))
        await expect(chat.answer.locator(".markdown-content")).to_be_hidden()
        await page.clock.run_for(5_000)
    await expect(chat.answer.locator(".markdown-content")).to_be_in_viewport()
    await expect(page.locator("#jump-to-latest")).to_be_hidden()
    await page.unroute_all(behavior="ignoreErrors")


async def test_a_page_without_javascript_opens_at_its_end(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=50)
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto(f"/chat/{thread_id}/")

    await expect(ChatPage(page).messages.last).to_be_in_viewport(ratio=1)


async def test_a_thousand_messages_open_at_their_end_and_can_all_be_loaded(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=1_000))
    assert await chat.distance_to_end() <= 1
    more = chat.page.get_by_role("button", name="Load older messages")
    for shown in range(100, 1_001, 50):
        await more.evaluate("it => it.click()")
        await expect(chat.messages).to_have_count(shown)
        assert await chat.distance_to_end() <= 1
    await chat.scroller.evaluate("it => it.scrollTo(0, 0)")
    await expect(chat.page.get_by_text("Message 1", exact=True)).to_be_in_viewport()
