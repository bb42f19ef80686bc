"""Only HTTP/1.1 and websockets, read in one way: everything else is refused and the connection closed."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from tests.support.site import Site
from tests.support.waiting import LONG_SECONDS

SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")  # with an empty SETTINGS frame
H2C = b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


async def answer(site: Site, *pieces: bytes) -> bytes:
    """Everything that the server sends until it closes the connection."""
    target = httpx.URL(site.url)
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), LONG_SECONDS)
    finally:
        writer.close()


def head(*lines: bytes, method: bytes = b"POST", version: bytes = b"1.1") -> bytes:
    """The head of a request; each line brings its own end."""
    return method + b" /healthz HTTP/" + version + b"\r\nHost: localhost\r\n" + b"".join(lines) + b"\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(head(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", id="both"),
        pytest.param(
            head(b"transfer-encoding: Chunked\r\n", b"content-length: 0\r\n") + b"0\r\n\r\n", id="both, other"
        ),
        pytest.param(head(b"Transfer-Encoding: chunked\r\n", version=b"1.0") + b"0\r\n\r\n", id="chunks in HTTP/1.0"),
        pytest.param(head(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n") + b"hello", id="two lengths"),
        pytest.param(head(b"Content-Length: +5\r\n") + b"hello", id="a sign"),
        pytest.param(head(b"Content-Length: 5_0\r\n") + b"hello", id="an underscore"),
        pytest.param(head(b"Content-Length : 5\r\n") + b"hello", id="a space before the colon"),
        pytest.param(head(b"X-Long: a\r\n b\r\n", method=b"GET"), id="folded"),
        pytest.param(head(b"X-Long: a\r\n\tTransfer-Encoding: chunked\r\n", method=b"GET"), id="folded with a tab"),
        pytest.param(b"GET /healthz HTTP/1.1\nHost: localhost\n\n", id="bare LF"),
        pytest.param(head(b"X-One: a\nX-Two: b\r\n", method=b"GET"), id="one bare LF"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n", id="bare LF at the end"),
        pytest.param(head(b"X-One: a\rX-Two: b\r\n", method=b"GET"), id="bare CR"),
        pytest.param(head(b"X-One: a\x00b\r\n", method=b"GET"), id="NUL"),
        pytest.param(head(b"Host: other\r\n", method=b"GET"), id="two hosts"),
        pytest.param(b"\n" + SMUGGLED, id="an empty line first"),
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused_and_closed(site: Site, request_: bytes) -> None:
    said = await answer(site, request_ + SMUGGLED)

    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in said.lower()
    assert said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("encoding", [b"gzip", b"chunked, chunked", b"identity", b"xchunked"])
async def test_other_transfer_encodings_are_refused(site: Site, encoding: bytes) -> None:
    said = await answer(site, head(b"Transfer-Encoding: " + encoding + b"\r\n") + b"0\r\n\r\n" + SMUGGLED)

    assert said.startswith(b"HTTP/1.1 501 ") and said.count(b"HTTP/1.1") == 1


async def test_trailers_are_as_strict(site: Site) -> None:
    body = b"0\r\nX-Trailer: a\nX-Other: b\r\n\r\n"
    said = await answer(site, head(b"Transfer-Encoding: chunked\r\n") + body + SMUGGLED)

    assert b"HTTP/1.1 200 " not in said


async def test_a_head_that_comes_byte_by_byte_is_as_strict(site: Site) -> None:
    request_ = head(b"X-One: a\nX-Two: b\r\n", method=b"GET")

    assert (await answer(site, *[bytes([byte]) for byte in request_])).startswith(b"HTTP/1.1 400 ")


async def test_http_2_without_tls_is_not_spoken(site: Site) -> None:
    said = await answer(site, PREFACE)

    assert said.startswith(b"HTTP/1.1 505 ") and b"connection: close" in said.lower()


@pytest.mark.parametrize(
    "upgrade",
    [H2C, b"Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n", b"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n"],
)
async def test_every_other_upgrade_is_ignored(site: Site, upgrade: bytes) -> None:
    first = head(upgrade, method=b"GET")
    said = await answer(site, first + head(b"Connection: close\r\n", method=b"GET"))

    assert said.count(b"HTTP/1.1 200 ") == 2 and b"101" not in said


async def test_what_is_plain_is_served(site: Site) -> None:
    own = b"Sec-Fetch-Site: same-origin\r\n"
    posted = head(own, b"Content-Length: 5\r\n") + b"hello"
    chunked = head(own, b"Transfer-Encoding: chunked\r\n") + b"5;name=value\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n"
    last = head(b"Connection: close\r\n", method=b"GET")

    said = await answer(site, posted + chunked + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"405", b"405", b"200"]
