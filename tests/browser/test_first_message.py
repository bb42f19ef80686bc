"""The first message of a chat: whatever refuses it, its text stays in the field until it is stored, once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from playwright.async_api import Page, Route, expect

from chat.database import DatabaseUnavailable
from chat.models import AuthSession, ChatMessage, ChatThread, User
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.desk import ChatPage, Desk
from tests.support.site import Site

TEXT = "say    this:\n\n    exactly"
FAILED = r"Failed to load resource"


async def unavailable(*_: object, **__: object) -> None:
    raise DatabaseUnavailable("stopped")


async def broken(*_: object, **__: object) -> None:
    raise RuntimeError("broken on purpose")


async def new_chat(desk: Desk, person: Person) -> ChatPage:
    """A new chat whose list of chats hears nothing: an ended login is met by the message, not by the list's socket."""
    page = await (await desk.context(person, allowed=(FAILED,))).new_page()
    await page.route_web_socket(re.compile(r"/ws/chat/$"), lambda _: None)
    return await ChatPage.opened(page)


async def end_sessions(person: Person) -> None:
    await AuthSession.filter(user_id=(await User.get(email=person.email)).id).delete()


async def log_in(page: Page, person: Person) -> None:
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()


async def is_stored_once(chat: ChatPage, person: Person) -> None:
    """The page shows the only chat of the person, with the text as it was typed and one answer."""
    await chat.is_over()
    threads = await ChatThread.filter(user__email=person.email)
    assert [str(thread.id) for thread in threads] == [chat.thread_id]
    assert [one.content for one in await ChatMessage.filter(thread_id=UUID(chat.thread_id), role="user")] == [TEXT]
    await expect(chat.field).to_have_value("")
    await chat.page.go_back()
    await expect(chat.page.get_by_role("heading", level=1)).to_be_visible()
    await expect(chat.field).to_have_value("")
    await chat.page.goto("/chat/")
    await expect(chat.field).to_have_value("")


async def test_it_is_sent_when_the_database_is_back(desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.PAGE_RETRY_SECONDS.replace(monkeypatch, 0.2)
    chat = await new_chat(desk, alice)
    with monkeypatch.context() as patch:
        patches.FIND_SESSION.replace(patch, unavailable)
        await chat.say(TEXT)
        await expect(chat.error).to_have_text(
            "The service is temporarily unavailable. Your message will be sent automatically."
        )
        await expect(chat.field).to_have_value(TEXT)

    await is_stored_once(chat, alice)


async def test_it_is_sent_when_the_server_has_restarted(desk: Desk, alice: Person, site: Site) -> None:
    chat = await new_chat(desk, alice)
    site.resources.worker.draining = True
    try:
        await chat.say(TEXT)
        await expect(chat.error).to_contain_text("will be sent automatically")
    finally:
        site.resources.worker.draining = False

    await is_stored_once(chat, alice)


async def test_it_is_sent_when_a_full_server_has_room(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await new_chat(desk, alice)
    with monkeypatch.context() as full:
        patches.IS_FULL.replace(full, True)
        await chat.say(TEXT)
        await expect(chat.error).to_have_text("The site is busy. Your message will be sent in a moment.")

    await is_stored_once(chat, alice)


async def test_a_wait_for_a_full_server_can_be_canceled(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await new_chat(desk, alice)
    cancel = chat.page.get_by_role("button", name="Cancel")
    await expect(cancel).to_be_hidden()
    with monkeypatch.context() as full:
        patches.IS_FULL.replace(full, True)
        await chat.say(TEXT)
        await cancel.click()

    await expect(chat.error).to_be_hidden()
    await expect(cancel).to_be_hidden()
    await expect(chat.field).to_have_value(TEXT)
    await expect(chat.field).to_be_focused()
    assert await ChatThread.filter(user__email=alice.email).count() == 0


async def test_it_is_sent_when_the_connection_is_back(desk: Desk, alice: Person) -> None:
    chat = await new_chat(desk, alice)
    await chat.page.context.set_offline(True)
    await chat.say(TEXT)
    await expect(chat.error).to_have_text("You're not connected. Your message will be sent automatically.")
    await expect(chat.field).to_have_value(TEXT)
    await chat.page.context.set_offline(False)

    await is_stored_once(chat, alice)


async def test_a_text_that_is_changed_while_it_waits_is_not_sent_by_itself(desk: Desk, alice: Person) -> None:
    chat = await new_chat(desk, alice)
    await chat.page.context.set_offline(True)
    await chat.say("say what I do not mean")
    await expect(chat.error).to_contain_text("will be sent automatically")
    await chat.field.fill(TEXT)
    await expect(chat.error).to_be_hidden()
    await chat.page.context.set_offline(False)
    await expect(chat.field).to_have_value(TEXT)
    await chat.field.press("Enter")

    await is_stored_once(chat, alice)


async def test_a_text_that_is_changed_while_the_one_before_is_stored_is_kept(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, allowed=(FAILED, "WebSocket connection"))
    chat, stored, changed = await ChatPage.opened(await context.new_page()), asyncio.Event(), asyncio.Event()

    async def answer_late(route: Route) -> None:
        response = await route.fetch()
        stored.set()
        await changed.wait()
        await route.fulfill(response=response)

    await context.set_offline(True)
    await chat.say("say what I do not mean")
    await expect(chat.error).to_contain_text("will be sent automatically")
    await chat.page.route("**/chat/", answer_late)
    await context.set_offline(False)
    await stored.wait()
    await chat.field.fill(TEXT)
    await expect(chat.error).to_be_hidden()
    async with chat.page.expect_response("**/chat/") as answer:
        changed.set()
    await (await answer.value).finished()
    await chat.page.unroute("**/chat/")

    await expect(chat.threads).to_have_count(1)
    await chat.page.reload()
    await expect(chat.field).to_have_value(TEXT)
    await chat.field.press("Enter")
    await chat.is_over()
    messages = ChatMessage.filter(thread__user__email=alice.email, role="user").order_by("created_at")
    assert [message.content for message in await messages] == ["say what I do not mean", TEXT]


async def lose_the_answer(route: Route) -> None:
    """The server stores the message; the browser never hears of it."""
    await route.fetch()
    await route.abort()


async def proxy_error(route: Route) -> None:
    await route.fulfill(status=502, body="<h1>Bad gateway</h1>", content_type="text/html")


async def captive_portal(route: Route) -> None:
    await route.fulfill(status=200, body="<h1>Log in to this Wi-Fi</h1>", content_type="text/html")


@pytest.mark.parametrize("trouble", [lose_the_answer, proxy_error, captive_portal])
async def test_a_response_that_is_not_the_sites_is_asked_for_again(
    desk: Desk, alice: Person, trouble: Callable[[Route], Awaitable[None]]
) -> None:
    chat = await new_chat(desk, alice)

    async def once(route: Route) -> None:
        await (trouble(route) if route.request.method == "POST" else route.continue_())

    await chat.page.route("**/chat/", once)
    await chat.say(TEXT)
    await expect(chat.error).to_contain_text("will be sent automatically")
    await expect(chat.field).to_have_value(TEXT)
    await chat.page.unroute("**/chat/")

    await is_stored_once(chat, alice)


async def test_an_error_of_the_server_is_shown_and_the_text_can_be_sent_again(
    desk: Desk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await new_chat(desk, alice)
    with monkeypatch.context() as patch:
        patches.SEND.replace(patch, broken)
        await chat.say(TEXT)
        await expect(chat.error).to_contain_text("This is our error")
        await expect(chat.field).to_have_value(TEXT)
    await chat.field.press("Enter")

    await is_stored_once(chat, alice)


async def test_an_ended_login_leads_back_to_the_text(desk: Desk, alice: Person) -> None:
    chat = await new_chat(desk, alice)
    await end_sessions(alice)
    await chat.say(TEXT)
    await log_in(chat.page, alice)
    await expect(chat.field).to_have_value(TEXT)
    assert chat.page.url.endswith("/chat/")
    await chat.field.press("Enter")

    await is_stored_once(chat, alice)


async def test_another_user_does_not_see_the_text(desk: Desk, alice: Person, bob: Person) -> None:
    chat = await new_chat(desk, alice)
    await end_sessions(alice)
    await chat.say(TEXT)
    await log_in(chat.page, bob)
    await expect(chat.field).to_have_value("")
    await end_sessions(bob)
    await chat.page.reload()
    await log_in(chat.page, alice)

    await expect(chat.field).to_have_value(TEXT)


async def test_a_reload_in_the_middle_keeps_the_text_which_is_stored_once(desk: Desk, alice: Person) -> None:
    chat, stored = await new_chat(desk, alice), asyncio.Event()

    async def never_answer(route: Route) -> None:
        if route.request.method != "POST":
            return await route.continue_()
        await route.fetch()
        stored.set()

    await chat.page.route("**/chat/", never_answer)
    await chat.say(TEXT)
    await stored.wait()
    await expect(chat.field).to_have_value(TEXT)
    await chat.page.reload()
    await expect(chat.field).to_have_value(TEXT)
    await chat.page.unroute("**/chat/")
    await chat.field.press("Enter")

    await is_stored_once(chat, alice)


async def test_a_double_click_opens_one_chat(desk: Desk, alice: Person) -> None:
    chat = await new_chat(desk, alice)
    await chat.field.fill(TEXT)
    await chat.send_button.dblclick()

    await is_stored_once(chat, alice)


async def test_it_is_sent_where_the_browser_keeps_nothing(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, allowed=(FAILED,))
    await context.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    chat = await ChatPage.opened(await context.new_page())
    await context.set_offline(True)
    await chat.say(TEXT)
    await expect(chat.error).to_contain_text("will be sent automatically")
    assert await chat.page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    await context.set_offline(False)

    await is_stored_once(chat, alice)


async def test_each_tab_has_its_own_text_and_a_closed_tab_leaves_its_text_to_the_next(
    desk: Desk, alice: Person
) -> None:
    context = await desk.context(alice)
    one, two = [await ChatPage.opened(await context.new_page()) for _ in range(2)]
    await one.field.fill("one")
    await expect(two.field).to_have_value("")
    await two.field.fill("two")
    for chat, text in ((one, "one"), (two, "two")):
        await chat.page.reload()
        await expect(chat.field).to_have_value(text)
    await one.page.close()
    three, four = [await ChatPage.opened(await context.new_page()) for _ in range(2)]

    await expect(three.field).to_have_value("one")
    await expect(two.field).to_have_value("two")
    await expect(four.field).to_have_value("")
