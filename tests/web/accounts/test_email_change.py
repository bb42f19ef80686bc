"""Changing the email address: it needs the password and a link to the new address, and the old one is notified."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from chat.models import AuthSession, Confirms, EmailVerificationToken, PasswordResetToken, SecondFactor, User
from chat.security.limits import CONFIRM_TO, asked_by
from chat.security.tokens import token_hash
from chat.services.accounts.credentials import ensure_superuser
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production

PATH = "/accounts/change-email/"
ASKED = "Request to change your email address at Quart Chat"


def new_address(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}@example.com"


@asynccontextmanager
async def member(production: Production, mailbox: Mailbox, name: str = "carol") -> AsyncIterator[Person]:
    """A user whose address is confirmed."""
    async with production.visitor() as person:
        person.email = new_address(name)
        await person.sign_up(person.email)
        assert (await person.http.post(await mailbox.next_link(person.email))).status_code == 303
        yield person


@pytest.fixture
async def carol(production: Production, mailbox: Mailbox) -> AsyncIterator[Person]:
    async with member(production, mailbox) as person:
        yield person


async def ask(person: Person, email: str, password: str = PASSWORD) -> Page:
    answer = await person.http.post(PATH, data={"email": email, "password": password})
    if answer.status_code == 303:
        return Page((await person.http.get(answer.headers["Location"])).text)
    page = Page(answer.text)
    too_early = page.error_of("password").startswith("Too many attempts.")
    assert answer.status_code == (429 if too_early else 422)
    assert ("Retry-After" in answer.headers) is too_early
    return page


async def test_a_link_to_the_new_address_changes_it_and_the_old_address_gets_two_emails(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    old, new = carol.email, new_address("new")
    user = await User.get(email=old)
    await PasswordResetToken.create(
        token_sha256=uuid.uuid4().hex, user=user, email=old, expires_at=datetime.now(UTC) + timedelta(hours=1)
    )
    said = await ask(carol, f" {new.upper()} ")
    link = await mailbox.next_link(new)
    told = await mailbox.next_email(old)
    page = await carol.http.get(link)

    assert f"sent an email to {new}" in said.find("p", role="status").text
    assert told["Subject"] == ASKED
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert new in Page(page.text).text
    assert (await User.get(id=user.id)).email == old

    done = await carol.http.post(link)

    assert (done.status_code, done.headers["Location"]) == (303, "/accounts/settings/")
    assert f"Your email address is now {new}" in (await carol.http.get("/accounts/settings/")).text
    changed = await User.get(id=user.id)
    assert (changed.email, changed.email_verified) == (new, True)
    message = await mailbox.next_email(old)
    assert message["Subject"] == "Your email address at Quart Chat was changed"
    assert new in message.get_body(("plain",)).get_content()
    assert not await PasswordResetToken.exists(user_id=user.id)
    async with production.visitor() as again:
        assert (await again.log_in(old)).status_code == 422
        assert (await again.log_in(new)).status_code == 303


async def test_the_link_alone_logs_no_one_in_and_ends_no_session(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    new = new_address("new")
    before = await AuthSession.filter(user__email=carol.email).count()
    await ask(carol, new)
    link = await mailbox.next_link(new)
    async with production.visitor() as nobody:
        done = await nobody.http.post(link, data={"password": PASSWORD})
        assert (done.status_code, done.headers["Location"]) == (303, "/accounts/login/")
        assert (await nobody.http.get("/chat/")).status_code == 303

    assert (await carol.http.get("/chat/")).status_code == 200
    assert await AuthSession.filter(user__email=new).count() == before


async def test_the_mailbox_alone_cannot_confirm_a_strangers_change(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    """Carol asks for another person's address, and that person presses the button."""
    new = new_address("owner")
    await ask(carol, new)
    link = await mailbox.next_link(new)
    async with production.visitor() as owner, member(production, mailbox, "dora") as dora:
        for person in (owner, dora):
            shown = Page((await person.http.get(link)).text)
            refused = await person.http.post(link, data={"password": "whatever it may be"})
            assert "without the password, nothing changes" in shown.text
            assert carol.email not in shown.text
            assert refused.status_code == 422
            assert Page(refused.text).error_of("password").startswith("This is not the account's password.")

    assert not await User.exists(email=new)


async def test_a_link_from_before_a_promotion_by_command_does_not_change_the_address(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    """Carol signed up with the address that becomes an administrator's, and asked for an email change before."""
    user, new = await User.get(email=carol.email), new_address("mallory")
    await ask(carol, new)
    link = await mailbox.next_link(new)
    await User.filter(id=user.id).update(email_verified=False)
    await SecondFactor.create(user=user, nonce="planted", confirmed_at=datetime.now(UTC))
    own, passwords = "of the administrator 9", production.site.resources.passwords
    await ensure_superuser(carol.email, own, passwords=passwords)

    assert (await carol.http.post(link, data={"password": PASSWORD})).status_code == 422
    async with production.visitor() as administrator:
        assert (await administrator.log_in(carol.email, own)).headers["Location"] == "/chat/"


async def test_a_link_works_once_and_only_the_newest(mailbox: Mailbox, carol: Person) -> None:
    first, second = new_address("first"), new_address("second")
    await ask(carol, first)
    old_link = await mailbox.next_link(first)
    await ask(carol, second)
    link = await mailbox.next_link(second)

    for wrong in (old_link, "/accounts/change-email/invented/", f"/accounts/change-email/{'x' * 2000}/", link + "x/"):
        assert (await carol.http.get(wrong)).status_code == 404, wrong
        assert (await carol.http.post(wrong)).status_code in (404, 422), wrong
    assert (await User.get(email=carol.email)).email == carol.email
    assert (await carol.http.post(link)).status_code == 303
    again = await carol.http.post(link)
    assert again.status_code == 422
    assert Page(again.text).find("h1").text == "This link no longer works"


async def test_a_link_that_is_too_old_or_for_signing_up_changes_nothing(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    new = new_address("new")
    await ask(carol, new)
    link = await mailbox.next_link(new)
    token = EmailVerificationToken.filter(email=new)
    await token.update(confirms=Confirms.SIGN_UP)
    assert (await carol.http.post(link)).status_code == 422
    await token.update(confirms=Confirms.CHANGE, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await carol.http.post(link)).status_code == 422
    assert (await User.get(email=carol.email)).email == carol.email


async def test_only_the_hash_of_a_link_is_stored(mailbox: Mailbox, carol: Person) -> None:
    new = new_address("new")
    await ask(carol, new)
    token = (await mailbox.next_link(new)).split("/")[-2]

    row = await EmailVerificationToken.get(email=new)
    assert row.token_sha256 == token_hash(token)
    assert token not in repr(dict(row))


async def test_an_address_with_an_account_gets_the_same_page_and_its_owner_a_word(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    async with member(production, mailbox, "dora") as dora:
        free = new_address("free")
        pages = [(await ask(carol, email)).text.replace(email, "…") for email in (dora.email, free)]
        message = await mailbox.next_email(dora.email)

    assert pages[0] == pages[1]
    assert message["Subject"] == "Someone tried to use your email address at Quart Chat"
    assert carol.email not in str(message)
    assert not await EmailVerificationToken.exists(email=dora.email)


async def test_an_address_that_another_account_gets_meanwhile_changes_nothing(mailbox: Mailbox, carol: Person) -> None:
    new = new_address("new")
    await ask(carol, new)
    link = await mailbox.next_link(new)
    await User.create(email=new, password_hash="")

    answer = await carol.http.post(link)

    assert answer.status_code == 422
    assert "now belongs to another account" in Page(answer.text).text
    assert (await User.get(email=carol.email)).email_verified


async def test_two_concurrent_changes_to_one_address_cannot_both_succeed(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    new = new_address("new")
    async with member(production, mailbox, "dora") as dora:
        links = []
        for person in (carol, dora):
            await ask(person, new)
            links.append(await mailbox.next_link(new))
        answers = await asyncio.gather(carol.http.post(links[0]), dora.http.post(links[1]))

    assert sorted(answer.status_code for answer in answers) == [303, 422]
    assert await User.filter(email=new).count() == 1


async def test_what_cannot_be_is_explained_at_its_field(alice: Person) -> None:
    for email, password, field, sentence in (
        (alice.email.upper(), PASSWORD, "email", "This is already your email address. Enter a different one."),
        ("nonsense", PASSWORD, "email", "Enter an email address like name@example.com."),
        ("", PASSWORD, "email", "Enter your email address."),
        (new_address("new"), "wrong", "password", "This is not your password. Enter the password you log in with."),
        (new_address("new"), "", "password", "Enter your password."),
    ):
        page = await ask(alice, email, password)
        assert page.error_of(field) == sentence
        assert "autofocus" in page.find("input", id=field)
    assert not await EmailVerificationToken.exists(user__email=alice.email)


async def test_passwords_cannot_be_guessed_here(production: Production, mailbox: Mailbox, carol: Person) -> None:
    new = new_address("new")
    tries = [(await ask(carol, new, f"wrong {number}")).error_of("password") for number in range(6)]

    assert [sentence.startswith("Too many attempts.") for sentence in tries] == [False] * 5 + [True]
    assert (await ask(carol, new)).error_of("password").startswith("Too many attempts.")


async def test_email_change_requests_cannot_flood_a_strangers_mailbox(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    stranger, user = new_address("stranger"), await User.get(email=carol.email)
    for _ in range(CONFIRM_TO.count):
        await production.site.resources.limits.wait_ms(CONFIRM_TO, asked_by(str(user.id), stranger))
    page = await ask(carol, stranger)
    await production.site.resources.mailer.idle(seconds=20)

    sentence = "You had too many emails sent to this address. Try again in 1 hour and 12 minutes."
    assert page.error_of("email") == sentence
    assert mailbox.is_empty(stranger)


async def test_no_one_learns_that_others_had_emails_sent_to_an_address(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    stranger, other = new_address("stranger"), new_address("stranger")
    for _ in range(CONFIRM_TO.count):
        await production.site.resources.limits.wait_ms(CONFIRM_TO, stranger)
    asked, unasked = [(await ask(carol, address)).text.replace(address, "") for address in (stranger, other)]
    await mailbox.next_link(other)
    await production.site.resources.mailer.idle(seconds=20)

    assert asked == unasked
    assert mailbox.is_empty(stranger), "the limit still holds"


async def test_a_new_password_invalidates_the_link(mailbox: Mailbox, carol: Person) -> None:
    """The request may come from someone who knew the old password."""
    new = new_address("new")
    await ask(carol, new)
    link = await mailbox.next_link(new)
    other = "another-good-passphrase-8"
    fields = {"old_password": PASSWORD, "new_password1": other, "new_password2": other}
    assert (await carol.http.post("/accounts/password_change/", data=fields)).status_code == 303

    assert (await carol.http.get(link)).status_code == 404
