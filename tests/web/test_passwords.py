"""Passwords: the rules in every form, before it is sent as well."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.cast import PASSWORD, Person
from tests.conftest import Beside
from tests.site import Site
from tests.web.page import Page

BAD = ["short 7", "password1", "dora.long1", "Quart Chat", "é" * 513]


async def checked(person: Person, password: str, **more: str) -> list[str]:
    response = await person.http.post("/accounts/password_check/", data={"password1": password, **more})
    assert response.status_code == 200
    found: list[str] = response.json()["errors"]
    return found


@pytest.mark.parametrize("password", BAD)
async def test_before_sending_one_reads_what_the_form_would_say(nobody: Person, password: str) -> None:
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
        response = await nobody.http.post("/accounts/password_check/", data=fields)
        assert response.status_code == 200
        assert bool(response.json()["errors"]) == (fields != {"new_password1": PASSWORD})


async def test_a_password_that_is_checked_is_not_logged(nobody: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await checked(nobody, "a-word-that-nobody-logs")

    assert "a-word-that-nobody-logs" not in caplog.text


async def test_other_sites_may_not_ask(nobody: Person) -> None:
    answer = await nobody.http.post(
        "/accounts/password_check/", data={"password1": "x"}, headers={"Origin": "https://evil.example"}
    )

    assert answer.status_code == 403


async def test_asking_is_limited(throttled: Site) -> None:
    async with Person.visiting(throttled) as person:
        answers = await asyncio.gather(
            *(person.http.post("/accounts/password_check/", data={"password1": "x"}) for _ in range(62))
        )

    assert {answer.status_code for answer in answers} == {200, 429}


async def test_the_sites_own_name_and_least_length_count(beside: Beside) -> None:
    async with beside(SITE_NAME="Blue Heron", PASSWORD_MIN_LENGTH="15") as site, Person.visiting(site) as person:
        assert "15 characters or more" in " ".join(await checked(person, "fourteen chars"))
        assert "name of this site" in " ".join(await checked(person, "blue heron blue"))
        page = Page((await person.http.get("/accounts/signup/")).text)
        assert "At least 15 characters" in page.text
