"""Logging in: "remember me", one session per browser, too many wrong passwords, hashes from Django."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import httpx
import pytest
import websockets

from chat.models import MOST_LOGIN_FAILURES, AuthSession, User, UserSettings
from chat.security.limits import LOGIN_FAILURE_ACCOUNT, LOGIN_FAILURE_ADDRESS
from chat.services.accounts import sessions
from chat.web.accounts.login import WRONG_LOGIN
from tests.support.cast import PASSWORD, Person
from tests.support.client import new_client
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Site


async def is_logged_in(person: Person) -> bool:
    return (await person.http.get("/chat/")).status_code == 200


def lifetime(response: httpx.Response) -> str:
    """The cookie's Max-Age in seconds; empty if it ends with the browser."""
    cookies = SimpleCookie()
    for line in response.headers.get_list("Set-Cookie"):
        cookies.load(line)
    return str(cookies["chat"]["max-age"])


# Remember me


async def test_with_remember_me_the_session_lasts_thirty_days(site: Site, alice: Person) -> None:
    async with Person.visiting(site) as browser:
        response = await browser.log_in(alice.email, remember="on")

    assert lifetime(response) == str(30 * 24 * 60 * 60)
    assert await AuthSession.filter(user__email=alice.email, remembered=True).count() == 2


async def test_without_remember_me_the_session_ends_with_the_browser_or_after_a_day(site: Site, alice: Person) -> None:
    async with Person.visiting(site) as browser:
        response = await browser.log_in(alice.email)
        session = await AuthSession.get(user__email=alice.email, remembered=False)

        assert lifetime(response) == ""
        almost = datetime.now(UTC) - sessions.UNREMEMBERED_IDLE + timedelta(minutes=1)
        await AuthSession.filter(id=session.id).update(last_seen_at=almost)
        assert await is_logged_in(browser)
        over = datetime.now(UTC) - sessions.UNREMEMBERED_IDLE - timedelta(seconds=1)
        await AuthSession.filter(id=session.id).update(last_seen_at=over)
        assert not await is_logged_in(browser)
        assert await is_logged_in(alice)


async def test_the_choice_is_kept_when_the_password_was_wrong(site: Site, alice: Person) -> None:
    async with Person.visiting(site) as browser:
        for more, is_checked in (({"remember": "on"}, True), ({}, False)):
            page = Page((await browser.log_in(alice.email, "wrong", **more)).text)
            assert ("checked" in page.find("input", id="remember")) == is_checked


# One session a browser


async def test_another_login_ends_the_session_that_this_browser_had(site: Site, alice: Person, bob: Person) -> None:
    async with new_client(base_url=site.url, cookies=dict(alice.http.cookies)) as copied:
        response = await alice.log_in(bob.email)

        assert response.status_code == 303
        assert bob.email in (await alice.http.get("/chat/")).text
        assert (await copied.get("/chat/")).status_code == 303
    assert not await AuthSession.exists(user__email=alice.email)
    assert await is_logged_in(bob)


async def test_its_open_tabs_end_too(alice: Person, bob: Person) -> None:
    posted = await alice.ask("Say hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        await alice.log_in(bob.email)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                await tab.receive()

    assert closed.value.rcvd
    assert closed.value.rcvd.code == 4501


async def test_a_refused_login_leaves_the_session_alone(alice: Person, bob: Person) -> None:
    await alice.log_in(bob.email, "wrong")

    assert alice.email in (await alice.http.get("/chat/")).text


async def test_a_login_with_a_password_that_changes_meanwhile_opens_nothing(alice: Person) -> None:
    user = await User.get(email=alice.email)
    await User.filter(id=user.id).update(password_hash="of another password")
    token = await sessions.start_session(user, ip="", user_agent="")

    assert await sessions.find_session(token) is None
    assert await AuthSession.filter(user_id=user.id).count() == 1


# Where the login leads


@pytest.mark.parametrize(
    "target",
    ["/%2f%2fevil.example/", "/%5cevil.example/", "/.//evil.example/", "/chat/..//evil.example/", "/%09/evil.example/"],
)
async def test_an_encoded_address_of_another_site_stays_on_this_one(site: Site, alice: Person, target: str) -> None:
    answer = await alice.http.get("/accounts/login/", params={"next": target}, follow_redirects=True)

    assert answer.status_code == 404
    assert len(answer.history) >= 1
    for one in (answer, *answer.history):
        assert (one.url.scheme, one.url.netloc) == (httpx.URL(site.url).scheme, httpx.URL(site.url).netloc)


# Wrong passwords


async def failures(person: Person) -> int:
    return (await User.get(email=person.email)).login_failures


async def test_wrong_passwords_are_counted_until_a_right_one(site: Site, alice: Person, bob: Person) -> None:
    async with Person.visiting(site) as guesser:
        await asyncio.gather(*(guesser.log_in(alice.email, "wrong") for _ in range(7)))
        assert (await failures(alice), await failures(bob)) == (7, 0)

        await guesser.log_in(alice.email)
        assert await failures(alice) == 0


async def test_after_a_hundred_failures_the_right_password_gets_the_same_answer(site: Site, alice: Person) -> None:
    await User.filter(email=alice.email).update(login_failures=MOST_LOGIN_FAILURES - 1)
    async with Person.visiting(site) as browser:
        answers = [await browser.log_in(alice.email, password) for password in ("wrong", PASSWORD, "wrong")]

        assert [answer.status_code for answer in answers] == [422] * 3
        assert len({answer.text.split("<main")[1] for answer in answers}) == 1
        page = Page(answers[1].text)
        assert page.error_of("password") == WRONG_LOGIN
        assert page.find("a", href="/accounts/password_reset/").text == "Forgot your password?"
        assert not await is_logged_in(browser)
    assert await is_logged_in(alice)


async def test_a_locked_accounts_owner_gets_one_email(production: Production, mailbox: Mailbox) -> None:
    email = f"victim-{uuid.uuid4().hex[:8]}@example.com"
    user = await User.create(email=email, password_hash="x", login_failures=MOST_LOGIN_FAILURES - 1)
    for number in range(3):
        async with production.visitor() as guesser:
            await guesser.log_in(email, f"guess {number}")
    message = await mailbox.next_email(email)

    assert message["Subject"].startswith("Your account at Quart Chat is locked")
    assert "https://chat.example.com/accounts/password_reset/" in str(message)
    assert mailbox.is_empty(email)
    assert (await User.get(id=user.id)).needs_reset


async def member(production: Production) -> str:
    """The confirmed address of a user of a site with limits."""
    email = f"member-{uuid.uuid4().hex[:8]}@example.com"
    password_hash = await production.site.resources.passwords.hash(PASSWORD)
    user = await User.create(email=email, password_hash=password_hash, email_verified=True)
    await UserSettings.create(user_id=user.id)
    return email


async def test_successful_logins_from_one_address_are_not_limited(production: Production) -> None:
    email = await member(production)
    async with production.visitor() as office:
        statuses = [(await office.log_in(email)).status_code for _ in range(LOGIN_FAILURE_ADDRESS.count + 2)]

    assert statuses == [303] * (LOGIN_FAILURE_ADDRESS.count + 2)


@pytest.mark.usefixtures("unforgiving")
async def test_logging_in_to_another_account_does_not_reset_the_guess_limit(production: Production) -> None:
    own, guesses = await member(production), []
    async with production.visitor() as guesser:
        for number in range(LOGIN_FAILURE_ADDRESS.count + 2):
            if number in (4, 8):
                assert (await guesser.log_in(own)).status_code == 303
            guesses.append((await guesser.log_in(f"other-{number}@example.com", "a guess")).status_code)

    assert guesses == [422] * LOGIN_FAILURE_ADDRESS.count + [429] * 2


@pytest.mark.usefixtures("unforgiving")
async def test_guessers_do_not_see_by_their_wait_that_the_owner_logged_in(production: Production) -> None:
    known, unknown, seen = await member(production), f"unknown-{uuid.uuid4().hex[:8]}@example.com", []
    for email in (unknown, known):
        async with production.visitor() as guesser, production.visitor() as owner:
            answers = [await guesser.log_in(email, f"guess {number}") for number in range(3)]
            assert (await owner.log_in(known)).status_code == 303
            answers += [await guesser.log_in(email, f"another guess {number}") for number in range(3)]
            seen.append([answer.status_code for answer in answers])

    assert seen == [[422] * LOGIN_FAILURE_ACCOUNT.count + [429]] * 2


# Accounts that came from Django


async def test_a_django_password_logs_in_and_is_rehashed(site: Site) -> None:
    email = f"migrated-{uuid.uuid4().hex[:8]}@example.com"
    made = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"of old days", b"seasalt", 1000)).decode()
    user = await User.create(email=email, password_hash=f"pbkdf2_sha256$1000$seasalt${made}")
    await UserSettings.create(user_id=user.id)
    async with Person.visiting(site) as browser:
        assert (await browser.log_in(email, "of new days")).status_code == 422
        assert (await browser.log_in(email, "of old days")).status_code == 303
        assert (await User.get(id=user.id)).password_hash.startswith("$argon2id$")
        assert (await browser.log_in(email, "of old days")).status_code == 303
