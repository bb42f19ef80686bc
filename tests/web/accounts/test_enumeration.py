"""No form reveals who has an account: the responses for known and unknown addresses are the same, byte by byte.

Their times are compared by `bench/enumeration.py`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer
from quart import Quart
from quart.sessions import SecureCookieSessionInterface

from chat.models import MOST_LOGIN_FAILURES, SecondFactor, User
from chat.security.limits import ACCOUNT_EXISTS, CONFIRM_TO, RESET_ADDRESS
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.production import Production
from tests.support.sign_up import accept, end_waits, in_mode, invitation_for
from tests.support.site import Beside
from tests.support.stores import Stores

Answers = list[httpx.Response]
SENT = "/accounts/verify-email/sent/"
SECONDS = re.compile(rb'(data-wait-seconds=")\d+')


def new_address() -> str:
    """Addresses of the same length, so that Content-Length can be compared."""
    return f"known-or-not-{uuid.uuid4().hex[:12]}@example.com"


async def signing_up(person: Person, address: str) -> Answers:
    answer = await person.sign_up(address, "another " + PASSWORD)
    return [answer, await person.http.get(answer.headers["Location"])]


async def logging_in(person: Person, address: str) -> Answers:
    return [await person.log_in(address, "not the password")]


async def signing_up_and_logging_in(person: Person, address: str) -> Answers:
    """With the password just given, until the limit; then ask for a link on the page that follows."""
    answers = []
    for password in ("another " + PASSWORD, "not the password", *["another " + PASSWORD] * 3, "not the password"):
        if not answers:
            answers.append(await person.sign_up(address, password))
        answers.append(await person.log_in(address, password))
    await end_waits(person.site, address)
    answers.append(await person.http.post("/accounts/verify-email/resend/"))
    assert [answer.status_code for answer in answers] == [303, 303, 422, 303, 303, 303, 429, 303]
    return [*answers, await person.http.get("/accounts/verify-required/")]


async def signing_up_twice_and_logging_in(person: Person, address: str) -> Answers:
    """With another password each time: the later one counts, since a known address has a third one anyway."""
    answers = [await person.sign_up(address, word + PASSWORD) for word in ("first ", "second ")]
    answers += [await person.log_in(address, word + PASSWORD) for word in ("first ", "second ", "third ")]
    assert [answer.status_code for answer in answers] == [303, 303, 422, 303, 422]
    return answers


async def signing_up_and_guessing_for_ever(person: Person, address: str) -> Answers:
    await person.sign_up(address, "another " + PASSWORD)
    await User.filter(email=address).update(login_failures=MOST_LOGIN_FAILURES)
    return [await person.log_in(address, "another " + PASSWORD)]


async def asking_again(person: Person, address: str) -> Answers:
    """Ask at once, which is too early, and after the wait."""
    await person.sign_up(address, "another " + PASSWORD)
    early = await person.http.post("/accounts/verify-email/resend/")
    await end_waits(person.site, address)
    answer = await person.http.post("/accounts/verify-email/resend/")
    return [early, answer, await person.http.get(answer.headers["Location"])]


async def forgetting(person: Person, address: str) -> Answers:
    """Compare the page after the limit too, which counts unknown addresses."""
    answers = [await person.http.post("/accounts/password_reset/", data={"email": address}) for _ in range(6)]
    assert answers[5].status_code == 429
    return [*answers, await person.http.get(answers[0].headers["Location"])]


async def guessing_for_ever(person: Person, address: str) -> Answers:
    """The right password gets the same response when only a reset helps."""
    await User.filter(email=address).update(login_failures=MOST_LOGIN_FAILURES)
    return [await person.log_in(address, PASSWORD)]


# A form that takes an address from anybody belongs here, and into bench/enumeration.py.
FORMS = [
    signing_up,
    signing_up_and_logging_in,
    signing_up_twice_and_logging_in,
    signing_up_and_guessing_for_ever,
    logging_in,
    asking_again,
    forgetting,
    guessing_for_ever,
]
KINDS: dict[str, dict[str, Any]] = {
    "verified": {"email_verified": True},
    "not yet verified": {"email_verified": False},
    "switched off": {"email_verified": True, "is_active": False},
    "an administrator": {"email_verified": True, "is_staff": True},
    "waiting for approval": {"email_verified": True, "approved_at": None},
    "declined": {"email_verified": True, "approved_at": None, "declined_at": datetime.now(UTC), "is_active": False},
    "invited": {"invited": True},
    "with two-factor authentication": {"email_verified": True, "second_factor": True},
}


@pytest.fixture(scope="module")
async def known(production: Production) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[str]]]:
    """Makes accounts of each kind. Their password is hashed once."""
    password_hash = await production.site.resources.passwords.hash(PASSWORD)
    made: list[str] = []

    async def make(kind: dict[str, Any]) -> str:
        if "invited" in kind:
            address = new_address()
            await invitation_for(address)
            return address
        columns = {name: value for name, value in kind.items() if name != "second_factor"}
        user = await User.create(email=new_address(), password_hash=password_hash, **columns)
        if "second_factor" in kind:
            await SecondFactor.create(user=user, nonce=uuid.uuid4().hex, confirmed_at=datetime.now(UTC))
        made.append(user.email)
        return user.email

    yield make
    await User.filter(email__in=made).delete()


@pytest.fixture(scope="module", params=["open", "approval", "domain", "invite"])
async def another(
    request: pytest.FixtureRequest, beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox
) -> AsyncIterator[Production]:
    """The same site with each mode of signing up in which an address matters."""
    async with in_mode(beside, stores, model, mailbox)(request.param) as site:
        yield site


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_signing_up_gets_the_same_answer_in_every_mode(
    another: Production, known: Callable[[dict[str, Any]], Awaitable[str]], kind: dict[str, Any]
) -> None:
    """With the form, and with a link for several people; and so does a login with the password just given."""
    seen: list[list[dict[str, Any]]] = []
    for address in [await known(kind), new_address()]:
        token = await invitation_for(uses=1)
        async with another.visitor() as person, another.visitor() as guest:
            answers = [await person.sign_up(address, "another " + PASSWORD), await person.http.get(SENT)]
            answers += [await accept(guest, token, address, "another " + PASSWORD), await guest.http.get(SENT)]
            answers.append(await person.log_in(address, "another " + PASSWORD))
            again, stamps = await accept(guest, token, new_address()), Stamps()
            compared = [comparable(answer, address, another.site.app, stamps) for answer in answers]
            seen.append([*compared, {"again": again.status_code}])

    assert seen[0] == seen[1]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("form", FORMS)
async def test_a_form_answers_alike_for_known_and_unknown_addresses(
    production: Production,
    known: Callable[[dict[str, Any]], Awaitable[str]],
    form: Callable[[Person, str], Awaitable[Answers]],
    kind: dict[str, Any],
) -> None:
    addresses = [await known(kind), new_address()]
    seen = []
    for address in addresses:
        async with production.visitor() as person:
            stamps = Stamps()
            answers = await form(person, address)
            seen.append([comparable(answer, address, production.site.app, stamps) for answer in answers])

    assert len(addresses[0]) == len(addresses[1])
    assert seen[0] == seen[1]


async def others_ask(production: Production, address: str) -> None:
    """Other browsers sign up with the address, and have as many emails sent to it as they can."""
    for _ in range(RESET_ADDRESS.count):
        async with production.visitor() as other:
            await other.sign_up(address, "another " + PASSWORD)
            await other.http.post("/accounts/password_reset/", data={"email": address})
            await end_waits(production.site, address)
            await other.http.post("/accounts/verify-email/resend/")
    for limit in (CONFIRM_TO, RESET_ADDRESS, ACCOUNT_EXISTS):  # the rest of the day's
        while not await production.site.resources.limits.wait_ms(limit, address):
            pass
    await end_waits(production.site, address)


@pytest.mark.parametrize("kind", [KINDS["verified"], KINDS["not yet verified"]], ids=["verified", "not yet verified"])
@pytest.mark.parametrize("form", [signing_up, asking_again, forgetting, signing_up_and_logging_in])
async def test_no_page_and_no_wait_tells_what_others_did_with_an_address(
    production: Production,
    known: Callable[[dict[str, Any]], Awaitable[str]],
    form: Callable[[Person, str], Awaitable[Answers]],
    kind: dict[str, Any],
) -> None:
    """Each browser sees its own waits, to the second or two that pass between the two visits."""
    asked = await known(kind)
    await others_ask(production, asked)
    seen = []
    for address in (asked, new_address()):
        async with production.visitor() as person:
            stamps, answers = Stamps(), await form(person, address)
            compared = [comparable(answer, address, production.site.app, stamps) for answer in answers]
            seen.append((compared, [waits_in(answer) for answer in answers]))

    assert seen[0] == seen[1]


def waits_in(answer: httpx.Response) -> list[int]:
    """The seconds that an answer says to wait, to half a minute."""
    said = [answer.headers.get("Retry-After", ""), *re.findall(r'data-wait-seconds="(\d+)"', answer.text)]
    return [round(int(seconds) / 30) for seconds in said if seconds]


async def test_the_comparison_sees_a_difference(production: Production) -> None:
    """The same form with a right and a wrong password: otherwise the tests above could not fail."""
    async with production.visitor() as person:
        answers = [await person.log_in(new_address(), word) for word in ("not the password", "")]
        one, two = (comparable(answer, "", production.site.app, Stamps()) for answer in answers)

    assert one != two


class Stamps(dict[str, str]):
    """The hashes in the cookies of one visitor, numbered: which are the same must be the same, too."""

    def numbered(self, text: str) -> str:
        return HASH.sub(lambda found: self.setdefault(found[0], f"stamp {len(self)}"), text)


def comparable(answer: httpx.Response, address: str, app: Quart, stamps: Stamps) -> dict[str, Any]:
    """Everything that a visitor sees, without the typed address and values that differ in every response."""
    policy = answer.headers["Content-Security-Policy"]
    found = re.search("'nonce-([^']+)'", policy)
    assert found
    body = answer.content
    for own in (found[1], address, answer.headers["X-Request-Id"]):
        body = body.replace(own.encode(), b"")
    headers = [
        (name, value.replace(found[1], ""))
        for name, value in sorted(answer.headers.multi_items())
        if name not in ("date", "set-cookie", "retry-after", "x-request-id")  # a second may pass between the two
    ]
    return {
        "status": answer.status_code,
        "headers": headers,
        "waits": "Retry-After" in answer.headers,
        "cookies": [readable(cookie, address, app, stamps) for cookie in answer.headers.get_list("set-cookie")],
        "body": SECONDS.sub(rb"\1", body),
    }


HASH = re.compile(r"[0-9a-f]{64}")


def readable(cookie: str, address: str, app: Quart, stamps: Stamps) -> tuple[str, str]:
    """A signed cookie's content and flags."""
    value, _, flags = cookie.partition(";")
    name, _, signed = value.partition("=")
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(app)
    assert isinstance(serializer, URLSafeTimedSerializer)
    said = stamps.numbered(str(serializer.loads(signed)) if signed else "")
    return f"{name}={said.replace(address, '')}", re.sub("expires=[^;]+", "", flags, flags=re.IGNORECASE)
