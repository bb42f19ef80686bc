"""The checks every request passes (host, origin, size), and the headers every response carries."""

from __future__ import annotations

import asyncio
import base64
import secrets
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets

from tests.support.cast import Person
from tests.support.client import new_client
from tests.support.page import Page
from tests.support.production import PRODUCTION, Production
from tests.support.site import Beside, Site
from tests.support.stores import Stores
from tests.support.waiting import LONG_SECONDS

FRIEND = "https://friend.example"
OWN = "own"  # stands for the origin of the site itself
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
async def trusting(beside: Beside) -> AsyncIterator[Site]:
    """A site that also trusts another origin."""
    async with beside(CSRF_TRUSTED_ORIGINS=f"{FRIEND}/") as site:
        yield site


@pytest.fixture(scope="module")
async def no_browser(trusting: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends no headers by default."""
    async with new_client(base_url=trusting.url) as client:
        yield client


@pytest.fixture(scope="module")
async def member(site: Site) -> AsyncIterator[Person]:
    """A user whom no test of this file logs out."""
    async with Person.signed_up(site, "member") as person:
        yield person


def headers_of(site: Site, origin: str | None, fetch_site: str | None) -> dict[str, str]:
    sent = {"Origin": site.url if origin == OWN else origin, "Sec-Fetch-Site": fetch_site}
    return {name: value for name, value in sent.items() if value is not None}


# Forms of other sites


@pytest.mark.parametrize(
    ("fetch_site", "origin", "passes"),
    [
        ("same-origin", OWN, True),
        ("same-origin", None, True),
        ("same-origin", "https://evil.example", True),  # a browser never sends this pair, and no page can
        ("cross-site", OWN, False),
        ("cross-site", "https://evil.example", False),
        ("cross-site", FRIEND, True),
        ("same-site", "http://127.0.0.1:1", False),
        ("same-site", OWN, False),
        ("none", None, False),
        ("none", OWN, False),
        ("nonsense", OWN, False),
        ("", OWN, False),
        (None, OWN, True),
        (None, FRIEND, True),
        (None, "https://evil.example", False),
        (None, "http://127.0.0.1:1", False),
        (None, "http://localhost", False),
        (None, "null", False),
        (None, "", False),
        (None, "http://[", False),
        (None, "http://127.0.0.1:x", False),
        (None, None, False),
    ],
)
async def test_only_pages_of_ours_may_change_something(
    trusting: Site, no_browser: httpx.AsyncClient, fetch_site: str | None, origin: str | None, passes: bool
) -> None:
    response = await no_browser.post("/accounts/logout/", headers=headers_of(trusting, origin, fetch_site))

    assert response.status_code == (303 if passes else 403)


async def test_a_form_of_another_site_logs_no_one_out(member: Person) -> None:
    refused = await member.http.post("/accounts/logout/", headers={"Origin": "https://evil.example"})

    assert refused.status_code == 403
    assert "did not come from a page of this site" in Page(refused.text).text
    assert (await member.http.get("/chat/")).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "QUERY"])
async def test_other_methods_of_other_sites_are_refused_before_anything_else(site: Site, method: str) -> None:
    async with new_client(base_url=site.url) as browser:
        assert (await browser.request(method, "/chat/")).status_code in (403, 405)


async def test_pages_can_be_opened_from_links_on_any_site(site: Site) -> None:
    async with new_client(base_url=site.url, headers={"Sec-Fetch-Site": "cross-site"}) as browser:
        assert (await browser.get("/accounts/login/")).status_code == 200


async def test_in_production_a_page_that_came_by_http_is_another_site(production: Production) -> None:
    async with production.visitor() as visitor:
        for origin, status in [("http://chat.example.com", 403), (production.origin, 303)]:
            assert (await visitor.http.post("/accounts/logout/", headers={"Origin": origin})).status_code == status


# Headers


async def answers_of_every_kind(person: Person) -> dict[str, httpx.Response]:
    return {
        "page": await person.http.get("/chat/"),
        "json": await person.http.get("/healthz"),
        "static": await person.http.get("/static/images/favicon.svg"),
        "missing": await person.http.get("/nowhere/"),
        "missing static": await person.http.get("/static/nothing.js"),
        "refused": await person.http.post("/accounts/logout/", headers={"Origin": "null"}),
        "wrong method": await person.http.post("/"),
        "redirect": await person.http.get("/"),
        "too large": await person.http.post("/accounts/login/", data={"email": "x" * 600_000}),
    }


async def test_every_kind_of_answer_carries_the_headers(member: Person) -> None:
    answers = await answers_of_every_kind(member)

    assert [answer.status_code for answer in answers.values()] == [200, 200, 200, 404, 404, 403, 405, 303, 413]
    for kind, answer in answers.items():
        assert answer.headers["X-Content-Type-Options"] == "nosniff", kind
        assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin", kind
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", kind
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", kind
        assert "camera=()" in answer.headers["Permissions-Policy"], kind
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], kind
        assert "Strict-Transport-Security" not in answer.headers, kind
        assert "Server" not in answer.headers, kind
    nonces = {nonce_of(answer) for answer in answers.values()}
    assert len(nonces) == len(answers)
    assert all(len(nonce) >= 22 for nonce in nonces)


def nonce_of(answer: httpx.Response) -> str:
    return answer.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]


async def test_only_our_scripts_have_the_nonce_and_nothing_else_may_run(nobody: Person) -> None:
    answer = await nobody.http.get("/accounts/login/")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ") if " " in part)
    page = Page(answer.text)

    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'nonce-{nonce_of(answer)}' 'strict-dynamic'"
    assert policy["style-src"] == policy["form-action"] == policy["font-src"] == policy["worker-src"] == "'self'"
    assert policy["base-uri"] == policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"].split() == ["'self'", nobody.site.socket_url]
    assert policy["require-trusted-types-for"] == "'script'"
    assert {script["nonce"] for script in page.all("script")} == {nonce_of(answer)}
    assert not [one for one in page.elements if "style" in one or any(name.startswith("on") for name in one)]


async def test_browsers_do_not_store_private_pages(member: Person, nobody: Person) -> None:
    for path in (
        "/chat/",
        "/",
        "/accounts/login/",
        f"/chat/{uuid.uuid4()}/",
        f"/chat/api/threads/{uuid.uuid4()}/messages/",
    ):
        assert (await member.http.get(path)).headers["Cache-Control"] == "no-store", path
    assert "no-store" not in (await nobody.http.get("/")).headers.get("Cache-Control", "")
    assert "no-store" not in (await member.http.get("/static/images/favicon.svg")).headers["Cache-Control"]


async def test_production_is_https_for_two_years(production: Production) -> None:
    async with production.visitor() as visitor:
        for path in ("/", "/healthz", "/nowhere/", "/static/images/favicon.svg"):
            headers = (await visitor.http.get(path)).headers
            assert headers["Strict-Transport-Security"] == "max-age=63072000", path
            assert "connect-src 'self' wss://chat.example.com;" in headers["Content-Security-Policy"]


# The host


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "chat.example.com.evil.example", "[", "", "a b", "[::1]"]
)
async def test_in_production_another_host_name_is_not_known(production: Production, host: str) -> None:
    async with production.visitor() as visitor:
        answer = await visitor.http.get("/accounts/login/", headers={"Host": host})

        assert answer.status_code == 400
        assert "ALLOWED_HOSTS" in Page(answer.text).text


async def test_the_own_host_name_may_have_capitals_and_a_port(production: Production) -> None:
    async with production.visitor() as visitor:
        for host in ("CHAT.example.com", "chat.example.com:443", "chat.example.com"):
            assert (await visitor.http.get("/accounts/login/", headers={"Host": host})).status_code == 200


async def test_health_checks_come_by_address(production: Production) -> None:
    async with new_client(base_url=production.site.url) as probe:
        assert [(await probe.get(path)).status_code for path in ("/healthz", "/readyz", "/")] == [200, 200, 400]


@pytest.mark.parametrize(
    "host",
    ["evil@chat.example.com", "chat.example.com/evil", "chat.example.com?", "chat.example.com#", "chat.example.com:",
     "chat.example.com:x", "chat.example.com:443:80", "chat.example.com,evil.example", "chat.example.com\\",
     "[chat.example.com]", "chat.example.com."],
)  # fmt: skip
async def test_a_host_name_that_only_contains_ours_is_refused(production: Production, host: str) -> None:
    own = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "https"}
    async with new_client(base_url=production.site.url) as proxy:
        for name in ("Host", "X-Forwarded-Host"):
            answer = await proxy.get("/accounts/login/", headers=own | {"Host": "chat.example.com", name: host})
            assert answer.status_code == 400, name


async def test_development_answers_to_the_names_of_this_machine_only(site: Site, beside: Beside) -> None:
    async def statuses(one: Site, *hosts: str) -> list[int]:
        async with new_client(base_url=one.url) as browser:
            return [(await browser.get("/accounts/login/", headers={"Host": host})).status_code for host in hosts]

    local = ("localhost", "localhost:8000", "127.0.0.1", "LOCALHOST", "[::1]:8000", "chat.localhost")
    others = (
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "192.168.1.5",
        "127.0.0.1.nip.io",
        "0.0.0.0",
    )
    assert await statuses(site, *local, *others) == [200] * len(local) + [400] * len(others)
    async with beside(ALLOWED_HOSTS="box.lan, 192.168.1.5") as asked:
        assert await statuses(asked, "box.lan:8000", "192.168.1.5", "localhost", "evil.example") == [200, 200, 200, 400]


# https


@pytest.mark.parametrize(
    ("host", "path", "location"),
    [
        ("chat.example.com", "/", "https://chat.example.com/"),
        ("CHAT.example.com:80", "/accounts/login/?next=/chat/%3Fa%3Db", "https://chat.example.com/accounts/login/?next=/chat/%3Fa%3Db"),
        ("chat.example.com", "/a//%2e%2e/%C3%A4?", "https://chat.example.com/a//%2e%2e/%C3%A4"),
        ("chat.example.com", "/admin/", "https://chat.example.com/admin/"),
        ("chat.example.com", "/static/images/favicon.svg", "https://chat.example.com/static/images/favicon.svg"),
        ("chat.example.com", "/nowhere/", "https://chat.example.com/nowhere/"),
        ("other.example.com:8080", "/", "https://other.example.com/"),
        ("[2001:db8::1]:8080", "/", "https://[2001:db8::1]/"),
    ],
)  # fmt: skip
async def test_unencrypted_requests_are_redirected_to_https(
    plain: httpx.AsyncClient, host: str, path: str, location: str
) -> None:
    for method in ("GET", "HEAD"):
        answer = await plain.request(method, path, headers={"Host": host})

        assert (answer.status_code, answer.headers["Location"]) == (308, location)
        assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_unencrypted_changes_are_refused(plain: httpx.AsyncClient, method: str) -> None:
    answer = await plain.request(method, "/accounts/login/", headers={"Origin": "https://chat.example.com"})

    assert answer.status_code == 403
    assert "https" in answer.text


async def test_unencrypted_health_checks_and_other_hosts_are_not_redirected(plain: httpx.AsyncClient) -> None:
    assert (await plain.get("/healthz")).status_code == 200
    assert (await plain.get("/readyz")).status_code == 200
    assert (await plain.get("/", headers={"Host": "evil.example"})).status_code == 400


async def test_without_a_proxy_that_says_so_nothing_is_redirected(production: Production, nobody: Person) -> None:
    """A proxy that does not tell would otherwise cause a loop, and so would a client's own header."""
    async with new_client(base_url=production.site.url, headers={"Host": "chat.example.com"}) as silent:
        assert (await silent.get("/accounts/login/")).status_code == 200
    assert (await nobody.http.get("/accounts/login/", headers={"X-Forwarded-Proto": "http"})).status_code == 200


@pytest.fixture(scope="module")
async def plain(beside: Beside, stores: Stores) -> AsyncIterator[httpx.AsyncClient]:
    """A proxy of a site as in production, that passes on what came by http."""
    settings = PRODUCTION | {
        "DEBUG": "False",
        "DATABASE_URL": stores.database_url,
        "REDIS_URL": stores.redis_url,
        "RATE_LIMITS": "on",
        "TRUSTED_PROXIES": "1",
        "ALLOWED_HOSTS": "other.example.com, 2001:db8::1",
    }
    async with beside(**settings) as site:
        sent = {"Host": "chat.example.com", "X-Forwarded-Proto": "http", "X-Forwarded-For": "10.8.8.8"}
        async with new_client(base_url=site.url, headers=sent) as proxy:
            yield proxy


# Websockets


async def handshake(person: Person, path: str = "", **headers: str | None) -> websockets.Response:
    """The raw response to a handshake; a header that is None is left out."""
    cookie = "; ".join(f"{name}={value}" for name, value in person.http.cookies.items())
    target = httpx.URL(person.site.url)
    sent = {
        "Host": target.netloc.decode(),
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Origin": person.site.url,
        "Cookie": cookie or None,
        **headers,
    }
    lines = [f"{name}: {value}" for name, value in sent.items() if value is not None]
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        request = "\r\n".join([f"GET {path or f'/ws/chat/{uuid.uuid4()}/'} HTTP/1.1", *lines, "", ""])
        writer.write(request.encode("latin-1"))
        answer = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONG_SECONDS)).decode("latin-1")
    finally:
        writer.close()
    first, *rest = answer.strip().split("\r\n")
    fields = websockets.Headers([tuple(line.split(": ", 1)) for line in rest])
    return websockets.Response(int(first.split()[1]), first, fields)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (OWN, 101),
        ("https://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("http://127.0.0.1", 403),
        ("null", 403),
        ("", 403),
        ("http://[", 403),
        (None, 403),
    ],
)
async def test_only_a_page_of_ours_opens_a_socket(member: Person, origin: str | None, status: int) -> None:
    answer = await handshake(member, Origin=member.site.url if origin == OWN else origin)

    assert answer.status_code == status


async def test_a_trusted_origin_may_open_a_socket(trusting: Site, member: Person) -> None:
    person = Person(trusting, member.http)

    assert (await handshake(person, Origin=FRIEND)).status_code == 101


async def test_without_a_cookie_there_is_no_socket(nobody: Person, member: Person) -> None:
    assert (await handshake(nobody)).status_code == 403
    assert (await handshake(member, Cookie="chat=forged")).status_code == 403


async def test_a_site_with_another_name_for_this_machine_opens_no_socket(member: Person) -> None:
    answer = await handshake(member, Host="evil.example:8000", Origin="http://evil.example:8000")

    assert answer.status_code == 400


async def test_no_compression_is_agreed_on_though_it_was_offered(member: Person) -> None:
    answer = await handshake(member)

    assert answer.status_code == 101
    assert "Sec-WebSocket-Extensions" not in answer.headers


async def test_an_unknown_socket_is_a_404(member: Person) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(f"{member.site.socket_url}/ws/other/", origin=member.site.url, open_timeout=10):
            pytest.fail("it must not open")

    assert refused.value.response.status_code == 404


async def test_a_socket_without_its_last_slash_is_a_404(production: Production) -> None:
    own = {"Host": "chat.example.com", "Origin": production.origin}

    assert (await handshake(Person(production.site, new_client()), path="/ws/chat", **own)).status_code == 404


async def test_sockets_in_production_come_by_https_and_by_name(production: Production) -> None:
    auth = production.site.app.extensions["QUART_AUTH"][0]
    cookie = f"__Host-chat={auth.dump_token('some token', app=production.site.app)}"
    nobody = Person(production.site, new_client())
    own = {"Host": "chat.example.com", "Origin": production.origin, "Cookie": cookie, "X-Forwarded-Proto": "https"}

    assert (await handshake(nobody, **own)).status_code == 101
    assert (await handshake(nobody, **own | {"Origin": "http://chat.example.com"})).status_code == 403
    assert (await handshake(nobody, **own | {"Origin": "https://evil.example"})).status_code == 403
    assert (await handshake(nobody, **own | {"X-Forwarded-Proto": "http"})).status_code == 403
    assert (await handshake(nobody, **own | {"X-Forwarded-Proto": "ws"})).status_code == 403
    assert (await handshake(nobody, **own | {"Host": "evil.example"})).status_code == 400
    assert (
        await handshake(nobody, **own | {"Host": "evil.example", "Origin": "https://evil.example"})
    ).status_code == 400


# Bodies that are too large


@pytest.mark.parametrize("headers", [{}, JSON])
async def test_a_body_that_is_too_large_is_not_read(member: Person, headers: dict[str, str]) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"message=" + b"x" * 50_000

    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    for content in (b"x" * 600_000, pieces()):
        try:
            answer = await member.http.post("/chat/", content=content, headers=form)
        except (httpx.ReadError, httpx.WriteError):  # it hung up while more was still being sent, which is its right
            continue
        assert answer.status_code == 413
        assert "more than this site accepts" in (answer.json()["message"] if headers else Page(answer.text).text)


# Names that no host can have


@pytest.mark.parametrize("host", ["a" * 64, "a" * 64 + ".example.com:8000", "a..b", "."])
async def test_a_host_that_cannot_be_a_name_is_not_a_mistake_of_ours(
    nobody: Person, production: Production, host: str
) -> None:
    development = await nobody.http.get("/", headers={"Host": host})
    async with production.visitor() as visitor:
        strict = await visitor.http.get("/", headers={"Host": host})

    assert (development.status_code, strict.status_code) == (400, 400)
    assert "host name is not allowed" in strict.text
