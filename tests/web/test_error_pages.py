"""Any error, even one in an error page, is answered with a page and all headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import websockets
from quart.typing import ResponseReturnValue

from chat.app import create_app
from chat.database import DatabaseUnavailable
from chat.settings import Settings
from chat.web.security_headers import HEADERS
from tests.support import patches
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Site

JSON = {"Accept": "application/json"}


class UnknownError(Exception):
    """An error that no handler knows."""


def failing(error: Exception) -> Callable[..., Any]:
    async def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def assert_complete(answer: httpx.Response | websockets.Response, status: int = 500, *, https: bool = False) -> None:
    assert answer.status_code == status
    for name, value in HEADERS.items():
        stricter = {"same-origin", "no-referrer"} if name == "Referrer-Policy" else set()
        assert answer.headers[name] in {value, *stricter}
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert ("Strict-Transport-Security" in answer.headers) == https


def paths(site: Site) -> list[str]:
    """An address of every view that answers a GET."""
    examples = {"uuid": "0b0e7f3c-3f0e-4d6b-8a55-0c4d8a4f0a11", "default": "accounts", "path": "images/favicon.svg"}
    found = []
    for rule in site.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.websocket:
            found.append(re.sub(r"<(?:(\w+)[^:>]*:)?\w+>", lambda match: examples[match[1] or "default"], rule.rule))
    assert len(found) > 30
    return found


# What fails is the lookup of the session


@pytest.mark.parametrize("error", [UnknownError("of a class of its own"), OSError(28, "No space left on device")])
async def test_every_page_is_answered_when_sessions_cannot_be_found(
    nobody: Person, site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async with Person.signed_up(site, "errors") as person:
        patches.FIND_SESSION.replace(monkeypatch, failing(error))
        for path in paths(site):
            answer = await person.http.get(path)

            assert_complete(answer, answer.status_code)
            assert answer.status_code in (200, 302, 303, 308, 404, 500, 503), path
            if answer.status_code == 500:
                assert "This is our error" in Page(answer.text).text, path
            assert_complete(await person.http.get("/nowhere/"), 404)


async def test_a_form_is_answered_too_with_its_text(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Person.signed_up(site, "errors") as person:
        patches.FIND_SESSION.replace(monkeypatch, failing(UnknownError()))
        answer = await person.http.post("/chat/", data={"message": "Words that took long"})

    assert_complete(answer)
    assert "Words that took long" in answer.text


async def test_a_handshake_is_refused_with_the_headers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def handshake(path: str) -> websockets.Response:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(f"{site.socket_url}{path}", origin=site.url, open_timeout=10):
                pytest.fail("it must not open")
        return refused.value.response

    assert_complete(await handshake("/ws/chat/"), 403)
    assert_complete(await handshake("/ws/nowhere/"), 404)
    # The first thing that the view does
    for error, status in ((UnknownError(), 500), (DatabaseUnavailable("full"), 503)):
        patches.DISPATCH_WEBSOCKET.replace(monkeypatch, failing(error))
        assert_complete(await handshake("/ws/chat/"), status)
    patches.NONCE.replace(monkeypatch, None)
    assert_complete(await handshake("/ws/chat/"))


# What fails is the explanation itself


async def test_an_error_page_that_cannot_be_rendered_is_replaced(
    nobody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.RENDERED_ERROR.replace(monkeypatch, failing(UnknownError()))
    missing, wrong = await nobody.http.get("/nowhere/"), await nobody.http.post("/")

    assert_complete(missing, 404)
    assert_complete(wrong, 405)
    assert "There is no such page" in Page(missing.text).text
    patches.ESCAPE.replace(monkeypatch, None)
    assert_complete(await nobody.http.get("/nowhere/"))


async def test_a_response_that_cannot_be_completed_is_replaced(nobody: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.NONCE.replace(monkeypatch, None)
    for path in ("/healthz", "/nowhere/", "/static/images/favicon.svg"):
        assert_complete(await nobody.http.get(path))


async def test_so_is_one_whose_cookies_cannot_be_read(
    nobody: Person, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.OPEN_SESSION.replace(monkeypatch, failing(UnknownError()))

    assert_complete(await nobody.http.get("/healthz"))


async def test_production_does_the_same(production: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    async def view() -> ResponseReturnValue:
        raise UnknownError

    async with production.visitor() as visitor:
        monkeypatch.setitem(production.site.app.view_functions, "pages.healthz", view)
        assert_complete(await visitor.http.get("/healthz"), https=True)
        assert (await visitor.http.get("/healthz", headers=JSON)).json()["code"] == "internal_server_error"
        patches.RENDERED_ERROR.replace(monkeypatch, failing(UnknownError()))
        assert_complete(await visitor.http.get("/healthz"), https=True)
        patches.WANTS_JSON.replace(monkeypatch, None)
        assert_complete(await visitor.http.get("/healthz"), https=True)


async def test_an_error_page_does_not_need_the_text_of_the_form(
    nobody: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.KEPT.replace(monkeypatch, None)
    answer = await nobody.http.post("/nowhere/", data={"message": "Words"})

    assert_complete(answer, 404)


async def test_a_debugger_named_in_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUART_DEBUG", "1")

    assert create_app(Settings(debug=True)).debug is False
