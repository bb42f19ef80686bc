"""Accounts as users see them: signing up, logging in and out, sessions that end, and links in emails."""

from __future__ import annotations

import asyncio
import unicodedata
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import escape
from http.cookies import SimpleCookie

import httpx
import pytest
import websockets

from chat.models import AuthSession, User, UserSettings
from chat.services.accounts import sessions
from chat.web.accounts.login import WRONG_LOGIN
from tests.support.cast import PASSWORD, Person
from tests.support.client import new_client
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Site


def new_address(name: str = "carol") -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}@example.com"


async def is_logged_in(person: Person) -> bool:
    return (await person.http.get("/chat/")).status_code == 200


async def session_of(person: Person) -> AuthSession:
    return await AuthSession.filter(user__email=person.email).get()


@pytest.fixture(scope="module")
async def members(site: Site) -> AsyncIterator[Person]:
    """An account that many tests of this file read and none changes: its password is hashed once."""
    async with Person.signed_up(site, "member") as person:
        yield person


@pytest.fixture(scope="module")
async def visitor(site: Site) -> AsyncIterator[Person]:
    """A visitor, for tests in which every form is refused."""
    async with Person.visiting(site) as person:
        yield person


# Signing up


async def test_signing_up_leads_to_the_chat(nobody: Person) -> None:
    address = new_address()

    response = await nobody.sign_up(address)

    assert (response.status_code, response.headers["Location"]) == (303, "/chat/")
    assert await is_logged_in(nobody)
    user = await User.get(email=address).select_related("settings")
    assert user.settings.theme == "system"
    assert not user.is_staff
    assert PASSWORD not in user.password_hash


@pytest.mark.parametrize(
    ("password", "again", "field", "sentence"),
    [
        ("short 7", "short 7", "password1", "8 characters or more"),
        ("é" * 513, "é" * 513, "password1", "1,024 bytes"),
        (PASSWORD, PASSWORD + "x", "password2", "do not match"),
        (PASSWORD, "", "password2", "do not match"),
        ("Dora.Long@Example.com", "Dora.Long@Example.com", "password1", "too similar to the email address"),
        ("dora.long", "dora.long", "password1", "too similar to the email address"),
        ("", "", "password1", "Choose a password"),
    ],
)
async def test_a_bad_password_is_explained_at_its_field(
    visitor: Person, password: str, again: str, field: str, sentence: str
) -> None:
    fields = {"email": "dora.long@example.com", "password1": password, "password2": again}
    response = await visitor.http.post("/accounts/signup/", data=fields)

    page = Page(response.text)
    assert response.status_code == 422
    assert sentence in page.error_of(field)
    assert page.find("input", id="email")["value"] == "dora.long@example.com"
    assert "value" not in page.find("input", id="password1")
    assert not await User.exists(email="dora.long@example.com")


async def test_one_password_is_enough(nobody: Person) -> None:
    address = f"once-{uuid.uuid4().hex[:8]}@example.com"
    response = await nobody.http.post("/accounts/signup/", data={"email": address, "password1": PASSWORD})

    assert response.status_code == 303
    assert await User.exists(email=address)


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "@example.com", "a@b", "a b@example.com", "a@example..com", "a\x00b@example.com", "a@ex_ample.com",
     "<script>@example.com", "x" * 250 + "@example.com", "İ" * 130 + "@example.com"],
)  # fmt: skip
async def test_an_invalid_address_is_explained_and_kept(visitor: Person, address: str) -> None:
    response = await visitor.sign_up(address)

    page = Page(response.text)
    assert response.status_code == 422
    assert page.error_of("email")
    assert page.find("input", id="email")["value"] == address


async def test_addresses_are_unique_whatever_their_case(visitor: Person, members: Person) -> None:
    for address in (members.email, members.email.upper(), f"  {members.email} "):
        response = await visitor.sign_up(address)

        assert response.status_code == 422
        assert "already exists" in Page(response.text).error_of("email")
    assert await User.filter(email__iexact=members.email).count() == 1


async def test_two_sign_ups_at_once_make_one_account(site: Site) -> None:
    address = new_address()
    async with Person.visiting(site) as one, Person.visiting(site) as two:
        answers = await asyncio.gather(one.sign_up(address), two.sign_up(address))

    assert sorted(answer.status_code for answer in answers) == [303, 422]


async def test_a_password_may_have_any_characters_and_is_used_unchanged(site: Site, nobody: Person) -> None:
    address, password = new_address(), "  пароль 密码 🔑 \x00 "
    await nobody.sign_up(address, password)

    async with Person.visiting(site) as again:
        assert (await again.log_in(address, password.strip())).status_code == 422
        assert (await again.log_in(address, password)).status_code == 303


@pytest.mark.parametrize("domain", ["bücher.example.com", "BÜCHER.example.com"])
async def test_users_can_log_in_with_the_address_they_signed_up_with(site: Site, domain: str) -> None:
    address = unicodedata.normalize("NFD", f"josé-{uuid.uuid4().hex[:8]}@{domain}")
    async with Person.visiting(site) as person:
        await person.sign_up(address)
    async with Person.visiting(site) as person:
        assert (await person.log_in(address)).status_code == 303


# Logging in


async def test_the_right_password_opens_the_chat(site: Site, members: Person) -> None:
    async with Person.visiting(site) as person:
        response = await person.log_in(members.email.upper())

        assert (response.status_code, response.headers["Location"]) == (303, "/chat/")
        assert await is_logged_in(person)
        assert (await person.http.get("/accounts/login/?next=/admin/")).headers["Location"] == "/admin/"


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(visitor: Person, members: Person) -> None:
    inactive = new_address("gone")
    await User.create(email=inactive, password_hash=(await User.get(email=members.email)).password_hash)
    await User.filter(email=inactive).update(is_active=False)
    tries = [(members.email, "wrong"), (new_address(), PASSWORD), (inactive, PASSWORD), (inactive, "wrong")]

    answers = [await visitor.log_in(address, password) for address, password in tries]

    texts = {
        Page(answer.text.replace(escape(address), "")).text for answer, (address, _) in zip(answers, tries, strict=True)
    }
    assert {answer.status_code for answer in answers} == {422}
    assert len(texts) == 1
    assert Page(answers[0].text).error_of("password") == WRONG_LOGIN
    assert not visitor.http.cookies


@pytest.mark.parametrize("address", ["İ" * 200 + "@example.com", "a\x00@example.com", "no address", "x" * 300, "@"])
async def test_nonsense_for_an_address_is_simply_wrong(visitor: Person, address: str) -> None:
    response = await visitor.log_in(address, "some password")

    assert response.status_code == 422
    assert (Page(response.text).error_of("password") or Page(response.text).error_of("email")) != ""


async def test_bytes_that_are_not_text_are_refused(visitor: Person) -> None:
    for body in (b"email=\xff\xfe&password=%ED%A0%80%FF", b"email", b"&&&==&%", b"a=1&" * 2000):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        response = await visitor.http.post("/accounts/login/", content=body, headers=form)
        assert response.status_code in (413, 422)


async def test_the_login_leads_to_the_requested_page(site: Site, members: Person) -> None:
    wanted = f"/chat/{uuid.uuid4()}/?a=1&b=ü"
    async with Person.visiting(site) as person:
        sent_away = await person.http.get(wanted)
        login = Page((await person.http.get(sent_away.headers["Location"])).text)
        kept = login.find("input", name="next")["value"]
        refused = Page((await person.log_in(members.email, "wrong", next=kept)).text)
        response = await person.log_in(members.email, next=refused.find("input", name="next")["value"])

    assert sent_away.status_code == 303
    assert httpx.URL(site.url).join(response.headers["Location"]) == httpx.URL(site.url).join(wanted)


EVIL_TARGETS = [
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "/\\/evil.example", "http:evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example",
    "\t//evil.example", " //evil.example", "/%0a/\r\nSet-Cookie: a=b", "evil.example", "chat/", "@evil.example",
    "https:/evil.example", "/chat/\\..\\evil", "//[", "data:text/html,x", "\x00//evil.example", "/chat/\x00",
    "/\x7f/evil.example", "/\x85/evil.example", "/\u2028/evil.example", "/\u202e/evil.example",
    "?next=x", "#x",
]  # fmt: skip


async def test_the_login_never_leads_to_another_site(site: Site, members: Person) -> None:
    """Checked as a logged-in user: the same check, without hashing a password for each."""
    for target in EVIL_TARGETS:
        response = await members.http.get("/accounts/login/", params={"next": target})

        assert (response.status_code, response.headers["Location"]) == (303, "/chat/"), target
    async with Person.visiting(site) as person:
        response = await person.log_in(members.email, next="//evil.example/")
        assert response.headers["Location"] == "/chat/"


# Sessions


async def test_logging_out_ends_the_session_for_a_copied_cookie_too(site: Site, alice: Person) -> None:
    async with new_client(base_url=site.url, cookies=dict(alice.http.cookies)) as thief:
        assert (await thief.get("/chat/")).status_code == 200
        response = await alice.http.post("/accounts/logout/")

        assert (response.status_code, response.headers["Location"]) == (303, "/")
        assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
        assert not alice.http.cookies.get("chat")
        assert not await AuthSession.exists(user__email=alice.email)
        assert (await thief.get("/chat/")).status_code == 303


async def test_logging_out_twice_or_without_a_login_is_harmless(alice: Person, nobody: Person) -> None:
    for person in (alice, alice, nobody):
        assert (await person.http.post("/accounts/logout/")).status_code == 303


async def test_logging_out_leaves_other_sessions_and_other_people_alone(site: Site, alice: Person, bob: Person) -> None:
    async with Person.visiting(site) as elsewhere:
        await elsewhere.log_in(alice.email)
        await alice.http.post("/accounts/logout/")

        assert await is_logged_in(elsewhere)
        assert await is_logged_in(bob)


async def test_an_open_socket_ends_with_its_session(alice: Person) -> None:
    posted = await alice.ask("Say hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
        await alice.http.post("/accounts/logout/")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                await tab.receive()

    assert closed.value.rcvd.code == 4501


async def test_a_modified_cookie_is_invalid(site: Site, members: Person) -> None:
    cookie = members.http.cookies["chat"]
    changed = [cookie[:-3] + "abc", cookie[1:], cookie.split(".")[0], "", "x" * 3000, cookie + cookie, '""']
    for value in changed:
        async with new_client(base_url=site.url, headers={"Cookie": f"chat={value}"}) as forger:
            assert (await forger.get("/chat/")).status_code == 303, value
    async with new_client(base_url=site.url, headers={"Cookie": f"chat={cookie}"}) as browser:
        assert (await browser.get("/chat/")).status_code == 200


@pytest.mark.parametrize(
    ("is_staff", "column", "most"),
    [
        (False, "last_seen_at", sessions.IDLE),
        (False, "created_at", sessions.ABSOLUTE),
        (True, "last_seen_at", sessions.STAFF_IDLE),
        (True, "created_at", sessions.STAFF_ABSOLUTE),
    ],
)
async def test_a_session_ends_when_it_is_idle_or_old(
    site: Site, members: Person, is_staff: bool, column: str, most: timedelta
) -> None:
    user = await User.create(email=new_address(), password_hash="x", is_staff=is_staff)
    await UserSettings.create(user_id=user.id)
    token = await sessions.start_session(user, ip="", user_agent="")
    cookie = site.app.extensions["QUART_AUTH"][0].dump_token(token, app=site.app)
    session = await AuthSession.get(user_id=user.id)
    async with new_client(base_url=site.url, headers={"Cookie": f"chat={cookie}"}) as browser:
        almost = datetime.now(UTC) - most + timedelta(minutes=1)
        await AuthSession.filter(id=session.id).update(**{column: almost})
        assert (await browser.get("/chat/")).status_code == 200

        over = datetime.now(UTC) - most - timedelta(seconds=1)
        await AuthSession.filter(id=session.id).update(**{column: over})
        assert (await browser.get("/chat/")).status_code == 303


async def test_being_there_keeps_a_session_and_is_written_once_a_minute(alice: Person) -> None:
    session = await session_of(alice)
    await AuthSession.filter(id=session.id).update(last_seen_at=datetime.now(UTC) - timedelta(days=1))
    await is_logged_in(alice)
    seen = (await session_of(alice)).last_seen_at
    await is_logged_in(alice)

    assert datetime.now(UTC) - seen < timedelta(minutes=1)
    assert (await session_of(alice)).last_seen_at == seen


async def test_an_account_that_was_switched_off_is_out_at_once(alice: Person, bob: Person) -> None:
    await User.filter(email=alice.email).update(is_active=False)

    assert not await is_logged_in(alice)
    assert await is_logged_in(bob)


def flags(response: httpx.Response, name: str) -> dict[str, str]:
    cookies = SimpleCookie()
    for line in response.headers.get_list("Set-Cookie"):
        cookies.load(line)
    return {flag: str(value) for flag, value in cookies[name].items() if value and flag != "expires"}


async def test_the_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(nobody: Person) -> None:
    response = await nobody.sign_up(new_address())

    thirty_days = str(30 * 24 * 60 * 60)
    assert flags(response, "chat") == {"httponly": "True", "samesite": "Lax", "path": "/", "max-age": thirty_days}


# With verification, as in production


async def test_in_production_the_cookie_is_bound_to_https_and_to_this_host(
    production: Production, mailbox: Mailbox
) -> None:
    async with production.visitor() as carol:
        link = await sign_up_and_get_link(carol, mailbox)
        entered = await carol.http.post(link)

        assert flags(entered, "__Host-chat") == {
            "secure": "True", "httponly": "True", "samesite": "Lax", "path": "/", "max-age": str(30 * 24 * 60 * 60),
        }  # fmt: skip


async def sign_up_and_get_link(person: Person, mailbox: Mailbox) -> str:
    person.email = new_address()
    response = await person.sign_up(person.email)
    assert (response.status_code, response.headers["Location"]) == (303, "/accounts/verify-email/sent/")
    return await mailbox.next_link(person.email)


async def test_the_mailed_link_confirms_the_address_and_logs_in(production: Production, mailbox: Mailbox) -> None:
    async with production.visitor() as carol:
        link = await sign_up_and_get_link(carol, mailbox)
        sent = await carol.http.get("/accounts/verify-email/sent/")
        assert carol.email in Page(sent.text).text
        assert not await is_logged_in(carol)

        for _ in range(2):  # a mail scanner has looked at it before
            shown = await carol.http.get(link)
            assert Page(shown.text).find("form", action=link)["method"] == "post"
            assert shown.headers["Referrer-Policy"] == "same-origin"
            assert (await carol.http.head(link)).status_code == 200
        assert not (await User.get(email=carol.email)).email_verified
        entered = await carol.http.post(link)

        assert (entered.status_code, entered.headers["Location"]) == (303, "/chat/")
        assert await is_logged_in(carol)
        assert (await User.get(email=carol.email)).email_verified


async def test_elsewhere_the_link_asks_for_the_password_and_then_logs_in(
    production: Production, mailbox: Mailbox
) -> None:
    async with production.visitor() as carol, production.visitor() as phone:
        link = await sign_up_and_get_link(carol, mailbox)
        assert (
            Page((await phone.http.get(link)).text).find("input", id="password")["autocomplete"] == "current-password"
        )
        assert not Page((await carol.http.get(link)).text).all("input", id="password")
        for data, sentence in (
            ({}, "Enter your password."),
            ({"password": "wrong"}, "This is not the account's password. Try again, or reset the password."),
        ):
            refused = await phone.http.post(link, data=data)
            assert (refused.status_code, Page(refused.text).error_of("password")) == (422, sentence)
            assert refused.headers["Referrer-Policy"] == "same-origin"
            assert refused.headers["Cache-Control"] == "no-store"
        assert not (await User.get(email=carol.email)).email_verified
        entered = await phone.http.post(link, data={"password": PASSWORD})

        assert (entered.status_code, entered.headers["Location"]) == (303, "/chat/")
        assert await is_logged_in(phone)
        assert not await is_logged_in(carol)


async def test_passwords_cannot_be_guessed_at_a_link(production: Production, mailbox: Mailbox) -> None:
    async with production.visitor() as carol, production.visitor() as guesser:
        link = await sign_up_and_get_link(carol, mailbox)
        answers = [await guesser.http.post(link, data={"password": f"wrong {number}"}) for number in range(6)]

        assert [answer.status_code for answer in answers] == [422] * 5 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert (await guesser.http.post(link, data={"password": PASSWORD})).status_code == 429


async def test_signing_up_with_a_strangers_address_does_not_log_its_owner_in_to_the_account(
    production: Production, mailbox: Mailbox
) -> None:
    own = "the-owners-own-passphrase-9"
    async with production.visitor() as mallory, production.visitor() as owner:
        link = await sign_up_and_get_link(mallory, mailbox)
        await owner.sign_up(mallory.email, own)
        answers = [await owner.http.post(link, data=data) for data in ({}, {"password": own})]

        assert [answer.status_code for answer in answers] == [422, 422]
        assert not await is_logged_in(owner)
        assert not (await User.get(email=mallory.email)).email_verified
        assert (await mallory.log_in(mallory.email)).status_code == 422
        assert (await owner.log_in(mallory.email, own)).headers["Location"] == "/accounts/verify-required/"


async def test_a_link_works_once(production: Production, mailbox: Mailbox) -> None:
    async with production.visitor() as carol, production.visitor() as thief:
        link = await sign_up_and_get_link(carol, mailbox)
        answers = await asyncio.gather(*(carol.http.post(link) for _ in range(3)))
        late = await thief.http.post(link)

        assert sorted(answer.status_code for answer in answers) == [303, 422, 422]
        assert late.status_code == 422
        assert "no longer works" in Page(late.text).text
        assert not await is_logged_in(thief)


async def test_a_former_password_is_a_wrong_one_as_soon_as_the_address_is_confirmed(
    production: Production, mailbox: Mailbox
) -> None:
    new = "an-altogether-new-passphrase-7"
    async with production.visitor() as carol, production.visitor() as thief:
        link = await sign_up_and_get_link(carol, mailbox)
        await carol.http.post(link)
        fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
        assert (await carol.http.post("/accounts/password_change/", data=fields)).status_code == 303

        assert Page((await thief.log_in(carol.email)).text).error_of("password") == WRONG_LOGIN


async def test_a_link_does_not_work_for_another_address(production: Production, mailbox: Mailbox) -> None:
    async with production.visitor() as carol:
        link = await sign_up_and_get_link(carol, mailbox)
        await User.filter(email=carol.email).update(email=new_address("renamed"))

        assert (await carol.http.post(link)).status_code == 422


async def test_without_a_confirmed_address_only_the_right_password_learns_that(
    production: Production, mailbox: Mailbox
) -> None:
    async with production.visitor() as carol, production.visitor() as stranger:
        await sign_up_and_get_link(carol, mailbox)
        wrong = await stranger.log_in(carol.email, "not her password")
        assert Page(wrong.text).error_of("password") == WRONG_LOGIN

        right = await carol.log_in(carol.email)
        assert (right.status_code, right.headers["Location"]) == (303, "/accounts/verify-required/")
        assert carol.email in Page((await carol.http.get("/accounts/verify-required/")).text).text
        assert not await is_logged_in(carol)
        assert not await AuthSession.exists(user__email=carol.email)


async def test_signing_up_with_a_known_address_looks_the_same_and_notifies_its_owner(
    production: Production, mailbox: Mailbox
) -> None:
    async with production.visitor() as carol, production.visitor() as stranger:
        await carol.http.post(await sign_up_and_get_link(carol, mailbox))
        before = await User.get(email=carol.email)
        answer = await stranger.sign_up(carol.email.upper(), "another password, quite long")
        page = await stranger.http.get(answer.headers["Location"])
        message = await mailbox.next_email(carol.email)

        assert (answer.status_code, answer.headers["Location"]) == (303, "/accounts/verify-email/sent/")
        assert page.status_code == 200
        assert message["Subject"].startswith("You already have an account")
        assert message["From"] == "Chat <noreply@example.com>"
        assert mailbox.is_empty(carol.email)
        assert (await User.get(email=carol.email)).password_hash == before.password_hash
        assert not await is_logged_in(stranger)


# Settings


async def test_a_theme_is_kept_and_comes_with_the_next_page(alice: Person, bob: Person) -> None:
    response = await alice.http.post("/accounts/settings/theme/", data={"theme": "dark"})

    assert (response.status_code, response.json()) == (200, {"theme": "dark"})
    assert Page((await alice.http.get("/chat/")).text).find("html")["data-theme"] == "dark"
    assert Page((await bob.http.get("/chat/")).text).find("html")["data-theme"] == "system"


async def test_an_unknown_theme_changes_nothing(members: Person) -> None:
    for theme in ("pink", "", "DARK", "d" * 9000):
        response = await members.http.post("/accounts/settings/theme/", data={"theme": theme})
        assert response.status_code == 422
    assert (await UserSettings.get(user__email=members.email)).theme == "system"


async def test_a_visitors_theme_is_not_stored(nobody: Person) -> None:
    page = await nobody.http.post("/accounts/settings/theme/", data={"theme": "dark"})
    program = await nobody.http.post(
        "/accounts/settings/theme/", data={"theme": "dark"}, headers={"Accept": "application/json"}
    )

    assert (page.status_code, page.headers["Location"]) == (303, "/accounts/login/?next=/chat/")
    assert program.status_code == 401
