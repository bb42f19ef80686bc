"""Two-factor authentication in emails and in the account's download."""

from __future__ import annotations

import io
import json
from zipfile import ZipFile

import pytest

from chat.database import query
from chat.mailer import Email, Mailer
from tests.support.cast import Person
from tests.support.mailing import CAROL, URL, part, settings
from tests.support.two_factor import turned_on


async def downloaded(person: Person) -> str:
    answer = await person.http.post("/accounts/data/")
    return ZipFile(io.BytesIO(answer.content)).read("data.json").decode()


@pytest.mark.parametrize(("left", "words"), [(9, "9 recovery codes"), (1, "1 recovery code"), (0, "no recovery codes")])
def test_recovery_codes_are_counted_in_words(left: int, words: str) -> None:
    message = Mailer(settings()).render(Email(CAROL, "recovery_code_used", {"url": URL, "left": left}))

    assert f"You have {words} left." in part(message, "plain")


async def test_an_export_has_the_date_of_two_factor_authentication_and_none_of_its_secrets(
    alice: Person, bob: Person
) -> None:
    factor = await turned_on(alice)
    known = [json.loads(await downloaded(person))["account"]["second_factor_since"] for person in (alice, bob)]
    everything = await downloaded(alice)
    rows = await query("SELECT nonce FROM second_factor JOIN users ON id = user_id WHERE email = $1", alice.email)

    assert known[0].startswith("20")
    assert known[1] is None
    for secret in (factor.secret, rows[0]["nonce"], *factor.codes):
        assert secret not in everything
    assert "recovery" not in everything
