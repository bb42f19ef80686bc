"""Concurrent requests: the second one gets an error and undoes nothing. Tests hold a lock to order them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tortoise.transactions import in_transaction

from chat.models import Confirms, EmailVerificationToken, Generation, PasswordResetToken, State, User, UserSettings
from chat.security.tokens import new_token, token_hash
from chat.services.accounts.credentials import ensure_superuser
from tests.support import patches
from tests.support.cast import PASSWORD, Person
from tests.support.locks import held
from tests.support.mailbox import Mailbox
from tests.support.page import Page
from tests.support.production import Production
from tests.support.rows import past_thread
from tests.support.site import Site
from tests.support.stores import Stores

CHANGED, RESET = "a changed passphrase 1", "a passphrase from a link 2"
LOCK_USER = "SELECT 1 FROM users WHERE email = $1 FOR UPDATE"
LOCK_GENERATION = "SELECT 1 FROM generation WHERE id = $1 FOR UPDATE"
LOCK_THREAD = "SELECT 1 FROM chat_thread WHERE id = $1 FOR UPDATE"
LOCK_SETTINGS = "SELECT 1 FROM user_settings WHERE user_id = $1 FOR UPDATE"
FREE_USER = "SELECT 1 FROM users WHERE email = $1 FOR NO KEY UPDATE SKIP LOCKED"
FREE_SESSIONS = """
SELECT s.id FROM auth_session s JOIN users u ON u.id = s.user_id WHERE u.email = $1 FOR UPDATE OF s SKIP LOCKED
"""


@pytest.fixture(autouse=True)
def long_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't mistake a stalled machine for an unavailable database."""
    patches.QUERY_SECONDS.replace(monkeypatch, 60)


async def is_logged_in(person: Person) -> bool:
    return (await person.http.get("/chat/")).status_code == 200


# Logging in


async def test_two_concurrent_first_logins_with_a_hash_from_django_both_succeed(stores: Stores, site: Site) -> None:
    email = f"migrated-{uuid.uuid4().hex[:8]}@example.com"
    made = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"of old days", b"seasalt", 1000)).decode()
    user = await User.create(email=email, password_hash=f"pbkdf2_sha256$1000$seasalt${made}")
    await UserSettings.create(user_id=user.id)
    async with Person.visiting(site) as one, Person.visiting(site) as two:
        async with held(stores, LOCK_USER, email) as moment:
            logins = [asyncio.create_task(person.log_in(email, "of old days")) for person in (one, two)]
            await moment.waiting(2)
        assert [answer.status_code for answer in await asyncio.gather(*logins)] == [303, 303]
        assert [await is_logged_in(person) for person in (one, two)] == [True, True]


async def test_a_login_with_an_old_hash_fails_if_the_password_is_replaced_meanwhile(stores: Stores, site: Site) -> None:
    email = f"migrated-{uuid.uuid4().hex[:8]}@example.com"
    made = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"of old days", b"seasalt", 1000)).decode()
    user = await User.create(email=email, password_hash=f"pbkdf2_sha256$1000$seasalt${made}")
    await UserSettings.create(user_id=user.id)
    other = await site.resources.passwords.hash(RESET)
    async with Person.visiting(site) as browser:
        async with held(stores, LOCK_USER, email) as moment:
            login = asyncio.create_task(browser.log_in(email, "of old days"))
            await moment.waiting(1)
            await moment.connection.execute("UPDATE users SET password_hash = $2 WHERE email = $1", email, other)
        await login
        assert not await is_logged_in(browser)
    assert (await User.get(id=user.id)).password_hash == other


# A new password


async def reset_link(person: Person) -> None:
    """Email a reset link, and open it in this browser."""
    user, token = await User.get(email=person.email), new_token()
    row = {"token_sha256": token_hash(token), "user_id": user.id, "email": user.email}
    await PasswordResetToken.create(**row, expires_at=datetime.now(UTC) + timedelta(hours=1))
    await person.http.get(f"/accounts/reset/{token}/")


async def reset(person: Person) -> httpx.Response:
    fields = {"new_password1": RESET, "new_password2": RESET}
    return await person.http.post("/accounts/reset/set/", data=fields)


async def change(person: Person) -> httpx.Response:
    fields = {"old_password": PASSWORD, "new_password1": CHANGED, "new_password2": CHANGED}
    return await person.http.post("/accounts/password_change/", data=fields)


async def opens(person: Person, email: str, password: str) -> bool:
    async with Person.visiting(person.site) as browser:
        return (await browser.log_in(email, password)).status_code == 303


async def one_after_the_other(
    stores: Stores, email: str, *requests: Coroutine[Any, Any, httpx.Response]
) -> list[httpx.Response]:
    """Each waits for the row of the user in this order, before the first of them gets it."""
    async with held(stores, LOCK_USER, email) as moment:
        tasks = []
        for number, request in enumerate(requests, start=1):
            tasks.append(asyncio.create_task(request))
            await moment.waiting(number)
    return await asyncio.gather(*tasks)


async def test_a_reset_is_not_undone_by_a_change_that_was_under_way(stores: Stores, site: Site, alice: Person) -> None:
    async with Person.visiting(site) as owner:
        owner.email = alice.email
        await reset_link(owner)
        done, refused = await one_after_the_other(stores, alice.email, reset(owner), change(alice))

    assert (done.status_code, refused.status_code) == (303, 422)
    assert "was just changed" in Page(refused.text).error_of("old_password")
    assert not await is_logged_in(alice)
    assert [await opens(alice, alice.email, one) for one in (PASSWORD, CHANGED, RESET)] == [False, False, True]


async def test_an_earlier_password_change_invalidates_a_reset_link(stores: Stores, site: Site, alice: Person) -> None:
    async with Person.visiting(site) as owner:
        owner.email = alice.email
        await reset_link(owner)
        done, refused = await one_after_the_other(stores, alice.email, change(alice), reset(owner))

    assert (done.status_code, refused.status_code) == (303, 422)
    assert "no longer works" in Page(refused.text).find("h1").text
    assert [await opens(alice, alice.email, one) for one in (PASSWORD, CHANGED, RESET)] == [False, True, False]


# Another address


async def change_link(person: Person, email: str) -> str:
    user, token = await User.get(email=person.email), new_token()
    row = {"token_sha256": token_hash(token), "user_id": user.id, "email": email, "confirms": Confirms.CHANGE}
    await EmailVerificationToken.create(**row, expires_at=datetime.now(UTC) + timedelta(hours=1))
    return f"/accounts/change-email/{token}/"


@pytest.mark.parametrize("is_reset_first", [True, False])
async def test_the_first_of_a_reset_and_an_email_change_is_kept(
    stores: Stores, site: Site, alice: Person, is_reset_first: bool
) -> None:
    """The owner of the old address resets the password; the other link was requested with the old password."""
    new = f"new-{alice.email}"
    async with Person.visiting(site) as owner:
        owner.email = alice.email
        await reset_link(owner)
        link = await change_link(alice, new)
        steps = [reset(owner), alice.http.post(link)]
        async with held(stores, LOCK_USER, alice.email) as moment:
            first = asyncio.create_task(steps[not is_reset_first])
            await moment.waiting(1)
            second = asyncio.create_task(steps[is_reset_first])
            await moment.waiting(2)
        done, refused = await first, await second

    assert (done.status_code, refused.status_code) == (303, 422)
    email, password = (alice.email, RESET) if is_reset_first else (new, PASSWORD)
    assert await opens(alice, email, password)
    assert await User.filter(email__in=[alice.email, new]).count() == 1


async def test_a_password_replaced_meanwhile_gets_no_email_change_link(
    stores: Stores, production: Production, mailbox: Mailbox
) -> None:
    old, new = (f"{name}-{uuid.uuid4().hex[:8]}@example.com" for name in ("carol", "new"))
    opened = production.site.resources
    password_hash = await opened.passwords.hash(PASSWORD)
    user = await User.create(email=old, password_hash=password_hash, email_verified=True)
    await UserSettings.create(user_id=user.id)
    async with production.visitor() as carol:
        await carol.log_in(old)
        async with held(stores, LOCK_USER, old) as moment:
            answer = await carol.http.post("/accounts/change-email/", data={"email": new, "password": PASSWORD})
            await moment.waiting(1)
            await moment.connection.execute("UPDATE users SET password_hash = 'another' WHERE email = $1", old)
        await opened.mailer.idle(seconds=20)

    assert answer.status_code == 303
    assert mailbox.is_empty(new)
    assert not await EmailVerificationToken.exists(email=new)


# The end of an account


async def test_a_chat_that_is_opened_while_its_account_is_deleted_waits_and_is_none(
    stores: Stores, site: Site, alice: Person
) -> None:
    """If the thread could be opened, a message and the deletion could deadlock."""
    user, client_id = await User.get(email=alice.email), str(uuid.uuid4())
    async with held(stores, LOCK_THREAD, uuid.UUID(await past_thread(alice))) as moment:
        deleting = asyncio.create_task(alice.http.post("/accounts/delete/", data={"password": PASSWORD}))
        await moment.waiting(1)
        opening = asyncio.create_task(alice.post("hello", client_id=client_id))
        await moment.waiting(2)
    assert ((await deleting).status_code, (await opening).status_code) == (303, 409)

    assert not await User.exists(email=alice.email)
    assert await keys_of(site, str(uuid.uuid5(user.id, client_id))) == []


async def test_a_user_deleted_while_setting_up_two_factor_authentication_has_none(
    stores: Stores, alice: Person
) -> None:
    async with held(stores, LOCK_USER, alice.email) as moment:
        beginning = asyncio.create_task(alice.http.post("/accounts/two-factor/", data={"password": PASSWORD}))
        await moment.waiting(1)
        await moment.connection.execute("DELETE FROM users WHERE email = $1", alice.email)
    assert (await beginning).status_code == 303

    assert not await is_logged_in(alice)


async def test_settings_are_locked_before_their_user_as_everywhere(stores: Stores, alice: Person) -> None:
    user = await User.get(email=alice.email)
    async with held(stores, LOCK_SETTINGS, user.id) as moment:
        saving = asyncio.create_task(
            alice.http.post("/accounts/settings/", data={"display_name": "A", "theme": "dark"})
        )
        await moment.waiting(1)
        assert await moment.connection.fetch(FREE_USER, alice.email)
    assert (await saving).status_code == 303


async def test_an_administrator_who_deletes_the_account_is_locked_after_the_chats_as_everywhere(
    stores: Stores, root: Person, bob: Person
) -> None:
    await User.filter(email=bob.email).update(is_staff=True)
    async with held(stores, LOCK_THREAD, uuid.UUID(await past_thread(root))) as moment:
        deleting = asyncio.create_task(root.http.post("/accounts/delete/", data={"password": PASSWORD}))
        await moment.waiting(1)
        assert await moment.connection.fetch(FREE_USER, root.email), "a message in the chat locks its user later"
    assert (await deleting).status_code == 303


async def test_a_promoted_user_is_locked_before_the_sessions_as_everywhere(
    stores: Stores, site: Site, alice: Person
) -> None:
    async def make() -> None:
        async with in_transaction():
            await ensure_superuser(alice.email, PASSWORD, passwords=site.resources.passwords)

    async with held(stores, LOCK_USER, alice.email) as moment:
        making = asyncio.create_task(make())
        await moment.waiting(1)
        assert await moment.connection.fetch(FREE_SESSIONS, alice.email)
    await making

    assert not await is_logged_in(alice)


async def test_a_reply_that_is_stopped_is_locked_before_its_administrator_as_by_its_rounds(
    stores: Stores, root: Person, alice: Person
) -> None:
    posted = await alice.ask("say Hello")
    async with alice.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    reply = Generation.filter(answer_id=posted["reply_id"])
    lasting = datetime.now(UTC) + timedelta(hours=1)
    await reply.update(state=State.RUNNING, owner="another worker", lease_until=lasting)
    generation = await reply.get()
    async with held(stores, LOCK_GENERATION, generation.id) as moment:
        path = f"/admin/generations/{generation.id}/stop/"
        stopping = asyncio.create_task(root.http.post(path, data={"reason": "It runs away"}))
        await moment.waiting(1)
        assert await moment.connection.fetch(FREE_USER, root.email), "a round asks for its user later"
    assert (await stopping).status_code == 303
    assert (await reply.get()).cancel_at
    await reply.update(state=State.CANCELLED)


async def keys_of(site: Site, thread_id: str) -> list[bytes]:
    """A chat's keys in Redis."""
    return [key async for key in site.resources.redis.scan_iter(f"*{thread_id}*", count=1000)]
