"""Lost connections: the page shows them, reconnects, and neither loses nor duplicates anything."""

from __future__ import annotations

import re
from uuid import UUID

from playwright.async_api import expect

from chat.models import AuthSession, ChatMessage, Role, User
from tests.support.cast import Person
from tests.support.cuts import cut, leave, sockets_of
from tests.support.desk import NO_CONNECTION, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.site import Site


async def opened(desk: Desk, person: Person, thread_id: str = "") -> ChatPage:
    """A thread in a browser whose random waits are long ones, so that a test can step in between."""
    context = await desk.context(person, allowed=(NO_CONNECTION,))
    await context.add_init_script("Math.random = () => 0.9")
    return await ChatPage.opened(await context.new_page(), thread_id or await past_thread(person))


async def test_a_lost_connection_is_shown_and_restored_automatically(desk: Desk, alice: Person, site: Site) -> None:
    chat = await opened(desk, alice)
    await cut(chat, alice, site)
    await expect(chat.status.locator(".status-text")).to_have_text(re.compile("Reconnecting…|Disconnected"))
    await expect(chat.status.locator(".status-text")).to_be_visible()
    await chat.page.context.set_offline(False)

    await chat.is_connected()
    await chat.hears("Connected")
    await chat.say("say hello")
    await chat.is_over(answers=2)


async def test_a_server_that_restarts_goes_unnoticed(desk: Desk, alice: Person, site: Site) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    before = await sockets_of(alice, site)
    await leave(alice, site)
    await chat.say("count to 40 [offline: pace=5]")

    await chat.is_over(answers=2)
    await chat.is_connected()
    assert not before & await sockets_of(alice, site)
    await expect(chat.questions).to_have_count(2)


async def test_an_answer_written_while_disconnected_is_complete_and_not_duplicated(
    desk: Desk, alice: Person, site: Site
) -> None:
    thread_id = await past_thread(alice)
    chat = await opened(desk, alice, thread_id)
    await chat.say("count to 200 [offline: pause=40:1.5]")
    seen = await chat.has_text(10, answers=2)
    await cut(chat, alice, site)
    assert seen in await chat.text()
    await expect(chat.answer).to_have_attribute("data-status", "streaming")
    async with alice.tab(thread_id) as tab:
        await tab.until_type("thread.snapshot")
        await tab.until_finished(tab.store.messages[-1]["id"])
    await chat.page.context.set_offline(False)

    await chat.is_over(answers=2)
    assert await chat.text() == ", ".join(str(number) for number in range(1, 201))
    await expect(chat.messages).to_have_count(4)
    await expect(chat.send_button).to_be_visible()


async def test_a_message_typed_while_disconnected_is_sent_once(desk: Desk, alice: Person, site: Site) -> None:
    thread_id = await past_thread(alice)
    chat = await opened(desk, alice, thread_id)
    await cut(chat, alice, site)
    await chat.say("say hello")
    await expect(chat.questions.last).to_have_attribute("data-status", "pending")
    await expect(chat.questions.last.get_by_text("Sending…")).to_have_css("visibility", "visible")
    await chat.page.context.set_offline(False)

    await chat.is_over(answers=2)
    await expect(chat.questions).to_have_count(2)
    await leave(alice, site)
    await chat.page.reload()
    await chat.is_connected()
    await expect(chat.questions).to_have_count(2)
    assert await ChatMessage.filter(thread_id=UUID(thread_id), role=Role.USER).count() == 2


async def test_a_message_in_the_outbox_is_sent_when_the_tab_returns_to_the_thread(
    desk: Desk, alice: Person, site: Site
) -> None:
    thread_id = await past_thread(alice)
    chat = await opened(desk, alice, thread_id)
    await cut(chat, alice, site)
    await chat.say("say hello")
    await expect(chat.questions.last).to_have_attribute("data-status", "pending")
    await chat.page.goto("about:blank")
    await chat.page.context.set_offline(False)
    await chat.page.goto(f"/chat/{thread_id}/")

    await chat.is_over(answers=2)
    assert await chat.text() == "hello"
    assert [message["role"] for message in await alice.messages(thread_id)] == ["user", "assistant"] * 2


async def test_a_session_that_ended_elsewhere_leads_to_the_login_and_back(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await alice.http.post("/accounts/logout/")

    await expect(chat.page.get_by_role("heading", name="Log in")).to_be_visible()
    await chat.page.get_by_label("Email address").fill(alice.email)
    await chat.page.get_by_label("Password", exact=True).fill("a-good-long-passphrase-7")
    await chat.page.get_by_role("button", name="Log in").click()
    await chat.is_connected()
    assert chat.thread_id == thread_id
    user = await User.get(email=alice.email)
    assert await AuthSession.filter(user_id=user.id).count() == 1
