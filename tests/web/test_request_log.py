"""The access log, and the ids by which a message is followed from its tab to the provider."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
import websockets

from chat.models import Generation
from tests.support import patches
from tests.support.cast import Person
from tests.support.log_lines import LogLines, log_lines
from tests.support.offline import OfflineServer
from tests.support.page import Page
from tests.support.production import Production
from tests.support.site import Site
from tests.support.waiting import eventually

JSON = {"Accept": "application/json"}
MADE = re.compile(r"[0-9a-f]{16}")
CANARY = "canary7f3a"


async def logged(log: LogLines, message: str, **fields: Any) -> dict[str, Any]:
    """The one record like this; it is written after the response."""
    await eventually(lambda: log.of(message, **fields))
    [record] = log.of(message, **fields)
    return record


async def test_a_request_is_one_line_with_its_route_and_user(alice: Person) -> None:
    posted = await alice.ask("say Hello")
    with log_lines() as log:
        answer = await alice.http.get(f"/chat/{posted['thread_id']}/?q={CANARY}")
        record = await logged(log, "Request", request=answer.headers["X-Request-Id"])

    assert MADE.fullmatch(record["request"])
    assert (record["method"], record["path"], record["status"]) == ("GET", "/chat/<uuid:thread_id>/", 200)
    assert record["thread"] == posted["thread_id"] and uuid.UUID(record["user"])
    assert record["bytes"] == int(answer.headers["Content-Length"])
    assert record["ms"] > 0
    assert not [line for line in log.lines if CANARY in line]


async def test_health_checks_and_files_that_are_found_are_not_logged(nobody: Person) -> None:
    with log_lines() as log:
        for path in ("/healthz", "/readyz", "/static/images/favicon.svg", "/static/nothing"):
            await nobody.http.get(path)
        record = await logged(log, "Request")

    assert (record["path"], record["status"]) == ("/static/<path:filename>", 404)


@pytest.mark.parametrize("path", ["/accounts/reset-it/{}", "/" + "x" * 100 + "/{}"])
async def test_an_address_without_a_route_is_told_by_its_first_part(nobody: Person, path: str) -> None:
    with log_lines() as log:
        await nobody.http.get(path.format(CANARY))
        record = await logged(log, "Request", status=404)

    assert record["path"].endswith("/…") and len(record["path"]) < 70
    assert CANARY not in "".join(log.lines)


async def test_a_secret_in_an_address_is_not_logged_even_if_its_page_fails(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.FIND_SESSION.replace(monkeypatch, fails)
    with log_lines() as log:
        answer = await alice.http.get(f"/accounts/verify-email/{CANARY}/")

    assert answer.status_code == 500
    assert log.of("GET /accounts/verify-email/<token>/ failed")
    assert CANARY not in "".join(log.lines)


async def fails(*_: object, **__: object) -> None:
    raise RuntimeError("broken on purpose")


async def test_every_error_tells_its_request(nobody: Person, alice: Person) -> None:
    for person, path, headers in (
        (nobody, "/nothing", {}),
        (nobody, "/nothing", JSON),
        (nobody, "/chat/api/threads/", JSON),
        (alice, f"/chat/{uuid.uuid4()}/", {}),
    ):
        answer = await person.http.get(path, headers=headers)
        its_id = answer.headers["X-Request-Id"]

        assert answer.status_code >= 400
        assert its_id == (answer.json()["request_id"] if headers else Page(answer.text).find("code").text)


async def test_a_refused_message_tells_its_request(alice: Person) -> None:
    answer = await alice.post(" ")

    assert answer.status_code == 422
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("given", ["0123456789abcdef", "b2c9f0e4-9a15-4c0e-8d2f-0f6f0d8a1c11", "01HX4T-fra"])
async def test_a_trusted_proxy_names_the_request(production: Production, given: str) -> None:
    async with production.visitor() as visitor:
        answer = await visitor.http.get("/nothing", headers={"X-Request-Id": given} | JSON)

    assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["short", "x" * 65, "a b c d e f g", "<b>bold</b>", "ümläutümläut", "-starts-wrong"])
async def test_an_id_of_another_shape_is_replaced(production: Production, given: str) -> None:
    async with production.visitor() as visitor:
        answer = await visitor.http.get("/nothing", headers={"X-Request-Id": given.encode()})

    assert MADE.fullmatch(answer.headers["X-Request-Id"])


async def test_two_ids_are_none(production: Production) -> None:
    async with production.visitor() as visitor:
        answer = await visitor.http.get("/nothing", headers=[("X-Request-Id", "a" * 20), ("X-Request-Id", "b" * 20)])

    assert MADE.fullmatch(answer.headers["X-Request-Id"])


async def test_without_a_trusted_proxy_visitors_do_not_name_their_requests(nobody: Person) -> None:
    answer = await nobody.http.get("/", headers={"X-Request-Id": "a" * 20})

    assert MADE.fullmatch(answer.headers["X-Request-Id"])


async def test_a_socket_is_logged_when_it_opens_and_closes(alice: Person) -> None:
    posted = await alice.ask("say Hello")
    with log_lines() as log:
        async with alice.tab(posted["thread_id"]) as tab:
            await tab.until_finished(posted["reply_id"])
            opened = await logged(log, "Socket opened")
        closed = await logged(log, "Socket closed")

    assert opened["request"] == closed["request"] and MADE.fullmatch(opened["request"])
    assert opened["path"] == "/ws/chat/<uuid:thread_id>/"
    assert opened["user"] == closed["user"] and closed["thread"] == posted["thread_id"]
    assert closed["by"] == "tab" and closed["seconds"] >= 0


async def test_a_socket_that_the_server_closes_has_its_code(alice: Person) -> None:
    with log_lines() as log:
        async with alice.connection(str(uuid.uuid4())) as connection:
            await connection.send('{"type":"hello","v":1}')
            with pytest.raises(websockets.ConnectionClosed):
                await connection.recv()
        closed = await logged(log, "Socket closed")

    assert (closed["code"], closed["by"]) == (4503, "server")


async def test_a_refused_handshake_is_logged_as_a_request(site: Site, nobody: Person) -> None:
    with log_lines() as log:
        with pytest.raises(websockets.InvalidStatus):
            async with nobody.connection(""):
                pass
        record = await logged(log, "Request")

    assert (record["path"], record["status"]) == ("/ws/chat/", 403)


async def test_a_message_is_followed_from_its_tab_to_the_provider(alice: Person, model: OfflineServer) -> None:
    first = await alice.ask("say One")
    with log_lines() as log:
        async with alice.tab(first["thread_id"]) as tab:
            await tab.until_finished(first["reply_id"])
            socket = await logged(log, "Socket opened")
            ack = await tab.say("say Two")
            await tab.until_finished(ack["reply_id"])
            ended = await logged(log, "Answer ended", request=socket["request"])

    generation = await Generation.get(answer_id=ack["reply_id"])
    assert ended["generation"] == str(generation.id)
    assert (ended["user"], ended["thread"]) == (socket["user"], first["thread_id"])
    assert await model.creates(ended["generation"]) == 1
    assert ended["provider_request"].startswith("req_") and ended["response"].startswith("resp_")
