"""Moving between chats without a page load."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, WebSocket, WebSocketRoute, expect

from chat.models import AuthSession, ChatMessage, ChatThread, QueuedMessage
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import PHONE, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer
from tests.support.site import Beside
from tests.support.waiting import LONG_SECONDS, eventually

SENTENCE = "Line {} of a talk that is long enough to be read for a while, and that goes on. "
GONE = r"Failed to load resource: the server responded with a status of 404"
FORBIDDEN = r"WebSocket connection to .* failed: .* 403"
CLOSED_EARLY = "WebSocket is closed before the connection is established"  # a browser's remark on a move during a move
# The addresses on the page that have a thread's id, other than those of the list of chats.
ADDRESSES = """
    () => {
      const roots = [document, ...[...document.querySelectorAll("template")].map((one) => one.content)];
      const all = roots.flatMap((root) => [...root.querySelectorAll("[href], [action], [formaction], [data-url]")]);
      const names = ["href", "action", "formaction", "data-url"];
      const listed = all.filter((one) => !one.closest("#thread-list"));
      return listed.flatMap((one) => names.map((name) => one.getAttribute(name))).filter(Boolean);
    }
"""
# The page as a worker of the release before renders it; before the scripts that come with it.
OLDER_RELEASE = """
    document.addEventListener("readystatechange", () => {
      if (location.pathname.includes("EGGS")) document.getElementById("chat").dataset.release = "older";
    });
"""
# Each after the one before has begun to show its chat.
QUICK_CLICKS = """
    async (links) => {
      for (const link of links) {
        const before = document.getElementById("chat").dataset.threadId;
        document.querySelector(link).click();
        while (document.getElementById("chat").dataset.threadId === before) await new Promise(requestAnimationFrame);
      }
    }
"""
# What is at the top of the view: the first message of which something is seen, and where.
PLACE = """
    (scroller) => {
      const top = scroller.getBoundingClientRect().top;
      const seen = [...scroller.querySelectorAll("article")].find((one) => one.getBoundingClientRect().bottom > top);
      return [seen.dataset.messageId, seen.getBoundingClientRect().top - top];
    }
"""


async def talk(person: Person, title: str, *, messages: int = 2, lines: int = 3) -> str:
    """A chat whose messages begin with its title."""
    thread_id = await past_thread(person, messages=messages, title=title)
    for message in await ChatMessage.filter(thread_id=thread_id):
        text = "\n\n".join(SENTENCE.format(number) for number in range(lines))
        await ChatMessage.filter(id=message.id).update(content=f"{title} {message.number}. {text}")
    return thread_id


class Sockets:
    """Those of a page."""

    def __init__(self, chat: ChatPage) -> None:
        self.all: list[WebSocket] = [chat.socket]
        chat.page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self.all.append(socket)

    async def only_one_is_open(self) -> None:
        """Wait for it."""
        assert await eventually(lambda: sum(not socket.is_closed() for socket in self.all) == 1)


async def marked(desk: Desk, person: Person, thread_id: str, **options: Any) -> ChatPage:
    """A chat on a page that a load would not leave as it is."""
    chat = await desk.chat(person, thread_id, **options)
    await chat.page.evaluate("window.mark = true")
    return chat


async def is_same_page(chat: ChatPage) -> bool:
    """Whether no page was loaded since."""
    is_marked: bool = await chat.page.evaluate("'mark' in window")
    return is_marked


async def click(chat: ChatPage, title: str) -> None:
    """In the list of chats."""
    await chat.threads.get_by_role("link", name=re.compile(f"^{title}")).click()


async def go(chat: ChatPage, title: str) -> None:
    """Click a chat in the list, and wait until it is shown."""
    await click(chat, title)
    await shows(chat, title)


async def go_back(chat: ChatPage, title: str, by: int = -1) -> None:
    """Through the history."""
    await chat.page.evaluate(f"history.go({by})")
    await shows(chat, title)


async def shows(chat: ChatPage, title: str) -> None:
    """Wait until this chat is on the page, with its socket."""
    await expect(chat.page).to_have_title(re.compile(f"^\\W?{title}\\W? · "))
    await expect(chat.messages.first).to_contain_text(re.compile(rf"{title} \d+\."))
    await chat.is_connected()


# -- what is shown -----------------------------------------------------------------------------------------------------


async def test_a_chat_opens_without_a_page_load(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea", messages=4)
    chat = await marked(desk, alice, eggs)
    sockets = Sockets(chat)

    await go(chat, "Tea")

    assert await is_same_page(chat)
    assert chat.thread_id == tea
    await expect(chat.messages).to_have_count(4)
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("Tea")
    await expect(chat.page.locator("#thread-list [aria-current] .thread-title")).to_have_text(["Tea"])
    await expect(chat.field).to_be_focused()
    await chat.hears("Tea")
    assert await chat.distance_to_end() < 2
    await sockets.only_one_is_open()


async def test_everything_on_the_page_belongs_to_the_chat_that_is_shown(desk: Desk, alice: Person) -> None:
    """Actions, forms without JavaScript, what is loaded later: each address has the id of the new chat."""
    eggs = await talk(alice, "Eggs")
    tea = await talk(alice, "Tea", messages=60)
    chat = await marked(desk, alice, eggs)
    before = await chat.page.evaluate(ADDRESSES)

    await go(chat, "Tea")

    after = [address for address in await chat.page.evaluate(ADDRESSES) if "messages/" not in address]
    assert any(eggs in address for address in before)
    assert [address for address in after if eggs in address] == []
    assert {address.replace(eggs, tea) for address in before if "messages/" not in address} <= set(after) | {
        address.replace(eggs, tea) for address in before if "edit=" in address
    }
    await chat.page.get_by_role("button", name="Load older messages").click()
    await expect(chat.messages).to_have_count(60)
    await chat.page.locator("#chat-menu summary").click()
    await chat.page.get_by_role("link", name="Rename chat").click()
    await chat.page.get_by_label("Title").fill("Green tea")
    await chat.page.keyboard.press("Enter")
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("Green tea")
    assert [(await ChatThread.get(id=one)).title for one in (eggs, tea)] == ["Eggs", "Green tea"]
    assert await is_same_page(chat)


async def test_questions_go_to_the_chat_that_is_shown_and_answers_stay_in_theirs(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    await chat.say("say five short words for eggs [offline: delay_first=1]")
    await expect(chat.answers).to_have_count(2)

    await go(chat, "Tea")
    await expect(chat.stop_button).to_be_hidden()
    await expect(chat.threads.filter(has_text="Eggs").locator(".thread-running")).to_be_visible()
    await chat.say("say something about tea")
    await chat.is_over(answers=2)
    await go(chat, "Eggs")

    await chat.is_over(answers=2)
    assert await chat.text() == "five short words for eggs"
    assert [await ChatMessage.filter(thread_id=one).count() for one in (eggs, tea)] == [4, 4]
    assert await is_same_page(chat)


async def test_a_running_answer_goes_on_where_it_is(desk: Desk, alice: Person) -> None:
    """It is left, and seen again while it is written; what was written meanwhile is there."""
    eggs, _ = await talk(alice, "Eggs"), await talk(alice, "Tea")
    async with ScriptedAnswer.begun(alice, eggs) as answer:
        chat = await marked(desk, alice, eggs)
        await answer.says("one, ")
        await chat.has_text(len("one,"), answers=2)
        await go(chat, "Tea")
        await answer.says("two, ")
        await go_back(chat, "Eggs")
        await chat.has_text(len("one, two,"), answers=2)
        await answer.says("three")

        assert await chat.has_text(len("one, two, three"), answers=2) == "one, two, three"
        await expect(chat.stop_button).to_be_visible()
        assert await is_same_page(chat)


async def test_a_branch_names_its_origin_and_links_to_it(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    await ChatThread.filter(id=tea).update(forked_from_id=eggs)
    chat = await marked(desk, alice, eggs)
    origin = chat.page.locator("#branched-from")

    await go(chat, "Tea")
    await expect(origin).to_have_text("Branched from Eggs")
    await origin.get_by_role("link").click()
    await shows(chat, "Eggs")
    await expect(origin).to_have_count(0)
    await go_back(chat, "Tea")

    await expect(origin).to_have_text("Branched from Eggs")
    assert await is_same_page(chat)


async def test_each_chat_has_its_own_waiting_messages(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    waiting = chat.page.locator("#queue .queued-text")
    await chat.say("count to 9000 [offline: pace=20]")
    await chat.has_text(5, answers=2)
    await chat.say("say one")
    await expect(waiting).to_have_text(["say one"])

    await go(chat, "Tea")
    await expect(chat.page.locator("#queue")).to_be_hidden()
    await expect(chat.send_button).to_be_visible()
    await go(chat, "Eggs")
    await expect(waiting).to_have_text(["say one"])
    await chat.page.get_by_role("button", name=re.compile("^Remove queued message")).click()

    await expect(chat.page.locator("#queue")).to_be_hidden()
    assert await QueuedMessage.filter(thread_id=eggs).count() == 0
    assert [await ChatMessage.filter(thread_id=one).count() for one in (eggs, tea)] == [4, 2]
    assert await is_same_page(chat)


async def test_each_chat_has_its_own_model(browser: Browser, beside: Beside) -> None:
    """One that is not offered any more is the business of the server's page."""
    async with beside(LLM_MODELS="large,small") as site, Person.signed_up(site, "alice") as alice:
        desk = Desk(browser, site)
        eggs, tea, rice = [await talk(alice, title) for title in ("Eggs", "Tea", "Rice")]
        await ChatThread.filter(id=tea).update(model="small")
        await ChatThread.filter(id=rice).update(model="retired")
        chat = await marked(desk, alice, eggs)
        model = chat.page.get_by_label("Model", exact=True)
        await model.select_option("large")

        await go(chat, "Tea")
        await expect(model).to_have_value("small")
        await go_back(chat, "Eggs")
        await expect(model).to_have_value("large")
        assert await is_same_page(chat)
        async with chat.page.expect_event("load"):
            await click(chat, "Rice")
        await expect(chat.page.locator("#model-gone")).to_contain_text("retired is no longer available")
        await chat.page.evaluate("window.mark = true")
        await go(chat, "Tea")
        await expect(chat.page.locator("#model-gone")).to_have_count(0)
        assert await is_same_page(chat)
        assert await desk.clear() == []


# -- back, forward, and what was not sent ------------------------------------------------------------------------------


async def test_back_and_forward_find_each_chat_as_it_was_left(desk: Desk, alice: Person) -> None:
    """Twenty moves between five chats, two of which have running answers."""
    titles = ["Eggs", "Tea", "Rice", "Soup", "Bread"]
    ids = [await talk(alice, title, messages=12, lines=8) for title in titles]
    async with ScriptedAnswer.begun(alice, ids[1]), ScriptedAnswer.begun(alice, ids[3]):
        chat = await marked(desk, alice, ids[0], allowed=(CLOSED_EARLY,))
        sockets = Sockets(chat)
        places = []
        for number, title in enumerate(titles):
            if number:
                await go(chat, title)
            await chat.field.fill(f"Not sent about {title}")
            await chat.scroller.evaluate(f"it => it.scrollTop = it.scrollHeight * {0.2 + number / 10}")
            await expect(chat.answers.first.locator(".is-rendered")).to_be_attached()
            places.append(await eventually(lambda: chat.scroller.evaluate(PLACE)))

        at = len(titles) - 1
        for by in [-1, -1, -1, -1, 4, -3, 1, 1, -2, 3, -4, 2, 1, -3, 4, -1, -2, 1, 2, -4]:
            at += by
            await go_back(chat, titles[at], by)
            await expect(chat.field).to_have_value(f"Not sent about {titles[at]}")
            await expect(chat.field).to_be_focused()
            await expect(chat.answers.first.locator(".is-rendered")).to_be_attached()
            assert chat.thread_id == ids[at]
            seen, top = await chat.scroller.evaluate(PLACE)
            assert (seen, pytest.approx(top, abs=2)) == tuple(places[at])

        assert await is_same_page(chat)
        await sockets.only_one_is_open()


async def test_back_twice_in_a_row_needs_no_load(desk: Desk, alice: Person) -> None:
    """The second time before the chat in between is connected."""
    ids = [await talk(alice, title) for title in ("Eggs", "Tea", "Rice")]
    chat = await marked(desk, alice, ids[0], allowed=(CLOSED_EARLY,))
    await go(chat, "Tea")
    await go(chat, "Rice")

    await chat.page.evaluate("async () => { await navigation.back().finished; history.back() }")
    await shows(chat, "Eggs")

    assert chat.thread_id == ids[0]
    assert await is_same_page(chat)


async def test_older_messages_that_were_loaded_are_there_again(desk: Desk, alice: Person) -> None:
    eggs, _ = await talk(alice, "Eggs", messages=60), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    await chat.page.get_by_role("button", name="Load older messages").click()
    await expect(chat.messages).to_have_count(60)

    await go(chat, "Tea")
    await go_back(chat, "Eggs")

    await expect(chat.messages).to_have_count(60)
    await expect(chat.page.get_by_role("button", name="Load older messages")).to_be_hidden()


async def test_an_edit_that_was_begun_keeps_its_text(desk: Desk, alice: Person) -> None:
    eggs, _ = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    editor = chat.page.get_by_label("Edit message", exact=True).and_(chat.page.locator("textarea"))
    await chat.questions.first.hover()
    await chat.page.locator('[data-action="edit"]').first.click()
    await editor.fill("How long to boil a goose egg?")

    await go(chat, "Tea")
    await expect(chat.field).to_have_value("")
    await go_back(chat, "Eggs")
    await chat.questions.first.hover()
    await chat.page.locator('[data-action="edit"]').first.click()

    await expect(editor).to_have_value("How long to boil a goose egg?")
    assert await is_same_page(chat)


async def test_text_that_the_browser_can_not_keep_is_not_left_without_a_question(desk: Desk, alice: Person) -> None:
    eggs, _ = await talk(alice, "Eggs"), await talk(alice, "Tea")
    context = await desk.context(alice, allowed=("dialog: ",))
    await context.add_init_script("Storage.prototype.setItem = () => { throw new Error('full') }")
    chat = await ChatPage.opened(await context.new_page(), eggs)
    await chat.field.fill("The only copy")

    async with chat.page.expect_event("dialog") as asked:
        await click(chat, "Tea")

    assert (await asked.value).type == "beforeunload"


async def test_a_message_of_an_address_is_shown(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea", messages=20, lines=8)
    chat = await marked(desk, alice, eggs)
    third = await ChatMessage.get(thread_id=tea, number=3)

    await chat.page.evaluate(f"navigation.navigate('/chat/{tea}/#m-{third.id}')")
    await shows(chat, "Tea")

    await expect(chat.messages.nth(2)).to_be_in_viewport()
    assert await is_same_page(chat)


@asynccontextmanager
async def late(page: Page, path: str) -> AsyncIterator[None]:
    """The server's answers to requests of this path arrive at the end."""
    asked, arrives = asyncio.Event(), asyncio.Event()

    async def held(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        await arrives.wait()
        await route.fulfill(response=answer)

    await page.route(path, held)
    async with page.expect_response(path) as response:
        yield
        await asyncio.wait_for(asked.wait(), LONG_SECONDS)
        arrives.set()
    await (await response.value).finished()
    await page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")  # for what the page does with it


async def test_a_branch_that_is_ready_late_does_not_take_the_reader_away(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    async with late(chat.page, "**/branch/"):
        await chat.answer.hover()
        await chat.answer.get_by_role("link", name="More").click()
        await chat.page.get_by_role("menuitem", name="Branch into a new chat").click()
        await expect(chat.threads).to_have_count(3)  # or the row of the branch moves the one that is clicked
        await go(chat, "Tea")

    await chat.say("say still here")
    await chat.is_over(answers=2)
    assert await is_same_page(chat)
    assert chat.thread_id == tea


@pytest.mark.parametrize("status", [204, 404])
async def test_a_chat_that_is_archived_late_is_not_taken_for_the_one_that_is_open(
    desk: Desk, alice: Person, status: int
) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs, allowed=(GONE,))
    if status == 404:
        await ChatThread.filter(id=eggs).update(deleted_at=datetime.now(UTC))
    async with late(chat.page, "**/archive/"):
        await chat.page.keyboard.press("Control+k")
        await chat.page.get_by_role("option", name="Archive this chat").click()
        await expect(chat.threads).to_have_count(1 if status == 204 else 2)
        await go(chat, "Tea")

    await expect(chat.error).to_be_hidden()
    await chat.say("say still here")
    await chat.is_over(answers=2)
    assert await is_same_page(chat)
    assert chat.thread_id == tea


async def test_a_chat_whose_title_is_not_known_yet_has_no_other_title(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    await ChatThread.filter(id=tea).update(archived=True)
    chat = await marked(desk, alice, eggs)
    await chat.page.route_web_socket(f"**/ws/chat/{tea}/", lambda socket: None)

    await chat.page.evaluate(f"void navigation.navigate('/chat/{tea}/')")

    await expect(chat.page).to_have_title("Quart Chat")
    assert await is_same_page(chat)


# -- many moves --------------------------------------------------------------------------------------------------------


async def test_twenty_quick_clicks_open_few_sockets(desk: Desk, alice: Person) -> None:
    titles = ["Eggs", "Tea", "Rice", "Soup", "Bread"]
    ids = [await talk(alice, title) for title in titles]
    chat = await marked(desk, alice, ids[0], allowed=(CLOSED_EARLY,))
    sockets = Sockets(chat)

    links = [f"#thread-list a[href='/chat/{ids[(number + 1) % 5]}/']" for number in range(21)]
    await chat.page.evaluate(QUICK_CLICKS, links)
    await shows(chat, titles[21 % 5])
    await sockets.only_one_is_open()

    assert await is_same_page(chat)
    assert len(sockets.all) <= 10  # 22 if each had one; 3 on a machine that is as quick as the clicks


MEASURES = ("JSEventListeners", "Nodes", "Documents")


async def measured(page: Page) -> dict[str, float]:
    """Of the page's renderer, after everything that is not used any more has been freed."""
    debugger = await page.context.new_cdp_session(page)
    await debugger.send("Performance.enable")
    await debugger.send("HeapProfiler.collectGarbage")
    answer = await debugger.send("Performance.getMetrics")
    await debugger.detach()
    return {one["name"]: one["value"] for one in answer["metrics"] if one["name"] in MEASURES}


async def test_nothing_is_left_of_chats_that_were_left(desk: Desk, alice: Person) -> None:
    """Listeners, nodes and sockets, after moves between chats one of which has a running answer."""
    titles = ["Eggs", "Tea", "Rice"]
    ids = [await talk(alice, title, messages=6) for title in titles]
    async with ScriptedAnswer.begun(alice, ids[1]) as answer:
        chat = await marked(desk, alice, ids[0], allowed=(CLOSED_EARLY,))
        sockets = Sockets(chat)
        for number in range(1, 7):
            await go(chat, titles[number % 3])
        before = await measured(chat.page)
        for number in range(1, 16):
            await answer.says(f"Word {number}. ")
            await go(chat, titles[number % 3])
        await sockets.only_one_is_open()

        after = await measured(chat.page)
        assert after["JSEventListeners"] <= before["JSEventListeners"] + 5
        assert after["Nodes"] <= before["Nodes"] + 100
        assert after["Documents"] == before["Documents"]


# -- page loads instead ------------------------------------------------------------------------------------------------


async def test_without_the_navigation_api_links_load_pages(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    context = await desk.context(alice)
    await context.add_init_script("delete window.navigation")
    chat = await ChatPage.opened(await context.new_page(), eggs)
    await chat.page.evaluate("window.mark = true")

    await go(chat, "Tea")

    assert not await is_same_page(chat)
    assert chat.thread_id == tea


async def test_other_ways_to_a_chat_load_pages(desk: Desk, alice: Person) -> None:
    """An address with a query, a new tab, the page of a new chat, and a chat from there."""
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    async with chat.page.context.expect_page() as opened:
        await chat.threads.get_by_role("link", name=re.compile("^Tea")).click(modifiers=["Control"])
    await (await opened.value).close()
    assert await is_same_page(chat)
    assert chat.thread_id == eggs

    for address in (f"/chat/{tea}/?chats=", "/chat/", f"/chat/{tea}/"):
        await chat.page.evaluate("window.mark = true")
        async with chat.page.expect_event("load"):
            await chat.page.evaluate(f"location.assign('{address}')")
        assert not await is_same_page(chat)


async def test_a_page_of_an_older_release_is_loaded_again(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    context = await desk.context(alice)
    page = await context.new_page()
    await context.add_init_script(OLDER_RELEASE.replace("EGGS", eggs))
    chat = await ChatPage.opened(page, eggs)
    await chat.page.evaluate("window.mark = true")

    await go(chat, "Tea")

    assert not await is_same_page(chat)
    assert chat.thread_id == tea


async def test_a_chat_that_was_deleted_is_told_by_the_servers_page(desk: Desk, alice: Person) -> None:
    """Its row is still in the list when it is clicked."""
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs, allowed=(GONE,))
    await ChatThread.filter(id=tea).delete()

    await click(chat, "Tea")

    await expect(chat.page).to_have_title(re.compile("not found", re.IGNORECASE))
    assert chat.thread_id == tea


async def test_with_its_socket_refused_a_chat_is_loaded(desk: Desk, alice: Person) -> None:
    """And from a page that is not connected, links load pages."""
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    await chat.page.route_web_socket(f"**/ws/chat/{tea}/", refuse)

    for title, reached in (("Tea", tea), ("Eggs", eggs)):
        await chat.page.evaluate("window.mark = true")
        async with chat.page.expect_event("load"):
            await click(chat, title)
        await expect(chat.messages.first).to_contain_text(f"{title} 1.")
        assert not await is_same_page(chat)
        assert chat.thread_id == reached
        await expect(chat.status).to_have_attribute("data-phase", "reconnecting" if reached == tea else "connected")


async def cut_off(chat: ChatPage, thread_id: str) -> Callable[[], Awaitable[None]]:
    """Returns what closes the socket of a chat that is opened next, and refuses every later one."""
    routes: list[WebSocketRoute] = []

    async def first_only(route: WebSocketRoute) -> None:
        if routes:
            return await route.close(code=1011)
        routes.append(route)
        route.connect_to_server()

    async def cut() -> None:
        await routes[0].close(code=1011)
        await expect(chat.status).not_to_have_attribute("data-phase", "connected")

    await chat.page.route_web_socket(f"**/ws/chat/{thread_id}/", first_only)
    return cut


async def test_back_from_a_chat_without_a_connection_shows_the_chat_of_the_address(desk: Desk, alice: Person) -> None:
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    cut = await cut_off(chat, tea)
    await go(chat, "Tea")
    await cut()

    await go_back(chat, "Eggs")

    assert chat.thread_id == eggs
    assert not await is_same_page(chat)


@pytest.mark.parametrize("leaves", [False, True])
async def test_back_with_text_that_the_browser_can_not_keep_asks_first(
    desk: Desk, alice: Person, *, leaves: bool
) -> None:
    """Whatever the reader decides, the address is that of the chat on the page."""
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    context = await desk.context(alice, allowed=("dialog: ",), agrees=leaves)
    chat = await ChatPage.opened(await context.new_page(), eggs)
    await go(chat, "Tea")
    await chat.page.evaluate("void (Storage.prototype.setItem = () => { throw new Error('full') })")
    await chat.field.press_sequentially("The only copy")

    async with chat.page.expect_event("dialog") as asked:
        await chat.page.evaluate("history.back()")

    assert (await asked.value).type == "beforeunload"
    await expect(chat.page).to_have_url(re.compile(f"/chat/{eggs if leaves else tea}/$"))
    await shows(chat, "Eggs" if leaves else "Tea")
    await expect(chat.field).to_have_value("" if leaves else "The only copy")


async def refuse(route: WebSocketRoute) -> None:
    """As a proxy does that knows no websockets."""
    await route.close(code=1011)


async def test_a_chat_that_is_late_shows_where_it_will_be(desk: Desk, alice: Person) -> None:
    """Nothing of the chat before is left on the page, and what is sent meanwhile is sent when the chat is there."""
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    late = asyncio.Event()

    async def hold(route: WebSocketRoute) -> None:
        await late.wait()
        route.connect_to_server()

    await chat.page.route_web_socket(f"**/ws/chat/{tea}/", hold)
    await click(chat, "Tea")
    await expect(chat.page.locator("[data-opening]")).to_be_attached()
    await expect(chat.messages).to_have_count(0)
    await expect(chat.page.get_by_role("heading", level=1)).to_have_text("Tea")
    await chat.say("say it is there")
    await expect(chat.field).to_have_value("")
    late.set()
    await shows(chat, "Tea")

    await chat.is_over(answers=2)
    assert await chat.text() == "it is there"
    assert await is_same_page(chat)


async def test_a_session_that_ended_leads_to_the_login(desk: Desk, alice: Person) -> None:
    """With its cookie gone, and with its row."""
    eggs, tea = await talk(alice, "Eggs"), await talk(alice, "Tea")
    for end in (lose_cookie, lose_row):
        chat = await marked(desk, alice, eggs, allowed=(FORBIDDEN,))
        await end(chat)

        await click(chat, "Tea")

        await expect(chat.page).to_have_url(re.compile(rf"/accounts/login/\?next=.*{tea}"))


async def lose_cookie(chat: ChatPage) -> None:
    await chat.page.context.clear_cookies()


async def lose_row(chat: ChatPage) -> None:
    await AuthSession.all().delete()


async def test_logging_out_after_a_move_leads_where_it_does(desk: Desk, alice: Person) -> None:
    eggs, _ = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs)
    await go(chat, "Tea")

    await chat.page.locator("#account-menu summary").last.click()
    await chat.page.get_by_role("button", name="Log out").last.click()

    await expect(chat.page).not_to_have_url(re.compile("next="))
    await expect(chat.page.get_by_role("link", name="Log in").first).to_be_visible()


# -- phones, screen readers, two tabs ----------------------------------------------------------------------------------


async def test_on_a_phone_the_list_closes_and_the_heading_gets_the_focus(desk: Desk, alice: Person) -> None:
    eggs, _ = await talk(alice, "Eggs"), await talk(alice, "Tea")
    chat = await marked(desk, alice, eggs, viewport=PHONE, has_touch=True, is_mobile=True)
    await chat.page.get_by_role("button", name="Open chats").tap()

    await go(chat, "Tea")

    await expect(chat.page.locator("#chat-sidebar")).to_be_hidden()
    await expect(chat.page.get_by_role("heading", level=1)).to_be_focused()
    assert await is_same_page(chat)


async def test_two_tabs_move_on_their_own_and_agree_about_a_chat(desk: Desk, alice: Person) -> None:
    eggs, _ = await talk(alice, "Eggs"), await talk(alice, "Tea")
    one = await marked(desk, alice, eggs)
    other = await ChatPage.opened(await one.page.context.new_page(), eggs)
    await go(one, "Tea")
    await go(other, "Tea")
    await go_back(one, "Eggs")
    await go(one, "Tea")

    await other.say("say the same in both")
    for tab in (one, other):
        await tab.is_over(answers=2)
        assert await tab.text() == "the same in both"


async def test_a_chat_that_was_moved_to_has_no_accessibility_errors(desk: Desk, alice: Person) -> None:
    eggs, _ = await talk(alice, "Eggs"), await talk(alice, "Tea", messages=4)
    chat = await marked(desk, alice, eggs)

    await go(chat, "Tea")

    assert await violations(chat.page, AXE.read_text()) == []
    assert await is_same_page(chat)
