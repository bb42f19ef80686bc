"""An invitation and an approval, as in production: from the administrator's form to the first answer."""

from __future__ import annotations

import pytest

from chat.models import User
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.sign_up import accept, in_mode, member, new_address
from tests.support.site import Beside
from tests.support.stores import Stores
from tests.support.waiting import eventually


@pytest.mark.parametrize("mode", ["invite", "approval"])
async def test_from_nothing_to_the_first_answer(
    beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox, mode: str
) -> None:
    async with in_mode(beside, stores, model, mailbox)(mode) as production:
        boss_user, email = await member(production, "boss", is_staff=True), new_address()
        async with production.visitor() as boss, production.visitor() as carol:
            await boss.log_in(boss_user.email)
            if mode == "invite":
                refused = await carol.sign_up(email)
                assert (refused.status_code, "by invitation" in refused.text) == (403, True)
                await boss.http.post("/admin/invitations/new/", data={"email": email, "uses": "1"})
                entered = await accept(carol, (await mailbox.next_link(email)).rstrip("/").rpartition("/")[2])
                assert entered.headers["Location"] == "/chat/"
            else:
                await carol.sign_up(email)
                await carol.http.post(await mailbox.next_link(email))
                assert (await carol.post("say Hello")).json()["code"] == "not_approved"
                page = Page((await boss.http.get("/admin/approval/")).text)
                [box] = page.all("input", value=str((await User.get(email=email)).id))
                await boss.http.post("/admin/approval/", data={"decision": "approve", box["name"]: box["value"]})
                assert await mailbox.next_link(email) == "/accounts/login/"
            posted = await carol.ask("say Hello")

            async def is_answered() -> bool:
                return (await carol.messages(posted["thread_id"]))[-1]["status"] == "final"

            await eventually(is_answered)
