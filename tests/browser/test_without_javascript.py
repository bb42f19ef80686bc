"""The chat is a page and a form: without JavaScript it is slower, and works."""

from __future__ import annotations

from playwright.async_api import expect

from chat.models import AuthSession, User
from tests.support.cast import PASSWORD, Person
from tests.support.desk import REFUSED_FORM, ChatPage, Desk
from tests.support.rows import answered


async def test_a_stored_conversation_is_readable(desk: Desk, alice: Person) -> None:
    thread_id = await answered(alice, "What is\n1 < 2?", "It is **true**.\n\nBoth are numbers.")
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto(f"/chat/{thread_id}/")

    chat = ChatPage(page)
    await expect(chat.questions.locator(".markdown-content")).to_have_text("What is\n1 < 2?")
    await expect(chat.answer.locator(".markdown-content")).to_have_text("It is **true**.\n\nBoth are numbers.")
    assert (
        await chat.answer.locator(".markdown-content").evaluate("it => getComputedStyle(it).whiteSpace") == "pre-wrap"
    )
    for useless in ("#theme-toggle", "#connection-status", "#load-older", "#jump-to-latest", "[data-action=copy]"):
        await expect(page.locator(useless).first).to_be_hidden()


async def test_a_whole_conversation(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    chat = ChatPage(page)
    await page.goto("/chat/")
    for number, number_in_words in enumerate(("one", "two"), start=1):
        await chat.field.fill(f"say {number_in_words} [offline: delay_first=1]")
        await chat.send_button.click()
        await expect(chat.answers).to_have_count(number)
        await expect(page.locator("noscript p")).to_be_visible()
        async with alice.tab(chat.thread_id) as tab:
            await tab.until_type("thread.snapshot")
            await tab.until_finished(tab.store.messages[-1]["id"])
        await page.reload()
        await expect(chat.answer.locator(".markdown-content")).to_have_text(number_in_words)
        await expect(page.locator("noscript")).to_have_count(0)
    await expect(chat.questions).to_have_count(2)


async def test_a_refused_message_returns_with_an_error(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, java_script_enabled=False, allowed=(REFUSED_FORM,))
    chat = await ChatPage.opened(await context.new_page())
    await chat.field.fill("x" * 32_001)
    await chat.send_button.click()

    await expect(chat.error).to_have_text("Your message has 32,001 characters. The maximum is 32,000. Shorten it.")
    await expect(chat.field).to_have_value("x" * 32_001)


async def test_a_text_that_no_one_read_is_in_the_form_again_after_going_back(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, java_script_enabled=False, allowed=(REFUSED_FORM,))
    chat = await ChatPage.opened(await context.new_page())
    await chat.field.fill("x" * 600_000)
    await chat.send_button.click()
    await expect(chat.page.get_by_role("heading", name="Request too large")).to_be_visible()
    await chat.page.go_back()

    await expect(chat.field).to_have_value("x" * 600_000)


async def test_an_ended_login_keeps_the_message(desk: Desk, alice: Person) -> None:
    context = await desk.context(alice, java_script_enabled=False, allowed=(REFUSED_FORM,))
    chat = await ChatPage.opened(await context.new_page())
    text = "\n    if x:\n        y()\n\n"
    await chat.field.fill(text)
    await AuthSession.filter(user_id=(await User.get(email=alice.email)).id).delete()
    await chat.send_button.click()
    await expect(chat.page.get_by_label("Your message")).to_have_value(text)
    await chat.page.get_by_label("Email address").fill(alice.email)
    await chat.page.get_by_label("Password", exact=True).fill(PASSWORD)
    await chat.page.get_by_role("button", name="Log in").click()
    await expect(chat.page.get_by_label("Your message")).to_have_value(text)
    await chat.page.get_by_role("button", name="Send again").click()

    await expect(chat.answers).to_have_count(1)
    assert await chat.questions.locator(".markdown-content").text_content() == text


async def test_logging_out(desk: Desk, alice: Person) -> None:
    page = await (await desk.context(alice, java_script_enabled=False)).new_page()
    await page.goto("/chat/")
    await page.get_by_label("Account").click()
    await page.get_by_role("button", name="Log out").click()

    await expect(page.get_by_role("link", name="Log in").first).to_be_visible()
