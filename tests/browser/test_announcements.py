"""What screen readers are told, word for word, while answers come and go."""

from __future__ import annotations

from playwright.async_api import expect

from tests.support.cast import Person
from tests.support.cuts import cut
from tests.support.desk import NO_CONNECTION, ChatPage, Desk
from tests.support.rows import past_thread
from tests.support.scripted import ScriptedAnswer
from tests.support.site import Site

HELLO = "Answer finished. hello"


async def has_heard(*chats: ChatPage) -> None:
    """The last words are over: the next ones come at once."""
    for chat in chats:
        await expect(chat.page.locator("#chat-announcer")).to_be_empty()


async def test_an_answer_that_thinks_and_uses_a_tool(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
        await chat.hears("Answering")
        await answer.thinks("Which time zone?", ms=1_000)
        await chat.hears("Thinking")
        await answer.has_thought(2_000)
        await chat.hears("Thought for 2 s")
        await answer.uses("current_time", title="Checking the time", detail="Asia/Tokyo")
        tool = "Checking the time, Asia/Tokyo"
        await chat.hears(tool)
        await answer.uses("current_time", "done")
        await answer.says("It is **noon**:\n\n```text\n12:00\n```")
        await answer.ends()

        end = "Answer finished. It is noon: 12:00"
        assert await chat.hears(end) == ["Answering", "Thinking", "Thought for 2 s", tool, end]


async def test_answers_of_one_conversation_in_two_tabs(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat, other = await desk.chat(alice, thread_id), await desk.chat(alice, thread_id)
    await chat.say("say hello")
    assert await chat.hears(HELLO) == ["Answering", HELLO]
    assert await other.hears(HELLO) == ["Answering", HELLO]
    await has_heard(chat, other)
    await chat.say("count to 320 [offline: delay_first=1]")
    end = "Answer finished, 320 words"

    assert await chat.hears(end) == ["Answering", HELLO, "Answering", end]
    assert await other.hears(end) == ["Answering", HELLO, "Answering", end]


async def test_an_equal_answer_is_announced_again(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    for times in (1, 2):
        await chat.say("say hello [offline: delay_first=1]")
        assert await chat.hears(HELLO, times=times) == ["Answering", HELLO] * times
        await has_heard(chat)


async def test_a_stopped_answer(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say hello [offline: delay_first=50]")
    await chat.hears("Answering")
    await chat.stop_button.click()

    assert await chat.hears("Answer stopped") == ["Answering", "Answer stopped"]


async def test_a_failed_answer(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say hello [offline: status=400]")
    await chat.is_over("error", answers=2)
    failed = f"The answer failed. {await chat.note.text_content()}"

    assert await chat.hears(failed) == ["Answering", failed]


async def test_an_interrupted_answer_and_another_attempt(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("say hello again [offline: cut=1 delay_first=1]")
    await chat.is_over("interrupted", answers=2)
    interrupted = f"Answer interrupted. {await chat.note.text_content()}"
    assert await chat.hears(interrupted) == ["Answering", interrupted]
    await has_heard(chat)
    await chat.answer.get_by_role("button", name="Try again").click()

    assert await chat.hears(interrupted, times=2) == ["Answering", interrupted] * 2


async def test_an_answer_that_is_cut_off(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.say("count to 20 [offline: incomplete times=1]")
    await chat.is_over(answers=2)
    words = len((await chat.text()).split())
    end = f"{await chat.note.text_content()} {words} words"

    assert await chat.hears(end) == ["Answering", end]


async def test_an_answer_that_ends_while_the_connection_is_lost(desk: Desk, alice: Person, site: Site) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id), allowed=(NO_CONNECTION,))
        await chat.hears("Answering")
        await cut(chat, alice, site)
        other = await desk.chat(alice, str(answer.thread_id))
        await other.stop_button.click()
        await other.is_over("stopped")
        await chat.page.context.set_offline(False)

        await chat.hears("Answer stopped")
        assert (await chat.heard()).count("Answer stopped") == 1


async def test_old_messages_are_not_announced(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice, messages=120))
    await chat.page.get_by_role("button", name="Load older messages").click()
    loaded = "50 older messages loaded"

    assert await chat.hears(loaded) == [loaded]
    await expect(chat.messages).to_have_count(100)


async def test_a_long_answer_gives_a_sign_of_life_every_ten_seconds(desk: Desk, alice: Person) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        page = await (await desk.context(alice)).new_page()
        await page.clock.install()
        chat = await ChatPage.opened(page, str(answer.thread_id))
        await chat.hears("Answering")
        await answer.says("One")
        await expect(chat.answer.locator(".markdown-content")).to_have_text("One")
        for number in range(1, 4):
            await page.clock.fast_forward(5_000)
            await answer.says(", more")
            await expect(chat.answer.locator(".markdown-content")).to_have_text("One" + ", more" * number)
        await page.clock.fast_forward(5_000)

        assert (await chat.hears("Still answering"))[:2] == ["Answering", "Still answering"]
