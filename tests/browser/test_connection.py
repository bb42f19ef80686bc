"""Lost connections: the page shows them, reconnects, and neither loses nor duplicates anything."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from chat.models import AuthSession, ChatMessage, Role, User
from tests.support.cast import PASSWORD, Person
from tests.support.cuts import cut, leave, sockets_of
from tests.support.desk import NO_CONNECTION, PHONE, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.site import Site

SECOND = 1_000  # ms

BREATHING = """
    () => document.getAnimations()
      .filter((one) => one.animationName === "breathe" && one.effect.target.closest("article"))
      .map((one) => one.playState)
"""


async def opened(desk: Desk, person: Person, thread_id: str = "") -> ChatPage:
    """A thread in a browser whose random waits are long ones, so that a test can step in between."""
    context = await desk.context(person, allowed=(NO_CONNECTION,))
    await context.add_init_script("Math.random = () => 0.9")
    return await ChatPage.opened(await context.new_page(), thread_id or await past_thread(person))


async def log_in(page: Page, person: Person) -> None:
    await page.get_by_label("Email address").fill(person.email)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()


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
    await chat.say("count to 200 [offline: pause=40:6]")
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


async def test_while_an_answer_is_cut_off_messages_wait_in_the_outbox_and_the_cursor_rests(
    desk: Desk, alice: Person, site: Site
) -> None:
    thread_id = await past_thread(alice)
    chat = await opened(desk, alice, thread_id)
    await chat.say("count to 300 [offline: pace=10]")
    await chat.has_text(10, answers=2)
    assert await chat.page.evaluate(BREATHING) == ["running"]
    await cut(chat, alice, site)
    await expect(chat.page.locator("#chat[data-cut]")).to_be_visible()
    assert await chat.page.evaluate(BREATHING) == ["paused"]
    await chat.stop_button.click()
    await expect(chat.error).to_have_text("Not connected. You can stop the answer when the connection is back.")
    await chat.say("say one")
    await chat.say("say two")
    pending = chat.page.locator("#queue li[aria-busy=true] .queued-text")
    await expect(pending).to_have_text(["say one", "say two"])
    await expect(chat.field).to_have_value("")
    await expect(chat.error).to_be_hidden()
    await chat.page.context.set_offline(False)

    await chat.is_over(answers=4)
    stored = [message["content"] for message in await alice.messages(thread_id) if message["role"] == "user"]
    assert stored[1:] == ["count to 300 [offline: pace=10]", "say one", "say two"]
    await expect(chat.messages).to_have_count(8)


async def test_a_message_sent_right_after_another_is_sent_when_it_can_be(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say one")
    await chat.is_over(answers=2)
    await chat.say("say two")

    await chat.is_over(answers=3)
    await expect(chat.error).to_be_hidden()
    await expect(chat.field).to_have_value("")


async def test_logging_out_of_a_chat_leads_to_the_front_page(desk: Desk, alice: Person, bob: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.field.fill("not sent")
    await chat.page.get_by_label("Account").click()
    await chat.page.get_by_role("button", name="Log out").click()
    await expect(chat.page.get_by_role("link", name="Create an account")).to_be_visible()
    await chat.page.get_by_role("link", name="Log in").first.click()
    await log_in(chat.page, bob)

    await expect(chat.field).to_have_value("")
    assert chat.page.url.endswith("/chat/")
    assert not await chat.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}]).includes('not sent')")


async def test_an_ended_session_leads_back_to_the_text_and_no_one_else_to_the_chat(
    desk: Desk, alice: Person, bob: Person, site: Site
) -> None:
    thread_id = await past_thread(alice)
    chat = await opened(desk, alice, thread_id)
    await cut(chat, alice, site)
    await AuthSession.filter(user_id=(await User.get(email=alice.email)).id).delete()
    await chat.say("say hello")
    await expect(chat.questions.last).to_have_attribute("data-status", "pending")
    await chat.page.context.set_offline(False)
    await log_in(chat.page, bob)
    await expect(chat.field).to_have_value("")
    assert chat.page.url.endswith("/chat/")
    await chat.page.goto("about:blank")  # a page that learns of its session's end goes to the login by itself
    await AuthSession.filter(user_id=(await User.get(email=bob.email)).id).delete()
    await chat.page.goto(f"/chat/{thread_id}/")
    await log_in(chat.page, alice)
    await expect(chat.field).to_have_value("say hello")
    await expect(chat.questions).to_have_count(1)
    await chat.field.press("Enter")

    await chat.is_over(answers=2)
    assert await ChatMessage.filter(thread_id=UUID(thread_id), role=Role.USER).count() == 2


async def test_a_message_that_was_stored_before_the_session_ended_is_not_asked_for_again(
    desk: Desk, alice: Person, site: Site
) -> None:
    thread_id = await past_thread(alice)
    chat = await opened(desk, alice, thread_id)
    await cut(chat, alice, site)
    await chat.say("say hello")
    pending = chat.questions.last
    await expect(pending).to_have_attribute("data-status", "pending")
    await alice.post("say hello", thread_id, await pending.get_attribute("data-client-id") or "")
    await AuthSession.filter(user_id=(await User.get(email=alice.email)).id).delete()
    await chat.page.context.set_offline(False)
    await log_in(chat.page, alice)

    await chat.is_connected()
    await expect(chat.questions).to_have_count(2)
    await expect(chat.field).to_have_value("")


async def test_a_session_that_ended_elsewhere_leads_to_the_login_and_back(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await alice.http.post("/accounts/logout/")

    await expect(chat.page.get_by_role("heading", name="Log in")).to_be_visible()
    await log_in(chat.page, alice)
    await chat.is_connected()
    assert chat.thread_id == thread_id
    user = await User.get(email=alice.email)
    assert await AuthSession.filter(user_id=user.id).count() == 1


# The state of the connection is shown only when something is wrong.


async def paused(desk: Desk, person: Person, **options: object) -> ChatPage:
    """A connected thread whose clock stands still."""
    context = await desk.context(person, allowed=(NO_CONNECTION,), **options)
    page = await context.new_page()
    await page.clock.install()
    chat = await ChatPage.opened(page, await past_thread(person))
    await page.clock.pause_at(await page.evaluate("Date.now() / 1000 + 1"))
    return chat


@pytest.mark.parametrize("device", [{}, {"viewport": PHONE, "has_touch": True}], ids=["desktop", "phone"])
async def test_an_outage_is_shown_and_announced_only_once_it_lasts(
    desk: Desk, alice: Person, site: Site, device: dict[str, object]
) -> None:
    chat = await paused(desk, alice, **device)
    retry = chat.page.get_by_role("button", name="Retry now")
    heading = await chat.page.get_by_role("heading", level=1).bounding_box()
    await expect(chat.status).to_be_hidden()
    await cut(chat, alice, site)
    await chat.page.clock.run_for(3.9 * SECOND)
    await expect(chat.status).to_be_hidden()
    await chat.page.clock.run_for(0.2 * SECOND)
    await expect(chat.status).to_have_text("Reconnecting…", use_inner_text=True)
    await expect(chat.status).to_be_in_viewport(ratio=1)
    await chat.hears("Reconnecting…")
    await expect(retry).to_be_hidden()
    await chat.page.clock.run_for(8 * SECOND)
    await expect(chat.status).to_contain_text("Disconnected")
    await expect(retry).to_be_visible()
    await expect(chat.status).to_be_in_viewport(ratio=1)
    assert await chat.hears("Disconnected") == ["Reconnecting…", "Disconnected"]
    assert await chat.page.get_by_role("heading", level=1).bounding_box() == heading
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await retry.press("Enter")
    await expect(chat.status).to_contain_text("Reconnecting…")
    await expect(retry).to_be_focused()
    await chat.page.clock.run_for(12 * SECOND)
    await expect(chat.status).to_contain_text("Disconnected")
    await chat.page.context.set_offline(False)
    await chat.is_connected()
    await expect(chat.status).to_be_hidden()
    await expect(chat.scroller).to_be_focused()
    await chat.page.clock.run_for(2 * SECOND)
    assert (await chat.hears("Connected"))[-1] == "Connected"


async def test_a_short_outage_says_nothing(desk: Desk, alice: Person, site: Site) -> None:
    chat = await paused(desk, alice)
    await cut(chat, alice, site)
    await chat.page.clock.run_for(3 * SECOND)
    await chat.page.context.set_offline(False)
    await chat.is_connected()
    await chat.page.clock.run_for(20 * SECOND)

    await expect(chat.status).to_be_hidden()
    assert await chat.heard() == []
