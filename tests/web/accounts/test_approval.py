"""Users waiting for approval: what they see, what they can't do, who is told, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chat.models import AuditEntry, ChatThread, LLMCallLog, User
from chat.services.admin import commands
from chat.services.admin.audit import AuditContext, CommandLine
from chat.services.errors import Refused
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.production import Production
from tests.support.rows import answered
from tests.support.sign_up import in_mode, member, new_address
from tests.support.site import Beside
from tests.support.stores import Stores


@pytest.fixture(scope="module")
async def by_approval(
    beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox
) -> AsyncIterator[Production]:
    """A site as in production, by approval."""
    async with in_mode(beside, stores, model, mailbox)("approval") as site:
        yield site


@pytest.fixture
async def boss(by_approval: Production) -> AsyncIterator[Person]:
    """An administrator of it."""
    user = await member(by_approval, "boss", is_staff=True)
    async with by_approval.visitor() as person:
        person.email = user.email
        await person.log_in(user.email)
        yield person


@pytest.fixture
async def carol(by_approval: Production) -> AsyncIterator[Person]:
    """Logged in, and waiting."""
    user = await member(by_approval, "carol", approved_at=None)
    async with by_approval.visitor() as person:
        person.email = user.email
        await person.log_in(user.email)
        yield person


async def id_of(person: Person) -> str:
    return str((await User.get(email=person.email)).id)


async def decide(person: Person, decision: str, *users: str) -> str:
    """Click a button, and return what the page says then."""
    answer = await person.http.post("/admin/approval/", data={"decision": decision, "user": list(users)})
    assert answer.status_code == 303, answer.text
    return Page((await person.http.get(answer.headers["Location"])).text).text


async def test_a_sign_up_waits_once_its_address_is_confirmed(
    by_approval: Production, boss: Person, mailbox: Mailbox
) -> None:
    email = new_address()
    async with by_approval.visitor() as carol:
        await carol.sign_up(email)
        unconfirmed = Page((await boss.http.get("/admin/approval/")).text).text
        await carol.http.post(await mailbox.next_link(email))
        page = Page((await carol.http.get("/chat/")).text)
    waiting = Page((await boss.http.get("/admin/approval/")).text).text
    overview = Page((await boss.http.get("/admin/")).text)

    assert email not in unconfirmed
    assert email in waiting
    assert page.find("h1").text == "Waiting for approval"
    assert not page.all("textarea")
    assert "Waiting for approval" in overview.text
    assert overview.all("a", href="/admin/approval/")


async def test_a_waiting_user_can_do_everything_but_send(carol: Person) -> None:
    thread = await answered(carol, "A question from before", "An answer")
    answer = (await ChatThread.get(id=thread).prefetch_related("messages")).messages[-1]
    json = {"Accept": "application/json"}
    posted = [
        await carol.post("Hello"),
        await carol.post("Hello", thread),
        await carol.http.post(f"/chat/{thread}/again/", data={"message_id": str(answer.id)}, headers=json),
        await carol.http.post(
            f"/chat/{thread}/again/", data={"message_id": str(answer.id), "go_on": "1"}, headers=json
        ),
    ]
    by_hand = await carol.http.post("/chat/", data={"message": "Hello"})
    pages = [await carol.http.get(path) for path in ("/accounts/settings/", "/accounts/data/", "/usage/")]
    saved = await carol.http.post(
        "/accounts/settings/", data={"display_name": "Carol", "theme": "dark", "enter_key": "auto", "model": "x"}
    )

    assert {(one.status_code, one.json()["code"]) for one in posted} == {(403, "not_approved")}
    assert (by_hand.status_code, Page(by_hand.text).find("h1").text) == (403, "Waiting for approval")
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert saved.status_code in (303, 422)
    user = await User.get(email=carol.email)
    assert not await LLMCallLog.filter(user=user).exists()
    assert await ChatThread.filter(user=user).count() == 1


async def test_a_socket_refuses_until_the_approval_and_then_sends(alice: Person, root: Person) -> None:
    """In an open site too: who waits keeps waiting when the mode changes, until an administrator decides."""
    thread = await answered(alice, "A question from before", "An answer")
    await User.filter(email=alice.email).update(approved_at=None)
    async with alice.tab(thread) as tab:
        refused = await tab.say("say Hello")
        said = await decide(root, f"approve:{await id_of(alice)}")
        accepted = await tab.say("say Hello")

    assert (refused["type"], refused["code"], refused["retry_ms"]) == ("nack", "not_approved", 0)
    assert "Approved: 1 of 1" in said
    assert accepted["type"] == "ack"


async def test_the_mode_may_change_while_people_wait(
    by_approval: Production, production: Production, boss: Person, carol: Person
) -> None:
    """The other site is open, and has the same accounts."""
    async with production.visitor() as elsewhere:
        await elsewhere.log_in(carol.email)
        before = Page((await elsewhere.http.get("/chat/")).text).find("h1").text
        refused = await elsewhere.post("Hello")
        await decide(boss, "approve", await id_of(carol))
        after = await elsewhere.post("Hello")

    assert (before, refused.status_code, after.status_code) == ("Waiting for approval", 403, 201)


async def test_many_are_decided_at_once_and_each_is_told(
    by_approval: Production, boss: Person, mailbox: Mailbox
) -> None:
    users = [await member(by_approval, "crowd", approved_at=None) for _ in range(5)]
    ids = [str(user.id) for user in users]
    listed = Page((await boss.http.get("/admin/approval/")).text)
    approved = await decide(boss, "approve", *ids[:3])
    declined = await decide(boss, "decline", *ids[3:], ids[0])
    nothing = await decide(boss, "approve", *ids[:3])
    subjects = [(await mailbox.next_email(user.email))["Subject"] for user in users]

    assert {box["value"] for box in listed.all("input", name="user")} >= set(ids)
    assert ("Approved: 3 of 3" in approved, "Declined: 2 of 3" in declined) == (True, True)
    assert "Approved: 0 of 3" in nothing
    assert ["was approved" in subject for subject in subjects] == [True, True, True, False, False]
    entries = {entry.object_id: entry for entry in await AuditEntry.filter(object_id__in=ids)}
    assert [entries[one].action for one in ids] == ["users.approve"] * 3 + ["users.decline"] * 2
    assert {entry.actor_email for entry in entries.values()} == {boss.email}
    assert all(mailbox.is_empty(user.email) for user in users)


async def test_two_administrators_who_decide_at_once_decide_once(
    by_approval: Production, boss: Person, mailbox: Mailbox
) -> None:
    user = await member(by_approval, "crowd", approved_at=None)
    answers = await asyncio.gather(
        boss.http.post("/admin/approval/", data={"decision": f"approve:{user.id}"}),
        boss.http.post("/admin/approval/", data={"decision": f"decline:{user.id}"}),
    )

    assert [answer.status_code for answer in answers] == [303, 303]
    entries = await AuditEntry.filter(object_id=str(user.id)).order_by("id").values_list("action", flat=True)
    now = await User.get(id=user.id)
    assert entries in (["users.approve"], ["users.decline", "users.approve"])
    assert (now.waits, now.is_active, now.declined_at) == (False, True, None)


async def test_declined_users_are_logged_out_and_can_still_be_approved(
    by_approval: Production, boss: Person, carol: Person, mailbox: Mailbox
) -> None:
    user = await id_of(carol)
    await decide(boss, f"decline:{user}")
    told = await mailbox.next_email(carol.email)
    there = await carol.http.get("/chat/")
    async with by_approval.visitor() as back:
        again = [await back.log_in(carol.email), await back.log_in(new_address())]
        await back.http.post("/accounts/password_reset/", data={"email": carol.email})
        signed_up = await back.sign_up(carol.email)
        await by_approval.site.resources.mailer.idle(seconds=10)
    detail = Page((await boss.http.get(f"/admin/users/{user}/")).text)
    approve = await boss.http.post(f"/admin/users/{user}/approve/", data={"reason": "a mistake"})
    async with by_approval.visitor() as back:
        now = await back.log_in(carol.email)

    assert "was not approved" in told["Subject"]
    assert there.status_code == 303
    assert [answer.status_code for answer in again] == [422, 422]
    assert signed_up.headers["Location"] == "/accounts/verify-email/sent/"
    assert not detail.all("a", href=f"/admin/users/{user}/enable/")
    assert approve.status_code == 303
    assert now.headers["Location"] == "/chat/"


async def test_a_password_reset_neither_logs_in_nor_approves(
    by_approval: Production, carol: Person, mailbox: Mailbox
) -> None:
    async with by_approval.visitor() as phone:
        await phone.http.post("/accounts/password_reset/", data={"email": carol.email})
        await phone.http.get(await mailbox.next_link(carol.email))
        await phone.http.post("/accounts/reset/set/", data={"new_password1": "another " + PASSWORD})
        out = await phone.http.get("/chat/")
        await phone.log_in(carol.email, "another " + PASSWORD)
        refused = await phone.post("Hello")

    assert out.status_code == 303
    assert (await User.get(email=carol.email)).waits
    assert refused.status_code == 403


async def test_a_waiting_user_can_delete_the_account(by_approval: Production, carol: Person) -> None:
    answer = await carol.http.post("/accounts/delete/", data={"password": PASSWORD})

    assert answer.status_code == 303
    assert not await User.exists(email=carol.email)


async def test_a_waiting_account_cannot_become_an_administrator(carol: Person) -> None:
    context = AuditContext(CommandLine("command line, a test"), (await User.get(email=carol.email)).id)
    with pytest.raises(Refused, match="Approve it first"):
        await commands.make_staff(context)


@pytest.mark.parametrize(
    "form", [{}, {"decision": "praise"}, {"decision": "approve:x"}, {"decision": "approve", "user": "1"}]
)
async def test_a_form_that_makes_no_sense_is_refused(boss: Person, form: dict[str, str]) -> None:
    assert (await boss.http.post("/admin/approval/", data=form)).status_code == 422


async def test_nothing_selected_changes_nothing(boss: Person) -> None:
    assert "Select at least one account" in await decide(boss, "approve")


async def test_only_administrators_decide(carol: Person) -> None:
    answer = await carol.http.post("/admin/approval/", data={"decision": f"approve:{await id_of(carol)}"})

    assert (answer.status_code, (await carol.http.get("/admin/approval/")).status_code) == (404, 404)
    assert (await User.get(email=carol.email)).waits
