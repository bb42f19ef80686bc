"""Two-factor authentication with hosts whose clocks differ: its codes and waits go by the database's clock."""

from __future__ import annotations

import pytest

from tests.support.cast import PASSWORD, Person
from tests.support.clocks import clock
from tests.support.two_factor import CODE, PAGE, turned_on

DIFFERENCES = (2, -2, 3600, -3600)


@pytest.mark.parametrize("ahead", DIFFERENCES)
async def test_a_password_on_one_host_and_its_code_on_another_are_one_login(
    alice: Person, nobody: Person, ahead: int
) -> None:
    factor = await turned_on(alice)
    with clock(ahead):
        assert (await nobody.log_in(alice.email)).headers["Location"] == CODE
    assert (await nobody.http.get(CODE)).status_code == 200
    code = factor.code()
    with clock(-ahead):
        assert (await nobody.http.post(CODE, data={"code": code})).status_code == 303
    assert (await nobody.http.get("/chat/")).status_code == 200


@pytest.mark.parametrize("ahead", DIFFERENCES)
async def test_two_factor_authentication_is_set_up_on_two_hosts(alice: Person, ahead: int) -> None:
    with clock(ahead):
        assert (await alice.http.post(PAGE, data={"password": PASSWORD})).status_code == 303
    assert (await alice.http.get(f"{PAGE}set-up/")).status_code == 200
