"""Which pages are compressed: those that hold no secret beside a text that a stranger could choose (BREACH)."""

from __future__ import annotations

import asyncio
import gzip
import threading

import httpx
import pytest

from chat.models import ChatMessage
from chat.web.compression import AT_LEAST_BYTES, PADDING_BYTES
from tests.support import patches
from tests.support.cast import Person
from tests.support.page import Page
from tests.support.rows import past_thread
from tests.support.waiting import LONG_SECONDS, eventually

ADMIN_LISTS = ("users", "chats", "calls", "audit")


async def raw(
    person: Person, path: str, accepted: str = "gzip, br", method: str = "GET"
) -> tuple[httpx.Response, bytes]:
    """The response with its body as it was sent."""
    async with person.http.stream(method, path, headers={"Accept-Encoding": accepted}) as response:
        return response, b"".join([piece async for piece in response.aiter_raw()])


@pytest.fixture
async def long_thread(alice: Person) -> str:
    thread_id = await past_thread(alice, messages=12)
    await ChatMessage.filter(thread_id=thread_id).update(content="The same words again and again. " * 100)
    return thread_id


async def test_a_long_chat_is_compressed(alice: Person, long_thread: str) -> None:
    for path in (f"/chat/{long_thread}/", f"/chat/api/threads/{long_thread}/messages/"):
        plain, whole = await raw(alice, path, "")
        packed, body = await raw(alice, path)

        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
        assert packed.headers["Cache-Control"] == plain.headers["Cache-Control"] == "no-store"
        assert int(packed.headers["Content-Length"]) == len(body) < len(whole) / 5
        assert len(gzip.decompress(body)) == len(whole)
        for response in (plain, packed):
            assert "Accept-Encoding" in response.headers["Vary"]


@pytest.mark.parametrize("accepted", ["", "br", "identity", "gzip;q=0", "*;q=0", "gzip;q=0.1, identity"])
async def test_a_client_that_does_not_want_gzip_gets_the_page_as_it_is(
    alice: Person, long_thread: str, accepted: str
) -> None:
    response, body = await raw(alice, f"/chat/{long_thread}/", accepted)

    assert response.status_code == 200
    assert "Content-Encoding" not in response.headers
    assert b"The same words" in body


async def test_a_small_page_is_not_compressed(alice: Person) -> None:
    thread_id = await past_thread(alice)
    response, body = await raw(alice, f"/chat/api/threads/{thread_id}/messages/")

    assert len(body) < AT_LEAST_BYTES
    assert "Content-Encoding" not in response.headers
    assert response.headers["Vary"].count("Accept-Encoding") == 1


async def test_head_has_the_headers_of_get(alice: Person, long_thread: str) -> None:
    response, body = await raw(alice, f"/chat/{long_thread}/", method="HEAD")

    assert response.headers["Content-Encoding"] == "gzip"
    assert body == b""


async def test_the_length_of_a_page_varies(alice: Person, long_thread: str) -> None:
    """Otherwise every length would tell what was guessed right."""
    lengths = {len((await raw(alice, f"/chat/api/threads/{long_thread}/messages/"))[1]) for _ in range(12)}

    assert len(lengths) > 1
    assert max(lengths) - min(lengths) < PADDING_BYTES


async def test_the_site_goes_on_while_a_page_is_compressed(
    alice: Person, nobody: Person, long_thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, gzipped = threading.Event(), threading.Event(), patches.GZIPPED.value

    def slow(page: bytes) -> bytes:
        begun.set()
        assert may_end.wait(LONG_SECONDS)
        packed: bytes = gzipped(page)
        return packed

    patches.GZIPPED.replace(monkeypatch, slow)
    loading = asyncio.create_task(raw(alice, f"/chat/{long_thread}/"))
    await eventually(begun.is_set)
    assert (await nobody.http.get("/healthz")).status_code == 200
    may_end.set()
    _, body = await loading
    assert gzip.decompress(body).rstrip().endswith(b"</html>")


# What is never compressed


@pytest.mark.parametrize("query", ["?q=guess", "?message=guess", "?" + "a" * 9000])
async def test_no_page_with_a_query_is_compressed(alice: Person, long_thread: str, query: str) -> None:
    """A link from another site chooses the query, and a page could come to repeat it."""
    response, _ = await raw(alice, f"/chat/{long_thread}/{query}")

    assert "Content-Encoding" not in response.headers


async def test_a_refused_form_is_not_compressed(alice: Person, long_thread: str) -> None:
    """It repeats what was posted, beside the chat."""
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}
    posted = {"message": "x" * 40_000}
    response = await alice.http.post(f"/chat/{long_thread}/", data=posted, headers=headers)

    assert response.status_code == 422
    assert len(response.content) > AT_LEAST_BYTES
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/?next=guess",
        "/usage/",
        "/accounts/login/?next=/chat/guess/",
        "/accounts/settings/",
        "/accounts/sessions/",
        "/accounts/two-factor/set-up/",
        "/accounts/data/",
        "/nowhere/" + "a" * 9000,
    ],
)
async def test_pages_outside_the_chat_are_not_compressed(alice: Person, path: str) -> None:
    """They hold sessions, addresses and secrets of two-factor authentication, and are small."""
    response, _ = await raw(alice, path)

    assert "Content-Encoding" not in response.headers


async def test_administrators_lists_are_not_compressed(root: Person) -> None:
    """They hold other people's addresses, beside names that anyone can choose and the words of a search."""
    for name in ("", *ADMIN_LISTS):
        response, _ = await raw(root, f"/admin/{name}/".replace("//", "/"))
        assert "Content-Encoding" not in response.headers


async def test_downloads_are_sent_as_they_are_made(alice: Person, long_thread: str) -> None:
    response = await alice.http.post("/accounts/data/", headers={"Accept-Encoding": "gzip"})

    assert response.headers["Content-Type"] == "application/zip"
    assert "Content-Encoding" not in response.headers
    assert "Content-Length" not in response.headers


async def test_a_compressed_page_holds_no_token(alice: Person, long_thread: str) -> None:
    response, body = await raw(alice, f"/chat/{long_thread}/")
    page = gzip.decompress(body).decode()

    assert response.headers["Content-Encoding"] == "gzip"
    assert [field["name"] for field in Page(page).all("input") if "token" in field.get("name", "")] == []
    assert [value for value in alice.http.cookies.values() if value in page] == []
