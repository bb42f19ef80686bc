"""axe-core finds nothing on any page: light and dark, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.async_api import Browser, Page, expect

from chat.mailer import Email, Mailer
from chat.models import AuthSession, LLMCallLog, PasswordResetToken, User
from chat.security.tokens import new_token, token_hash
from tests.support.accessibility import AXE, tree, violations
from tests.support.cast import Person
from tests.support.cuts import cut
from tests.support.desk import DESKTOP, NO_CONNECTION, PHONE, REFUSED_FORM, Desk
from tests.support.mailing import CAROL, EXAMPLE, emails, part, settings
from tests.support.rows import answered, past_thread
from tests.support.scripted import ScriptedAnswer
from tests.support.site import Beside, Site
from tests.support.waiting import eventually

ANSWER = """\
## A heading

- [ ] to do
- [x] done with [a link](https://example.com/)

| Planet | Moons |
|:--|--:|
| Earth | 1 |

```python
def one() -> int:
    # A comment
    return 1
```

> A quotation with `code`.
"""


@pytest.fixture(scope="module")
def axe() -> str:
    return AXE.read_text()


@pytest.fixture
async def page(desk: Desk, axe: str) -> AsyncIterator[Page]:
    """A visitor's pages."""
    yield await (await desk.context(allowed=(REFUSED_FORM,))).new_page()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password_reset/",
        "/accounts/password_reset/sent/",
        "/accounts/reset/a-dead-link/",
        "/nowhere/",
    ],
)
async def test_pages_for_visitors(page: Page, axe: str, path: str) -> None:
    await page.goto(path)
    assert await violations(page, axe) == []


@pytest.mark.parametrize(
    "path", ["/accounts/verify-email/sent/", "/accounts/verify-email/a-token/", "/accounts/verify-required/"]
)
async def test_pages_for_confirming_an_email_address(page: Page, axe: str, path: str) -> None:
    await page.goto(path)
    assert await violations(page, axe) == []


async def test_a_form_with_errors(page: Page, axe: str) -> None:
    await page.goto("/accounts/signup/")
    await page.get_by_label("Email address").fill("me@example.com")
    await page.get_by_label("Password", exact=True).fill("password1")
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.locator(".field-error:not(:empty)").first).to_be_visible()
    assert await violations(page, axe) == []


async def test_a_new_password_from_an_emailed_link(page: Page, alice: Person, axe: str) -> None:
    user, token = await User.get(email=alice.email), new_token()
    until = datetime.now(UTC) + timedelta(hours=1)
    row = {"token_sha256": token_hash(token), "user_id": user.id, "email": user.email, "expires_at": until}
    await PasswordResetToken.create(**row)
    await page.goto(f"/accounts/reset/{token}/")
    await expect(page.get_by_role("heading", name="Set a new password")).to_be_visible()
    assert await violations(page, axe) == []


async def test_a_refused_change_of_the_password(desk: Desk, alice: Person, axe: str) -> None:
    page = await (await desk.context(alice, allowed=(REFUSED_FORM,))).new_page()
    await page.goto("/accounts/password_change/")
    await page.get_by_label("Current password", exact=True).fill("wrong")
    await page.get_by_label("New password", exact=True).fill("another good passphrase")
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("This is not your current password.")).to_be_visible()
    assert await violations(page, axe) == []


async def test_a_new_chat(desk: Desk, alice: Person, axe: str) -> None:
    chat = await desk.chat(alice)
    assert await violations(chat.page, axe) == []


async def test_a_thread(desk: Desk, alice: Person, axe: str) -> None:
    chat = await desk.chat(alice, await answered(alice, "What is what?", ANSWER))
    await expect(chat.answer.locator(".hljs-keyword").first).to_be_visible()
    assert await violations(chat.page, axe) == []


async def test_a_refused_title(desk: Desk, alice: Person, axe: str) -> None:
    thread_id = await answered(alice, "What is what?", ANSWER)
    chat = await desk.chat(alice, thread_id, allowed=(REFUSED_FORM,))
    await chat.page.get_by_label("Options").click()
    assert await violations(chat.page, axe) == []
    await chat.page.get_by_role("link", name="Rename chat").click()
    assert await violations(chat.page, axe) == []
    await chat.page.get_by_label("Title", exact=True).fill("")
    await chat.page.get_by_role("button", name="Save").click()
    await expect(chat.page.get_by_text("Enter a title.")).to_be_visible()
    assert await violations(chat.page, axe) == []


async def test_what_opens_over_a_thread(desk: Desk, alice: Person, axe: str) -> None:
    chat = await desk.chat(alice, await answered(alice, "What is what?", ANSWER))
    page = chat.page
    await page.get_by_label("Options").click()
    assert await violations(page, axe) == []
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": DESKTOP["width"], "height": DESKTOP["height"]})
    await page.get_by_label("Account").click()
    assert await violations(page, axe) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+/")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert await violations(page, axe) == []
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await page.get_by_label("Open chats").click()
    await expect(page.get_by_label("Close chats")).to_be_visible()
    assert await violations(page, axe) == []


async def test_an_answer_that_thinks_uses_tools_and_was_stopped(desk: Desk, alice: Person, axe: str) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
        await expect(chat.answer.locator(".message-thinking")).to_be_visible()
        assert await violations(chat.page, axe) == []
        await answer.thinks("Which **time zone**?", ms=2_000)
        await chat.answer.locator(".message-reasoning summary").click()
        await answer.uses("current_time", title="Checking the time", detail="Asia/Tokyo")
        await expect(chat.answer.locator(".tool-call")).to_be_visible()
        await answer.has_thought(3_000)
        await answer.says("It is")
        await expect(chat.answer.get_by_text("It is")).to_be_visible()
        assert await violations(chat.page, axe) == []
        await chat.stop_button.click()
        await chat.is_over("stopped")
        assert await violations(chat.page, axe) == []


async def test_a_message_that_waits_for_the_connection(desk: Desk, alice: Person, site: Site, axe: str) -> None:
    chat = await desk.chat(alice, await past_thread(alice), allowed=(NO_CONNECTION,))
    await cut(chat, alice, site)
    await chat.say("say hello")
    await expect(chat.questions.last).to_have_attribute("data-status", "pending")
    await expect(chat.page.get_by_role("button", name="Retry now")).to_be_visible()
    assert await violations(chat.page, axe) == []


async def test_a_chat_that_was_deleted_elsewhere(desk: Desk, alice: Person, axe: str) -> None:
    async with ScriptedAnswer.begun(alice) as answer:
        chat = await desk.chat(alice, str(answer.thread_id))
    await expect(chat.page.locator("#chat-notice")).to_be_visible()
    assert await violations(chat.page, axe) == []


async def test_the_emails(desk: Desk, axe: str) -> None:
    page = await (await desk.context()).new_page()
    for name in emails():
        message = Mailer(settings()).render(Email(CAROL, name, EXAMPLE))
        await page.set_content(part(message, "html"))
        assert await violations(page, axe, is_email=True) == [], name


async def test_a_thread_as_a_screen_reader_walks_it(desk: Desk, alice: Person) -> None:
    chat = await desk.chat(alice, await answered(alice, "What is what?", "# Title\n\nText\n\n### Deeper\n\n- one"))
    await expect(chat.answer.get_by_role("heading", name="Deeper")).to_be_visible()
    landmarks = {"banner", "complementary", "navigation", "main", "region", "log", "article", "heading"}

    assert [node for node in await tree(chat.page) if node[0] in landmarks] == [
        ("complementary", "Chats", None),
        ("navigation", "Your chats", None),
        ("heading", "Yesterday", 2),
        ("banner", "", None),
        ("heading", "An older talk", 1),
        ("main", "", None),
        ("region", "Conversation", None),
        ("log", "Messages", None),
        ("article", "You", None),
        ("heading", "You", 2),
        ("article", "Assistant", None),
        ("heading", "Assistant", 2),
        ("heading", "Title", 3),
        ("heading", "Deeper", 4),
    ]


async def test_a_choice_of_models(browser: Browser, beside: Beside, axe: str) -> None:
    async with beside(LLM_MODELS="large,small") as site, Person.signed_up(site, "alice") as alice:
        desk = Desk(browser, site)
        chat = await desk.chat(alice)
        await chat.page.get_by_label("Model", exact=True).focus()
        assert await violations(chat.page, axe) == []
        assert await desk.clear() == []


async def test_a_thread_whose_answer_used_a_tool_failed_and_runs(desk: Desk, alice: Person, axe: str) -> None:
    thread_id = await answered(alice, "What is what?", ANSWER)
    chat = await desk.chat(alice, thread_id)
    await chat.say("What is 12 * 7?")
    await chat.is_over(answers=2)
    await chat.answer.locator(".tool-call summary").click()
    await alice.ask("say nothing [offline: status=400]", thread_id)
    await chat.is_over("error", answers=3)
    await alice.ask("say something [offline: delay_first=50]", thread_id)
    await expect(chat.stop_button).to_be_visible()
    assert await violations(chat.page, axe) == []
    await chat.stop_button.click()
    await chat.is_over("stopped", answers=4)


@pytest.mark.parametrize("name", ["settings", "sessions", "change-email", "data", "delete"])
async def test_the_pages_of_an_account(desk: Desk, alice: Person, axe: str, name: str) -> None:
    page = await (await desk.context(alice, allowed=(REFUSED_FORM,))).new_page()
    await page.goto(f"/accounts/{name}/")
    assert await violations(page, axe) == []
    if name in ("change-email", "delete"):
        await page.get_by_label("Your password", exact=True).fill("wrong")
        await page.locator("main form").evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
        await expect(page.locator(".field-error").first).to_be_visible()
        assert await violations(page, axe) == []


async def test_the_confirmation_before_a_chat_is_deleted(desk: Desk, alice: Person, axe: str) -> None:
    page = await (await desk.context(alice)).new_page()
    await page.goto(f"/chat/{await answered(alice, 'What is what?', ANSWER)}/delete/")
    assert await violations(page, axe) == []


async def spent(person: Person) -> None:
    """Some calls, so that there are charts and figures of every kind."""
    user = await User.get(email=person.email)
    row = {"user": user, "model_asked": "small", "total_tokens": 10, "duration_ms": 900, "first_event_ms": 200}
    await LLMCallLog.create(status="completed", cost=Decimal("0.5"), **row)
    await LLMCallLog.create(status="rate_limited", cost=Decimal("0.25"), estimated=True, **row)
    await LLMCallLog.create(status="completed", **row)


async def test_the_usage_of_a_month(desk: Desk, alice: Person, axe: str) -> None:
    await spent(alice)
    page = await (await desk.context(alice)).new_page()
    await page.goto("/usage/")
    await page.get_by_text("As a table").click()
    await expect(page.get_by_role("cell", name="$0.5000").first).to_be_visible()
    assert await violations(page, axe) == []


async def test_the_administrators_page(desk: Desk, root: Person, axe: str) -> None:
    await spent(root)
    page = await (await desk.context(root)).new_page()
    await page.goto("/admin/")
    await expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    assert await violations(page, axe) == []


@pytest.mark.parametrize("page_name", ["", "disable/"])
async def test_what_administrators_do_to_a_user(
    desk: Desk, root: Person, alice: Person, axe: str, page_name: str
) -> None:
    page = await (await desk.context(root, allowed=(REFUSED_FORM,))).new_page()
    user = await User.get(email=alice.email)
    await page.goto(f"/admin/users/{user.id}/{page_name}")
    assert await violations(page, axe) == []


async def test_the_administrators_lists_and_texts(desk: Desk, root: Person, alice: Person, axe: str) -> None:
    thread_id = await answered(alice, "What is what?", ANSWER)
    await spent(alice)
    call = await LLMCallLog.get(user__email=alice.email, estimated=True)
    session = await AuthSession.get(user__email=alice.email)
    rows = (f"calls/{call.id}/", f"sessions/{session.id}/end/")
    page = await (await desk.context(root, allowed=(REFUSED_FORM,))).new_page()
    for path in (
        *rows,
        "users/",
        "calls/",
        "generations/",
        "audit/?day=2001-01-01",
        "calls/?sort=nonsense",
        "confirm/",
    ):
        await page.goto(f"/admin/{path}")
        assert await violations(page, axe) == [], path
    await page.goto(f"/admin/threads/{thread_id}/text/")
    assert await violations(page, axe) == []
    await page.keyboard.type("I was asked to")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Content")).to_be_visible()
    assert await violations(page, axe) == []


async def test_a_long_list_scrolls_by_keyboard_on_a_phone(desk: Desk, root: Person) -> None:
    page = await (await desk.context(root, viewport=PHONE)).new_page()
    await page.goto("/admin/users/")
    table = page.get_by_role("region", name="Table: Users")
    await table.focus()
    await page.keyboard.press("ArrowRight")
    await expect(table).to_be_focused()
    await eventually(lambda: table.evaluate("(table) => table.scrollLeft > 0"))
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
