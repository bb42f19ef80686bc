"""Sites with other sign-up modes, and invitations."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
from tortoise.expressions import RawSQL

from chat.models import Invitation, User, UserSettings
from chat.security.limits import RESEND_BACKOFF
from chat.security.tokens import token_hash
from chat.services.accounts import invitations
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.production import PRODUCTION, Production
from tests.support.site import Beside, Site
from tests.support.stores import Stores

DOMAINS = "example.com,*.example.org,bücher.example"
InMode = Callable[..., AbstractAsyncContextManager[Production]]


def in_mode(beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox) -> InMode:
    """Serve a site as in production with another SIGNUP."""

    @asynccontextmanager
    async def serve(mode: str, **more: str) -> AsyncIterator[Production]:
        settings = PRODUCTION | {
            "DEBUG": "False",
            "RATE_LIMITS": "on",
            "TRUSTED_PROXIES": "1",
            "EMAIL_VERIFICATION_REQUIRED": "True",
            "DATABASE_URL": stores.database_url,
            "REDIS_URL": stores.redis_url,
            "OPENAI_BASE_URL": model.base_url,
            "SMTP_HOST": mailbox.host,
            "SMTP_PORT": str(mailbox.port),
            "SMTP_TLS": "none",
            "SIGNUP": mode,
            "SIGNUP_DOMAINS": DOMAINS if mode == "domain" else "",
        }
        async with beside(**settings | more) as site:
            yield Production(site)

    return serve


async def waits(site: Site, address: str) -> list[str]:
    """The keys of what browsers have asked for this address and still wait for."""
    return [key.decode() async for key in site.resources.redis.scan_iter(f"ladder:{RESEND_BACKOFF.name}:*{address}")]


async def end_waits(site: Site, address: str) -> None:
    """Let the time pass for every browser that waits for another link to this address; the next wait is longer."""
    for key in await waits(site, address):
        await site.resources.redis.hset(key, "last", 0)


def new_address(name: str = "carol", domain: str = "example.com") -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}@{domain}"


async def member(production: Production, name: str = "member", domain: str = "example.com", **columns: Any) -> User:
    """An account that can log in, in whatever mode."""
    password_hash = await production.site.resources.passwords.hash(PASSWORD)
    columns = {"email_verified": True, **columns}
    user = await User.create(email=new_address(name, domain), password_hash=password_hash, **columns)
    await UserSettings.create(user_id=user.id)
    return user


async def invitation_for(email: str = "", *, uses: int = 1, is_mailed: bool = True, maker: User | None = None) -> str:
    """The token of a new invitation, made by the command line if there is no maker."""
    _, token = await invitations.add(maker.id if maker else None, email, uses, is_mailed=is_mailed and bool(email))
    return token


async def row_of(token: str) -> Invitation:
    return await Invitation.get(token_sha256=token_hash(token))


async def let_expire(token: str) -> None:
    await Invitation.filter(token_sha256=token_hash(token)).update(expires_at=RawSQL("now() - interval '1 second'"))


async def accept(person: Person, token: str, email: str = "", password: str = PASSWORD) -> httpx.Response:
    """Open the link, and send the form."""
    opened = await person.http.get(f"/accounts/invitation/{token}/")
    assert (opened.status_code, opened.headers["Location"]) == (303, "/accounts/invitation/")
    fields = {"email": email, "password1": password, "password2": password}
    return await person.http.post("/accounts/invitation/", data=fields)
