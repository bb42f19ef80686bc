"""2FA in the settings: turned on with an app, recovery codes shown once, turned off with password and code."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator
from urllib.parse import quote, unquote

import httpx
import pytest

from chat.models import RecoveryCode, SecondFactor, User
from chat.services.accounts import two_factor
from chat.services.accounts.two_factor import WRONG_CODE
from chat.web.accounts.pending_login import SET_UP
from tests.support.browsers import elsewhere
from tests.support.cast import PASSWORD, Person
from tests.support.client import new_client
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Site
from tests.support.two_factor import CODE, LOGIN, PAGE, Factor, change_form_session, member, turned_on

SET_UP_PAGE, CODES_PAGE, OFF_PAGE = f"{PAGE}set-up/", f"{PAGE}recovery-codes/", f"{PAGE}turn-off/"


async def begin(person: Person, password: str = PASSWORD) -> httpx.Response:
    return await person.http.post(PAGE, data={"password": password})


async def app_of(person: Person) -> Factor:
    """The app's state after it scanned the page."""
    answer = await person.http.get(SET_UP_PAGE)
    assert answer.status_code == 200
    return Factor(Page(answer.text).find("p", id="secret").text, [])


async def confirm(person: Person, code: str) -> httpx.Response:
    return await person.http.post(SET_UP_PAGE, data={"code": code})


def codes_on(answer: httpx.Response) -> list[str]:
    return [one.text for one in Page(answer.text).all("li") if re.fullmatch("([0-9a-z]{4}-){3}[0-9a-z]{4}", one.text)]


async def is_on(person: Person) -> bool:
    return await two_factor.factor_of(await User.get(email=person.email)) is not None


async def stored_codes(person: Person) -> int:
    return await RecoveryCode.filter(user__email=person.email).count()


# Turning it on


async def test_two_factor_authentication_is_turned_on_with_an_app(alice: Person) -> None:
    assert "Two-factor authentication is off" in Page((await alice.http.get(PAGE)).text).text
    answer = await begin(alice)
    assert (answer.status_code, answer.headers["Location"]) == (303, SET_UP_PAGE)
    app = await app_of(alice)
    assert not await is_on(alice)
    answer = await confirm(alice, app.code())

    codes = codes_on(answer)
    assert (answer.status_code, len(set(codes))) == (200, 10)
    assert answer.headers["Cache-Control"] == "no-store"
    page = Page((await alice.http.get(PAGE)).text)
    assert "On since" in page.text
    assert "10 recovery codes left" in page.text
    assert not any(code in page.text for code in codes)

    await alice.http.post("/accounts/logout/")
    assert (await alice.log_in(alice.email)).headers["Location"] == CODE
    assert (await alice.http.post(CODE, data={"code": app.code(later=1)})).headers["Location"] == "/chat/"
    await alice.http.post("/accounts/logout/")
    await alice.log_in(alice.email)
    assert (await alice.http.post(CODE, data={"code": codes[9]})).headers["Location"] == "/chat/"


async def test_the_page_has_the_secret_for_the_camera_the_fingers_and_the_phone_itself(alice: Person) -> None:
    await begin(alice)
    answer = await alice.http.get(SET_UP_PAGE)
    page = Page(answer.text)
    secret = page.find("p", id="secret").text
    groups = [one.text for one in page.all("span") if re.fullmatch("[A-Z2-7]{4}", one.text)]
    [link] = [one["href"] for one in page.all("a") if one["href"].startswith("otpauth:")]
    image = page.find("img", id="qr-code")

    assert "".join(groups) == secret
    assert len(groups) == 8
    assert link.startswith(f"otpauth://totp/Quart%20Chat:{quote(alice.email)}?secret={secret}&")
    assert image["src"].startswith("data:image/svg+xml")
    assert "fill='#fff'" in unquote(image["src"])  # also in the dark
    assert image["alt"] == "QR code with the secret, for your app"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not [one for one in page.elements if "style" in one]
    field = page.find("input", id="code")
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")


async def test_the_codes_can_be_downloaded_without_a_script(alice: Person) -> None:
    await begin(alice)
    answer = await confirm(alice, (await app_of(alice)).code())
    link = Page(answer.text).find("a", download="recovery-codes.txt")
    kind, _, text = unquote(link["href"]).partition(",")

    assert kind == "data:text/plain;charset=utf-8"
    assert alice.email in text
    assert text.split("\n")[2:-1] == codes_on(answer)


async def test_tables_tell_neither_secret_nor_codes(site: Site, alice: Person) -> None:
    await begin(alice)
    app = await app_of(alice)
    codes = codes_on(await confirm(alice, app.code()))
    user = await User.get(email=alice.email)
    rows = [*await SecondFactor.filter(user_id=user.id).values(), *await RecoveryCode.filter(user_id=user.id).values()]

    assert len(rows) == 11
    for secret in (app.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in str(rows)


@pytest.mark.parametrize("password", ["wrong", "", "\x00", "x" * 2000])
async def test_the_password_is_asked_first(alice: Person, password: str) -> None:
    answer = await begin(alice, password)

    assert answer.status_code == 422
    assert Page(answer.text).error_of("password")
    assert not await SecondFactor.exists(user__email=alice.email)
    assert (await alice.http.get(SET_UP_PAGE)).headers["Location"] == PAGE


@pytest.mark.parametrize("code", ["", "wrong", "0" * 10_000, "\x00"])
async def test_without_the_apps_code_nothing_is_turned_on(alice: Person, code: str) -> None:
    await begin(alice)
    app = await app_of(alice)
    for typed in (code, app.wrong_code()):
        answer = await confirm(alice, typed)
        assert answer.status_code == 422
        assert Page(answer.text).error_of("code")
        assert Page(answer.text).find("p", id="secret").text == app.secret
    assert not await is_on(alice)
    assert (await alice.log_in(alice.email)).headers["Location"] == "/chat/"


async def test_all_other_sessions_end_and_a_copied_cookie_is_invalid(site: Site, alice: Person) -> None:
    phone = await elsewhere(site, alice)
    async with new_client(base_url=site.url, cookies=dict(alice.http.cookies)) as copied:
        await begin(alice)
        await confirm(alice, (await app_of(alice)).code())
        browsers = (alice.http, phone.http, copied)

        assert [(await one.get("/chat/")).status_code for one in browsers] == [200, 303, 303]
    await phone.http.aclose()


async def test_a_set_up_expires_after_ten_minutes(alice: Person) -> None:
    await begin(alice)
    app = await app_of(alice)
    change_form_session(alice, {"at": int(time.time()) - 601}, SET_UP)

    assert (await alice.http.get(SET_UP_PAGE)).headers["Location"] == PAGE
    assert (await confirm(alice, app.code())).headers["Location"] == PAGE
    assert not await is_on(alice)


async def test_restarting_the_set_up_makes_a_new_secret_and_invalidates_the_former(alice: Person) -> None:
    await begin(alice)
    first = await app_of(alice)
    await begin(alice)
    second = await app_of(alice)

    assert first.secret != second.secret
    assert (await confirm(alice, first.code())).status_code == 422
    assert (await confirm(alice, second.code())).status_code == 200


async def test_in_another_browser_the_secret_is_not_shown(site: Site, alice: Person, bob: Person) -> None:
    phone = await elsewhere(site, alice)
    await begin(alice)
    assert (await phone.http.get(SET_UP_PAGE)).headers["Location"] == PAGE

    await alice.log_in(bob.email)  # the same browser, another user
    assert (await alice.http.get(SET_UP_PAGE)).headers["Location"] == PAGE
    assert not await is_on(bob)
    await phone.http.aclose()


async def test_one_of_many_concurrent_confirmations_succeeds(alice: Person) -> None:
    await begin(alice)
    app = await app_of(alice)
    answers = await asyncio.gather(*(confirm(alice, app.code()) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert len([answer for answer in answers if codes_on(answer)]) == 1
    assert await stored_codes(alice) == 10


async def test_two_factor_authentication_cannot_be_set_up_twice(alice: Person) -> None:
    await begin(alice)
    app = await app_of(alice)
    name = alice.site.app.config["SESSION_COOKIE_NAME"]
    kept = alice.http.cookies[name]
    await confirm(alice, app.code())
    reloaded = await confirm(alice, app.code(later=1))
    again = await begin(alice)

    assert (reloaded.status_code, reloaded.headers["Location"]) == (303, PAGE)
    assert (again.status_code, "On since" in again.text) == (200, True)
    assert (await alice.http.get(SET_UP_PAGE)).headers["Location"] == PAGE
    alice.http.cookies.set(name, kept, domain=next(iter(alice.http.cookies.jar)).domain)
    assert (await alice.http.get(SET_UP_PAGE)).headers["Location"] == PAGE  # not even with the cookie of before
    factor = await two_factor.factor_of(await User.get(email=alice.email))
    assert factor
    assert two_factor.secret_of(factor, settings=alice.site.resources.settings) == app.secret


# New codes, and turning it off


@pytest.fixture
async def factor(alice: Person) -> AsyncIterator[Factor]:
    yield await turned_on(alice)


async def prove(person: Person, path: str, code: str, password: str = PASSWORD) -> httpx.Response:
    return await person.http.post(path, data={"password": password, "code": code})


async def test_new_recovery_codes_replace_the_old_ones(alice: Person, factor: Factor) -> None:
    answer = await prove(alice, CODES_PAGE, factor.code())
    codes = codes_on(answer)

    assert (answer.status_code, len(set(codes)), set(codes) & set(factor.codes)) == (200, 10, set())
    for code, status in ((factor.codes[0], 422), (codes[0], 303)):
        await alice.http.post("/accounts/logout/")
        await alice.log_in(alice.email)
        assert (await alice.http.post(CODE, data={"code": code})).status_code == status


async def test_new_codes_at_the_same_moment_are_ten(alice: Person, factor: Factor) -> None:
    user, accounts = await User.get(email=alice.email), alice.site.resources.accounts
    await asyncio.gather(*(two_factor.new_recovery_codes(user, accounts=accounts) for _ in range(4)))

    assert await stored_codes(alice) == 10


@pytest.mark.parametrize("uses_recovery", [False, True])
async def test_two_factor_authentication_is_turned_off_with_password_and_code(
    alice: Person, factor: Factor, uses_recovery: bool
) -> None:
    answer = await prove(alice, OFF_PAGE, factor.codes[0] if uses_recovery else factor.code())

    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    page = Page((await alice.http.get(PAGE)).text)
    assert page.find("p", role="status").text == "Two-factor authentication is off. Your password alone logs you in."
    assert not await SecondFactor.exists(user_id=(await User.get(email=alice.email)).id)
    assert await stored_codes(alice) == 0
    assert (await alice.log_in(alice.email)).headers["Location"] == "/chat/"
    assert (await prove(alice, OFF_PAGE, factor.code(later=1))).headers["Location"] == PAGE


@pytest.mark.parametrize("path", [CODES_PAGE, OFF_PAGE])
async def test_one_proof_alone_changes_nothing(alice: Person, bob: Person, factor: Factor, path: str) -> None:
    his = await turned_on(bob)
    for code, password, field in (
        (factor.code(), "wrong", "password"),
        (factor.code(), "", "password"),
        (factor.wrong_code(), PASSWORD, "code"),
        (his.code(), PASSWORD, "code"),
        (his.codes[0], PASSWORD, "code"),
        ("", PASSWORD, "code"),
    ):
        answer = await prove(alice, path, code, password)
        assert answer.status_code == 422
        assert Page(answer.text).error_of(field), (code, password)
    assert await is_on(alice)
    assert (await stored_codes(alice), await stored_codes(bob)) == (10, 10)
    assert Page((await prove(alice, path, factor.wrong_code())).text).error_of("code") == WRONG_CODE
    assert (await prove(alice, path, factor.code())).status_code in (200, 303)  # a wrong password has used up none


@pytest.mark.parametrize("path", [CODES_PAGE, OFF_PAGE])
async def test_codes_cannot_be_guessed_there_either(production: Production, path: str) -> None:
    async with member(production) as (carol, factor):
        await carol.http.post(CODE, data={"code": factor.code()})
        errors = [Page((await prove(carol, path, factor.wrong_code())).text).error_of("code") for _ in range(6)]

        assert errors == [WRONG_CODE] * 5 + ["Too many attempts. Try again in 1 minute."]
        assert "Too many attempts" in (await prove(carol, path, factor.code(later=1))).text
        assert await is_on(carol)


@pytest.mark.parametrize("path", [CODES_PAGE, OFF_PAGE, SET_UP_PAGE])
async def test_for_others_these_pages_lead_elsewhere(alice: Person, nobody: Person, path: str) -> None:
    for ask in (nobody.http.get, nobody.http.post):
        assert (await ask(path)).headers["Location"].startswith(LOGIN)
    for ask in (alice.http.get, alice.http.post):
        answer = await ask(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)


async def test_few_codes_left_are_a_warning(alice: Person, factor: Factor) -> None:
    user = await User.get(email=alice.email)
    for left, words in (
        (2, "2 recovery codes left"),
        (1, "1 recovery code left"),
        (0, "No recovery codes left"),
    ):
        surplus = await RecoveryCode.filter(user_id=user.id).order_by("id").offset(left)
        await RecoveryCode.filter(id__in=[one.id for one in surplus]).delete()
        page = Page((await alice.http.get(PAGE)).text)
        assert words in page.text
        assert page.all("p", data_alert="warning")


# What it has to do with everything else


async def test_the_settings_and_the_administrators_see_whether_it_is_on(
    alice: Person, bob: Person, root: Person
) -> None:
    await turned_on(alice)
    words = [Page((await one.http.get("/accounts/settings/")).text).text for one in (alice, bob)]
    rows = [one.text.split() for one in Page((await root.http.get("/admin/")).text).all("tr")]

    assert ["Two-factor authenticationOn:" in text for text in words] == [True, False]
    assert "Two-factor authenticationOff:" in words[1]
    assert {row[0]: row[3] for row in rows if row[0] in (alice.email, bob.email)} == {
        alice.email: "yes",
        bob.email: "no",
    }


async def test_two_factor_authentication_is_deleted_with_the_account(alice: Person, factor: Factor) -> None:
    user = await User.get(email=alice.email)
    assert (await alice.http.post("/accounts/delete/", data={"password": PASSWORD})).status_code == 303

    assert not await SecondFactor.exists(user_id=user.id)
    assert not await RecoveryCode.exists(user_id=user.id)


async def test_the_owner_is_notified_of_every_change(production: Production, mailbox: Mailbox) -> None:
    async with production.visitor() as carol:
        carol.email = f"carol-{uuid.uuid4().hex[:8]}@example.com"
        await carol.sign_up(carol.email)
        assert (await carol.http.post(await mailbox.next_link(carol.email))).status_code == 303
        await begin(carol)
        app = await app_of(carol)
        codes = codes_on(await confirm(carol, app.code()))
        said = [await mailbox.next_email(carol.email)]
        await prove(carol, CODES_PAGE, app.code(later=1))
        said.append(await mailbox.next_email(carol.email))
        await two_factor.turn_off(
            await User.get(email=carol.email),
            mailer=production.site.resources.mailer,
            settings=production.site.resources.settings,
        )
        said.append(await mailbox.next_email(carol.email))

    assert [message["Subject"] for message in said] == [
        "Two-factor authentication was turned on at Quart Chat",
        "New recovery codes for your account at Quart Chat",
        "Two-factor authentication was turned off at Quart Chat",
    ]
    for message in said:
        assert "https://chat.example.com/accounts/password_reset/" in str(message)
        assert not any(secret in str(message) for secret in (app.secret, *codes))
