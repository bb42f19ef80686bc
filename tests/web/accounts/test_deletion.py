"""Deleting a chat or the whole account: what is deleted, and what is kept."""

from __future__ import annotations

import asyncio
import uuid

import pytest
import websockets

from chat.database import query
from chat.models import AuthSession, ChatThread, LLMCallLog, LLMCallText, User, UserMonthlyUsage
from tests.support.cast import PASSWORD, Person
from tests.support.deleted import purged
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.production import Production
from tests.support.rows import past_thread
from tests.support.site import Site
from tests.support.tab import Tab
from tests.support.waiting import eventually

PATH = "/accounts/delete/"
# Every table that says whose its rows are, and what they may still say afterwards.
OWNED = """
SELECT c.table_name FROM information_schema.columns c
WHERE c.column_name = 'user_id' AND c.table_schema = 'public' ORDER BY 1
"""


async def delete(person: Person, password: str = PASSWORD) -> tuple[int, Page]:
    answer = await person.http.post(PATH, data={"password": password})
    return answer.status_code, Page(answer.text)


async def close_code(tab: Tab) -> int:
    with pytest.raises(websockets.ConnectionClosed) as closed:
        while True:
            await tab.receive()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def keys_of(site: Site, *words: str) -> list[str]:
    """The Redis keys that contain one of these words."""
    return [
        key.decode()
        async for key in site.resources.redis.scan_iter(count=1000)
        if any(w in key.decode() for w in words)
    ]


async def test_everything_is_deleted_and_the_ledger_keeps_figures_without_a_name(
    site: Site, alice: Person, bob: Person
) -> None:
    asked, other = await alice.ask("What is 12 * 7?"), await bob.ask("Say hello")
    async with alice.tab(asked["thread_id"]) as tab:
        await tab.until_finished(asked["reply_id"])
    async with bob.tab(other["thread_id"]) as tab:
        await tab.until_finished(other["reply_id"])
    user, thread_id = await User.get(email=alice.email), asked["thread_id"]
    calls = await LLMCallLog.filter(user_id=user.id)
    [month] = await UserMonthlyUsage.filter(user_id=user.id)

    answer = await alice.http.post(PATH, data={"password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    front = Page((await alice.http.get("/")).text)
    assert front.find("p", role="status").text == "Your account and everything in it has been deleted."
    assert (await alice.http.get("/chat/")).status_code == 303
    for row in await query(OWNED):
        assert not await query(f"SELECT 1 FROM {row['table_name']} WHERE user_id = $1", user.id), row
    for table in ("chat_message", "generation"):
        assert not await query(f"SELECT 1 FROM {table} WHERE thread_id = $1", uuid.UUID(thread_id)), table
    assert not await query("SELECT 1 FROM llm_call_text WHERE call_id = ANY($1::uuid[])", [call.id for call in calls])
    kept = await LLMCallLog.filter(id__in=[call.id for call in calls]).values("user_id", "generation_id", "cost")
    assert len(kept) == len(calls) == 2
    assert {(call["user_id"], call["generation_id"]) for call in kept} == {(None, None)}
    assert [call["cost"] for call in kept] == [call.cost for call in calls]
    left = await UserMonthlyUsage.get(id=month.id).values("user_id", "cost", "calls")
    assert left == {"user_id": None, "cost": month.cost, "calls": 2}
    assert await keys_of(site, thread_id, str(user.id), alice.email) == []
    assert (await bob.http.get(f"/chat/{other['thread_id']}/")).status_code == 200
    assert len(await bob.messages(other["thread_id"])) == 2


async def test_a_running_answer_ends_is_cancelled_and_what_it_took_is_in_the_books(
    site: Site, model: OfflineServer, alice: Person, bob: Person
) -> None:
    others = await model.open(until=0)  # of earlier tests, which did not wait for them
    asked = await alice.ask("Count to 3000 [offline: pace=10]")
    user = await User.get(email=alice.email)
    [generation] = await query("SELECT id FROM generation WHERE thread_id = $1", uuid.UUID(asked["thread_id"]))
    async with (
        alice.tab(asked["thread_id"]) as one,
        alice.tab(await past_thread(alice)) as two,
        bob.tab(await past_thread(bob)) as stranger,
    ):
        await one.until_text(asked["reply_id"], 20)
        assert (await delete(alice))[0] == 303
        codes = [await close_code(one), await close_code(two)]
        await stranger.send({"type": "sync"})
        await stranger.until_type("thread.snapshot")

    assert codes == [4505, 4505]
    call = LLMCallLog.filter(call_id=generation["id"])
    await eventually(call.exists)
    assert await model.open(until=others) <= others
    row = await call.get().values("id", "user_id", "generation_id", "output_tokens", "status")
    assert (row["user_id"], row["generation_id"]) == (None, None)
    assert not await LLMCallText.exists(call_id=row["id"])
    assert row["output_tokens"] > 0
    assert not await ChatThread.exists(user_id=user.id)

    async def is_clean() -> bool:
        return await keys_of(site, asked["thread_id"], str(user.id)) == []

    await eventually(is_clean)


async def test_an_answer_may_end_during_the_deletion(alice: Person, site: Site) -> None:
    gone = set()
    for length in (1, 2, 3, 5, 8):
        async with Person.signed_up(site, "carol") as carol:
            asked = [await carol.ask(f"Count to {length}") for _ in range(2)]
            user = await User.get(email=carol.email)
            answer = await carol.http.post(PATH, data={"password": PASSWORD})
            assert answer.status_code == 303
            for one in asked:
                assert not await query("SELECT 1 FROM chat_thread WHERE id = $1", uuid.UUID(one["thread_id"]))
        gone.add(user.id)

    async def is_clean() -> bool:
        return not any(reply.claim.user_id in gone for reply in site.resources.worker._replies.values())

    await eventually(is_clean)
    assert (await alice.http.get("/chat/")).status_code == 200


async def test_a_deletion_needs_the_right_password(alice: Person) -> None:
    for password, sentence in (
        ("wrong", "This is not your password. Enter the password you log in with."),
        ("", "Enter your password."),
        ("x" * 5000, "Passwords can be at most 1,024 bytes long. Enter a shorter one."),
    ):
        status, page = await delete(alice, password)
        assert (status, page.error_of("password")) == (422, sentence)
        assert "autofocus" in page.find("input", id="password")
    assert await User.exists(email=alice.email)
    assert (await alice.http.get("/chat/")).status_code == 200


async def test_the_address_is_notified_and_can_be_used_again(production: Production, mailbox: Mailbox) -> None:
    email = f"carol-{uuid.uuid4().hex[:8]}@example.com"
    async with production.visitor() as carol, production.visitor() as again:
        await carol.sign_up(email)
        await carol.http.post(await mailbox.next_link(email))
        assert (await delete(carol))[0] == 303
        message = await mailbox.next_email(email)
        assert (await again.log_in(email)).status_code == 422
        await again.sign_up(email)
        link = await mailbox.next_link(email)

    assert message["Subject"] == "Your account at Quart Chat was deleted"
    assert link.startswith("/accounts/verify-email/")


async def test_the_last_administrator_cannot_be_deleted_even_by_two_concurrent_requests(
    site: Site, root: Person
) -> None:
    others = User.filter(is_staff=True).exclude(email=root.email)
    suspended = [user.id for user in await others]
    await User.filter(id__in=suspended).update(is_staff=False)
    try:
        status, page = await delete(root)
        assert (status, page.error_of("password").split(".")[0]) == (422, "You are the only administrator")
        async with Person.signed_up(site, "second") as second:
            await User.filter(email=second.email).update(is_staff=True)
            answers = await asyncio.gather(delete(root), delete(second))
        assert sorted(status for status, _ in answers) == [303, 422]
        assert await User.filter(is_staff=True).count() == 1
    finally:
        await User.filter(id__in=suspended).update(is_staff=True)


async def test_every_session_ends(site: Site, alice: Person) -> None:
    async with Person.visiting(site) as phone:
        await phone.log_in(alice.email)
        user = await User.get(email=alice.email)
        await delete(alice)

        assert (await phone.http.get("/chat/")).status_code == 303
        assert not await AuthSession.exists(user_id=user.id)
        assert (await phone.post("hello")).status_code == 401


# One chat


async def test_a_chat_is_deleted_in_every_tab(site: Site, alice: Person) -> None:
    asked, kept = await alice.ask("Count to 3000 [offline: pace=10]"), await past_thread(alice)
    thread_id = asked["thread_id"]
    async with alice.tab(thread_id) as tab, alice.tab(kept) as other:
        await other.until_type("thread.snapshot")
        await tab.until_text(asked["reply_id"], 20)
        page = Page((await alice.http.get(f"/chat/{thread_id}/delete/")).text)
        answer = await alice.http.post(f"/chat/{thread_id}/delete/")
        assert (await other.until_type("thread.deleted"))["thread_id"] == thread_id
        assert await close_code(tab) == 4505
        assert (tab.frames[-1]["type"], tab.frames[-1]["thread_id"]) == ("thread.deleted", thread_id)

    assert page.find("h1").text == "Delete this chat?"
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/")
    after = Page((await alice.http.get("/chat/")).text)
    assert after.find("p", data_page_notice="").text == "The chat is deleted. Undo"
    assert [link["href"] for link in after.all("a") if link.text == "Undo"] == ["/chat/list/"]
    assert (await alice.http.get(f"/chat/{thread_id}/")).status_code == 404
    assert (await alice.http.get(f"/chat/{kept}/")).status_code == 200
    await purged(thread_id)

    async def is_clean() -> bool:
        return await keys_of(site, thread_id) == []

    await eventually(is_clean)
    [month] = await UserMonthlyUsage.filter(user__email=alice.email)
    assert month.calls == 1


async def test_deleting_a_strangers_chat_or_a_deleted_chat_answers_404(alice: Person, bob: Person) -> None:
    his, hers = await past_thread(bob), await past_thread(alice)
    for path in (f"/chat/{his}/delete/", f"/chat/{uuid.uuid4()}/delete/"):
        assert (await alice.http.get(path)).status_code == 404
        assert (await alice.http.post(path)).status_code == 404
    json = {"Accept": "application/json"}
    assert (await alice.http.post(f"/chat/{hers}/delete/", headers=json)).status_code == 204
    assert (await alice.http.post(f"/chat/{hers}/delete/", headers=json)).status_code == 404
    assert (await bob.http.get(f"/chat/{his}/")).status_code == 200
