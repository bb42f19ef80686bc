"""Links that confirm an address: viewed any number of times, used once, replaced by a newer one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from chat.mailer import Email
from chat.models import Confirms, EmailVerificationToken, PasswordResetToken, User
from chat.services.accounts import email_links
from tests.support.cast import Person


def token_in(email: Email | None) -> str:
    assert email
    return email.context["url"].rstrip("/").rsplit("/", 1)[1]


async def pending(person: Person) -> User:
    """The person's user, before the address was confirmed."""
    await User.filter(email=person.email).update(email_verified=False)
    return await User.get(email=person.email)


async def sign_up_link(person: Person) -> str:
    user = await pending(person)
    return token_in(await email_links.first_email(user, settings=person.site.resources.settings))


async def change_link(person: Person, email: str) -> str:
    deps = person.site.resources
    user = await User.get(email=person.email)
    return token_in(await email_links._change_email(user, email, deps.limits, deps.settings))


async def test_a_link_is_found_many_times_and_used_once(alice: Person) -> None:
    token = await sign_up_link(alice)

    for _ in range(2):
        found = await email_links.find(token, Confirms.SIGN_UP)
        assert found and (found.user.email, found.email) == (alice.email, alice.email)
    used = await asyncio.gather(*(email_links.verify(token) for _ in range(3)))
    assert [user.email for user in used if user] == [alice.email]
    assert (await User.get(email=alice.email)).email_verified
    assert await email_links.find(token, Confirms.SIGN_UP) is None


async def test_only_the_newest_link_works(alice: Person) -> None:
    older, newer = await sign_up_link(alice), await sign_up_link(alice)

    assert await email_links.verify(older) is None
    assert await email_links.verify(newer)


async def test_a_link_works_only_for_its_own_purpose(alice: Person) -> None:
    new = f"new-{alice.email}"
    change, sign_up = await change_link(alice, new), await sign_up_link(alice)

    assert await email_links.find(change, Confirms.SIGN_UP) is None
    assert await email_links.verify(change) is None
    assert (
        await email_links.change(sign_up, mailer=alice.site.resources.mailer, settings=alice.site.resources.settings)
        is None
    )
    assert await User.exists(email=alice.email, email_verified=False)


async def test_an_expired_link_and_one_of_a_disabled_user_do_not_work(alice: Person) -> None:
    token = await sign_up_link(alice)
    await User.filter(email=alice.email).update(is_active=False)
    assert await email_links.find(token, Confirms.SIGN_UP) is None
    assert await email_links.verify(token) is None

    await User.filter(email=alice.email).update(is_active=True)
    await EmailVerificationToken.filter(email=alice.email).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await email_links.find(token, Confirms.SIGN_UP) is None
    assert await email_links.verify(token) is None


async def test_a_change_ends_links_sent_to_the_old_address(alice: Person) -> None:
    new = f"new-{alice.email}"
    sign_up = await sign_up_link(alice)
    user = await User.get(email=alice.email)
    later = datetime.now(UTC) + timedelta(hours=1)
    await PasswordResetToken.create(token_sha256="0" * 64, user=user, email=alice.email, expires_at=later)
    changed = await email_links.change(
        await change_link(alice, new), mailer=alice.site.resources.mailer, settings=alice.site.resources.settings
    )

    assert changed and (changed.email, changed.email_verified) == (new, True)
    assert not await PasswordResetToken.exists(user_id=user.id)
    assert await email_links.verify(sign_up) is None


async def test_an_address_that_another_account_got_meanwhile_is_not_taken_over(alice: Person, bob: Person) -> None:
    token = await change_link(alice, f"new-{alice.email}")
    await EmailVerificationToken.filter(user__email=alice.email).update(email=bob.email)

    assert (
        await email_links.change(token, mailer=alice.site.resources.mailer, settings=alice.site.resources.settings)
        is None
    )
    assert await User.exists(email=alice.email)
    assert await User.exists(email=bob.email)
