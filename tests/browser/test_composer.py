"""Writing a message: what the keys do, how the field grows, and that nothing written is lost."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from chat.models import User, UserSettings
from tests.support.cast import Person
from tests.support.desk import DESKTOP, PHONE, ChatPage, Desk
from tests.support.rows import past_thread

LINE_PIXELS = 24
ENTER = {"type": "rawKeyDown", "key": "Enter", "code": "Enter"}


async def test_enter_sends_and_shift_enter_starts_a_new_line(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.field.press_sequentially("one")
    await chat.field.press("Shift+Enter")
    await chat.field.press_sequentially("two")
    await expect(chat.field).to_have_value("one\ntwo")
    await chat.field.press("Enter")

    await expect(chat.questions.last.locator(".markdown-content")).to_have_text("one\ntwo")
    await expect(chat.field).to_have_value("")
    await expect(chat.field).to_be_focused()


async def pressed(chat: ChatPage, *keys: str) -> str:
    """What the field says after "one", these keys, and "two"."""
    await chat.field.fill("")
    await chat.field.press_sequentially("one")
    for key in keys:
        await chat.field.press(key)
    await chat.field.press_sequentially("two")
    return await chat.field.input_value()


async def asked(person: Person, thread_id: str) -> list[str]:
    return [message["content"] for message in await person.messages(thread_id)][2::2]


@pytest.mark.parametrize("key", ["Control+Enter", "Meta+Enter"])
async def test_on_a_touch_screen_enter_starts_a_new_line(desk: Desk, alice: Person, key: str) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id, has_touch=True, viewport=PHONE)
    assert await pressed(chat, "Enter", "Shift+Enter") == "one\n\ntwo"
    await expect(chat.field).to_have_attribute("enterkeyhint", "enter")
    await chat.field.press(key)

    await chat.is_over(answers=2)
    assert await asked(alice, thread_id) == ["one\n\ntwo"]


async def test_with_a_mouse_the_key_says_send(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await expect(chat.field).to_have_attribute("enterkeyhint", "send")


@pytest.mark.parametrize("with_touch", [True, False])
async def test_the_setting_decides_what_enter_does_and_open_chats_follow(
    desk: Desk, alice: Person, with_touch: bool
) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id, has_touch=with_touch)
    settings = await chat.page.context.new_page()
    await settings.goto("/accounts/settings/")
    await settings.get_by_label("Starts a new line").check()
    await settings.get_by_role("button", name="Save").click()
    await expect(chat.field).to_have_attribute("enterkeyhint", "enter")
    assert await pressed(chat, "Enter", "Shift+Enter") == "one\n\ntwo"

    await expect(settings.get_by_text("Settings saved.")).to_be_visible()
    await expect(settings.get_by_label("Starts a new line")).to_be_checked()
    await settings.get_by_label("Sends the message").check()
    await settings.get_by_role("button", name="Save").click()
    await expect(chat.field).to_have_attribute("enterkeyhint", "send")
    assert await pressed(chat, "Shift+Enter") == "one\ntwo"
    await chat.field.press("Enter")

    await chat.is_over(answers=2)
    assert await asked(alice, thread_id) == ["one\ntwo"]


@pytest.mark.parametrize("choice", ["auto", "send", "newline"])
async def test_a_new_chat_follows_the_setting_too(desk: Desk, alice: Person, choice: str) -> None:
    user = await User.get(email=alice.email)
    await UserSettings.filter(user_id=user.id).update(enter_key=choice)
    chat = await desk.chat(alice, has_touch=True)

    await expect(chat.field).to_have_attribute("enterkeyhint", "send" if choice == "send" else "enter")


async def test_enter_that_confirms_an_input_method_word_does_not_send(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    keyboard = await chat.page.context.new_cdp_session(chat.page)
    await chat.field.focus()
    await keyboard.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    await keyboard.send("Input.dispatchKeyEvent", {**ENTER, "windowsVirtualKeyCode": 13})
    await keyboard.send("Input.insertText", {"text": "日本"})
    # Safari ends the composition before the key event, and marks the key instead.
    await keyboard.send("Input.dispatchKeyEvent", {**ENTER, "windowsVirtualKeyCode": 229})
    await expect(chat.field).to_have_value("日本")
    await chat.field.press("Enter")

    await chat.is_over(answers=2)
    assert await asked(alice, thread_id) == ["日本"]


@pytest.mark.parametrize(
    "viewport", [DESKTOP, PHONE, {"width": 390, "height": 360}], ids=["desktop", "phone", "keyboard"]
)
async def test_the_field_grows_to_two_fifths_of_the_window_and_then_scrolls(
    desk: Desk, alice: Person, viewport: dict[str, int]
) -> None:
    chat = await desk.chat(alice, viewport=viewport, has_touch=viewport != DESKTOP)
    most = viewport["height"] * 2 // 5
    lines = (most - 2 * LINE_PIXELS) // LINE_PIXELS
    heights = []
    for count in (1, 2, lines, 40, 41):
        await chat.field.fill("\n".join(["line"] * count))
        heights.append(await chat.field.evaluate("it => it.clientHeight"))

    assert heights[1] - heights[0] == LINE_PIXELS
    assert heights[2] - heights[0] == (lines - 1) * LINE_PIXELS
    assert heights[3] == heights[4] == pytest.approx(most, abs=1)
    assert await chat.field.evaluate("it => it.scrollHeight > it.clientHeight")
    await expect(chat.send_button).to_be_in_viewport(ratio=1)
    await chat.field.fill("")
    assert await chat.field.evaluate("it => it.clientHeight") == heights[0]


CONTRAST = """
    (field) => {
      const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      const light = (color) => {
        paint.fillStyle = color;
        paint.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((it) => it / 255)
          .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const box = getComputedStyle(field.parentElement);
      const ring = box.boxShadow.match(/(?:rgb|oklch|color)[^)]*\\)(?= 0px 0px 0px 1px)/)?.[0];
      const [one, other] = [ring ?? "white", getComputedStyle(document.body).backgroundColor].map(light);
      return { ring, contrast: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) };
    }
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_focus_of_the_field_is_quiet_and_visible(desk: Desk, alice: Person, theme: str) -> None:
    chat = await desk.chat(alice, await past_thread(alice), color_scheme=theme)
    await chat.field.focus()
    seen = await chat.field.evaluate(CONTRAST)
    assert seen["ring"]
    assert seen["contrast"] >= 3
    box = chat.field.locator("..")
    await expect(box).to_have_css("outline-style", "none")
    await chat.page.emulate_media(forced_colors="active")
    await expect(box).to_have_css("outline", re.compile("solid 2px|2px solid"))


async def test_an_empty_message_is_not_sent(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.field.press("Enter")
    await chat.say("  \n ")
    await chat.send_button.click()
    await expect(chat.error).to_be_hidden()
    await chat.say("say something")

    await chat.is_over(answers=2)
    assert len(await alice.messages(thread_id)) == 4


async def test_indentation_and_line_breaks_around_a_text_are_kept(desk: Desk, alice: Person) -> None:
    code = "\n    if x:\n\ty()\n\n"
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    await chat.say(code)
    await chat.is_over(answers=2)

    assert (await alice.messages(thread_id))[2]["content"] == code
    assert await chat.questions.last.locator(".markdown-content").text_content() == code
    await chat.page.reload()
    assert await chat.questions.last.locator(".markdown-content").text_content() == code


async def test_a_draft_survives_a_reload_and_disappears_when_sent(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await past_thread(alice))
    await chat.field.fill("say half a thou")
    await chat.page.reload()
    await chat.is_connected()
    await expect(chat.field).to_have_value("say half a thou")
    await chat.field.press("End")
    await chat.field.press_sequentially("ght")
    await chat.field.press("Enter")

    await chat.is_over(answers=2)
    assert await chat.text() == "half a thought"
    await chat.page.reload()
    await expect(chat.field).to_have_value("")


async def test_the_draft_of_a_first_message_is_not_left_behind(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice)
    await chat.say("say something")
    await chat.is_over()
    await chat.page.get_by_role("link", name="New chat").click()

    await expect(chat.page.get_by_role("heading", level=1)).to_be_visible()
    await expect(chat.field).to_have_value("")


async def test_a_message_that_is_too_long_is_kept_with_the_reason(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice)
    chat = await desk.chat(alice, thread_id)
    for text in ("x" * 32_001, "🎉" * 32_001):
        await chat.field.fill(text)
        await chat.field.press("Enter")
        await expect(chat.error).to_have_text("Your message is 1 character too long.")
        await expect(chat.field).to_have_value(text)
        await expect(chat.page.locator("#composer-count")).to_have_text("32,001 / 32,000")
    assert len(await alice.messages(thread_id)) == 2
    await chat.field.fill("🎉" * 32_000)
    await chat.field.press("Enter")

    await expect(chat.error).to_be_hidden()
    await chat.is_over(answers=2)
    assert (await alice.messages(thread_id))[2]["content"] == "🎉" * 32_000


async def test_another_users_page_is_not_found(desk: Desk, alice: Person, bob: Person) -> None:
    thread_id = await past_thread(alice)
    page = await (await desk.context(bob, allowed=("status of 404",))).new_page()
    await page.goto(f"/chat/{thread_id}/")

    await expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    await expect(ChatPage(page).field).to_have_count(0)
