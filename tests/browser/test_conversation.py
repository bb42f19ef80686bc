"""The main job as users see it: ask, watch the answer arrive in every tab and through reloads, and stop it."""

from __future__ import annotations

import asyncio
import itertools
import uuid

from playwright.async_api import expect

from chat.models import ChatMessage, Generation, Role, User
from tests.support.cast import PASSWORD, Person
from tests.support.desk import ChatPage, Desk
from tests.support.offline import OfflineServer
from tests.support.rows import past_thread

# It halts in the middle for as long as a reload may take, however busy the machine is; then the rest comes at once.
HALTING = "count to 100 [offline: pause=40:6]"
FLOWING = "count to 100 [offline: pace=15]"
COUNTED = ", ".join(str(number) for number in range(1, 101))
HALF = 40


async def test_a_person_signs_up_asks_and_watches_the_answer_arrive(desk: Desk) -> None:
    page = await (await desk.context()).new_page()
    await page.goto("/")
    await page.get_by_role("link", name="Sign up").click()
    await page.get_by_label("Email address").fill(f"new-{uuid.uuid4().hex[:8]}@example.com")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign up").click()

    chat = ChatPage(page)
    await page.wait_for_url("**/chat/")
    await chat.say("Explain planets :tada: [offline: pace=12]")
    await chat.is_connected()
    await expect(chat.stop_button).to_be_visible()
    await expect(chat.send_button).to_be_hidden()
    texts = await chat.texts_until_over()

    assert len({len(text) for text in texts[:-1] if text}) >= 2
    answer = chat.answer
    await expect(answer.locator("table td").first).to_have_text("Earth")
    await expect(answer.locator("pre code .hljs-keyword").first).to_be_visible()
    await expect(answer.get_by_role("heading", name="What you asked ✨")).to_be_visible()
    await expect(chat.send_button).to_be_visible()
    await expect(chat.stop_button).to_be_hidden()
    await expect(chat.threads).to_have_count(1)
    await expect(chat.threads.first).to_contain_text("Explain planets")
    await expect(chat.threads.first.get_by_role("link")).to_have_attribute("aria-current", "page")


async def test_two_tabs_show_the_same_answer_while_it_is_written(
    desk: Desk, alice: Person, model: OfflineServer
) -> None:
    thread_id = await past_thread(alice)
    one, two = await asyncio.gather(desk.chat(alice, thread_id), desk.chat(alice, thread_id))
    await one.say(HALTING)
    halves = await asyncio.gather(one.has_text(HALF, answers=2), two.has_text(HALF, answers=2))
    await expect(two.stop_button).to_be_visible()
    first, second = await asyncio.gather(one.texts_until_over(), two.texts_until_over())

    assert first[0].startswith(halves[0]) and second[0].startswith(halves[1])
    assert first[0] != first[-1] and second[0] != second[-1]
    row = (await alice.messages(thread_id))[-1]
    assert first[-1] == second[-1] == row["content"] == COUNTED
    assert row["status"] == "final"
    await expect(one.messages).to_have_count(4)
    await expect(two.messages).to_have_count(4)
    generation = await Generation.get(answer_id=row["id"])
    assert await model.creates(str(generation.id)) == 1


async def test_an_answer_continues_through_a_reload(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.say(HALTING)
    before = await chat.has_text(HALF, answers=2)
    await chat.page.reload()
    after = await chat.text()
    texts = await chat.texts_until_over()

    assert after.startswith(before)
    assert texts[0] == after != texts[-1]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    assert texts[-1] == (await alice.messages(thread_id))[-1]["content"] == COUNTED
    await expect(chat.messages).to_have_count(4)


async def test_three_reloads_in_quick_succession_duplicate_nothing(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.say(FLOWING)
    seen = [await chat.has_text(5, answers=2)]
    for _ in range(3):
        await chat.page.reload(wait_until="domcontentloaded")
        seen.append(await chat.text())
    await chat.is_over(answers=2)

    seen.append(await chat.text())
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))
    assert seen[-1] == COUNTED
    await expect(chat.messages).to_have_count(4)
    await chat.is_connected()


async def test_stop_keeps_the_text_and_is_shown_in_every_tab_and_after_a_reload(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    one, two = await asyncio.gather(desk.chat(alice, thread_id), desk.chat(alice, thread_id))
    await one.say("count to 2000 [offline: pace=12]")
    await two.has_text(12, answers=2)
    await two.stop_button.click()
    await asyncio.gather(one.is_over("stopped", answers=2), two.is_over("stopped", answers=2))

    row = (await alice.messages(thread_id))[-1]
    assert row["status"] == "stopped"
    assert row["content"].startswith("1, 2, 3, ")
    for chat in (one, two):
        await expect(chat.answer.locator(".markdown-content")).to_have_text(row["content"].strip())
        await expect(chat.note).to_have_text("You stopped this answer.")
        await expect(chat.send_button).to_be_visible()
    await one.page.reload()
    await one.is_connected()
    await expect(one.answer.locator(".markdown-content")).to_have_text(row["content"].strip())
    await expect(one.note).to_have_text("You stopped this answer.")
    await expect(one.send_button).to_be_visible()


async def test_the_first_message_opens_a_thread_once_however_often_the_button_is_pressed(
    desk: Desk, alice: Person
) -> None:
    chat = await desk.chat(alice)
    await chat.field.fill("Say hello")
    await chat.send_button.dblclick(no_wait_after=True)
    await chat.is_over()

    user = await User.get(email=alice.email)
    assert await ChatMessage.filter(thread__user_id=user.id, role=Role.USER).count() == 1
    await expect(chat.threads).to_have_count(1)
    assert await chat.text() == "hello"
