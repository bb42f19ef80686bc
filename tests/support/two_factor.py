"""A person's two-factor authentication: the app's secret and the recovery codes."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from itsdangerous import URLSafeTimedSerializer
from pyotp import TOTP
from quart.sessions import SecureCookieSessionInterface

from chat.models import RecoveryCode, SecondFactor, User, UserSettings
from chat.security.one_time_codes import bare_recovery_code, new_recovery_code, shared_secret
from chat.security.tokens import token_hash
from chat.services.accounts.two_factor import RECOVERY_CODES
from tests.support.cast import PASSWORD, Person
from tests.support.production import Production

LOGIN, CODE, PAGE = "/accounts/login/", "/accounts/login/code/", "/accounts/two-factor/"


@dataclass
class Factor:
    """The app's secret, and the recovery codes."""

    secret: str
    codes: list[str]

    def code(self, *, later: int = 0) -> str:
        """The code that the app shows now, or this number of steps later: each works once."""
        return TOTP(self.secret).at(time.time() + 30 * later)

    def wrong_code(self) -> str:
        """A code that is neither current nor close to it."""
        near = {self.code(later=later) for later in range(-3, 4)}
        return next(code for code in map("{:06}".format, range(10)) if code not in near)


async def turned_on(person: Person) -> Factor:
    """Rows as the set-up leaves them."""
    user = await User.get(email=person.email)
    factor = await SecondFactor.create(user=user, nonce=uuid.uuid4().hex, confirmed_at=datetime.now(UTC))
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    for code in codes:
        await RecoveryCode.create(user=user, code_sha256=token_hash(bare_recovery_code(code) or ""))
    key = person.site.resources.settings.secret_key
    return Factor(shared_secret(key, str(user.id), factor.nonce), codes)


def change_form_session(person: Person, change: dict[str, Any], name: str) -> None:
    """Change a value in the browser's signed form session, as only the site can."""
    app = person.site.app
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(app)
    assert isinstance(serializer, URLSafeTimedSerializer)
    cookie = app.config["SESSION_COOKIE_NAME"]
    said = serializer.loads(person.http.cookies[cookie])
    said[name] |= change
    domain = next(one.domain for one in person.http.cookies.jar if one.name == cookie)
    person.http.cookies.set(cookie, serializer.dumps(said), domain=domain)


async def half_way(person: Person, **more: str) -> None:
    answer = await person.log_in(person.email, **more)
    assert (answer.status_code, answer.headers["Location"]) == (303, CODE)


@asynccontextmanager
async def member(production: Production) -> AsyncIterator[tuple[Person, Factor]]:
    """A user with two-factor authentication at the code page of a site with limits."""
    async with production.visitor() as person:
        person.email = f"carol-{uuid.uuid4().hex[:8]}@example.com"
        password_hash = await production.site.resources.passwords.hash(PASSWORD)
        user = await User.create(email=person.email, password_hash=password_hash, email_verified=True)
        await UserSettings.create(user=user)
        factor = await turned_on(person)
        await half_way(person)
        yield person, factor
