"""Every control is large enough for a finger, and no page scrolls sideways on the narrowest phone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.async_api import Browser, Page, expect

from chat.models import AuthSession, LLMCallLog, PasswordResetToken, User
from chat.security.tokens import new_token, token_hash
from tests.support.cast import Person
from tests.support.desk import REFUSED_FORM, Desk
from tests.support.rows import answered, past_thread
from tests.support.site import Beside
from tests.support.touch import PHONE, too_small

ANSWER = """\
See [the source](https://example.com/) of this.

```python
a_long_line_of_code = "that is much wider than any phone, and therefore scrolls by itself in its block"
```

| Planet | Moons | Discovered by | In the year | Named after | Distance |
|:--|--:|:--|:--|:--|--:|
| Jupiter | 95 | Galileo Galilei | 1610 | the king of the gods | 778,000,000 km |

Averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongword
"""
LONG = "A title that is far too long for the header of any phone, and for most others. " * 3


async def opened(desk: Desk, person: Person | None, path: str) -> Page:
    page = await (await desk.context(person, allowed=(REFUSED_FORM,), **PHONE)).new_page()
    await page.goto(path)
    return page


async def test_pages_for_visitors(desk: Desk) -> None:
    page = await opened(desk, None, "/")
    for path in (
        "/", "/accounts/login/", "/accounts/signup/", "/accounts/password_reset/", "/accounts/password_reset/sent/",
        "/accounts/reset/a-dead-link/", "/accounts/verify-email/sent/", "/accounts/verify-email/a-token/",
        "/accounts/verify-required/", "/nowhere/",
    ):  # fmt: skip
        await page.goto(path)
        assert await too_small(page) == [], path


async def test_a_new_password_from_an_emailed_link(desk: Desk, alice: Person) -> None:
    user, token = await User.get(email=alice.email), new_token()
    until = datetime.now(UTC) + timedelta(hours=1)
    await PasswordResetToken.create(token_sha256=token_hash(token), user_id=user.id, email=user.email, expires_at=until)
    page = await opened(desk, None, f"/accounts/reset/{token}/")
    await expect(page.get_by_role("heading", name="Set a new password")).to_be_visible()
    assert await too_small(page) == []


async def test_a_form_with_errors(desk: Desk) -> None:
    page = await opened(desk, None, "/accounts/login/")
    await page.locator("main form").evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    await expect(page.locator(".field-error:not(:empty)").first).to_be_visible()
    assert await too_small(page) == []


async def test_a_new_chat_with_its_menu_and_its_list(desk: Desk, alice: Person) -> None:
    await past_thread(alice, title=LONG[:255])
    page = await opened(desk, alice, "/chat/")
    assert await too_small(page) == []
    await page.get_by_label("Options").tap()
    assert await too_small(page) == []
    await page.get_by_role("button", name="Open chats").tap()
    await expect(page.get_by_role("button", name="Close chats")).to_be_visible()
    assert await too_small(page) == []


async def test_a_thread_with_its_menu_and_its_form(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, messages=120, title=LONG[:255])
    chat = await desk.chat(alice, thread_id, **PHONE)
    await expect(chat.page.get_by_role("button", name="Load older messages")).to_be_attached()
    assert await too_small(chat.page) == []
    await chat.page.get_by_label("Options").tap()
    assert await too_small(chat.page) == []
    await chat.page.get_by_role("link", name="Rename chat").tap()
    assert await too_small(chat.page) == []


async def test_answers_with_code_tables_tools_and_failures(desk: Desk, alice: Person) -> None:
    thread_id = await answered(alice, "x" * 500, ANSWER)
    chat = await desk.chat(alice, thread_id, **PHONE)
    await expect(chat.page.get_by_role("button", name="Copy python code")).to_be_visible()
    assert await too_small(chat.page) == []
    await chat.say("What is 12 * 7?")
    await chat.send_button.tap()
    await chat.is_over(answers=2)
    await chat.answer.locator(".tool-call summary").tap()
    assert await too_small(chat.page) == []
    await alice.ask("say nothing [offline: status=500]", thread_id)
    await chat.is_over("error", answers=3)
    assert await too_small(chat.page) == []
    await alice.ask("say something [offline: delay_first=50]", thread_id)
    await expect(chat.stop_button).to_be_visible()
    assert await too_small(chat.page) == []
    await chat.stop_button.tap()
    await chat.is_over("stopped", answers=4)
    assert await too_small(chat.page) == []


async def test_a_choice_of_models(browser: Browser, beside: Beside) -> None:
    async with beside(LLM_MODELS="gpt-6-luna,small") as site, Person.signed_up(site, "alice") as alice:
        desk = Desk(browser, site)
        chat = await desk.chat(alice, **PHONE)
        assert await too_small(chat.page) == []
        assert await too_small(await opened(desk, alice, "/accounts/settings/")) == []
        assert await desk.clear() == []


async def test_the_pages_of_an_account(desk: Desk, alice: Person) -> None:
    page = await opened(desk, alice, "/accounts/settings/")
    await spent(alice)
    await answered(alice, "What is 1 + 1?", "2")
    names = ("settings", "sessions", "change-email", "password_change", "two-factor", "data", "delete")
    for path in (*(f"/accounts/{name}/" for name in names), "/usage/"):
        await page.goto(path)
        assert await too_small(page) == [], path
        await page.get_by_label("Account", exact=True).tap()
        assert await too_small(page) == [], path


async def test_the_confirmation_before_a_chat_is_deleted(desk: Desk, alice: Person) -> None:
    thread_id = await past_thread(alice, title=LONG[:255])
    assert await too_small(await opened(desk, alice, f"/chat/{thread_id}/delete/")) == []


async def spent(person: Person) -> None:
    """Some calls, so that there are charts and figures of every kind."""
    user = await User.get(email=person.email)
    row = {"user": user, "model_asked": "small", "total_tokens": 10, "duration_ms": 900, "first_event_ms": 200}
    await LLMCallLog.create(status="completed", cost=Decimal("0.5"), **row)
    await LLMCallLog.create(status="rate_limited", cost=Decimal("0.25"), estimated=True, **row)


async def test_the_administrators_pages(desk: Desk, root: Person, alice: Person) -> None:
    thread_id = await answered(alice, "What is what?", ANSWER)
    await spent(alice)
    user = await User.get(email=alice.email)
    call = await LLMCallLog.get(user__email=alice.email, estimated=True)
    session = await AuthSession.get(user__email=alice.email)
    page = await opened(desk, root, "/admin/")
    for path in (
        "", "users/", f"users/{user.id}/", f"users/{user.id}/disable/", "calls/", f"calls/{call.id}/", "generations/",
        f"sessions/{session.id}/end/", f"threads/{thread_id}/", f"threads/{thread_id}/text/", "audit/?day=2001-01-01",
        "calls/?sort=nonsense", "months/", "confirm/",
    ):  # fmt: skip
        await page.goto(f"/admin/{path}")
        assert await too_small(page) == [], path


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_what_is_shown_while_the_connection_is_lost(desk: Desk, alice: Person, theme: str) -> None:
    chat = await desk.chat(alice, await past_thread(alice), color_scheme=theme, **PHONE)
    await chat.page.evaluate(
        "document.querySelectorAll('#connection-status, #retry-now, #chat-notice').forEach((it) => (it.hidden = false))"
    )
    await expect(chat.page.get_by_role("button", name="Reload")).to_be_visible()
    assert await too_small(chat.page) == []


PORTRAIT = ({"width": 390, "height": 844}, {"top": 59, "bottom": 34})
LANDSCAPE = ({"width": 844, "height": 390}, {"left": 59, "right": 59, "bottom": 21})
OUTSIDE = """
    ({ top = 0, right = 0, bottom = 0, left = 0 }) =>
      [...document.querySelectorAll("h1, a[href], button, input:not([type=hidden]), select, textarea, summary, p")]
        .filter((it) => it.checkVisibility({ visibilityProperty: true }) && it.getBoundingClientRect().width > 1)
        .filter((it) => {
          const box = it.getBoundingClientRect();
          const isFixed = it.closest("#chat-header, #composer, [popover]");
          const isBeside = box.left < left || box.right > innerWidth - right;
          const isBelow = box.top < top || box.bottom > innerHeight - bottom;
          return box.bottom > 0 && !it.closest("#chat-scroll") && (isBeside || (isFixed && isBelow));
        })
        .map((it) => it.outerHTML.slice(0, 100))
"""


@pytest.mark.parametrize(("viewport", "insets"), [PORTRAIT, LANDSCAPE], ids=["portrait", "landscape"])
async def test_nothing_is_under_the_notch_or_the_home_bar(
    desk: Desk, alice: Person, viewport: dict[str, int], insets: dict[str, int]
) -> None:
    thread_id = await answered(alice, "What is what?", ANSWER)
    chat = await desk.chat(alice, thread_id, reduced_motion="reduce", **PHONE | {"viewport": viewport})
    debugger = await chat.page.context.new_cdp_session(chat.page)
    await debugger.send("Emulation.setSafeAreaInsetsOverride", {"insets": insets})
    await expect(chat.page.locator("body")).to_have_css("padding-bottom", f"{insets['bottom']}px")
    assert await chat.page.evaluate(OUTSIDE, insets) == []
    await chat.page.get_by_role("button", name="Open chats").tap()
    await expect(chat.page.get_by_role("button", name="Close chats")).to_be_in_viewport(ratio=1)
    await chat.page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    assert await chat.page.evaluate(OUTSIDE, insets) == []
    for path in ("/", "/accounts/settings/", "/usage/"):
        await chat.page.goto(path)
        assert await chat.page.evaluate(OUTSIDE, insets) == [], path
