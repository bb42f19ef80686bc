"""Passwords: the rules in every form and before it is sent, changing and resetting a password."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import websockets

from chat.models import (
    MOST_LOGIN_FAILURES,
    Confirms,
    EmailVerificationToken,
    PasswordResetToken,
    User,
    UserSettings,
)
from chat.security.limits import PASSWORD_AGAIN_IN_A_ROW
from chat.security.tokens import new_token, token_hash
from tests.support.cast import PASSWORD, Person
from tests.support.client import new_client
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Beside, Site

NEW = "another good passphrase"
SET = "/accounts/reset/set/"
BAD = ["short 7", "password1", "dora.long1", "Quart Chat", "password1234567", "é" * 513]


@pytest.fixture(scope="module")
async def member(site: Site) -> AsyncIterator[Person]:
    """A user whose every change is refused."""
    async with Person.signed_up(site, "member") as person:
        yield person


# Before it is sent


async def checked(person: Person, password: str, **more: str) -> list[str]:
    response = await person.http.post("/accounts/password-check/", data={"password1": password, **more})
    assert response.status_code == 200
    found: list[str] = response.json()["errors"]
    return found


@pytest.mark.parametrize("password", BAD)
async def test_a_password_is_checked_before_the_form_is_sent(nobody: Person, password: str) -> None:
    email = "dora.long@example.com"
    before = await checked(nobody, password, email=email)
    response = await nobody.http.post(
        "/accounts/signup/", data={"email": email, "password1": password, "password2": password}
    )

    assert before != []
    assert Page(response.text).error_of("password1") == " ".join(before)


async def test_a_good_password_has_nothing_against_it(nobody: Person, alice: Person) -> None:
    assert await checked(nobody, PASSWORD) == []
    assert await checked(alice, PASSWORD, email=alice.email) == []
    for fields in ({}, {"new_password1": PASSWORD}, {"password1": "x" * 9000, "email": "y" * 9000}):
        response = await nobody.http.post("/accounts/password-check/", data=fields)
        assert response.status_code == 200
        assert bool(response.json()["errors"]) == (fields != {"new_password1": PASSWORD})


async def test_a_password_that_is_checked_is_not_logged(nobody: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await checked(nobody, "a-word-that-nobody-logs")

    assert "a-word-that-nobody-logs" not in caplog.text


async def test_other_sites_may_not_ask(nobody: Person) -> None:
    answer = await nobody.http.post(
        "/accounts/password-check/", data={"password1": "x"}, headers={"Origin": "https://evil.example"}
    )

    assert answer.status_code == 403


@pytest.mark.usefixtures("unforgiving")
async def test_asking_is_limited(throttled: Site) -> None:
    async with Person.visiting(throttled) as person:
        answers = await asyncio.gather(
            *(person.http.post("/accounts/password-check/", data={"password1": "x"}) for _ in range(70))
        )

    assert {answer.status_code for answer in answers} == {200, 429}


async def test_the_sites_own_name_and_least_length_count(beside: Beside) -> None:
    async with beside(SITE_NAME="Blue Heron", PASSWORD_MIN_LENGTH="15") as site, Person.visiting(site) as person:
        assert "15 characters or more" in " ".join(await checked(person, "fourteen chars"))
        assert "name of this site" in " ".join(await checked(person, "blue heron blue"))
        page = Page((await person.http.get("/accounts/signup/")).text)
        assert "At least 15 characters" in page.text


# Changing it


async def change(person: Person, old: str = PASSWORD, new: str = NEW, again: str = "") -> httpx.Response:
    fields = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return await person.http.post("/accounts/password_change/", data=fields)


async def is_logged_in(person: Person) -> bool:
    return (await person.http.get("/chat/")).status_code == 200


async def test_a_changed_password_holds_and_ends_all_other_sessions(site: Site, alice: Person, bob: Person) -> None:
    async with (
        Person.visiting(site) as elsewhere,
        new_client(base_url=site.url, cookies=dict(alice.http.cookies)) as copied,
    ):
        await elsewhere.log_in(alice.email)
        response = await change(alice)

        assert (response.status_code, response.headers["Location"]) == (303, "/accounts/settings/")
        settings = Page((await alice.http.get("/accounts/settings/")).text)
        assert "password has been changed" in settings.find("p", role="status").text
        assert await is_logged_in(alice)
        assert not await is_logged_in(elsewhere)
        assert (await copied.get("/chat/")).status_code == 303, "the token is a new one"
        assert await is_logged_in(bob)
        assert (await elsewhere.log_in(alice.email, PASSWORD)).status_code == 422
        assert (await elsewhere.log_in(alice.email, NEW)).status_code == 303


async def test_tabs_elsewhere_close_and_tabs_here_stay(site: Site, alice: Person) -> None:
    posted = await alice.ask("Say hello")
    async with Person.visiting(site) as elsewhere:
        await elsewhere.log_in(alice.email)
        async with alice.tab(posted["thread_id"]) as here, elsewhere.tab(posted["thread_id"]) as there:
            await here.until_finished(posted["reply_id"])
            await change(alice)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await there.receive()
            acknowledged = await here.say("Say something")

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4501
    assert acknowledged["type"] == "ack"


@pytest.mark.parametrize(
    ("old", "new", "again", "field", "words"),
    [
        ("wrong", NEW, NEW, "old_password", "not your current password"),
        ("", NEW, NEW, "old_password", "Enter your current password"),
        ("x" * 1025, NEW, NEW, "old_password", "Enter a shorter one"),
        (PASSWORD, "short 7", "short 7", "new_password1", "8 characters or more"),
        (PASSWORD, "password1", "password1", "new_password1", "Many people"),
        (PASSWORD, PASSWORD, PASSWORD, "new_password1", "already your password"),
        (PASSWORD, NEW, NEW + "x", "new_password2", "do not match"),
        (PASSWORD, "", "", "new_password1", "Choose a new password"),
    ],
)
async def test_a_refused_change_is_explained_and_changes_nothing(
    member: Person, old: str, new: str, again: str, field: str, words: str
) -> None:
    before = (await User.get(email=member.email)).password_hash
    response = await member.http.post(
        "/accounts/password_change/", data={"old_password": old, "new_password1": new, "new_password2": again}
    )

    page = Page(response.text)
    assert response.status_code == 422
    assert words in page.error_of(field)
    assert "autofocus" in page.find("input", id=field)
    assert (await User.get(email=member.email)).password_hash == before
    assert page.find("input", autocomplete="username")["value"] == member.email


async def test_strangers_cannot_change_a_password(nobody: Person, alice: Person, bob: Person) -> None:
    assert (await change(nobody)).headers["Location"].startswith("/accounts/login/")
    await change(bob)

    async with Person.visiting(alice.site) as browser:
        assert (await browser.log_in(alice.email, PASSWORD)).status_code == 303


async def test_one_of_two_concurrent_changes_succeeds(alice: Person) -> None:
    passwords = ["first new passphrase", "second new passphrase"]
    await asyncio.gather(*(change(alice, new=one) for one in passwords))

    async with Person.visiting(alice.site) as browser:
        opened = [(await browser.log_in(alice.email, one)).status_code for one in [PASSWORD, *passwords]]
    assert opened[0] == 422
    assert sorted(opened[1:]) == [303, 422]


async def test_guessing_the_old_password_is_limited_and_the_page_shows_the_wait(throttled: Site, alice: Person) -> None:
    async with Person.visiting(throttled) as person:
        person.http.cookies.update(dict(alice.http.cookies))
        answers = [await change(person, old=f"guess {number}") for number in range(6)]

    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert "Try again in 1 minute" in Page(answers[5].text).error_of("old_password")
    assert int(answers[5].headers["Retry-After"]) <= 60


async def test_guesses_at_the_login_do_not_lock_the_change_form(
    production: Production,
) -> None:
    async with resettable(production) as carol, production.visitor() as stranger:
        await carol.log_in(carol.email)
        for number in range(6):
            refused = await stranger.log_in(carol.email, f"guess {number}")
        assert refused.status_code == 429

        assert (await change(carol)).status_code == 303


async def test_guesses_at_the_change_form_do_not_lock_the_login(production: Production) -> None:
    async with resettable(production) as carol, production.visitor() as elsewhere:
        await carol.log_in(carol.email)
        for number in range(6):
            refused = await change(carol, old=f"guess {number}")
        assert refused.status_code == 429

        assert (await elsewhere.log_in(carol.email)).status_code == 303


async def test_after_a_hundred_wrong_passwords_in_a_row_the_page_explains_what_to_do(production: Production) -> None:
    async with resettable(production) as carol:
        await carol.log_in(carol.email)
        user, limits = await User.get(email=carol.email), production.site.resources.limits
        for _ in range(PASSWORD_AGAIN_IN_A_ROW.count):
            assert await limits.wait_ms(PASSWORD_AGAIN_IN_A_ROW, str(user.id)) == 0
        response = await change(carol)

    assert response.status_code == 422
    assert "Forgot your password?" in Page(response.text).error_of("old_password")


async def test_a_right_password_starts_the_count_of_wrong_ones_in_a_row_again(production: Production) -> None:
    async with resettable(production) as carol:
        await carol.log_in(carol.email)
        user, limits = await User.get(email=carol.email), production.site.resources.limits
        for _ in range(PASSWORD_AGAIN_IN_A_ROW.count - 1):
            await limits.wait_ms(PASSWORD_AGAIN_IN_A_ROW, str(user.id))
        assert (await change(carol)).status_code == 303

        assert (await change(carol, old="wrong")).status_code == 422
        assert (await change(carol, old=NEW, new="yet another passphrase")).status_code == 303


async def test_a_hundred_guesses_of_strangers_stop_nothing_in_an_open_session(production: Production) -> None:
    """Nor does what its user enters there open the login: a new password does."""
    async with resettable(production) as carol, production.visitor() as stranger, production.visitor() as elsewhere:
        await carol.log_in(carol.email)
        await User.filter(email=carol.email).update(login_failures=MOST_LOGIN_FAILURES - 1)
        await stranger.log_in(carol.email, "the last guess")
        assert (await User.get(email=carol.email)).needs_reset

        asked = await carol.http.post(
            "/accounts/change-email/", data={"email": f"new-{carol.email}", "password": PASSWORD}
        )
        assert asked.status_code == 303, "the password was right"
        assert (await User.get(email=carol.email)).needs_reset
        assert (await elsewhere.log_in(carol.email)).status_code == 422

        assert (await change(carol)).status_code == 303
        assert (await elsewhere.log_in(carol.email, NEW)).status_code == 303


async def test_the_owner_is_notified_by_email(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production) as carol:
        await carol.log_in(carol.email)
        assert (await change(carol)).status_code == 303
        message = await mailbox.next_email(carol.email)

        assert message["Subject"].startswith("Your password for")
        assert "https://chat.example.com/accounts/password_reset/" in str(message)
        assert NEW not in str(message)


async def test_links_that_the_old_password_could_have_asked_for_die(alice: Person) -> None:
    user = await User.get(email=alice.email)
    until = datetime.now(UTC) + timedelta(hours=1)
    await EmailVerificationToken.create(
        token_sha256=new_token(), user_id=user.id, email="x@y.de", expires_at=until, confirms=Confirms.CHANGE
    )
    await PasswordResetToken.create(token_sha256=new_token(), user_id=user.id, email=user.email, expires_at=until)
    await change(alice)

    assert not await EmailVerificationToken.exists(user_id=user.id)
    assert not await PasswordResetToken.exists(user_id=user.id)


# Resetting it


@asynccontextmanager
async def resettable(production: Production, **more: Any) -> AsyncIterator[Person]:
    """A user with a confirmed account on the production site, who is not logged in."""
    async with production.visitor() as person:
        person.email = f"carol-{uuid.uuid4().hex[:8]}@example.com"
        password_hash = await production.site.resources.passwords.hash(PASSWORD)
        fields = {"email": person.email, "password_hash": password_hash, "email_verified": True, **more}
        user = await User.create(**fields)
        await UserSettings.create(user_id=user.id)
        yield person


async def ask(person: Person, email: str = "") -> httpx.Response:
    return await person.http.post("/accounts/password_reset/", data={"email": email or person.email})


async def asked(person: Person, mailbox: Mailbox) -> str:
    """The path of the emailed link."""
    response = await ask(person)
    assert (response.status_code, response.headers["Location"]) == (303, "/accounts/password_reset/sent/")
    return await mailbox.next_link(person.email)


async def opened(person: Person, link: str) -> httpx.Response:
    answer = await person.http.get(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, SET)
    return await person.http.get(SET)


async def set_anew(person: Person, new: str = NEW, again: str = "") -> httpx.Response:
    return await person.http.post(SET, data={"new_password1": new, "new_password2": again or new})


def helps_with_a_dead_link(answer: httpx.Response) -> bool:
    page = Page(answer.text)
    ways = page.all("a", href="/accounts/password_reset/")
    status = 422 if answer.request.method == "POST" else 404
    return answer.status_code == status and "no longer works" in page.find("h1").text and len(ways) == 1


async def test_a_forgotten_password_is_reset_by_an_emailed_link(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production) as carol, production.visitor() as elsewhere:
        await elsewhere.log_in(carol.email, PASSWORD)
        await User.filter(email=carol.email).update(login_failures=MOST_LOGIN_FAILURES)
        login = Page((await carol.http.get("/accounts/login/")).text)
        link = await asked_from(login, carol, mailbox)
        form = Page((await opened(carol, link)).text)
        assert form.find("input", autocomplete="username")["value"] == carol.email
        done = await set_anew(carol)

        assert (done.status_code, done.headers["Location"]) == (303, "/accounts/login/")
        assert (
            "password has been reset"
            in Page((await carol.http.get("/accounts/login/")).text).find("p", role="status").text
        )
        assert not await is_logged_in(carol), "it logs nobody in"
        assert not await is_logged_in(elsewhere), "and everybody out"
        assert (await mailbox.next_email(carol.email))["Subject"].startswith("Your password for")
        assert (await carol.log_in(carol.email, PASSWORD)).status_code == 422
        assert (await carol.log_in(carol.email, NEW)).status_code == 303
        assert (await User.get(email=carol.email)).login_failures == 0


async def asked_from(login: Page, person: Person, mailbox: Mailbox) -> str:
    """Request a reset link through the pages, starting at the login."""
    page = Page((await person.http.get(login.find("a", href="/accounts/password_reset/")["href"])).text)
    form = page.find("form", action="/accounts/password_reset/")
    assert form["method"] == "post"
    link = await asked(person, mailbox)
    assert person.email in Page((await person.http.get("/accounts/password_reset/sent/")).text).text
    return link


async def test_the_token_leaves_the_address_and_viewing_does_not_use_it_up(
    production: Production, mailbox: Mailbox
) -> None:
    async with resettable(production) as carol, production.visitor() as scanner:
        link = await asked(carol, mailbox)
        token = link.split("/")[-2]
        for look in (scanner.http.head, scanner.http.get, carol.http.head):
            answer = await look(link)
            assert (answer.status_code, answer.headers["Location"]) == (303, SET)
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert answer.headers["Cache-Control"] == "no-store"
        assert (await scanner.http.head(SET)).status_code == 200
        page = await opened(carol, link)

        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        assert token not in page.text
        row = await PasswordResetToken.get(user__email=carol.email)
        assert token not in str(dict(row))
        assert row.token_sha256 == token_hash(token)
        assert row.expires_at - datetime.now(UTC) <= timedelta(seconds=3600)
        assert (await set_anew(carol)).status_code == 303


async def test_a_reset_link_works_once(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production) as carol, production.visitor() as thief:
        link = await asked(carol, mailbox)
        await opened(carol, link)
        await opened(thief, link)
        answers = await asyncio.gather(*(set_anew(one, f"a new passphrase {one is carol}") for one in (carol, thief)))
        late = await set_anew(thief, "much too late for this")

        assert sorted(answer.status_code for answer in answers) == [303, 422]
        assert all(helps_with_a_dead_link(answer) for answer in (*answers, late) if answer.status_code == 422)
        await mailbox.next_email(carol.email)
        assert mailbox.is_empty(carol.email)


async def test_a_link_that_is_old_replaced_or_invented_is_explained(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production) as carol:
        replaced = await asked(carol, mailbox)
        old = await asked(carol, mailbox)
        assert helps_with_a_dead_link(await opened(carol, replaced))
        await opened(carol, old)
        await PasswordResetToken.filter(user__email=carol.email).update(expires_at=datetime.now(UTC))
        for link in (old, "/accounts/reset/x/", "/accounts/reset/%00%FF%F0/", f"/accounts/reset/{'a' * 5000}/"):
            assert helps_with_a_dead_link(await opened(carol, link)), link
            assert helps_with_a_dead_link(await set_anew(carol)), link
        async with production.visitor() as stranger:
            assert helps_with_a_dead_link(await stranger.http.get(SET))
        assert (await carol.log_in(carol.email, PASSWORD)).status_code == 303


async def test_a_link_is_for_the_address_that_it_went_to(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production) as carol:
        await opened(carol, await asked(carol, mailbox))
        await User.filter(email=carol.email).update(email=f"now-{carol.email}")

        assert helps_with_a_dead_link(await set_anew(carol))


async def test_a_refused_password_does_not_use_the_link_up(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production) as carol:
        await opened(carol, await asked(carol, mailbox))
        for new, again, field in (
            ("short 7", "", "new_password1"),
            (carol.email, "", "new_password1"),
            (NEW, "x", "new_password2"),
        ):
            answer = await set_anew(carol, new, again)
            assert answer.status_code == 422
            assert Page(answer.text).error_of(field)
        assert (await set_anew(carol)).status_code == 303


async def test_the_link_confirms_the_address_that_it_came_to(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production, email_verified=False) as carol:
        await opened(carol, await asked(carol, mailbox))
        await set_anew(carol)

        assert (await carol.log_in(carol.email, NEW)).headers["Location"] == "/chat/"


async def test_a_missing_or_disabled_account_gets_no_email(production: Production, mailbox: Mailbox) -> None:
    async with resettable(production, is_active=False) as gone, resettable(production) as carol:
        unknown = f"unknown-{uuid.uuid4().hex[:8]}@example.com"
        answers = [await ask(carol, email) for email in (gone.email, unknown, carol.email)]
        await mailbox.next_email(carol.email)

        assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {
            (303, "/accounts/password_reset/sent/")
        }
        assert mailbox.is_empty(gone.email)
        assert mailbox.is_empty(unknown)
        assert not await PasswordResetToken.exists(user__email=gone.email)


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "x" * 300])
async def test_an_invalid_address_gets_no_link(nobody: Person, email: str) -> None:
    answer = await nobody.http.post("/accounts/password_reset/", data={"email": email})

    assert answer.status_code == 422
    assert Page(answer.text).error_of("email")


async def test_reset_emails_are_limited_and_the_page_shows_the_wait(production: Production) -> None:
    email = f"flooded-{uuid.uuid4().hex[:8]}@example.com"
    async with production.visitor() as person:
        answers = [await ask(person, email.upper()) for _ in range(6)]
        fields = {"data": {"email": email}, "headers": {"Accept": "application/json"}}
        told = await person.http.post("/accounts/password_reset/", **fields)

    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert "Try again in 12 minutes." in Page(answers[5].text).text
    assert 600 < int(answers[5].headers["Retry-After"]) <= 720
    assert told.json()["message"] == "Too many requests. Try again in 12 minutes."
    assert 600_000 < told.json()["retry_ms"] <= 720_000


async def test_a_mailbox_gets_no_more_reset_emails_from_all_who_ask_and_no_one_is_told(
    production: Production, mailbox: Mailbox
) -> None:
    async with resettable(production) as carol:
        for _ in range(5):
            async with production.visitor() as other:
                await ask(other, carol.email)
                last = await mailbox.next_link(carol.email)
        answer = await ask(carol)
        await production.site.resources.mailer.idle(seconds=20)

        assert answer.status_code == 303
        assert mailbox.is_empty(carol.email)
        assert (await opened(carol, last)).status_code == 200, "the last link still works"


async def test_one_address_of_the_network_asks_twenty_times_an_hour(production: Production) -> None:
    async with production.visitor() as person:
        answers = [await ask(person, f"somebody-{number}@example.com") for number in range(21)]

    assert [answer.status_code for answer in answers] == [303] * 20 + [429]
    assert "Try again in 3 minutes." in Page(answers[20].text).text
