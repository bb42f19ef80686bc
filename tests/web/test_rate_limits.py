"""Rate limits of sign-ups and of guessed passwords."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from chat.security.limits import LOGIN, LOGIN_FAILURE_ADDRESS, SIGNUP
from tests.support.cast import PASSWORD, Person
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Beside, Site

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
async def member(site: Site) -> AsyncIterator[Person]:
    """A user whom no test of this file logs out."""
    async with Person.signed_up(site, "member") as person:
        yield person


async def sign_up_as(taken: Person, person: Person, **headers: str) -> httpx.Response:
    """Sign up with an address that has an account: it is counted, and creates none."""
    fields = {"email": taken.email, "password1": PASSWORD, "password2": PASSWORD}
    return await person.http.post("/accounts/signup/", data=fields, headers=headers)


async def test_the_sixth_sign_up_in_an_hour_is_one_too_many_whatever_a_visitor_claims(
    throttled: Site, member: Person
) -> None:
    await throttled.resources.limits.reset(SIGNUP, "127.0.0.1")  # other tests sign up from here too
    async with Person.visiting(throttled) as person:
        answers = [
            await sign_up_as(
                member, person, **{"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"10.0.0.{number}"}
            )
            for number in range(6)
        ]
        program = await sign_up_as(member, person, **JSON)
        looked_at = await person.http.get("/accounts/signup/")

    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert 0 < int(answers[5].headers["Retry-After"]) <= SIGNUP.period_seconds // SIGNUP.count
    assert "Too many requests. Try again in" in Page(answers[5].text).text
    assert program.status_code == 429
    assert program.json()["code"] == "too_many_requests"
    assert looked_at.status_code == 200


async def test_invalid_sign_up_forms_are_not_counted(production: Production, member: Person) -> None:
    slips = [("alice@", PASSWORD, PASSWORD), ("alice@example.com", PASSWORD, "x")]
    slips += [("alice@example.com", refused, refused) for refused in ("short 7", "password1", "alice@example.com")]
    async with production.visitor() as person:
        for email, password, again in slips * 2:
            fields = {"email": email, "password1": password, "password2": again}
            assert (await person.http.post("/accounts/signup/", data=fields)).status_code == 422
        counted = [await sign_up_as(member, person) for _ in range(6)]

    assert [answer.status_code for answer in counted] == [303] * 5 + [429]


@pytest.mark.usefixtures("unforgiving")
async def test_people_who_share_an_address_sign_up_more_often_but_guess_no_more(beside: Beside, member: Person) -> None:
    async with beside(RATE_LIMITS="on", PEOPLE_PER_ADDRESS="3") as site:
        for limit in (SIGNUP, LOGIN, LOGIN_FAILURE_ADDRESS):
            await site.resources.limits.reset(limit, "127.0.0.1")
        async with Person.visiting(site) as office:
            answers = [await sign_up_as(member, office) for _ in range(16)]
            guesses = [await office.log_in(f"{uuid.uuid4().hex}@example.com", "guess") for _ in range(11)]
        for limit in (SIGNUP, LOGIN, LOGIN_FAILURE_ADDRESS):
            await site.resources.limits.reset(limit, "127.0.0.1")

    assert [answer.status_code for answer in answers] == [422] * 15 + [429]
    assert [answer.status_code for answer in guesses] == [422] * 10 + [429]


async def test_being_logged_in_does_not_raise_the_sign_up_limit(
    throttled: Site, member: Person, alice: Person, bob: Person
) -> None:
    codes = []
    for somebody, times in ((alice, 5), (bob, 1)):
        async with Person.visiting(throttled) as person:
            person.http.cookies.update(dict(somebody.http.cookies))
            codes += [(await sign_up_as(member, person)).status_code for _ in range(times)]

    assert codes[-1] == 429


async def test_sign_ups_at_once_do_not_slip_through_together(production: Production, member: Person) -> None:
    async with production.visitor() as person:
        answers = await asyncio.gather(*(sign_up_as(member, person) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [303] * 5 + [429] * 15


async def test_behind_a_proxy_the_address_that_the_proxy_saw_counts(production: Production, member: Person) -> None:
    async with production.visitor() as spoofer, production.visitor() as neighbour:
        claims = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(6)]
        answers = [await sign_up_as(member, spoofer, **claim) for claim in claims]

        assert [answer.status_code for answer in answers] == [303] * 5 + [429]
        assert (await sign_up_as(member, neighbour)).status_code == 303


async def test_guessing_passwords_locks_the_account_and_notifies_its_owner(production: Production) -> None:
    address = f"victim-{uuid.uuid4().hex}@example.com"
    answers = []
    for _ in range(6):
        async with production.visitor() as guesser:  # each from its own address
            answers.append(await guesser.log_in(address, "guess"))
    async with production.visitor() as other:
        elsewhere = await other.log_in("somebody-else@example.com", PASSWORD)

    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert 0 < int(answers[5].headers["Retry-After"]) <= 60
    assert "wrong" in Page(answers[4].text).error_of("password")
    assert Page(answers[5].text).error_of("password") == "Too many attempts. Try again in 1 minute."
    assert "wrong" in Page(elsewhere.text).error_of("password")
