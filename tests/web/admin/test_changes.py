"""What administrators do: each change with its effect and its entry, at once in open tabs, and never twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import pytest
import websockets

from chat.events import Close
from chat.models import (
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
from chat.services.admin.audit import Order
from chat.services.admin.commands import remove_staff
from chat.services.errors import NoAdministrator
from chat.services.usage.report import this_month
from chat.web.admin import changes, lists
from chat.web.admin.audit_context import order_of
from chat.web.admin.tables import TABLES
from tests.cast import PASSWORD, Person
from tests.web.page import Page
from tests.web.two_factor import turned_on

REASON = "Somebody asked for it"
SECONDS = 20.0


async def user_of(person: Person) -> User:
    return await User.get(email=person.email)


async def do(root: Person, path: str, **form: str) -> httpx.Response:
    """Ask for the page as a browser does, then send its form."""
    asked = await root.http.get(f"/admin/{path}/")
    assert asked.status_code == 200, asked.text
    assert Page(asked.text).find("form", method="post", data_once="")
    return await root.http.post(f"/admin/{path}/", data={"reason": REASON, **form}, headers={"User-Agent": "A browser"})


async def done(root: Person, path: str, **form: str) -> None:
    answer = await do(root, path, **form)
    assert answer.status_code == 303, Page(answer.text).text
    assert "Done: " in Page((await root.http.get(answer.headers["Location"])).text).text


async def entries(object_id: object) -> list[AuditEntry]:
    return await AuditEntry.filter(object_id=str(object_id)).order_by("id")


async def entry_of(root: Person, object_id: object, action: str) -> AuditEntry:
    """The only one, with everything that says who, when, why and from where."""
    [entry] = await entries(object_id)
    assert (entry.action, entry.reason, entry.actor_email) == (action, REASON, root.email)
    assert (entry.actor_id, entry.ip, entry.user_agent) == ((await user_of(root)).id, "127.0.0.1", "A browser")
    assert datetime.now(UTC) - entry.created_at < timedelta(minutes=1)
    return entry


async def writing(alice: Person) -> dict[str, str]:
    """An answer that goes on for long."""
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
async def test_a_user_is_changed_and_it_is_recorded(
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


async def test_what_is_so_already_is_neither_done_nor_recorded_again(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await done(root, f"users/{user.id}/disable")
    again = await root.http.post(f"/admin/users/{user.id}/disable/", data={"reason": "again"})

    assert (again.status_code, again.headers["Location"]) == (303, f"/admin/users/{user.id}/")
    assert "so already" in Page((await root.http.get(f"/admin/users/{user.id}/")).text).text
    assert len(await entries(user.id)) == 1


async def test_a_confirmed_address_needs_no_link_any_more(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    later = datetime.now(UTC) + timedelta(hours=1)
    await EmailVerificationToken.create(token_sha256=user.id.hex, user=user, email=user.email, expires_at=later)
    await done(root, f"users/{user.id}/verify")

    assert not await EmailVerificationToken.exists(user=user)


async def test_a_disabled_user_is_out_at_once_and_the_answer_stops(root: Person, alice: Person) -> None:
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
    async with asyncio.timeout(SECONDS):
        while True:
            generation = await Generation.get(answer_id=answer_id)
            if generation.finished_at:
                return generation.state
            await asyncio.sleep(0.02)


async def test_all_sessions_of_a_user_end_and_no_other(root: Person, alice: Person, bob: Person) -> None:
    running = await writing(alice)
    async with alice.connection(running["thread_id"]) as connection:
        await connection.send('{"type": "hello", "v": 1, "cursor": "", "rev": 0, "want": ""}')
        await asyncio.wait_for(connection.recv(), SECONDS)
        user = await user_of(alice)
        await done(root, f"users/{user.id}/end_sessions")

        assert await close_of(connection) == Close.SESSION_ENDED
    assert (await entry_of(root, user.id, "users.end_sessions")).before == {"sessions": 1}
    assert [(await one.http.get("/chat/")).status_code for one in (alice, bob)] == [303, 200]
    assert (await Generation.get(answer_id=running["reply_id"])).state == State.RUNNING, "nobody stopped that"


async def test_a_second_factor_is_taken_away_from_whoever_has_lost_it(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    path = f"users/{user.id}/reset_second_factor"
    assert (await root.http.get(f"/admin/{path}/")).status_code == 303, "there is none"
    await turned_on(alice)
    await done(root, path)

    assert (await entry_of(root, user.id, "users.reset_second_factor")).before == {"second_factor": True}
    assert not await SecondFactor.exists(user=user)
    assert not await RecoveryCode.exists(user=user)
    assert (await alice.log_in(alice.email)).headers["Location"] == "/chat/"


async def test_whoever_ends_the_own_session_comes_to_the_login(root: Person) -> None:
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


async def test_a_stop_that_is_ordered_twice_is_recorded_once(root: Person, alice: Person) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    generation = await Generation.get(answer_id=posted["reply_id"])
    same, lasting = Generation.filter(id=generation.id), datetime.now(UTC) + timedelta(hours=1)
    await same.update(state=State.RUNNING, owner="another worker", lease_until=lasting)  # it does not hear of a stop
    path = f"/admin/generations/{generation.id}/stop/"
    answers = [await root.http.post(path, data={"reason": REASON}) for _ in range(2)]
    await same.update(state=State.CANCELLED)

    assert [answer.status_code for answer in answers] == [303, 303]
    assert [entry.action for entry in await entries(generation.id)] == ["generations.stop"]


async def test_a_budget_is_set_and_taken_back(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await done(root, f"users/{user.id}/set_budget", value=" 12.50 ")
    entry = await entry_of(root, user.id, "users.set_budget")

    assert (entry.before, entry.after) == ({"monthly_budget": None}, {"monthly_budget": "12.50"})
    assert (await user_of(alice)).monthly_budget == Decimal("12.50")
    await done(root, f"users/{user.id}/set_budget", value="none")
    assert (await user_of(alice)).monthly_budget is None


async def test_before_a_budget_is_set_one_sees_what_it_is_and_what_is_spent(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await User.filter(id=user.id).update(monthly_budget="7.25")
    await UserMonthlyUsage.create(user=user, month=this_month(), cost="1.5", calls=3, unpriced_calls=2)
    for answer in (
        await root.http.get(f"/admin/users/{user.id}/set_budget/"),
        await root.http.post(f"/admin/users/{user.id}/set_budget/", data={"value": "much"}),
    ):
        shown = [" ".join(one.text.split()) for one in Page(answer.text).all("dd")]
        assert shown == ["$1.5000", "2", "$7.2500"]


@pytest.mark.parametrize("value", ["", "-1", "twelve", "NaN", "1e99", "1.23456", "9" * 400, "\x00"])
async def test_what_is_no_amount_is_refused_at_its_field(root: Person, alice: Person, value: str) -> None:
    user = await user_of(alice)
    answer = await do(root, f"users/{user.id}/set_budget", value=value)

    assert answer.status_code == 422
    assert "write an amount in USD" in Page(answer.text).error_of("value")
    assert await entries(user.id) == []
    assert (await user_of(alice)).monthly_budget is None


async def test_nobody_does_it_to_oneself(root: Person) -> None:
    user = await user_of(root)
    await turned_on(root)
    for action in ("disable", "remove_staff", "reset_second_factor"):
        answer = await do(root, f"users/{user.id}/{action}")
        assert answer.status_code == 422
        assert "You cannot" in Page(answer.text).error_of("reason")
    assert await entries(user.id) == []
    assert (await root.http.get("/admin/")).status_code == 200


ACTIONS = {f"{table.name}.{action.name}": action for table in TABLES.values() for action in table.actions}


async def order(by: User, whom: User, **more: Any) -> Order:
    return Order(by, whom.id, session_id=(await AuthSession.get(user=by)).id, **more)


async def test_who_is_no_administrator_in_this_moment_changes_nothing(root: Person, alice: Person) -> None:
    by, user = await user_of(root), await user_of(alice)
    asked = await order(by, user, value="1")
    for was, name in product(({"is_staff": False}, {"is_active": False}, {}), ACTIONS):
        await User.filter(id=by.id).update(**{"is_staff": True, "is_active": True} | was)
        now = asked if was else replace(asked, session_id=uuid7())  # it was ended
        opened = {one: getattr(root.site.resources, one) for one in ACTIONS[name].collaborators}
        with pytest.raises(NoAdministrator):
            await ACTIONS[name].change(now, **opened)

    assert await user_of(alice) == user
    assert await AuthSession.exists(user=user)
    assert await entries(user.id) == []


async def test_who_is_unmade_in_the_middle_of_a_request_finds_nothing_there(
    root: Person, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await user_of(alice)
    thread = await ChatThread.create(user=user)

    async def unmade(by: User, *what: Any, **more: Any) -> Order:
        await User.filter(id=by.id).update(is_staff=False)
        return await order_of(by, *what, **more)

    for module in (changes, lists):
        monkeypatch.setattr(module, "order_of", unmade)
    for path in (f"users/{user.id}/disable", f"users/{user.id}/set_budget", f"threads/{thread.id}/text", "users/csv"):
        await User.filter(email=root.email).update(is_staff=True)
        answer = await root.http.post(f"/admin/{path}/", data={"reason": REASON, "value": "1"})
        assert (answer.status_code, "no such page" in answer.text) == (404, True), path

    assert await user_of(alice) == user
    assert not await AuditEntry.exists(actor_email=root.email)


async def test_of_two_administrators_who_unmake_each_other_one_is_left(root: Person, alice: Person) -> None:
    one, other = await user_of(root), await user_of(alice)
    await User.filter(id=other.id).update(is_staff=True)
    results = await asyncio.gather(
        remove_staff(await order(one, other)), remove_staff(await order(other, one)), return_exceptions=True
    )

    assert [type(result) for result in results].count(NoAdministrator) == 1
    assert sum(user.is_staff for user in (await user_of(root), await user_of(alice))) == 1


async def test_nobody_disabled_becomes_an_administrator(root: Person, alice: Person) -> None:
    user = await user_of(alice)
    await User.filter(id=user.id).update(is_active=False)

    assert (await root.http.post(f"/admin/users/{user.id}/make_staff/")).status_code == 303
    assert not (await user_of(alice)).is_staff


# The password once more


async def be_long_ago(root: Person) -> None:
    hour = datetime.now(UTC) - timedelta(minutes=16)
    await AuthSession.filter(user=await user_of(root)).update(authenticated_at=hour)


async def test_after_a_quarter_of_an_hour_the_password_is_asked_again_and_then_it_goes_on(
    root: Person, alice: Person
) -> None:
    user = await user_of(alice)
    path, confirm = f"/admin/users/{user.id}/disable/", f"/admin/confirm/?next=/admin/users/{user.id}/disable/"
    await be_long_ago(root)
    for answer in (await root.http.get(path), await root.http.post(path, data={"reason": REASON})):
        assert (answer.status_code, answer.headers["Location"]) == (303, confirm)
    assert (await user_of(alice)).is_active
    assert (await root.http.get("/admin/users/")).status_code == 200, "looking at lists is free"

    assert Page((await root.http.get(confirm)).text).find("form", action=confirm)
    wrong = await root.http.post(confirm, data={"password": "not it"})
    assert wrong.status_code == 422
    assert "not your password" in Page(wrong.text).error_of("password")
    assert (await root.http.get(path)).status_code == 303

    right = await root.http.post(confirm, data={"password": PASSWORD})
    assert (right.status_code, right.headers["Location"]) == (303, path)
    await done(root, f"users/{user.id}/disable")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/chat/", "/admin/\\evil", ""])
async def test_the_password_page_leads_nowhere_else(root: Person, target: str) -> None:
    answer = await root.http.post("/admin/confirm/", params={"next": target}, data={"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/")


# Looking at what somebody wrote


async def test_a_text_is_only_seen_for_a_reason_that_is_recorded(root: Person, alice: Person) -> None:
    asked = await alice.ask("My secret is 4711")
    async with alice.tab(asked["thread_id"]) as tab:
        await tab.until_finished(asked["reply_id"])
    path = f"threads/{asked['thread_id']}/text"
    for reason in ("", "   ", "x" * 501):
        refused = await do(root, path, reason=reason)
        assert refused.status_code == 422
        assert Page(refused.text).error_of("reason")
        assert "4711" not in refused.text
    assert await entries(asked["thread_id"]) == []

    shown = await do(root, path)
    assert (shown.status_code, "My secret is 4711" in shown.text) == (200, True)
    assert shown.headers["Cache-Control"] == "no-store"
    await entry_of(root, asked["thread_id"], "threads.look")
    assert "4711" not in (await root.http.get(f"/admin/{path}/")).text


async def test_there_is_no_text_of_what_has_none(root: Person, alice: Person) -> None:
    user, unknown = await user_of(alice), uuid7()
    for path in (f"users/{user.id}/text/", f"messages/{unknown}/text/", f"nothing/{unknown}/text/"):
        assert (await root.http.post(f"/admin/{path}", data={"reason": REASON})).status_code == 404
        assert (await root.http.get(f"/admin/{path}")).status_code == 404
    assert await entries(user.id) == []


@pytest.mark.parametrize("kind", ["messages", "tool_calls", "calls"])
async def test_every_kind_of_text_is_shown_as_text(root: Person, alice: Person, kind: str) -> None:
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
