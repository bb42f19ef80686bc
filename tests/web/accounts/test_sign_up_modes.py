"""Who may sign up: every mode, with every kind of invitation and address."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from chat.models import Invitation, User
from chat.services.accounts.addresses import normalized_email
from chat.settings import Settings, SettingsError
from chat.settings.sign_up import Domains, SignUp
from chat.web.resources import _look_for_administrator
from tests.support.cast import PASSWORD, Person
from tests.support.mailbox import Mailbox
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.production import PRODUCTION, Production
from tests.support.sign_up import DOMAINS, accept, in_mode, invitation_for, let_expire, member, new_address, row_of
from tests.support.site import Beside
from tests.support.stores import Stores

MODES = tuple(SignUp)
NO_ONE = ("no", "no", "no", "no", "no")


@pytest.fixture(scope="module", params=MODES)
async def mode(
    request: pytest.FixtureRequest, beside: Beside, stores: Stores, model: OfflineServer, mailbox: Mailbox
) -> AsyncIterator[tuple[SignUp, Production]]:
    """A site as in production in each mode, one after another."""
    async with in_mode(beside, stores, model, mailbox)(request.param) as site:
        yield request.param, site


async def outcome(email: str) -> str:
    """no: there is no account. in: it can be used. mail: its address has to be confirmed. wait: and approved."""
    user = await User.get_or_none(email=normalized_email(email))
    if user is None:
        return "no"
    if user.waits:
        return "wait"
    return "in" if user.email_verified else "mail"


async def maker(**rights: bool) -> User:
    return await User.create(email=new_address("maker"), password_hash="", **{"is_staff": True, **rights})


# Each way to try it: makes what it needs, tries, and returns the address that got in, or might have.


async def without(person: Person, email: str) -> str:
    await person.sign_up(email)
    return email


async def with_good(person: Person) -> str:
    email = new_address()
    await accept(person, await invitation_for(email))
    return email


async def with_upper_case(person: Person) -> str:
    email = new_address()
    await accept(person, await invitation_for(email), email.upper())
    return email


async def with_good_of_other_domain(person: Person) -> str:
    email = new_address(domain="elsewhere.net")
    await accept(person, await invitation_for(email))
    return email


async def with_link_for_several(person: Person) -> str:
    email = new_address()
    await accept(person, await invitation_for(uses=3), email)
    return email


async def with_link_for_several_of_other_domain(person: Person) -> str:
    email = new_address(domain="elsewhere.net")
    await accept(person, await invitation_for(uses=3), email)
    return email


async def with_link_not_mailed(person: Person) -> str:
    email = new_address()
    await accept(person, await invitation_for(email, is_mailed=False))
    return email


async def with_used(person: Person) -> str:
    token = await invitation_for(uses=1)
    await Invitation.filter(id=(await row_of(token)).id).update(uses_left=0)
    email = new_address()
    await accept(person, token, email)
    return email


async def with_expired(person: Person) -> str:
    email = new_address()
    token = await invitation_for(email)
    await let_expire(token)
    await accept(person, token)
    return email


async def with_revoked(person: Person) -> str:
    email = new_address()
    token = await invitation_for(email)
    row = await row_of(token)
    await Invitation.filter(id=row.id).update(revoked_at=row.created_at)
    await accept(person, token)
    return email


async def with_garbage(person: Person) -> str:
    email = new_address()
    await accept(person, "x" * 3_000, email)
    return email


async def with_anothers(person: Person) -> str:
    email = new_address("mallory")
    await accept(person, await invitation_for(new_address("victim")), email)
    return email


async def with_anothers_plus_tag(person: Person) -> str:
    invited = new_address()
    email = invited.replace("@", "+tag@")
    await accept(person, await invitation_for(invited), email)
    return email


async def with_maker_deleted(person: Person) -> str:
    email, by = new_address(), await maker()
    token = await invitation_for(email, maker=by)
    await by.delete()
    await accept(person, token)
    return email


async def with_maker_demoted(person: Person) -> str:
    email, by = new_address(), await maker(is_staff=False)
    await accept(person, await invitation_for(email, maker=by))
    return email


async def with_maker_disabled(person: Person) -> str:
    email, by = new_address(), await maker(is_active=False)
    await accept(person, await invitation_for(email, maker=by))
    return email


async def with_maker_in_office(person: Person) -> str:
    email, by = new_address(), await maker()
    await accept(person, await invitation_for(email, maker=by))
    return email


def at(domain: str, name: str = "carol") -> Callable[[Person], Awaitable[str]]:
    async def tried(person: Person) -> str:
        return await without(person, new_address(name, domain))

    return tried


# The outcomes, in the order of MODES: open, invite, domain, approval, closed.
TABLE = {
    "no token": (at("example.com"), ("mail", "no", "mail", "wait", "no")),
    "wrong domain": (at("elsewhere.net"), ("mail", "no", "no", "wait", "no")),
    "subdomain of an exact domain": (at("sub.example.com"), ("mail", "no", "no", "wait", "no")),
    "subdomain of a pattern": (at("a.b.example.org"), ("mail", "no", "mail", "wait", "no")),
    "the pattern's own domain": (at("example.org"), ("mail", "no", "no", "wait", "no")),
    "a domain that ends alike": (at("notexample.com"), ("mail", "no", "no", "wait", "no")),
    "a domain that begins alike": (at("example.com.evil.net"), ("mail", "no", "no", "wait", "no")),
    "trailing dot": (at("example.com."), NO_ONE),
    "two @": (at("example.com@elsewhere.net"), NO_ONE),
    "homograph": (at("ex\u0430mple.com"), ("mail", "no", "no", "wait", "no")),
    "IDN": (at("bücher.example"), ("mail", "no", "mail", "wait", "no")),
    "IDN as Punycode": (at("xn--bcher-kva.example"), ("mail", "no", "mail", "wait", "no")),
    "IDN, upper case": (at("BÜCHER.Example"), ("mail", "no", "mail", "wait", "no")),
    "full-width dot": (at("example。com"), ("mail", "no", "mail", "wait", "no")),
    "upper case": (at("EXAMPLE.COM", "CAROL"), ("mail", "no", "mail", "wait", "no")),
    "plus-tag": (at("example.com", "carol+tag"), ("mail", "no", "mail", "wait", "no")),
    "good": (with_good, ("in", "in", "in", "in", "no")),
    "good, by an administrator": (with_maker_in_office, ("in", "in", "in", "in", "no")),
    "good, upper case": (with_upper_case, ("in", "in", "in", "in", "no")),
    "good, other domain": (with_good_of_other_domain, ("in", "in", "in", "in", "no")),
    "good, but passed on as a link": (with_link_not_mailed, ("mail", "mail", "mail", "mail", "no")),
    "for several": (with_link_for_several, ("mail", "mail", "mail", "mail", "no")),
    "for several, other domain": (with_link_for_several_of_other_domain, ("mail", "mail", "no", "mail", "no")),
    "used": (with_used, NO_ONE),
    "expired": (with_expired, NO_ONE),
    "revoked": (with_revoked, NO_ONE),
    "garbage": (with_garbage, NO_ONE),
    "another's address": (with_anothers, NO_ONE),
    "plus-tag of another's address": (with_anothers_plus_tag, NO_ONE),
    "inviter deleted": (with_maker_deleted, NO_ONE),
    "inviter demoted": (with_maker_demoted, NO_ONE),
    "inviter disabled": (with_maker_disabled, NO_ONE),
}


@pytest.mark.parametrize("case", TABLE)
async def test_each_mode_admits_the_right_people(mode: tuple[SignUp, Production], case: str) -> None:
    name, production = mode
    tried, outcomes = TABLE[case]
    async with production.visitor() as person:
        email = await tried(person)
        try:
            found = await outcome(email)
        except Exception:  # noqa: BLE001 - not an address at all
            found = "no"
        is_logged_in = (await person.http.get("/accounts/settings/")).status_code == 200

    assert found == outcomes[MODES.index(name)]
    # Whoever opened another's invitation is logged in to the account that it is for, since the link proves the mailbox.
    assert is_logged_in == (found == "in" or (case.endswith("another's address") and name is not SignUp.CLOSED))


SENTENCES = {
    SignUp.OPEN: "",
    SignUp.INVITE: "Sign-up is by invitation only.",
    SignUp.DOMAIN: "You can sign up with an email address at example.com, a subdomain of example.org or bücher.example",
    SignUp.APPROVAL: "An administrator approves each new account.",
    SignUp.CLOSED: "Sign-up is closed.",
}


async def test_the_pages_say_who_may_sign_up(mode: tuple[SignUp, Production]) -> None:
    name, production = mode
    async with production.visitor() as person:
        pages = {
            path: Page((await person.http.get(path)).text) for path in ("/", "/accounts/login/", "/accounts/signup/")
        }
        answer = await person.http.post("/accounts/signup/", data={})
    has_form = name not in (SignUp.INVITE, SignUp.CLOSED)

    for page in pages.values():
        assert SENTENCES[name].rstrip(".") in page.text
        assert bool(page.all("a", href="/accounts/signup/")) == has_form
    assert bool(pages["/accounts/signup/"].all("input", name="password1")) == has_form
    assert answer.status_code == (422 if has_form else 403)


async def test_an_address_only_changes_to_an_accepted_domain(mode: tuple[SignUp, Production], mailbox: Mailbox) -> None:
    name, production = mode
    user, wanted = await member(production), new_address(domain="elsewhere.net")
    async with production.visitor() as person:
        await person.log_in(user.email)
        answer = await person.http.post("/accounts/change-email/", data={"email": wanted, "password": PASSWORD})
        if name is SignUp.DOMAIN:
            assert answer.status_code == 422
            assert "Enter an email address at example.com" in Page(answer.text).text
            return
        link = await mailbox.next_link(wanted)
        assert (await person.http.post(link)).status_code == 303

    assert (await User.get(id=user.id)).email == wanted


async def test_a_link_from_before_the_domains_were_set_changes_nothing(
    mode: tuple[SignUp, Production], production: Production, mailbox: Mailbox
) -> None:
    name, other = mode
    user, wanted = await member(production), new_address(domain="elsewhere.net")
    async with production.visitor() as before, other.visitor() as after:
        await before.log_in(user.email)
        await before.http.post("/accounts/change-email/", data={"email": wanted, "password": PASSWORD})
        link = await mailbox.next_link(wanted)
        await after.log_in(user.email)
        answer = await after.http.post(link)

    assert answer.status_code == (422 if name is SignUp.DOMAIN else 303)
    assert (await User.get(id=user.id)).email == (user.email if name is SignUp.DOMAIN else wanted)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SIGNUP": ""}, ["SIGNUP"]),
        ({"SIGNUP": "maybe"}, ["SIGNUP"]),
        ({"SIGNUP": "domain"}, ["SIGNUP_DOMAINS"]),
        ({"SIGNUP": "domain", "SIGNUP_DOMAINS": "*.com"}, ["SIGNUP_DOMAINS"]),
        ({"SIGNUP": "domain", "SIGNUP_DOMAINS": "me@example.com"}, ["SIGNUP_DOMAINS"]),
        ({"SIGNUP": "invite", "SIGNUP_DOMAINS": "example.com"}, ["SIGNUP_DOMAINS"]),
        ({"SIGNUP": "maybe", "SIGNUP_DOMAINS": "example.com"}, ["SIGNUP"]),
        ({"SIGNUP": "domain", "SIGNUP_DOMAINS": DOMAINS, "EMAIL_VERIFICATION_REQUIRED": "False"}, ["SIGNUP"]),
        ({"SIGNUP": "domain", "SIGNUP_DOMAINS": DOMAINS}, []),
        ({"SIGNUP": "APPROVAL"}, []),
    ],
)
def test_settings_that_would_not_do_what_they_say_are_refused(given: dict[str, str], named: list[str]) -> None:
    try:
        Settings.from_environment(PRODUCTION | given)
    except SettingsError as error:
        found = [problem.split()[0] for problem in error.problems]
    else:
        found = []

    assert found == named


def test_production_has_no_default_and_development_is_open() -> None:
    with pytest.raises(SettingsError, match="SIGNUP is missing: say who may sign up"):
        Settings.from_environment(PRODUCTION | {"SIGNUP": ""})

    assert Settings.from_environment({"DEBUG": "True"}).sign_up is SignUp.OPEN


def test_domains_are_compared_in_one_spelling() -> None:
    domains = Domains.parse("EXAMPLE.com, xn--bcher-kva.example,*.Example.ORG")

    assert str(domains) == "example.com,bücher.example,*.example.org"


async def test_a_site_without_an_administrator_says_so_at_startup(
    migrated: None, site: object, caplog: pytest.LogCaptureFixture
) -> None:
    staff = await User.filter(is_staff=True).values_list("id", flat=True)
    await User.filter(id__in=staff).update(is_staff=False)
    try:
        with caplog.at_level(logging.WARNING):
            await _look_for_administrator()
        assert "Create the first one with `chat create-admin EMAIL`" in caplog.text
        caplog.clear()
        by = await maker()
        await _look_for_administrator()
        assert not caplog.text
        await by.delete()
    finally:
        await User.filter(id__in=staff).update(is_staff=True)
