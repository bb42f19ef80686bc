"""Signing up, as in production: a form, an email that gets lost, another one, its link."""

from __future__ import annotations

import uuid

from chat.models import AuthSession, EmailVerificationToken, User
from chat.security.tokens import token_hash
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.sign_up import end_waits


async def test_a_lost_message_and_a_second_one(production: Production, mailbox: Mailbox) -> None:
    address = f"carol-{uuid.uuid4().hex[:8]}@example.com"
    async with production.visitor() as carol, production.visitor() as phone, production.visitor() as stranger:
        signed_up = await carol.sign_up(address)
        told = Page((await carol.http.get(signed_up.headers["Location"])).text)
        lost = await mailbox.next_link(address)
        assert signed_up.status_code == 303
        assert told.find("h1").text == "Check your email"
        assert address in told.text

        # No page opens before that, and only she learns why.
        assert (await carol.http.get("/chat/")).status_code == 303
        assert (await stranger.log_in(address, "a wrong password")).status_code == 422
        assert (await phone.log_in(address)).headers["Location"] == "/accounts/verify-required/"

        # At once is too early; after the wait another message comes, and the first link is dead.
        again = told.find("form", action="/accounts/verify-email/resend/")
        assert (await carol.http.post(again["action"])).status_code == 429
        await end_waits(production.site, address)
        await User.filter(email=address).update(verification_sent_at=None)
        resent = await carol.http.post(again["action"])
        assert "Another email is on its way" in Page((await carol.http.get(resent.headers["Location"])).text).text
        link = await mailbox.next_link(address)
        for dead in (lost, link[:-2] + "/", "/accounts/verify-email/nonsense/"):
            assert (await phone.http.post(dead)).status_code == 422
            assert "no longer works" in Page((await phone.http.get(dead)).text).find("h1").text

        # The new one, opened on the phone: its page has a button, and the button lets her in.
        stored = await EmailVerificationToken.get(user__email=address)
        assert stored.token_sha256 == token_hash(link.split("/")[-2])
        shown = Page((await phone.http.get(link)).text)
        assert address in shown.text
        entered = await phone.http.post(shown.find("form", action=link)["action"])
        assert (entered.status_code, entered.headers["Location"]) == (303, "/chat/")
        assert (await phone.http.get("/chat/")).status_code == 200

        # The link works once, and for no one else.
        assert (await stranger.http.post(link)).status_code == 422
        assert await AuthSession.filter(user__email=address).count() == 1
        assert (await carol.log_in(address)).headers["Location"] == "/chat/"
        assert mailbox.is_empty(address)


async def test_a_link_that_came_too_late(production: Production, mailbox: Mailbox) -> None:
    address = f"dora-{uuid.uuid4().hex[:8]}@example.com"
    async with production.visitor() as dora:
        await dora.sign_up(address)
        link = await mailbox.next_link(address)
        stored = await EmailVerificationToken.get(user__email=address)
        await EmailVerificationToken.filter(id=stored.id).update(expires_at=stored.created_at)
        late = Page((await dora.http.get(link)).text)
        assert "no longer works" in late.find("h1").text

        await end_waits(production.site, address)
        await User.filter(email=address).update(verification_sent_at=None)
        await dora.http.post(late.find("form", action="/accounts/verify-email/resend/")["action"])

        assert (await dora.http.post(await mailbox.next_link(address))).headers["Location"] == "/chat/"
