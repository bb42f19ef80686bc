"""A password in production: a long session, a change, and a reset by email."""

from __future__ import annotations

import uuid

from chat.models import AuthSession, PasswordResetToken, User, UserSettings
from chat.security.tokens import token_hash
from tests.support.cast import PASSWORD
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production

SECOND, THIRD = "a second good passphrase", "a third good passphrase"


async def test_a_password_is_changed_and_then_forgotten(production: Production, mailbox: Mailbox) -> None:
    address = f"carol-{uuid.uuid4().hex[:8]}@example.com"
    password_hash = await production.site.resources.passwords.hash(PASSWORD)
    user = await User.create(email=address, password_hash=password_hash, email_verified=True)
    await UserSettings.create(user_id=user.id)
    async with production.visitor() as desk, production.visitor() as phone, production.visitor() as thief:
        # The desk is remembered for a month, the phone until its browser closes. A thief copied the phone's cookie.
        remembered = await desk.log_in(address, remember="on")
        for_now = await phone.log_in(address)
        assert f"Max-Age={30 * 24 * 60 * 60}" in remembered.headers["Set-Cookie"]
        assert "Max-Age" not in for_now.headers["Set-Cookie"]
        thief.http.cookies.update(dict(phone.http.cookies))
        assert (await thief.http.get("/chat/")).status_code == 200

        # She changes the password on the phone: it stays in, desk and copy are out, and her mailbox knows.
        form = Page((await phone.http.get("/accounts/password_change/")).text)
        assert form.find("input", autocomplete="username")["value"] == address
        fields = {"old_password": PASSWORD, "new_password1": SECOND, "new_password2": SECOND}
        changed = await phone.http.post("/accounts/password_change/", data=fields)
        assert (changed.status_code, changed.headers["Location"]) == (303, "/accounts/settings/")
        assert "Max-Age" not in changed.headers["Set-Cookie"].split("__Host-chat=")[1].split("__Host-")[0]
        assert (await phone.http.get("/chat/")).status_code == 200
        assert [(await one.http.get("/chat/")).status_code for one in (desk, thief)] == [303, 303]
        assert "was changed" in (await mailbox.next_email(address))["Subject"]
        assert (await thief.log_in(address, PASSWORD)).status_code == 422

        # She forgets it. What is typed into the form is all that a stranger can do, too.
        await desk.log_in(address, "was it this one?")
        assert (await desk.http.post("/accounts/password_reset/", data={"email": address})).status_code == 303
        link = await mailbox.next_link(address)
        stored = await PasswordResetToken.get(user_id=user.id)
        assert stored.token_sha256 == token_hash(link.split("/")[-2])

        # The link opens on the desk, and the new password ends every session.
        opened = await desk.http.get(link)
        shown = Page((await desk.http.get(opened.headers["Location"])).text)
        action = shown.find("form", action="/accounts/reset/set/")["action"]
        done = await desk.http.post(action, data={"new_password1": THIRD, "new_password2": THIRD})
        assert (done.status_code, done.headers["Location"]) == (303, "/accounts/login/")
        assert not await AuthSession.exists(user_id=user.id)
        assert not await PasswordResetToken.exists(user_id=user.id)
        assert (await phone.http.get("/chat/")).status_code == 303
        assert "was changed" in (await mailbox.next_email(address))["Subject"]
        assert (await desk.log_in(address, THIRD)).headers["Location"] == "/chat/"
        assert (await desk.http.get("/chat/")).status_code == 200
