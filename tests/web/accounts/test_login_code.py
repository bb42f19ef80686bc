"""Logging in with two-factor authentication: each code works once, attempts are limited, and the time too."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from chat.models import (
    AuthSession,
    EmailVerificationToken,
    PasswordResetToken,
    RecoveryCode,
    SecondFactor,
    User,
)
from chat.security.limits import CODE_GUESS_DAY
from chat.security.tokens import new_token, token_hash
from chat.services.accounts import sessions, two_factor
from chat.services.accounts.two_factor import WRONG_CODE
from chat.services.errors import TooManyGuesses
from chat.web.accounts.pending_login import LOGIN as PENDING
from tests.support.cast import PASSWORD, Person
from tests.support.client import new_client
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Beside, Site
from tests.support.two_factor import CODE, LOGIN, PAGE, Factor, change_form_session, half_way, member, turned_on

AGAIN = "Log in again, then enter the code within 10 minutes."


@pytest.fixture
async def factor(alice: Person) -> Factor:
    return await turned_on(alice)


@pytest.fixture
async def browser(site: Site, alice: Person) -> AsyncIterator[Person]:
    """Another browser of Alice's, in which she is not logged in."""
    async with Person.visiting(site) as person:
        person.email = alice.email
        yield person


async def send(person: Person, code: str) -> httpx.Response:
    return await person.http.post(CODE, data={"code": code})


async def is_logged_in(person: Person) -> bool:
    return (await person.http.get("/chat/")).status_code == 200


async def sessions_of(person: Person) -> int:
    return await AuthSession.filter(user__email=person.email).count()


async def has_to_begin_again(person: Person) -> bool:
    """Whether the code page redirects to the login, which explains why."""
    answer = await person.http.get(CODE)
    if answer.status_code != 303:
        return False
    assert answer.headers["Location"] == LOGIN
    assert Page((await person.http.get(LOGIN)).text).find("p", role="status").text == AGAIN
    return True


# The way in


async def test_the_password_opens_nothing_before_the_code(alice: Person, factor: Factor, browser: Person) -> None:
    before = await sessions_of(alice)
    await half_way(browser)
    page = Page((await browser.http.get(CODE)).text)
    field = page.find("input", id="code")

    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")
    assert "autofocus" in field
    assert "chat" not in browser.http.cookies
    assert await sessions_of(alice) == before
    assert not await is_logged_in(browser)

    answer = await send(browser, factor.code())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/")
    assert await is_logged_in(browser)
    assert (await browser.http.get(CODE)).headers["Location"] == "/chat/"


@pytest.mark.parametrize("remember", [True, False])
async def test_what_was_chosen_with_the_password_holds_after_the_code(
    factor: Factor, browser: Person, remember: bool
) -> None:
    await half_way(browser, next="/accounts/sessions/?a=b", **({"remember": "on"} if remember else {}))
    await send(browser, factor.wrong_code())
    answer = await send(browser, factor.code())

    assert answer.headers["Location"] == "/accounts/sessions/?a=b"
    [cookie] = [one for one in answer.headers.get_list("Set-Cookie") if one.startswith("chat=")]
    assert ("max-age" in cookie.lower()) == remember
    assert await AuthSession.filter(user__email=browser.email, remembered=remember).count() >= 1


MANY_BYTES = "/" + "".join(chr(0x10000 + 7919 * number % 0x10000) for number in range(900))


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/" + "x" * 4000, MANY_BYTES])
async def test_the_code_page_redirects_to_no_other_site(factor: Factor, browser: Person, target: str) -> None:
    await half_way(browser, next=target)

    assert len(browser.http.cookies["chat_form"]) < 4000, "browsers would drop it"
    assert (await send(browser, factor.code())).headers["Location"] == "/chat/"


async def test_a_code_may_have_spaces_or_come_from_a_slightly_fast_clock(factor: Factor, browser: Person) -> None:
    await half_way(browser)
    code = factor.code(later=1)

    assert (await send(browser, f" {code[:3]} {code[3:]}")).status_code == 303


@pytest.mark.parametrize("code", ["", "000", "abcdef", "٠١٢٣٤٥", "\x00" * 6, "🔑", "9" * 10_000, "' OR 1=1 --"])
async def test_anything_else_is_refused_with_an_error_at_the_field(factor: Factor, browser: Person, code: str) -> None:
    await half_way(browser)
    answer = await send(browser, code)

    assert answer.status_code == 422
    assert Page(answer.text).error_of("code")
    assert not await is_logged_in(browser)


async def test_a_wrong_code_is_explained(factor: Factor, browser: Person) -> None:
    await half_way(browser)
    page = Page((await send(browser, factor.wrong_code())).text)

    assert page.error_of("code") == WRONG_CODE
    assert "value" not in page.find("input", id="code")


async def test_others_codes_open_nothing(bob: Person, factor: Factor, browser: Person) -> None:
    his = await turned_on(bob)
    await half_way(browser)

    assert (await send(browser, his.code())).status_code == 422
    assert (await send(browser, his.codes[0])).status_code == 422
    assert await RecoveryCode.filter(user__email=bob.email).count() == 10


async def test_a_password_login_in_progress_when_2fa_is_turned_on_starts_no_session(
    alice: Person, factor: Factor
) -> None:
    """Turning it on ends all sessions; this one would start just after that."""
    user = await User.get(email=alice.email)
    for with_code in (False, True):
        token = await sessions.start_session(user, ip="::1", user_agent="", with_code=with_code)
        assert (await sessions.find_session(token) is not None) == with_code


# Each once


async def test_a_code_works_once_and_no_older_one_after_it(factor: Factor, browser: Person) -> None:
    used, next_one = factor.code(), factor.code(later=1)
    for code, status in ((used, 303), (used, 422), (next_one, 303), (used, 422), (next_one, 422)):
        await half_way(browser)
        assert (await send(browser, code)).status_code == status, code


async def test_one_of_two_posts_with_the_same_code_starts_a_session(factor: Factor, browser: Person) -> None:
    for code in (factor.code(), factor.codes[0]):
        await half_way(browser)
        before = await sessions_of(browser)
        answers = await asyncio.gather(*(send(browser, code) for _ in range(6)))

        assert sorted(answer.status_code for answer in answers) == [303] + [422] * 5
        assert await sessions_of(browser) == before + 1
        await browser.http.post("/accounts/logout/")


async def test_a_recovery_code_works_once_however_it_is_typed(factor: Factor, browser: Person) -> None:
    one, two, three = factor.codes[:3]
    for code, status in (
        (one, 303), (one, 422), (two.upper().replace("-", " "), 303), (three.replace("-", ""), 303), (two, 422),
    ):  # fmt: skip
        await half_way(browser)
        assert (await send(browser, code)).status_code == status, code
    assert await RecoveryCode.filter(user__email=browser.email).count() == 7


async def test_recovery_codes_are_entered_on_a_page_without_a_numeric_keyboard(factor: Factor, browser: Person) -> None:
    await half_way(browser)
    [link] = [one["href"] for one in Page((await browser.http.get(CODE)).text).all("a") if "recovery" in one["href"]]
    page = Page((await browser.http.get(link)).text)
    refused = Page((await browser.http.post(link, data={"code": "x"})).text)

    for shown in (page, refused):
        assert "inputmode" not in shown.find("input", id="code")
        assert shown.all("form", action=f"{CODE}?recovery")
    assert refused.error_of("code") == WRONG_CODE


async def test_codes_of_a_user_without_two_factor_authentication_are_ignored(alice: Person, factor: Factor) -> None:
    """Such rows should not exist; if they exist, they are ignored."""
    user = await User.get(email=alice.email)
    await SecondFactor.filter(user_id=user.id).delete()
    accounts = alice.site.resources.accounts

    assert not await two_factor.use_code(user, factor.codes[0], address="::1", accounts=accounts)
    assert not await two_factor.use_code(user, factor.code(), address="::1", accounts=accounts)


# Too often


async def test_after_five_wrong_codes_the_right_one_has_to_wait(production: Production) -> None:
    async with member(production) as (person, factor):
        wrong = [(await send(person, factor.wrong_code())).status_code for _ in range(5)]
        answer = await send(person, factor.code())

        assert wrong == [422] * 5
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert Page(answer.text).error_of("code") == "Too many attempts. Try again in 1 minute."
        assert not await is_logged_in(person)
        await production.site.resources.redis.delete(f"limit:code-guess-account:{await id_of(person)}")
        assert (await send(person, factor.code())).status_code == 303


async def test_parallel_guesses_do_not_slip_through(production: Production) -> None:
    async with member(production) as (person, factor):
        answers = await asyncio.gather(*(send(person, factor.wrong_code()) for _ in range(9)))

    assert sorted(answer.status_code for answer in answers) == [422] * 5 + [429] * 4


async def test_a_right_code_forgives_the_wrong_ones(production: Production) -> None:
    async with member(production) as (person, factor):
        for later in (0, 1):
            assert [(await send(person, factor.wrong_code())).status_code for _ in range(4)] == [422] * 4
            assert (await send(person, factor.code(later=later))).status_code == 303
            await half_way(person)


async def test_one_network_address_cannot_guess_for_many(production: Production) -> None:
    async with member(production) as (one, _), member(production) as (two, _), member(production) as (three, _):
        accounts, statuses = production.site.resources.accounts, []
        for person in (one, two, three):
            user = await User.get(email=person.email)
            for _ in range(4):
                try:
                    right = await two_factor.use_code(user, "x", address="198.51.100.7", accounts=accounts)
                    statuses.append(right)
                except TooManyGuesses:
                    statuses.append("too many")

    assert statuses == [False] * 10 + ["too many"] * 2


async def test_right_codes_are_not_counted_as_guesses(production: Production) -> None:
    async with member(production) as (person, factor):
        user, accounts = await User.get(email=person.email), production.site.resources.accounts
        for code in [*factor.codes, factor.code()]:  # one more than may be wrong
            assert await two_factor.use_code(user, code, address="198.51.100.8", accounts=accounts)


async def test_a_patient_guesser_has_fifty_tries_and_then_two_an_hour(production: Production) -> None:
    async with member(production) as (person, factor):
        opened, user = production.site.resources, await User.get(email=person.email)
        for number in range(CODE_GUESS_DAY.count):
            assert not await two_factor.use_code(user, "x", address=f"a{number}", accounts=opened.accounts)
            await opened.redis.delete(f"limit:code-guess-account:{user.id}")
        with pytest.raises(TooManyGuesses, match=r"2\d minutes"):
            await two_factor.use_code(user, factor.code(), address="other", accounts=opened.accounts)


async def id_of(person: Person) -> str:
    return str((await User.get(email=person.email)).id)


# Too late, and when something has changed


async def test_after_ten_minutes_the_password_is_asked_again(factor: Factor, browser: Person) -> None:
    await half_way(browser)
    change_form_session(browser, {"at": int(time.time()) - 590}, PENDING)
    assert (await browser.http.get(CODE)).status_code == 200
    change_form_session(browser, {"at": int(time.time()) - 601}, PENDING)
    answer = await send(browser, factor.code())

    assert (answer.status_code, answer.headers["Location"]) == (303, LOGIN)
    assert not await is_logged_in(browser)
    await half_way(browser)
    assert (await send(browser, factor.code())).status_code == 303


async def test_a_pending_login_ends_when_the_password_changes(alice: Person, factor: Factor, browser: Person) -> None:
    await half_way(browser)
    new = {"old_password": PASSWORD, "new_password1": "another " + PASSWORD, "new_password2": "another " + PASSWORD}
    assert (await alice.http.post("/accounts/password_change/", data=new)).status_code == 303

    assert (await send(browser, factor.code())).headers["Location"] == LOGIN
    assert not await is_logged_in(browser)


async def test_a_pending_login_ends_when_the_user_is_disabled_or_deleted(factor: Factor, browser: Person) -> None:
    await half_way(browser)
    await User.filter(email=browser.email).update(is_active=False)
    assert await has_to_begin_again(browser)

    await User.filter(email=browser.email).update(is_active=True)
    await half_way(browser)
    await User.filter(email=browser.email).delete()
    assert await has_to_begin_again(browser)


async def test_a_pending_login_ends_when_two_factor_authentication_is_turned_off(
    factor: Factor, browser: Person
) -> None:
    await half_way(browser)
    await SecondFactor.filter(user_id=await id_of(browser)).delete()

    assert await has_to_begin_again(browser)
    assert (await browser.log_in(browser.email)).headers["Location"] == "/chat/"


async def test_the_code_page_needs_a_pending_login(nobody: Person, alice: Person, factor: Factor) -> None:
    assert await has_to_begin_again(nobody)
    assert (await send(nobody, factor.code())).headers["Location"] == LOGIN
    assert (await alice.http.get(CODE)).headers["Location"] == "/chat/"


async def test_a_forged_cookie_starts_no_login(site: Site, nobody: Person, factor: Factor) -> None:
    nobody.http.cookies.set(site.app.config["SESSION_COOKIE_NAME"], "eyJ1bmZpbmlzaGVkX2xvZ2luIjp7fX0.aaaa.bbbb")

    assert (await send(nobody, factor.code())).headers["Location"] == LOGIN


# Every way in


NEW = "another " + PASSWORD


async def reset(person: Person) -> None:
    """Reset the password by an emailed link."""
    user, token = await User.get(email=person.email), new_token()
    row = {"token_sha256": token_hash(token), "user_id": user.id, "email": user.email}
    await PasswordResetToken.create(**row, expires_at=datetime.now(UTC) + timedelta(hours=1))
    await person.http.get(f"/accounts/reset/{token}/")
    answer = await person.http.post("/accounts/reset/set/", data={"new_password1": NEW, "new_password2": NEW})
    assert answer.headers["Location"] == LOGIN


async def test_a_password_reset_keeps_two_factor_authentication_on(factor: Factor, browser: Person) -> None:
    await User.filter(email=browser.email).update(email_verified=True)
    await reset(browser)

    assert (await browser.log_in(browser.email, NEW)).headers["Location"] == CODE
    assert (await send(browser, factor.code())).headers["Location"] == "/chat/"


async def test_signing_up_with_a_strangers_address_cannot_lock_its_owner_out_by_two_factor(
    factor: Factor, browser: Person
) -> None:
    """The address was not confirmed before the reset link reached it."""
    await reset(browser)

    assert (await browser.log_in(browser.email, NEW)).headers["Location"] == "/chat/"
    assert not await RecoveryCode.exists(user__email=browser.email)


async def test_a_link_that_confirms_the_address_spares_neither_password_nor_code(
    factor: Factor, browser: Person
) -> None:
    user, token = await User.get(email=browser.email), new_token()
    row = {"token_sha256": token_hash(token), "user_id": user.id, "email": user.email}
    await EmailVerificationToken.create(**row, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert (await browser.http.post(f"/accounts/verify-email/{token}/")).status_code == 422
    answer = await browser.http.post(f"/accounts/verify-email/{token}/", data={"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, CODE)
    assert not await is_logged_in(browser)
    assert (await send(browser, factor.code())).headers["Location"] == "/chat/"


async def test_rehashing_a_password_from_django_keeps_a_pending_login(factor: Factor, browser: Person) -> None:
    made = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"of old days", b"seasalt", 1000)).decode()
    await User.filter(email=browser.email).update(password_hash=f"pbkdf2_sha256$1000$seasalt${made}")
    await browser.log_in(browser.email, "of old days")

    assert (await User.get(email=browser.email)).password_hash.startswith("$argon2id$")
    assert (await send(browser, factor.code())).headers["Location"] == "/chat/"


async def test_the_previous_user_stays_logged_in_until_the_code(alice: Person, bob: Person, factor: Factor) -> None:
    await bob.log_in(alice.email)
    assert bob.email in (await bob.http.get("/chat/")).text
    await send(bob, factor.code())

    assert alice.email in (await bob.http.get("/chat/")).text
    assert not await AuthSession.exists(user__email=bob.email)


async def test_with_another_key_of_the_site_only_recovery_codes_work(
    beside: Beside, alice: Person, factor: Factor
) -> None:
    async with beside(SECRET_KEY="another-key-0123456789-abcdefghijklmnop") as site, Person.visiting(site) as browser:
        browser.email = alice.email
        await half_way(browser)

        assert (await send(browser, factor.code())).status_code == 422
        assert (await send(browser, factor.codes[0])).status_code == 303
        assert (await browser.http.get(PAGE)).status_code == 200


KEYS = [f"key-{number}-0123456789-abcdefghijklmnop" for number in range(3)]


async def code_with(beside: Beside, alice: Person, code: str, key: str, *fallbacks: str) -> int:
    """The status of a code at a site with these keys: 303 if it is right."""
    async with (
        beside(SECRET_KEY=key, SECRET_KEY_FALLBACKS=",".join(fallbacks)) as site,
        Person.visiting(site) as browser,
    ):
        browser.email = alice.email
        await half_way(browser)
        return (await send(browser, code)).status_code


async def may_use_codes_again(person: Person) -> None:
    """As if the time of the codes used so far were over."""
    user = await User.get(email=person.email)
    await SecondFactor.filter(user_id=user.id).update(last_step=0)


async def test_a_changed_key_breaks_no_app_and_its_fallback_can_go(
    beside: Beside, environment: dict[str, str], alice: Person, factor: Factor
) -> None:
    first, second = environment["SECRET_KEY"], KEYS[0]
    for key, fallbacks in [
        (second, [first]),  # the change
        (second, []),  # the fallback can go, since a code was used
        (first, [second]),  # and back again, as an undone deploy
    ]:
        assert await code_with(beside, alice, factor.code(), key, *fallbacks) == 303
        await may_use_codes_again(alice)
    row = await SecondFactor.get(user__email=alice.email)
    assert row.key_change is None


async def test_during_a_change_processes_with_either_key_accept_codes(
    beside: Beside, environment: dict[str, str], alice: Person, factor: Factor
) -> None:
    old, new = environment["SECRET_KEY"], KEYS[0]
    for key, fallback in [(new, old), (old, new), (new, old)]:
        assert await code_with(beside, alice, factor.code(), key, fallback) == 303
        await may_use_codes_again(alice)


async def test_a_missing_fallback_accepts_no_code(
    beside: Beside, environment: dict[str, str], alice: Person, factor: Factor
) -> None:
    assert await code_with(beside, alice, factor.code(), KEYS[0], KEYS[1]) == 422
    assert await code_with(beside, alice, factor.code(), KEYS[0]) == 422
    row = await SecondFactor.get(user__email=alice.email)
    assert (row.key_change, row.last_step) == (None, 0)
    assert await code_with(beside, alice, factor.code(), KEYS[0], KEYS[1], environment["SECRET_KEY"]) == 303


async def test_with_a_fallback_each_code_works_once_too(
    beside: Beside, environment: dict[str, str], alice: Person, factor: Factor
) -> None:
    code = factor.code()
    assert await code_with(beside, alice, code, KEYS[0], environment["SECRET_KEY"]) == 303
    assert await code_with(beside, alice, code, KEYS[0], environment["SECRET_KEY"]) == 422
    assert await code_with(beside, alice, code, KEYS[0]) == 422


async def test_a_changed_key_logs_no_one_out(beside: Beside, environment: dict[str, str], alice: Person) -> None:
    cookies = dict(alice.http.cookies)
    for fallbacks, status in ((environment["SECRET_KEY"], 200), ("", 303)):
        async with (
            beside(SECRET_KEY=KEYS[0], SECRET_KEY_FALLBACKS=fallbacks) as site,
            new_client(base_url=site.url, cookies=cookies) as http,
        ):
            assert (await http.get("/chat/")).status_code == status


async def test_a_set_up_that_began_before_a_change_can_be_completed(
    beside: Beside, environment: dict[str, str], alice: Person
) -> None:
    await alice.http.post(PAGE, data={"password": PASSWORD})
    user = await User.get(email=alice.email)
    row = await SecondFactor.get(user=user)
    app = Factor(two_factor.secret_of(row, settings=alice.site.resources.settings), [])
    async with (
        beside(SECRET_KEY=KEYS[0], SECRET_KEY_FALLBACKS=environment["SECRET_KEY"]) as site,
        new_client(base_url=site.url, cookies=dict(alice.http.cookies), headers={"Origin": site.url}) as http,
    ):
        done = await http.post(f"{PAGE}set-up/", data={"code": app.code()})
        assert "recovery codes" in done.text.lower()
    await may_use_codes_again(alice)
    assert await code_with(beside, alice, app.code(), KEYS[0]) == 303


async def test_the_owner_is_notified_of_a_used_recovery_code(production: Production, mailbox: Mailbox) -> None:
    async with member(production) as (person, factor):
        await send(person, factor.codes[3])
        message = await mailbox.next_email(person.email)

        assert message["Subject"] == "A recovery code for your account at Quart Chat was used"
        assert "You have 9 recovery codes left." in message.get_body(("plain",)).get_content()
        assert factor.codes[3] not in str(message)
        await half_way(person)
        await send(person, factor.code())
        assert mailbox.is_empty(person.email)
