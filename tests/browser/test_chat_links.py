"""Links to one's own chats open them in the same tab, however a model spells them; other hosts are shown."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.async_api import expect

from chat.models import ChatMessage, Role
from tests.support.cast import Person
from tests.support.desk import ChatPage, Desk
from tests.support.rows import answered, past_thread
from tests.support.searching import indexed

PUBLIC = "https://chat.example.com"


async def leads_to(chat: ChatPage, thread_id: str, title: str) -> None:
    """Wait for the thread, at any message, in the only tab of this browser."""
    await expect(chat.page).to_have_url(re.compile(rf"/chat/{thread_id}/(\?at=\S+)?$"))
    await chat.is_connected()
    await expect(chat.page.locator("#thread-title")).to_have_text(title)
    assert len(chat.page.context.pages) == 1


async def test_the_search_finds_chats_and_leads_to_them(desk: Desk, alice: Person) -> None:
    word = f"fondue{uuid.uuid4().hex[:8]}"
    found = await past_thread(alice, title="Cheese")
    await ChatMessage.filter(thread_id=found, role=Role.USER).update(content=f"How is {word} made?")
    await indexed(found)
    chat = await desk.chat(alice, await past_thread(alice, title="Here"))
    await chat.say(f"Search my threads for {word}")
    await chat.is_over(answers=2)
    here = chat.page.url
    await chat.answer.locator(".markdown-content a").first.click()
    await leads_to(chat, found, "Cheese")
    for _ in ("after a reload", "live"):
        await chat.page.goto(here)
        await chat.answer.locator(".tool-call summary").click()
        await chat.answer.locator(".tool-output a").first.click()
        await leads_to(chat, found, "Cheese")
        await expect(chat.questions.first).to_be_focused()


@pytest.mark.parametrize("spelling", ["/chat/{id}/", "/chat/{id}", "{site}/chat/{id}/", "{site}/chat/{id}#end"])
async def test_every_spelling_of_an_own_chat_opens_it(desk: Desk, alice: Person, spelling: str) -> None:
    other = await past_thread(alice, title="The other")
    address = spelling.format(id=other, site=desk.site.url)
    chat = await desk.chat(alice, await answered(alice, "Where?", f"In [that chat]({address})."))
    await chat.answer.get_by_role("link", name="that chat", exact=True).click()
    await expect(chat.page.locator("#thread-title")).to_have_text("The other")
    assert len(chat.page.context.pages) == 1


async def test_the_sites_public_name_leads_to_the_name_under_which_one_is_logged_in(desk: Desk, alice: Person) -> None:
    other = await past_thread(alice, title="The other")
    chat = await desk.chat(alice, await past_thread(alice))
    assert await chat.page.locator("html").get_attribute("data-site") is not None
    await chat.page.evaluate(f"document.documentElement.dataset.site = '{PUBLIC}'")
    await chat.say(f"say In [that chat]({PUBLIC}/chat/{other}/).")
    await chat.is_over(answers=2)
    await chat.answer.get_by_role("link", name="that chat", exact=True).click()
    await leads_to(chat, other, "The other")


@pytest.mark.parametrize("host", ["chat.example.org", "127.0.0.1:1", "chat.example.com.evil.example"])
async def test_another_host_is_shown_and_opens_elsewhere(desk: Desk, alice: Person, host: str) -> None:
    other = await past_thread(alice)
    chat = await desk.chat(alice, await answered(alice, "Where?", f"In [that chat](https://{host}/chat/{other}/)."))
    link = chat.answer.locator(".markdown-content").get_by_role("link")

    await expect(link).to_have_text(f"that chat ({host})")
    await expect(link).to_have_attribute("target", "_blank")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")


async def test_a_deleted_chat_and_a_foreign_one_are_not_found(desk: Desk, alice: Person, bob: Person) -> None:
    gone, foreign = await past_thread(alice), await past_thread(bob)
    await alice.http.post(f"/chat/{gone}/delete/")
    answer = f"[Gone](/chat/{gone}/) and [foreign](/chat/{foreign}/)"
    thread_id = await answered(alice, "Where?", answer)
    chat = await desk.chat(alice, thread_id, allowed=("status of 404",))
    for name in ("Gone", "foreign"):
        await chat.page.goto(f"/chat/{thread_id}/")
        await chat.answer.get_by_role("link", name=name).click()
        await expect(chat.page.get_by_role("heading", level=1)).to_have_text("Not found")
        await chat.page.get_by_role("link", name="Back to your chats").click()
        await expect(chat.page).to_have_url("/chat/")
