"""A chat that opens at a message which was found: also far from its latest one, and in another version."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, WebSocket, expect

from chat.models import ChatMessage, ChatThread, User
from chat.services.replies.jump import MOST_TO_HEAD
from tests.support.accessibility import AXE, violations
from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.touch import PHONE as FINGER
from tests.support.touch import too_small
from tests.support.versions import done, edit, path_of, said
from tests.support.waiting import eventually

LONG = MOST_TO_HEAD + 160
TOP = "it => it.getBoundingClientRect().top - it.closest('#chat-scroll').getBoundingClientRect().top"


async def message(thread_id: str, number: int) -> str:
    return str((await ChatMessage.get(thread_id=thread_id, number=number)).id)


async def at(desk: Desk, person: Person, thread_id: str, message_id: str, **options: Any) -> ChatPage:
    """The chat at this message, connected."""
    chat = await loaded(desk, person, thread_id, message_id, **options)
    if options.get("java_script_enabled", True):
        await chat.is_connected()
    return chat


async def loaded(desk: Desk, person: Person, thread_id: str, message_id: str, **options: Any) -> ChatPage:
    """The same, at once: the message has its outline for two seconds."""
    chat = ChatPage(await (await desk.context(person, **options)).new_page())
    await chat.page.goto(f"/chat/{thread_id}/?at={message_id}#m-{message_id}")
    return chat


async def older_part(
    desk: Desk, person: Person, number: int = 30, open_chat: Callable[..., Awaitable[ChatPage]] = at, **options: Any
) -> ChatPage:
    """A long chat at one of its first messages."""
    thread_id = await past_thread(person, messages=LONG)
    return await open_chat(desk, person, thread_id, await message(thread_id, number), **options)


def banner(page: Page) -> Locator:
    return page.locator("#detached")


async def test_the_message_is_at_the_top_with_the_focus_and_an_outline(desk: Desk, alice: Person) -> None:
    chat = await older_part(desk, alice, open_chat=loaded)
    found = chat.page.locator("article", has_text=re.compile(r"Message 30\b"))

    await expect(found).to_be_focused()
    await expect(found).to_have_css("outline-style", "solid")
    assert abs(await found.evaluate(TOP) - 16) <= 2
    await expect(found).not_to_have_attribute("data-found", "")
    await expect(banner(chat.page)).to_contain_text("You're reading an older part of this chat.")
    await expect(banner(chat.page)).to_be_in_viewport(ratio=1)
    await expect(chat.field).to_be_in_viewport(ratio=1)
    assert await chat.page.evaluate("document.scrollingElement.scrollHeight == window.innerHeight")


async def test_what_is_written_elsewhere_leaves_it_alone(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=LONG)
    page = await (await desk.context(alice)).new_page()
    received, sent = frames_of(page)
    await page.goto(f"/chat/{thread_id}/?at={await message(thread_id, 30)}")
    chat = ChatPage(page)
    await chat.is_connected()
    count, place = await chat.messages.count(), await chat.scroller.evaluate("it => it.scrollTop")
    for text in ("Say hello", "Say goodbye"):
        await said(alice, text, thread_id)
    await eventually(lambda: sum('"type":"final"' in frame for frame in received) == 2)
    await chat.page.evaluate("new Promise(requestAnimationFrame)")

    assert await chat.messages.count() == count
    assert await chat.scroller.evaluate("it => it.scrollTop") == place
    assert [frame for frame in sent if '"sync"' in frame] == []


def frames_of(page: Page) -> tuple[list[str], list[str]]:
    """What the page's sockets receive and send."""
    received: list[str] = []
    sent: list[str] = []

    def connected(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(str(frame)))
        socket.on("framesent", lambda frame: sent.append(str(frame)))

    page.on("websocket", connected)
    return received, sent


async def test_a_message_that_is_sent_from_there_is_shown_at_the_end(desk: Desk, alice: Person) -> None:
    chat = await older_part(desk, alice)
    await chat.say("And now say hello")

    await chat.page.wait_for_url(re.compile("/chat/[^/?]+/$"))
    await expect(chat.questions.last).to_have_text(re.compile("And now say hello"))
    await expect(chat.answer).to_have_attribute("data-status", "final")
    await expect(chat.messages.filter(has_text=f"Message {LONG}")).to_have_count(1)
    await expect(chat.field).to_have_value("")
    assert await ChatMessage.filter(thread_id=chat.thread_id, content="And now say hello").count() == 1


async def test_a_message_that_is_refused_there_stays_in_the_field(desk: Desk, alice: Person) -> None:
    chat = await older_part(desk, alice)
    await User.filter(email=alice.email).update(monthly_budget=0)
    await chat.say("And now?")

    await expect(chat.error).to_contain_text("budget")
    await expect(chat.field).to_have_value("And now?")
    await expect(banner(chat.page)).to_be_visible()


@pytest.mark.parametrize("way", ["Back to the latest", "Jump to latest"])
async def test_a_link_leads_back_to_the_latest_messages(desk: Desk, alice: Person, way: str) -> None:
    chat = await older_part(desk, alice)
    await chat.field.fill("a draft")
    await chat.page.get_by_role("link", name=way).click()

    await chat.page.wait_for_url(re.compile("/chat/[^/?]+/$"))
    await expect(chat.messages.last).to_be_in_viewport()
    await expect(chat.messages.last).to_have_text(re.compile(f"Message {LONG}"))
    await expect(banner(chat.page)).to_have_count(0)
    await expect(chat.field).to_have_value("a draft")


async def test_earlier_and_later_messages_can_be_read_from_there(desk: Desk, alice: Person) -> None:
    chat = await older_part(desk, alice, number=100)
    first, last = chat.messages.first, chat.messages.last
    oldest = await first.inner_text()
    await chat.page.get_by_role("button", name="Load older messages").click()
    await expect(first).to_contain_text(re.compile(r"Message 1\b"))
    await expect(chat.messages.filter(has_text=oldest.splitlines()[-1])).not_to_have_count(0)
    before = await last.get_attribute("id")
    await chat.page.get_by_role("link", name="Later messages").click()

    await expect(chat.page.locator(f"#{before}")).to_be_focused()
    await expect(chat.page.locator(f"#{before} + article")).to_be_visible()


async def test_an_edited_question_is_shown_with_its_answer(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=LONG)
    chat = await at(desk, alice, thread_id, await message(thread_id, 29))
    await chat.page.locator("article:focus").get_by_role("link", name="Edit message").click()
    editor = chat.page.get_by_role("textbox", name="Edit message")
    await editor.fill("Say something else")
    await editor.press("Enter")

    await is_at_the_latest(chat)
    await expect(chat.questions.last).to_contain_text("Say something else")
    assert len(await path_of(thread_id)) == 30


async def test_after_a_deletion_the_latest_messages_are_shown(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=LONG)
    chat = await at(desk, alice, thread_id, await message(thread_id, 30))
    await chat.page.locator("article:focus").get_by_role("link", name="More").click()
    await chat.page.get_by_role("menuitem", name="Delete").click()
    await chat.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    await is_at_the_latest(chat)
    assert len(await path_of(thread_id)) == 29


async def test_an_answer_of_another_version_is_tried_again_there(desk: Desk, alice: Person) -> None:
    thread_id, first = await two_versions(alice)
    chat = await at(desk, alice, thread_id, first)
    before = await chat.answer_id()
    await chat.page.get_by_role("button", name="Try again").click()

    await is_at_the_latest(chat)
    await expect(chat.answer).to_have_attribute("data-status", "final")
    path = await path_of(thread_id)
    assert (path[0], len(path)) == (first, 2)
    assert path[1] != before


async def is_at_the_latest(chat: ChatPage) -> None:
    """Wait for the page of the latest messages."""
    await chat.page.wait_for_url(re.compile("/chat/[^/?]+/$"))
    await expect(banner(chat.page)).to_have_count(0)
    await expect(chat.messages.last).to_be_in_viewport()


async def test_another_version_says_so_and_can_be_continued(desk: Desk, alice: Person) -> None:
    thread_id, first = await two_versions(alice)
    chat = await at(desk, alice, thread_id, first)
    await expect(banner(chat.page)).to_contain_text("You're reading another version of this chat.")
    head = (await ChatThread.get(id=thread_id)).head_id
    await expect(chat.page.locator(f"#m-{first}")).to_be_focused()
    assert (await ChatThread.get(id=thread_id)).head_id == head

    await chat.page.get_by_role("button", name="Continue from here").click()
    await chat.page.wait_for_url(re.compile("/chat/[^/?]+/$"))
    await expect(chat.page.locator(f"#m-{first}")).to_be_visible()
    assert first in await path_of(thread_id)


async def test_a_message_that_is_sent_in_another_version_continues_it(desk: Desk, alice: Person) -> None:
    thread_id, first = await two_versions(alice)
    chat = await at(desk, alice, thread_id, first)
    await chat.say("Say hello again")

    await chat.page.wait_for_url(re.compile("/chat/[^/?]+/$"))
    await expect(chat.answer).to_have_attribute("data-status", "final")
    assert (await path_of(thread_id))[0] == first
    await expect(chat.questions.last).to_have_text(re.compile("Say hello again"))


async def two_versions(person: Person) -> tuple[str, str]:
    """A chat whose question was edited, and the question from before."""
    posted = await said(person, "Say hello")
    await done(await edit(person, posted["thread_id"], posted["message_id"], "Say goodbye"))
    return posted["thread_id"], posted["message_id"]


async def test_near_the_latest_message_nothing_is_left_out(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=8)
    chat = await at(desk, alice, thread_id, await message(thread_id, 2))
    await expect(chat.page.locator("article:focus")).to_contain_text("Message 2")
    await expect(banner(chat.page)).to_have_count(0)
    await chat.say("say hello")

    await expect(chat.answers).to_have_count(5)
    await expect(chat.answer).to_have_attribute("data-status", "final")
    assert "?at=" in chat.page.url


async def test_everyone_can_use_it(desk: Desk, alice: Person) -> None:
    chat = await older_part(desk, alice, **FINGER)
    assert await too_small(chat.page) == []
    assert await violations(chat.page, AXE.read_text()) == []


async def test_the_outline_does_not_move_for_those_who_want_no_motion(desk: Desk, alice: Person) -> None:
    chat = await older_part(desk, alice, open_chat=loaded, reduced_motion="reduce")
    found = chat.page.locator("article[data-found]")
    await expect(found).to_have_css("outline-style", "solid")
    assert await found.evaluate("it => it.getAnimations().length") == 0


async def test_without_javascript_the_message_is_in_view_and_the_way_back_is_there(desk: Desk, alice: Person) -> None:
    chat = await older_part(desk, alice, java_script_enabled=False)
    await expect(chat.page.locator("article:target")).to_be_in_viewport(ratio=1)
    await chat.page.get_by_role("link", name="Back to the latest").click()
    await expect(chat.messages.last).to_be_in_viewport()
    await expect(chat.messages.last).to_have_text(re.compile(f"Message {LONG}"))
