"""Invitations: created, emailed or passed on, accepted once, revoked, and ended with their maker's rights."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from zipfile import ZipFile

import httpx
import pytest

from chat.models import AuditEntry, Invitation, User
from chat.security.tokens import token_hash
from chat.services.accounts import deletion
from chat.services.admin import commands
from chat.services.admin.audit import AuditContext, CommandLine
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.production import Production
from tests.support.sign_up import accept, in_mode, invitation_for, member, new_address, row_of
from tests.support.site import Beside
from tests.support.stores import Stores

BY_COMMAND = CommandLine("command line, a test")


@pytest.fixture(scope="module")
async def by_invitation(
    beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox
) -> AsyncIterator[Production]:
    """A site as in production, by invitation."""
    async with in_mode(beside, stores, model, mailbox)("invite") as site:
        yield site


@pytest.fixture
async def boss(by_invitation: Production) -> AsyncIterator[Person]:
    """An administrator of it."""
    user = await member(by_invitation, "boss", is_staff=True)
    async with by_invitation.visitor() as person:
        person.email = user.email
        await person.log_in(user.email)
        yield person


async def invite(person: Person, email: str = "", uses: str = "1") -> httpx.Response:
    return await person.http.post("/admin/invitations/new/", data={"email": email, "uses": uses})


def token_in(answer: httpx.Response) -> str:
    """The token of the link that the page shows."""
    return Page(answer.text).find("code", id="link").text.rstrip("/").rpartition("/")[2]


async def test_an_emailed_invitation_leads_into_the_chat(
    by_invitation: Production, boss: Person, mailbox: Mailbox
) -> None:
    email = new_address()
    made = await invite(boss, email.upper())
    link = await mailbox.next_link(email)
    shown = Page((await boss.http.get(made.headers["Location"])).text)
    async with by_invitation.visitor() as carol:
        opened = await carol.http.get(link)
        page = await carol.http.get(opened.headers["Location"])
        field = Page(page.text).find("input", name="email")
        accepted = await carol.http.post("/accounts/invitation/", data={"password1": PASSWORD})
        again = await carol.http.get(link)
        there = await carol.http.get("/chat/")
    async with by_invitation.visitor() as late:
        dead = await accept(late, link.rstrip("/").rpartition("/")[2])
    listed = Page((await boss.http.get(made.headers["Location"])).text).text

    assert made.status_code == 303
    assert link.rpartition("/invitation/")[2].strip("/") not in shown.text, "only the mailbox has the link"
    assert opened.headers["Location"] == "/accounts/invitation/"
    assert {answer.headers["Referrer-Policy"] for answer in (opened, page)} == {"same-origin"}
    assert {answer.headers["Cache-Control"] for answer in (opened, page)} == {"no-store"}
    assert (field["value"], "readonly" in field) == (email, True)
    assert (accepted.status_code, accepted.headers["Location"], there.status_code) == (303, "/chat/", 200)
    assert again.status_code == 303
    assert (dead.status_code, "no longer works" in dead.text) == (422, True)
    user = await User.get(email=email)
    assert (user.email_verified, user.waits, user.is_staff) == (True, False, False)
    assert email in listed
    assert "used" in listed
    [entry] = await AuditEntry.filter(object_id=str(user.invitation_id))
    assert (entry.action, entry.actor_email) == ("invitations.create", boss.email)
    assert entry.after == {"email": email, "uses": 1, "mailed": True}


async def test_a_link_for_several_people_is_shown_once_and_takes_no_more(
    by_invitation: Production, boss: Person, mailbox: Mailbox
) -> None:
    token = token_in(await invite(boss, uses="3"))
    emails = [new_address() for _ in range(5)]

    async def one(email: str) -> int:
        async with by_invitation.visitor() as person:
            return (await accept(person, token, email)).status_code

    answers = await asyncio.gather(*(one(email) for email in emails))
    row = await row_of(token)
    page = Page((await boss.http.get(f"/admin/invitations/{row.id}/")).text).text
    created = await User.filter(invitation_id=row.id).values_list("email", flat=True)

    assert sorted(answers) == [303, 303, 303, 422, 422]
    assert await User.filter(email__in=emails).count() == len(created) == 3
    assert row.uses_left == 0
    assert all(email in page for email in created)
    await asyncio.gather(*(mailbox.next_link(email) for email in created))


async def test_two_who_accept_one_invitation_at_once_get_one_account(by_invitation: Production) -> None:
    for _ in range(5):
        token, emails = await invitation_for(), [new_address(), new_address()]
        async with by_invitation.visitor() as one, by_invitation.visitor() as other:
            answers = await asyncio.gather(accept(one, token, emails[0]), accept(other, token, emails[1]))

        assert sorted(answer.status_code for answer in answers) == [303, 422]
        assert await User.filter(email__in=emails).count() == 1


async def test_the_same_person_in_two_tabs_gets_one_account(by_invitation: Production) -> None:
    token, email = await invitation_for(uses=2), new_address()
    async with by_invitation.visitor() as one, by_invitation.visitor() as other:
        await asyncio.gather(accept(one, token, email), accept(other, token, email))

    assert await User.filter(email=email).count() == 1


async def test_opening_the_link_takes_no_use(by_invitation: Production) -> None:
    token = await invitation_for(new_address())
    async with by_invitation.visitor() as scanner:
        for method in ("HEAD", "GET"):
            await scanner.http.request(method, f"/accounts/invitation/{token}/")
            await scanner.http.request(method, "/accounts/invitation/")
        refused = await scanner.http.post("/accounts/invitation/", data={"password1": "short"})

    assert refused.status_code == 422
    assert (await row_of(token)).uses_left == 1


async def test_a_taken_address_takes_a_use_too(by_invitation: Production, mailbox: Mailbox) -> None:
    """Otherwise the link would tell: it would work again."""
    known, left = (await member(by_invitation, "known-one")).email, []
    unknown = new_address("known-one")
    locations = []
    for email in (known, unknown):
        token = await invitation_for(uses=1)
        async with by_invitation.visitor() as prober:
            locations.append((await accept(prober, token, email)).headers["Location"])
        left.append((await row_of(token)).uses_left)

    assert left == [0, 0]
    assert locations == ["/accounts/verify-email/sent/"] * 2
    assert "already have an account" in (await mailbox.next_email(known))["Subject"]


async def test_without_confirmed_addresses_a_taken_one_takes_none(beside: Beside, alice: Person) -> None:
    async with beside(SIGNUP="invite") as site, Person.visiting(site) as prober:
        token, email = await invitation_for(uses=1), new_address()
        taken = await accept(prober, token, alice.email)
        free = await prober.http.post("/accounts/invitation/", data={"email": email, "password1": PASSWORD})

    assert (taken.status_code, "already exists" in Page(taken.text).text) == (422, True)
    assert (free.status_code, free.headers["Location"]) == (303, "/chat/")


async def test_a_site_without_a_mail_server_shows_the_link(beside: Beside, root: Person) -> None:
    email = new_address()
    async with beside(SIGNUP="invite") as site, Person.visiting(site) as boss, Person.visiting(site) as carol:
        await boss.log_in(root.email)
        token = token_in(await invite(boss, email))
        accepted = await accept(carol, token)

    assert (accepted.status_code, accepted.headers["Location"]) == (303, "/chat/")
    assert not (await User.get(email=email)).email_verified, "a link that was passed on proves no mailbox"


async def test_a_user_who_is_logged_in_stays_who_they_are(by_invitation: Production, boss: Person) -> None:
    token = await invitation_for(new_address())
    answer = await accept(boss, token)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/")
    assert boss.email in Page((await boss.http.get("/chat/")).text).text
    assert (await row_of(token)).uses_left == 1


async def test_a_revoked_invitation_is_dead(by_invitation: Production, boss: Person) -> None:
    token = token_in(await invite(boss, uses="2"))
    row = await row_of(token)
    path = f"/admin/invitations/{row.id}/revoke/"
    first, second = [await boss.http.post(path, data={"reason": "sent to the wrong list"}) for _ in range(2)]
    async with by_invitation.visitor() as carol:
        answer = await accept(carol, token, new_address())

    assert [first.status_code, second.status_code, answer.status_code] == [303, 303, 422]
    entries = await AuditEntry.filter(object_id=str(row.id)).order_by("id").values_list("action", flat=True)
    assert entries == ["invitations.create", "invitations.revoke"]


@pytest.mark.parametrize("end", ["demote", "disable", "delete"])
async def test_an_invitation_ends_with_its_makers_rights(by_invitation: Production, boss: Person, end: str) -> None:
    token = token_in(await invite(boss))
    user = await User.get(email=boss.email)
    context, opened = AuditContext(BY_COMMAND, user.id), by_invitation.site.resources
    match end:
        case "demote":
            await commands.remove_staff(context)
            await commands.make_staff(context)
        case "disable":
            await commands.disable(context, worker=opened.worker, broadcast=opened.broadcast)
            await commands.enable(context)
        case "delete":
            await member(by_invitation, "another", is_staff=True)
            await deletion.delete_account(user, worker=opened.worker, broadcast=opened.broadcast, mailer=opened.mailer)
    async with by_invitation.visitor() as carol:
        answer = await accept(carol, token, new_address())

    assert answer.status_code == 422
    assert await Invitation.filter(maker_id=user.id, revoked_at=None).count() == 0


async def test_users_stay_when_their_inviter_is_deleted(
    by_invitation: Production, boss: Person, mailbox: Mailbox
) -> None:
    email = new_address()
    await invite(boss, email)
    async with by_invitation.visitor() as carol:
        await accept(carol, (await mailbox.next_link(email)).rstrip("/").rpartition("/")[2])
        await member(by_invitation, "another", is_staff=True)
        opened, user = by_invitation.site.resources, await User.get(email=boss.email)
        await deletion.delete_account(user, worker=opened.worker, broadcast=opened.broadcast, mailer=opened.mailer)
        there = await carol.http.get("/chat/")

    assert there.status_code == 200
    assert (await User.get(email=email)).invitation_id is None


@pytest.mark.parametrize(
    ("email", "uses", "sentence"),
    [
        ("", "0", "Enter a number from 1 to 1000"),
        ("", "1001", "Enter a number from 1 to 1000"),
        ("", "99999999999999999999", "Enter a number from 1 to 1000"),
        ("", "-3", "Enter a number from 1 to 1000"),
        ("", "many", "Not a valid integer value"),
        ("", "", "Enter a number"),
        ("nothing", "1", "Enter an email address like"),
        ("a@example.com", "2", "for one person"),
        ("x" * 300 + "@example.com", "1", "at most 254 characters"),
        ("a@exam\0ple.com", "1", "Enter an email address like"),
    ],
)
async def test_an_impossible_invitation_is_refused(boss: Person, email: str, uses: str, sentence: str) -> None:
    answer = await invite(boss, email, uses)

    assert answer.status_code == 422
    assert sentence in Page(answer.text).text


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({}, "already has an account"),
        ({"approved_at": None}, "is waiting for approval"),
        ({"approved_at": None, "declined_at": "2026-11-29T00:00:00Z", "is_active": False}, "was declined"),
    ],
)
async def test_someone_with_an_account_is_not_invited(
    by_invitation: Production, boss: Person, columns: dict[str, object], sentence: str
) -> None:
    user = await member(by_invitation, **columns)
    answer = await invite(boss, user.email)

    assert (answer.status_code, sentence in Page(answer.text).text) == (422, True)


async def test_one_mailbox_gets_a_limited_number_of_invitations(boss: Person) -> None:
    email = new_address()
    answers = [(await invite(boss, email)).status_code for _ in range(21)]

    assert answers == [303] * 20 + [422]


async def test_only_administrators_invite(by_invitation: Production) -> None:
    user = await member(by_invitation)
    async with by_invitation.visitor() as person:
        await person.log_in(user.email)
        answers = [(await invite(person)).status_code, (await person.http.get("/admin/invitations/new/")).status_code]
        answers += [(await person.http.get("/admin/invitations/")).status_code]

    assert answers == [404, 404, 404]


async def test_a_download_has_the_invitations_without_their_links(by_invitation: Production, boss: Person) -> None:
    token = token_in(await invite(boss, uses="7"))
    archive = ZipFile(io.BytesIO((await boss.http.post("/accounts/data/")).content))
    text = archive.read("data.json").decode()
    data = json.loads(text)

    assert [(one["uses"], one["uses_left"], one["email"]) for one in data["invitations"]] == [(7, 7, "")]
    assert data["account"]["approved_at"]
    assert data["account"]["invited_at"] is None
    assert token not in text
    assert token_hash(token) not in text
