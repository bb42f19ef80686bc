"""Every route: who may use it, how often, and that it answers every kind of user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from werkzeug.routing import Rule

from chat.app import relative
from chat.cli.routes import current_address, routes_document
from chat.security import limits
from chat.security.limits import COUNTED_BY_SERVICES, RESEND_BACKOFF, SOCKET_CONNECT, Limit
from chat.web.rate_limits import limits_of
from chat.web.security_headers import SAFE_METHODS
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.production import Production
from tests.support.routes import APP

ROUTES = Path(__file__).parents[2] / "docs" / "routes.md"
PUBLIC = {
    "static",
    "pages.landing",
    "metrics.show",
    "pages.healthz",
    "pages.readyz",
    "accounts.login.signup",
    "accounts.login.login",
    "accounts.login.logout",
    "accounts.two_factor.login_code",
    "accounts.passwords.password_check",
    "accounts.passwords.password_reset",
    "accounts.passwords.password_reset_sent",
    "accounts.passwords.reset_link",
    "accounts.passwords.reset",
    "accounts.email.resend",
    "accounts.email.verify_email",
    "accounts.email.confirm_change",
    "accounts.email.verify_email_sent",
    "accounts.email.verify_required",
    "accounts.invitation.link",
    "accounts.invitation.accept",
}
CHECKS_ITSELF = {"socket.thread_socket", "socket.user_socket"}  # after accept, where a close code can say why
UNKNOWN = [
    "/nowhere",
    "/chat/not-a-uuid/",
    "/accounts/",
    "/chat/api/",
    "/ws/",
    "/index.php",
    "/%00",
    "/ü/🔑",
    "/" + "x" * 5000,
]


def routes() -> Iterator[Rule]:
    return APP.url_map.iter_rules()


def told(answer: httpx.Response) -> dict[str, str]:
    """An error in JSON, without the id of its request, which must be there."""
    said: dict[str, str] = answer.json()
    assert said.pop("request_id")
    return said


def current_routes() -> Iterator[Rule]:
    """The routes without former addresses, which redirect."""
    return (rule for rule in routes() if not rule.alias)


def view_of(rule: Rule) -> Callable[..., Any]:
    return APP.view_functions[rule.endpoint]


def test_every_route_needs_a_login_or_is_public_by_decision() -> None:
    open_to_all = {rule.endpoint for rule in routes() if not getattr(view_of(rule), "login_required", False)}

    assert open_to_all == PUBLIC | CHECKS_ITSELF


def test_every_view_that_changes_something_is_limited() -> None:
    unlimited = {
        rule.endpoint for rule in routes() if set(rule.methods or ()) - SAFE_METHODS and not limits_of(view_of(rule))
    }

    assert unlimited == set()


def test_the_table_of_routes_is_up_to_date() -> None:
    assert ROUTES.read_text() == routes_document(APP), "run `chat routes > docs/routes.md`"


def test_every_limit_is_on_a_route_or_named_with_what_it_counts() -> None:
    named = {one for one in vars(limits).values() if isinstance(one, Limit)}
    on_routes = {limit for rule in routes() for limit in limits_of(view_of(rule))}

    assert named - on_routes == set(COUNTED_BY_SERVICES.values()) - {RESEND_BACKOFF.first_wait} | {SOCKET_CONNECT}


def test_every_address_of_a_page_ends_with_a_slash() -> None:
    assert [rule.rule for rule in routes() if not rule.is_leaf and not rule.rule.endswith("/")] == []


def plain_paths() -> list[str]:
    """Addresses of GET routes without parameters."""
    return sorted({rule.rule for rule in current_routes() if "GET" in (rule.methods or ()) and not rule.arguments})


async def test_every_page_answers_every_kind_of_user(nobody: Person, alice: Person, root: Person) -> None:
    paths = [path for path in plain_paths() if not path.startswith("/ws/")]
    assert {"/", "/chat/", "/admin/", "/accounts/login/", "/healthz"} <= set(paths)
    for person, path in product((nobody, alice, root), paths):
        answer = await person.http.get(path)
        head = await person.http.head(path)

        assert answer.status_code in (200, 303, 404), path
        assert head.status_code == answer.status_code, path
        assert head.content == b"", path
        if answer.status_code != 303 and answer.headers["Content-Type"].startswith("text/html"):
            page = Page(answer.text)
            assert len(page.all("h1")) == 1, path
            assert page.find("html")["lang"] == "en", path
            assert page.all("title")[0].text, path  # the others are those of pictures
            assert len({element["id"] for element in page.elements if "id" in element}) == len(
                [element for element in page.elements if "id" in element]
            ), path


async def test_logging_in_returns_to_the_requested_page(nobody: Person) -> None:
    for rule in current_routes():
        readable = "GET" in (rule.methods or ()) and not rule.arguments
        view = view_of(rule)
        if readable and getattr(view, "login_required", False) and not getattr(view, "staff_required", False):
            answer = await nobody.http.get(rule.rule)
            assert (answer.status_code, answer.headers["Location"]) == (303, f"/accounts/login/?next={rule.rule}")


async def test_a_program_without_a_login_gets_a_401_in_json(nobody: Person) -> None:
    answer = await nobody.http.get("/chat/", headers={"Accept": "application/json"})

    assert (answer.status_code, told(answer)) == (401, {"code": "unauthorized", "message": "Log in first."})


async def test_a_missing_page_is_a_404_for_people_and_for_programs(alice: Person, nobody: Person) -> None:
    for person, path in product((alice, nobody), UNKNOWN):
        page = await person.http.get(path)
        program = await person.http.get(path, headers={"Accept": "application/json"})

        assert (page.status_code, program.status_code) == (404, 404), path
        assert Page(page.text).find("h1").text == "Not found"
        assert told(program) == {"code": "not_found", "message": "There is no such page, or it is not yours."}


async def test_a_method_that_is_not_allowed_is_explained(alice: Person) -> None:
    answer = await alice.http.get("/accounts/logout/")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")
    assert Page(answer.text).find("h1").text == "Page not available here"


async def test_an_address_without_its_last_slash_leads_to_the_page_at_the_scheme_of_the_outside(nobody: Person) -> None:
    answer = await nobody.http.get("/accounts/login?next=/admin/")

    assert (answer.status_code, answer.headers["Location"]) == (308, "/accounts/login/?next=/admin/")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://chat.example.com/ws/chat/", "/ws/chat/"),
        ("http://chat.example.com//evil.example/", "/evil.example/"),
        ("http://chat.example.com/a/?b=c&d=%2F", "/a/?b=c&d=%2F"),
        ("http://chat.example.com", "/"),
    ],
)
def test_a_redirect_stays_on_the_site(url: str, shown: str) -> None:
    assert relative(url) == shown


FORMER = {
    "/accounts/change_email/": "/accounts/change-email/",
    "/accounts/password_check/": "/accounts/password-check/",
    "/accounts/second-factor/": "/accounts/two-factor/",
    "/accounts/second-factor/codes/": "/accounts/two-factor/recovery-codes/",
    "/accounts/second-factor/set-up/": "/accounts/two-factor/set-up/",
    "/accounts/second-factor/turn-off/": "/accounts/two-factor/turn-off/",
}


def test_every_former_address_is_listed_here() -> None:
    assert {rule.rule: current_address(APP, rule) for rule in routes() if rule.alias} == FORMER


@pytest.mark.parametrize(("former", "current"), FORMER.items())
async def test_a_former_address_leads_to_the_current_one_for_everyone(
    alice: Person, nobody: Person, former: str, current: str
) -> None:
    for person, method in product((alice, nobody), ("GET", "HEAD", "POST")):
        if method != "POST" and former == "/accounts/password_check/":  # it has no page
            continue
        moved = await person.http.request(method, f"{former}?next=//evil.example")
        answer = await person.http.request(method, moved.headers["Location"])
        direct = await person.http.request(method, f"{current}?next=//evil.example")

        assert moved.status_code == 308
        assert moved.headers["Location"] == f"{current}?next=//evil.example"
        assert (answer.status_code, answer.headers.get("Location")) == (
            direct.status_code,
            direct.headers.get("Location"),
        )


async def test_a_form_posted_to_a_former_address_arrives(alice: Person) -> None:
    form = {"email": f"new-{alice.email}", "password": "wrong"}
    answer = await alice.http.post("/accounts/change_email/", data=form, follow_redirects=True)

    assert (answer.status_code, answer.url.path) == (422, "/accounts/change-email/")
    assert "not your password" in Page(answer.text).error_of("password")


async def test_a_former_address_never_redirects_to_or_for_another_site(alice: Person, production: Production) -> None:
    refused = await alice.http.post("/accounts/change_email/", headers={"Origin": "https://evil.example"})
    async with production.visitor() as visitor:
        unknown = await visitor.http.get("/accounts/change_email/", headers={"Host": "evil.example"})
        moved = await visitor.http.get("/accounts/change_email/")

    assert (refused.status_code, unknown.status_code, moved.status_code) == (403, 400, 308)
    assert moved.headers["Location"] == "/accounts/change-email/"
