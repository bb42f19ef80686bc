"""Confirming an address: links that expire, requesting another one, and what pages reveal."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest

from chat.models import AuthSession, Confirms, EmailVerificationToken, User
from chat.security.limits import CONFIRM_TO, RESEND_BACKOFF
from chat.security.tokens import new_token, token_hash
from chat.services.accounts.email_links import another_email
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.sign_up import waits
from tests.support.site import Beside, Site

SENT, RESEND = "/accounts/verify-email/sent/", "/accounts/verify-email/resend/"


@pytest.fixture
async def carol(production: Production) -> AsyncIterator[Person]:
    """A user who has signed up and not opened her link yet."""
    async with production.visitor() as person:
        person.email = f"carol-{uuid.uuid4().hex[:8]}@example.com"
        assert (await person.sign_up(person.email)).headers["Location"] == SENT
        yield person


async def later(site: Site, email: str, seconds: float) -> None:
    """Advance this address's rate limits by a time."""
    redis = site.resources.redis
    for key in await waits(site, email):
        await redis.hincrby(key, "last", -round(seconds * 1000))
        if seconds * 1000 >= await redis.pttl(key):
            await redis.delete(key)
    user = await User.get_or_none(email=email)
    if user and user.verification_sent_at:
        await User.filter(id=user.id).update(
            verification_sent_at=user.verification_sent_at - timedelta(seconds=seconds)
        )


async def use_up(site: Site, key: str) -> None:
    """Count a day's emails by a key: the mailbox's, or that of a browser's requests for it."""
    for _ in range(CONFIRM_TO.count):
        await site.resources.limits.wait_ms(CONFIRM_TO, key)


async def resend(person: Person) -> httpx.Response:
    return await person.http.post(RESEND)


def is_told_that_the_link_is_dead(answer: httpx.Response) -> bool:
    page = Page(answer.text)
    helps = [one for one in page.all("a", href="/accounts/login/") if "w-full" in one["class"]]
    return "no longer works" in page.find("h1").text and len(helps) == 1


# Asking for another message


async def test_another_link_replaces_the_first_one(production: Production, mailbox: Mailbox, carol: Person) -> None:
    first = await mailbox.next_link(carol.email)
    await later(production.site, carol.email, 60)
    answer = await resend(carol)
    page = Page((await carol.http.get(answer.headers["Location"])).text)
    second = await mailbox.next_link(carol.email)

    assert answer.status_code == 303
    assert "Another email is on its way" in page.text
    assert is_told_that_the_link_is_dead(await carol.http.get(first))
    assert is_told_that_the_link_is_dead(await carol.http.post(first))
    assert (await carol.http.post(second)).headers["Location"] == "/chat/"
    assert (await carol.http.get("/chat/")).status_code == 200


async def test_the_wait_doubles_up_to_eight_minutes_and_starts_over_after_a_day(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    await mailbox.next_link(carol.email)
    for minutes in (1, 2, 4, 8, 8):
        await later(production.site, carol.email, minutes * 60 - 10)
        early = await resend(carol)
        assert early.status_code == 429
        assert 0 < int(early.headers["Retry-After"]) <= 10
        await later(production.site, carol.email, 10)
        assert (await resend(carol)).status_code == 303, minutes
        await mailbox.next_link(carol.email)
    await later(production.site, carol.email, 86_400)
    assert (await resend(carol)).status_code == 303
    await mailbox.next_link(carol.email)

    user = await User.get(email=carol.email)
    page = Page((await carol.http.get(SENT)).text)
    assert user.verification_resends == 0
    assert 30 < int(page.find("form", action=RESEND)["data-wait-seconds"]) <= 60


async def test_the_page_shows_the_wait_without_javascript_too(carol: Person) -> None:
    page = Page((await carol.http.get(SENT)).text)
    form = page.find("form", action=RESEND)
    early = await resend(carol)

    assert 0 < int(form["data-wait-seconds"]) <= 60
    assert "You can resend it in 1 minute." in page.text
    assert early.status_code == 429
    assert "sent too recently, so none was sent now. Try again in 1 minute." in Page(early.text).text


async def test_one_of_many_concurrent_clicks_sends_an_email(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    await mailbox.next_link(carol.email)
    await later(production.site, carol.email, 60)
    answers = await asyncio.gather(*(resend(carol) for _ in range(5)))
    await mailbox.next_link(carol.email)

    assert sorted(answer.status_code for answer in answers) == [303, 429, 429, 429, 429]
    assert mailbox.is_empty(carol.email)
    counted_ms = await production.site.resources.redis.pttl(f"limit:{CONFIRM_TO.name}:{carol.email}")
    assert 0 < counted_ms <= CONFIRM_TO.interval_ms, "an email that was not sent does not count"


async def test_the_database_allows_one_email_even_if_redis_lost_the_limits(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    await mailbox.next_link(carol.email)
    deps = production.site.resources
    another = partial(another_email, carol.email, limits=deps.limits, settings=deps.settings)
    assert await another(new_token()) is None
    await later(production.site, carol.email, 60)

    tokens = [new_token() for _ in range(5)]
    messages = await asyncio.gather(*(another(token) for token in tokens))
    again = [await another(token) for token in tokens]

    assert sum(message is not None for message in messages) == 1
    assert again == messages, "a retry after an unanswered COMMIT finds the stored email"
    assert await EmailVerificationToken.filter(user__email=carol.email).count() == 1


async def test_emails_per_day_are_limited_and_the_page_shows_the_wait(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    link = await mailbox.next_link(carol.email)
    (own,) = await waits(production.site, carol.email)
    await use_up(production.site, own.removeprefix(f"ladder:{RESEND_BACKOFF.name}:"))
    await later(production.site, carol.email, 3600)
    answer = await resend(carol)
    await production.site.resources.mailer.idle(seconds=20)

    assert answer.status_code == 429
    assert "so none was sent now. Try again in 1 hour and 12 minutes." in Page(answer.text).text
    assert 4200 < int(answer.headers["Retry-After"]) <= 4320
    assert mailbox.is_empty(carol.email)
    form = Page((await carol.http.get(SENT)).text).find("form", action=RESEND)
    assert "data-wait-seconds" not in form, "no wait grew for nothing"
    assert (await carol.http.post(link)).headers["Location"] == "/chat/", "the last link still works"


async def test_a_mailbox_gets_no_more_emails_a_day_from_all_who_ask_and_no_one_is_told(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    link = await mailbox.next_link(carol.email)
    await use_up(production.site, carol.email)
    await later(production.site, carol.email, 3600)
    async with production.visitor() as elsewhere:
        assert (await elsewhere.log_in(carol.email)).headers["Location"] == "/accounts/verify-required/"
        assert (await resend(elsewhere)).status_code == 303
    await production.site.resources.mailer.idle(seconds=20)

    assert mailbox.is_empty(carol.email)
    assert (await User.get(email=carol.email)).verification_resends == 0, "no wait grew for nothing"
    assert (await carol.http.post(link)).headers["Location"] == "/chat/", "the last link still works"


async def test_a_mailbox_has_its_wait_for_all_who_ask_and_no_one_is_told(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    await mailbox.next_link(carol.email)
    async with production.visitor() as elsewhere:
        await elsewhere.log_in(carol.email)
        answer = await resend(elsewhere)
        await production.site.resources.mailer.idle(seconds=20)

        assert answer.status_code == 303
        assert mailbox.is_empty(carol.email)
        await later(production.site, carol.email, 60)
        assert (await resend(elsewhere)).status_code == 303
        await mailbox.next_link(carol.email)


async def test_a_visitor_without_a_pending_address_is_redirected_to_the_login(production: Production) -> None:
    async with production.visitor() as stranger:
        answer = await stranger.http.post(RESEND, data={"email": "carol@example.com"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts/login/")


async def test_no_link_is_sent_to_an_account_that_needs_none(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    """Confirmed, disabled and deleted accounts get the same answer as any other."""
    await mailbox.next_link(carol.email)
    for change in (
        {"email_verified": True},
        {"email_verified": False, "is_active": False},
        {"email": "gone@example.com"},
    ):
        await later(production.site, carol.email, 3600)
        await User.filter(email=carol.email).update(**change)
        assert (await resend(carol)).headers["Location"] == f"{SENT}?again=yes"
    await production.site.resources.mailer.idle(seconds=20)

    assert mailbox.is_empty(carol.email)
    await User.filter(email="gone@example.com").delete()


async def test_a_login_before_that_offers_another_link(production: Production, mailbox: Mailbox, carol: Person) -> None:
    await mailbox.next_link(carol.email)
    await later(production.site, carol.email, 60)
    async with production.visitor() as elsewhere:
        required = await elsewhere.log_in(carol.email)
        page = Page((await elsewhere.http.get(required.headers["Location"])).text)
        assert required.headers["Location"] == "/accounts/verify-required/"
        assert page.find("form", action=RESEND)["method"] == "post"
        assert (await resend(elsewhere)).status_code == 303
        entered = await elsewhere.http.post(await mailbox.next_link(carol.email))

        assert entered.headers["Location"] == "/chat/"


# Links


async def test_every_invalid_link_leads_to_a_page_that_explains_what_to_do(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    expired = await mailbox.next_link(carol.email)
    await EmailVerificationToken.filter(user__email=carol.email).update(expires_at=datetime.now(UTC))
    links = [expired, *(f"/accounts/verify-email/{one}/" for one in ("x", "%00%FF", "a" * 900, "resend%20", "🔑"))]
    async with production.visitor() as stranger:
        for link in links:
            shown, pressed = await stranger.http.get(link), await stranger.http.post(link)
            assert (shown.status_code, pressed.status_code) == (404, 422), link
            for answer in (shown, pressed):
                assert is_told_that_the_link_is_dead(answer), link
                assert answer.headers["Referrer-Policy"] == "same-origin"
                assert answer.headers["Cache-Control"] == "no-store"
                assert not Page(answer.text).all("form", action=RESEND)  # whose address would that be?
    offered = Page((await carol.http.get(expired)).text)

    assert offered.find("form", action=RESEND)["method"] == "post"
    assert not (await User.get(email=carol.email)).email_verified


async def test_a_disabled_users_link_does_nothing(mailbox: Mailbox, carol: Person) -> None:
    link = await mailbox.next_link(carol.email)
    await User.filter(email=carol.email).update(is_active=False)

    assert is_told_that_the_link_is_dead(await carol.http.get(link))
    assert is_told_that_the_link_is_dead(await carol.http.post(link))
    assert not (await User.get(email=carol.email)).email_verified
    assert not await AuthSession.exists(user__email=carol.email)


async def test_a_link_logs_no_one_in_after_the_address_is_confirmed(mailbox: Mailbox, carol: Person) -> None:
    link = await mailbox.next_link(carol.email)
    await User.filter(email=carol.email).update(email_verified=True)

    assert is_told_that_the_link_is_dead(await carol.http.post(link))
    assert not await AuthSession.exists(user__email=carol.email)


async def test_a_link_for_something_else_confirms_no_sign_up(carol: Person, mailbox: Mailbox) -> None:
    link = await mailbox.next_link(carol.email)
    await EmailVerificationToken.filter(user__email=carol.email).update(confirms=Confirms.CHANGE)

    assert is_told_that_the_link_is_dead(await carol.http.post(link))
    assert await EmailVerificationToken.exists(token_sha256=token_hash(link.split("/")[-2]))


async def test_a_link_does_not_change_who_is_logged_in(production: Production, mailbox: Mailbox, carol: Person) -> None:
    """Otherwise a planted link could make a user write into another account."""
    async with production.visitor() as dora:
        dora.email = f"dora-{uuid.uuid4().hex[:8]}@example.com"
        await dora.sign_up(dora.email)
        await dora.http.post(await mailbox.next_link(dora.email))
        link = await mailbox.next_link(carol.email)
        shown = Page((await dora.http.get(link)).text)
        done = await dora.http.post(link, data={"password": PASSWORD})

        assert carol.email in shown.text
        assert f"stay logged in as {dora.email}" in shown.text
        assert (done.status_code, done.headers["Referrer-Policy"]) == (200, "same-origin")
        assert f"still logged in as {dora.email}" in Page(done.text).text
        assert (await User.get(email=carol.email)).email_verified
        assert not await AuthSession.exists(user__email=carol.email)
        assert "don't need a link" in Page((await dora.http.get(link)).text).text
        for path in (SENT, "/accounts/verify-required/"):
            assert (await dora.http.get(path)).headers["Location"] == "/chat/"


async def test_a_link_works_once_for_concurrent_clicks(mailbox: Mailbox, carol: Person) -> None:
    link = await mailbox.next_link(carol.email)
    answers = await asyncio.gather(*(carol.http.post(link) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) in ([200, 303, 422, 422], [303, 422, 422, 422])
    assert await AuthSession.filter(user__email=carol.email).count() == 1


async def test_signing_up_cannot_flood_a_strangers_mailbox(
    production: Production, mailbox: Mailbox, carol: Person
) -> None:
    await carol.http.post(await mailbox.next_link(carol.email))
    for _ in range(5):
        async with production.visitor() as stranger:  # from another address each time
            assert (await stranger.sign_up(carol.email)).headers["Location"] == SENT
            await production.site.resources.mailer.idle(seconds=20)
    subjects = [(await mailbox.next_email(carol.email))["Subject"] for _ in range(3)]

    assert set(subjects) == {"You already have an account at Quart Chat"}
    assert mailbox.is_empty(carol.email)


# The mail server


async def test_pages_do_not_wait_for_the_mail_server(production: Production, mailbox: Mailbox) -> None:
    mailbox.awake.clear()
    try:
        async with production.visitor() as dora:
            dora.email = f"dora-{uuid.uuid4().hex[:8]}@example.com"
            answers = [await dora.sign_up(dora.email), await dora.http.get(SENT)]
            assert mailbox.is_empty(dora.email)
    finally:
        mailbox.awake.set()

    assert [answer.status_code for answer in answers] == [303, 200]
    await mailbox.next_link(dora.email)


async def test_pages_do_not_reveal_that_the_mail_server_is_down(
    beside: Beside, caplog: pytest.LogCaptureFixture
) -> None:
    mail = {"EMAIL_BACKEND": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1", "SMTP_TLS": "none"}
    email = f"erin-{uuid.uuid4().hex[:8]}@example.com"
    async with (
        beside(EMAIL_VERIFICATION_REQUIRED="True", DEFAULT_FROM_EMAIL="a@example.com", **mail) as site,
        Person.visiting(site) as erin,
    ):
        answer = await erin.sign_up(email)
        page = await erin.http.get(answer.headers["Location"])
        await site.resources.mailer.drain(seconds=20)
        token = await EmailVerificationToken.get(user__email=email)

    assert (answer.status_code, page.status_code) == (303, 200)
    assert "An email is on its way" in Page(page.text).text
    assert "was not sent" in caplog.text
    assert email not in caplog.text
    assert token.token_sha256 not in caplog.text


# Settings


@pytest.fixture(scope="module")
async def public(beside: Beside, mailbox: Mailbox) -> AsyncIterator[Site]:
    """A site with a public address, and links that expire after 90 seconds."""
    mail = {"EMAIL_BACKEND": "smtp", "SMTP_HOST": mailbox.host, "SMTP_PORT": str(mailbox.port), "SMTP_TLS": "none"}
    async with beside(
        EMAIL_VERIFICATION_REQUIRED="True",
        EMAIL_VERIFICATION_TIMEOUT="90",
        PUBLIC_URL="https://chat.example.com/",
        DEFAULT_FROM_EMAIL="noreply@example.com",
        **mail,
    ) as site:
        yield site


async def test_a_link_expires_after_the_time_in_the_settings(public: Site, mailbox: Mailbox) -> None:
    email = f"erin-{uuid.uuid4().hex[:8]}@example.com"
    async with Person.visiting(public) as erin:
        await erin.sign_up(email)
        message = await mailbox.next_email(email)
        token = await EmailVerificationToken.get(user__email=email)

    assert "works once and expires in 1 minute and 30 seconds" in message.get_body(("plain",)).get_content()
    assert timedelta(seconds=60) < token.expires_at - datetime.now(UTC) <= timedelta(seconds=90)


async def test_the_link_leads_to_the_public_address_whatever_host_was_asked(public: Site, mailbox: Mailbox) -> None:
    """Otherwise an attacker could have a working link to the attacker's host emailed."""
    email = f"erin-{uuid.uuid4().hex[:8]}@example.com"
    async with Person.visiting(public) as mallory:
        forged = {"Host": "evil.example", "Origin": "http://evil.example"}
        refused = await mallory.http.post("/accounts/signup/", data={"email": email}, headers=forged)
        assert refused.status_code == 400, "another host is not answered"
        mallory.http.headers["X-Forwarded-Host"] = "evil.example"
        assert (await mallory.sign_up(email)).status_code == 303
        message = await mailbox.next_email(email)

    assert b"evil.example" not in message.as_bytes()
    assert "\nhttps://chat.example.com/accounts/verify-email/" in message.get_body(("plain",)).get_content()


async def test_without_verification_no_email_is_requested(site: Site, alice: Person) -> None:
    for path in (SENT, "/accounts/verify-required/"):
        assert (await alice.http.get(path)).headers["Location"] == "/chat/"
    assert not await EmailVerificationToken.exists(user__email=alice.email)
