"""Changes by administrators: their effect, their audit entry, open tabs, and no repetition."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest
import websockets

from chat.events import Close
from chat.models import (
    MOST_LOGIN_FAILURES,
    AuditEntry,
    AuthSession,
    ChatThread,
    EmailVerificationToken,
    Generation,
    RecoveryCode,
    SecondFactor,
    State,
    User,
    UserMonthlyUsage,
)
from chat.models.ids import uuid7
from chat.services.admin.audit import AuditContext
from chat.services.usage.months import this_month
from chat.web.admin.audit_context import audit_context
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.page import Page
from tests.support.two_factor import turned_on
from tests.support.waiting import eventually

REASON = "The user asked for it"
SECONDS = 20.0


async def user_of(person: Person) -> User:
    return await User.get(email=person.email)


async def do(root: Person, path: str, **form: str) -> httpx.Response:
    """Load the page like a browser, then send its form."""
    path = path.replace("_", "-")
    asked = await root.http.get(f"/admin/{path}/")
    assert asked.status_code == 200, asked.text
    assert Page(asked.text).find("form", method="post", data_once="")
    return await root.http.post(f"/admin/{path}/", data={"reason": REASON, **form}, headers={"User-Agent": "A browser"})


async def done(root: Person, path: str, **form: str) -> None:
    answer = await do(root, path, **form)
    assert answer.status_code == 303, Page(answer.text).text
    assert "Done: " in Page((await root.http.get(answer.headers["Location"])).text).text


async def entries(object_id: object) -> list[AuditEntry]:
    return await AuditEntry.filter(object_id=str(object_id)).order_by("created_at")


async def entry_of(root: Person, object_id: object, action: str) -> AuditEntry:
    """The only entry, with the actor, the time, the reason and the origin."""
    [entry] = await entries(object_id)
    assert (entry.action, entry.reason, entry.actor_email) == (action, REASON, root.email)
    assert (entry.actor_id, entry.ip, entry.user_agent) == ((await user_of(root)).id, "127.0.0.1", "A browser")
    assert datetime.now(UTC) - entry.created_at < timedelta(minutes=1)
    return entry


async def writing(alice: Person) -> dict[str, str]:
    """A long-running answer."""
    return await alice.ask("Tell me something long [offline: pace=50]")


async def close_of(connection: websockets.ClientConnection) -> int:
    with pytest.raises(websockets.ConnectionClosed) as closed:
        async with asyncio.timeout(SECONDS):
            while True:
                await connection.recv()
    assert closed.value.rcvd
    return closed.value.rcvd.code


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("verify", {"email_verified": False}, {"email_verified": True}),
        ("make_staff", {"is_staff": False}, {"is_staff": True}),
        ("remove_staff", {"is_staff": True}, {"is_staff": False}),
        ("disable", {"is_active": True}, {"is_active": False}),
        ("enable", {"is_active": False}, {"is_active": True}),
    ],
)
async def test_a_change_of_a_user_is_made_and_recorded(
    root: Person, alice: Person, bob: Person, action: str, before: dict[str, bool], after: dict[str, bool]
) -> None:
    user, other = await user_of(alice), await user_of(bob)
    await User.filter(id=user.id).update(**before)
    await done(root, f"users/{user.id}/{action}")

    entry = await entry_of(root, user.id, f"users.{action}")
    assert (entry.before, entry.after) == (before, after)
    assert {name: getattr(await user_of(alice), name) for name in after} == after
    assert {name: getattr(await user_of(bob), name) for name in after} == {name: getattr(other, name) for name in after}
    page = Page((await root.http.get(f"/admin/users/{user.id}/")).text)
    assert f"users.{action}" in page.text
    assert REASON in page.text


async def test_a_change_that_changes_nothing_is_not_recorded(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await done(root, f"users/{user.id}/disable")
    again = await root.http.post(f"/admin/users/{user.id}/disable/", data={"reason": "again"})

    assert (again.status_code, again.headers["Location"]) == (303, f"/admin/users/{user.id}/")
    assert "Nothing to change." in Page((await root.http.get(f"/admin/users/{user.id}/")).text).text
    assert len(await entries(user.id)) == 1


async def test_confirming_an_address_deletes_its_links(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    later = datetime.now(UTC) + timedelta(hours=1)
    await EmailVerificationToken.create(token_sha256=user.id.hex, user=user, email=user.email, expires_at=later)
    await done(root, f"users/{user.id}/verify")

    assert not await EmailVerificationToken.exists(user=user)


async def test_disabling_ends_sessions_and_answers_at_once(root: Person, alice: Person) -> None:
    running = await writing(alice)
    async with alice.connection(running["thread_id"]) as connection:
        await connection.send('{"type": "hello", "v": 1, "cursor": "", "rev": 0, "want": ""}')
        await asyncio.wait_for(connection.recv(), SECONDS)
        await done(root, f"users/{(await user_of(alice)).id}/disable")

        assert await close_of(connection) == Close.SESSION_ENDED
    assert (await alice.http.get("/chat/")).status_code == 303
    assert (await alice.log_in(alice.email)).status_code == 422
    assert await ended(running["reply_id"]) == State.CANCELLED

    await done(root, f"users/{(await user_of(alice)).id}/enable")
    assert (await alice.log_in(alice.email)).status_code == 303


async def ended(answer_id: str) -> State:
    generation = await eventually(Generation.filter(answer_id=answer_id, finished_at__isnull=False).first)
    return State(generation.state)


async def test_all_sessions_of_a_user_end_and_no_other(root: Person, alice: Person, bob: Person) -> None:
    running = await writing(alice)
    async with alice.connection(running["thread_id"]) as connection:
        await connection.send('{"type": "hello", "v": 1, "cursor": "", "rev": 0, "want": ""}')
        await asyncio.wait_for(connection.recv(), SECONDS)
        user = await user_of(alice)
        await done(root, f"users/{user.id}/end-sessions")

        assert await close_of(connection) == Close.SESSION_ENDED
    assert (await entry_of(root, user.id, "users.end_sessions")).before == {"sessions": 1}
    assert [(await one.http.get("/chat/")).status_code for one in (alice, bob)] == [303, 200]
    assert (await Generation.get(answer_id=running["reply_id"])).state == State.RUNNING, "logging out stops no answer"


async def test_two_factor_authentication_is_reset(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    path = f"users/{user.id}/reset-second-factor"
    assert (await root.http.get(f"/admin/{path}/")).status_code == 303, "it is off"
    await turned_on(alice)
    await done(root, path)

    assert (await entry_of(root, user.id, "users.reset_second_factor")).before == {"second_factor": True}
    assert not await SecondFactor.exists(user=user)
    assert not await RecoveryCode.exists(user=user)
    assert (await alice.log_in(alice.email)).headers["Location"] == "/chat/"


async def test_administrators_cannot_reset_their_own_two_factor_authentication(root: Person) -> None:
    user = await user_of(root)
    await turned_on(root)
    answer = await do(root, f"users/{user.id}/reset-second-factor")

    assert answer.status_code == 422
    assert "You cannot" in Page(answer.text).error_of("reason")
    assert await entries(user.id) == []


async def test_administrators_who_end_their_own_session_get_the_login(root: Person) -> None:
    session = await AuthSession.get(user=await user_of(root))
    answer = await do(root, f"sessions/{session.id}/end")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts/login/?next=/admin/")
    assert (await root.http.get(answer.headers["Location"])).status_code == 200


async def test_one_session_ends(root: Person, alice: Person) -> None:
    session = await AuthSession.get(user=await user_of(alice))
    await done(root, f"sessions/{session.id}/end")

    await entry_of(root, session.id, "sessions.end")
    assert (await alice.http.get("/chat/")).status_code == 303
    assert (await root.http.post(f"/admin/sessions/{session.id}/end/")).status_code == 404


async def test_a_running_reply_is_stopped_and_keeps_its_text(root: Person, alice: Person) -> None:
    running = await writing(alice)
    generation = await Generation.get(answer_id=running["reply_id"])
    async with alice.tab(running["thread_id"]) as tab:
        await tab.until_text(running["reply_id"], 3)
        listed = Page((await root.http.get("/admin/generations/?state=alive")).text)
        assert listed.all("a", href=f"/admin/generations/{generation.id}/")
        await done(root, f"generations/{generation.id}/stop")
        async with asyncio.timeout(SECONDS):
            message = await tab.until_finished(running["reply_id"])

    assert (message["status"], len(message["content"]) > 2) == ("stopped", True)
    await entry_of(root, generation.id, "generations.stop")
    again = await root.http.post(f"/admin/generations/{generation.id}/stop/")
    assert again.status_code == 303
    assert len(await entries(generation.id)) == 1


async def test_a_stop_that_is_sent_twice_is_recorded_once(root: Person, alice: Person) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    same, lasting = Generation.filter(id=generation.id), datetime.now(UTC) + timedelta(hours=1)
    await same.update(state=State.RUNNING, owner="another worker", lease_until=lasting)
    path = f"/admin/generations/{generation.id}/stop/"
    answers = [await root.http.post(path, data={"reason": REASON}) for _ in range(2)]
    await same.update(state=State.CANCELLED)

    assert [answer.status_code for answer in answers] == [303, 303]
    assert [entry.action for entry in await entries(generation.id)] == ["generations.stop"]


async def test_a_budget_is_set_and_removed(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await done(root, f"users/{user.id}/set-budget", value=" 12.50 ")
    entry = await entry_of(root, user.id, "users.set_budget")

    assert (entry.before, entry.after) == ({"monthly_budget": None}, {"monthly_budget": "12.50"})
    assert (await user_of(alice)).monthly_budget == Decimal("12.50")
    await done(root, f"users/{user.id}/set-budget", value="none")
    assert (await user_of(alice)).monthly_budget is None


async def test_the_form_of_a_budget_shows_the_current_one_and_the_cost(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await User.filter(id=user.id).update(monthly_budget="7.25")
    await UserMonthlyUsage.create(user=user, month=this_month(), cost="1.5", calls=3, unpriced_calls=2)
    for answer in (
        await root.http.get(f"/admin/users/{user.id}/set-budget/"),
        await root.http.post(f"/admin/users/{user.id}/set-budget/", data={"value": "much"}),
    ):
        shown = [" ".join(one.text.split()) for one in Page(answer.text).all("dd")]
        assert shown == ["$1.5000", "2", "$7.2500"]


@pytest.mark.parametrize("value", ["", "-1", "twelve", "NaN", "1e99", "1.23456", "9" * 400, "\x00"])
async def test_an_invalid_amount_is_refused_at_its_field(root: Person, alice: Person, value: str) -> None:
    user = await user_of(alice)
    answer = await do(root, f"users/{user.id}/set-budget", value=value)

    assert answer.status_code == 422
    assert "Enter one in USD" in Page(answer.text).error_of("value")
    assert await entries(user.id) == []
    assert (await user_of(alice)).monthly_budget is None


async def test_administrators_cannot_do_this_to_themselves(root: Person) -> None:
    user = await user_of(root)
    for action in ("disable", "remove_staff"):
        answer = await do(root, f"users/{user.id}/{action}")
        assert answer.status_code == 422
        assert "You cannot" in Page(answer.text).error_of("reason")
    assert await entries(user.id) == []
    assert (await root.http.get("/admin/")).status_code == 200


async def test_an_administrator_who_is_demoted_during_a_request_gets_404(
    root: Person, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await user_of(alice)
    thread = await ChatThread.create(user=user)

    async def demoted(by: User, *what: Any, **more: Any) -> AuditContext:
        await User.filter(id=by.id).update(is_staff=False)
        return await audit_context(by, *what, **more)

    for part in patches.AUDIT_CONTEXTS:
        part.replace(monkeypatch, demoted)
    for path in (f"users/{user.id}/disable", f"users/{user.id}/end-sessions", f"threads/{thread.id}/text", "users/csv"):
        await User.filter(email=root.email).update(is_staff=True)
        answer = await root.http.post(f"/admin/{path}/", data={"reason": REASON, "value": "1"})
        assert (answer.status_code, "no such page" in answer.text) == (404, True), path

    assert await user_of(alice) == user
    assert not await AuditEntry.exists(actor_email=root.email)


async def test_a_disabled_user_cannot_become_an_administrator(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await User.filter(id=user.id).update(is_active=False)

    assert (await root.http.post(f"/admin/users/{user.id}/make-staff/")).status_code == 303
    assert not (await user_of(alice)).is_staff


# Confirming the password


async def confirmed_long_ago(root: Person) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=16)
    await AuthSession.filter(user=await user_of(root)).update(authenticated_at=long_ago)


async def test_after_15_minutes_the_password_is_asked_for_before_a_change(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    path, confirm = f"/admin/users/{user.id}/disable/", f"/admin/confirm/?next=/admin/users/{user.id}/disable/"
    await confirmed_long_ago(root)
    for answer in (await root.http.get(path), await root.http.post(path)):
        assert (answer.status_code, answer.headers["Location"]) == (303, confirm)
    assert Page((await root.http.post(path, data={"reason": REASON})).text).find("form", action=confirm)
    assert (await user_of(alice)).is_active
    assert (await root.http.get("/admin/users/")).status_code == 200, "lists need no password"

    assert Page((await root.http.get(confirm)).text).find("form", action=confirm)
    wrong = await root.http.post(confirm, data={"password": "not it"})
    assert wrong.status_code == 422
    assert "not your password" in Page(wrong.text).error_of("password")
    assert (await root.http.get(path)).status_code == 303

    right = await root.http.post(confirm, data={"password": PASSWORD})
    assert (right.status_code, right.headers["Location"]) == (303, path)
    await done(root, f"users/{user.id}/disable")


async def test_guesses_of_strangers_stop_no_administrator_who_is_logged_in(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await confirmed_long_ago(root)
    await User.filter(email=root.email).update(login_failures=MOST_LOGIN_FAILURES)
    confirmed = await root.http.post("/admin/confirm/", data={"password": PASSWORD})
    assert confirmed.status_code == 303

    await done(root, f"users/{user.id}/disable")
    assert not (await user_of(alice)).is_active


async def test_after_15_minutes_the_password_is_asked_for_before_a_download(root: Person, alice: Person) -> None:
    await confirmed_long_ago(root)
    asked = {"q": alice.email, "sort": "email", "unknown": "x", "_external": "1"}
    refused = await root.http.post("/admin/users/csv/", data=asked)
    assert refused.status_code == 303
    assert alice.email not in refused.text
    assert not await AuditEntry.exists(actor_email=root.email)

    confirmed = await root.http.post(refused.headers["Location"], data={"password": PASSWORD})
    back = confirmed.headers["Location"]
    assert back == f"/admin/users/?{urlencode({'q': alice.email, 'sort': 'email'})}"
    form = Page((await root.http.get(back)).text).find("form", action="/admin/users/csv/")
    assert form["method"] == "post"
    assert alice.email in (await root.http.post("/admin/users/csv/", data=asked)).text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/chat/", "/admin/\\evil", ""])
async def test_the_password_page_redirects_to_admin_pages_only(root: Person, target: str) -> None:
    answer = await root.http.post("/admin/confirm/", params={"next": target}, data={"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")


# Viewing private content


async def test_content_is_shown_only_for_a_recorded_reason(root: Person, alice: Person) -> None:
    asked = await alice.ask("My secret is plums")
    async with alice.tab(asked["thread_id"]) as tab:
        await tab.until_finished(asked["reply_id"])
    path = f"threads/{asked['thread_id']}/text"
    for reason in ("", "   ", "x" * 501):
        refused = await do(root, path, reason=reason)
        assert refused.status_code == 422
        assert Page(refused.text).error_of("reason")
        assert "plums" not in refused.text
    assert await entries(asked["thread_id"]) == []

    shown = await do(root, path)
    assert (shown.status_code, "My secret is plums" in shown.text) == (200, True)
    assert shown.headers["Cache-Control"] == "no-store"
    await entry_of(root, asked["thread_id"], "threads.look")
    assert "plums" not in (await root.http.get(f"/admin/{path}/")).text


async def test_rows_without_content_have_no_content_page(root: Person, alice: Person) -> None:
    user, unknown = await user_of(alice), uuid7()
    for path in (f"users/{user.id}/text/", f"messages/{unknown}/text/", f"nothing/{unknown}/text/"):
        assert (await root.http.post(f"/admin/{path}", data={"reason": REASON})).status_code == 404
        assert (await root.http.get(f"/admin/{path}")).status_code == 404
    assert await entries(user.id) == []


@pytest.mark.parametrize("kind", ["messages", "tool_calls", "calls"])
async def test_content_is_escaped(root: Person, alice: Person, kind: str) -> None:
    asked = await alice.ask("<script>alert(1)</script> [offline: tool=calculate]")
    async with alice.tab(asked["thread_id"]) as tab:
        await tab.until_finished(asked["reply_id"])
    generation = await Generation.get(answer_id=asked["reply_id"]).prefetch_related("tool_calls", "calls")
    ids: dict[str, UUID] = {
        "messages": (await ChatThread.get(id=asked["thread_id"]).prefetch_related("messages")).messages[0].id,
        "tool_calls": generation.tool_calls[0].id,
        "calls": generation.calls[0].id,
    }
    shown = await do(root, f"{kind}/{ids[kind]}/text")

    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
    assert Page(shown.text).all("pre")
    await entry_of(root, ids[kind], f"{kind}.look")
