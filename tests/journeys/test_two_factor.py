"""Two-factor authentication, as in production: set-up, login, a lost phone, a forgotten password, turned off."""

from __future__ import annotations

import uuid

from chat.models import AuthSession, RecoveryCode, User, UserSettings
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.two_factor import CODE, LOGIN, PAGE, Factor

SECOND = "a second good passphrase"


async def enter_code(person: Person, code: str) -> str:
    """The page after the code."""
    return (await person.http.post(CODE, data={"code": code})).headers.get("Location", "")


async def test_two_factor_authentication_from_the_first_code_to_the_last(
    production: Production, mailbox: Mailbox
) -> None:
    address = f"carol-{uuid.uuid4().hex[:8]}@example.com"
    password_hash = await production.site.resources.passwords.hash(PASSWORD)
    user = await User.create(email=address, password_hash=password_hash, email_verified=True)
    await UserSettings.create(user_id=user.id)
    async with production.visitor() as desk, production.visitor() as laptop, production.visitor() as thief:
        # She turns it on at the desk. The laptop is logged out, and her mailbox knows.
        for person in (desk, laptop):
            await person.log_in(address)
        set_up = (await desk.http.post(PAGE, data={"password": PASSWORD})).headers["Location"]
        app = Factor(Page((await desk.http.get(set_up)).text).find("p", id="secret").text, [])
        shown = Page((await desk.http.post(set_up, data={"code": app.code()})).text)
        codes = shown.find("ol", id="codes").text.split()
        assert len(codes) == 10
        assert [(await one.http.get("/chat/")).status_code for one in (desk, laptop)] == [200, 303]
        assert "Two-factor authentication was turned on" in (await mailbox.next_email(address))["Subject"]

        # A thief has the password: it opens nothing, and leaves no session behind.
        assert (await thief.log_in(address)).headers["Location"] == CODE
        assert await enter_code(thief, app.wrong_code()) == ""
        assert (await thief.http.get("/chat/")).status_code == 303
        assert await AuthSession.filter(user_id=user.id).count() == 1

        # The phone is lost: on the laptop she logs in with a recovery code, and sees how many are left.
        assert (await laptop.log_in(address, next="/accounts/settings/")).headers["Location"] == CODE
        assert await enter_code(laptop, codes[4]) == "/accounts/settings/"
        told = (await mailbox.next_email(address)).get_body(("plain",))
        assert "You have 9 recovery codes left." in told.get_content()

        # She forgets the password. The mailed link sets a new one and the thief back, and the code is asked for still.
        assert (await thief.log_in(address)).headers["Location"] == CODE
        await desk.http.post("/accounts/password_reset/", data={"email": address})
        await desk.http.get(await mailbox.next_link(address))
        fields = {"new_password1": SECOND, "new_password2": SECOND}
        assert (await desk.http.post("/accounts/reset/set/", data=fields)).headers["Location"] == LOGIN
        assert "was changed" in (await mailbox.next_email(address))["Subject"]
        assert await enter_code(thief, app.code(later=1)) == LOGIN
        assert (await desk.log_in(address, SECOND)).headers["Location"] == CODE
        assert await enter_code(desk, app.code(later=1)) == "/chat/"

        # She turns it off with a recovery code, and nothing of it is left.
        fields = {"password": SECOND, "code": codes[0].upper()}
        assert (await desk.http.post(f"{PAGE}turn-off/", data=fields)).headers["Location"] == PAGE
        assert {(await mailbox.next_email(address))["Subject"] for _ in range(2)} == {
            "A recovery code for your account at Quart Chat was used",
            "Two-factor authentication was turned off at Quart Chat",
        }
        assert not await RecoveryCode.exists(user_id=user.id)
        assert (await laptop.log_in(address, SECOND)).headers["Location"] == "/chat/"
