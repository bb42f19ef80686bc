"""Only HTTP/1.1 and websockets, read in one way: everything else is refused and the connection closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import struct
from collections.abc import AsyncIterator

import h11
import pytest
from quart import Response

from chat.web.strict_http import (
    MAX_CHUNKS,
    MAX_HEAD_BYTES,
    MAX_LIST_BYTES,
    MAX_METHOD_BYTES,
    MAX_PIPELINED,
    StrictConnection,
)
from tests.support.raw_client import answer, connected, nothing_left
from tests.support.site import Site
from tests.support.waiting import LONG_SECONDS

SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")  # with an empty SETTINGS frame
ODD = [  # values of any header
    b"", b"\xff", b"a, \xff", b"\xed\xa0\x80", b"\xa0", b"\xb2", b"9" * 400, b"-1", b"nan", b"1e999", b"[::1",
    b"a;q=\xb2", b'"\xff\\"', b"Basic \xff", b"bytes=\xb2-", b"multipart/form-data; boundary=\xff",
    b"text/html; charset=\xff",
    b"Fri, 31 Dec 99999999999 23:59:59 GMT", b"Mon, 99 Foo 1994 25:61:61 GMT",
]  # fmt: skip
H2C = b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"


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
        pytest.param(head(b"Content-Length: 5\r\n", b"content-length: 5\r\n") + b"hello", id="one length twice"),
        pytest.param(head(b"Content-Length: 5, 5\r\n") + b"hello", id="one length twice in a line"),
        pytest.param(head(b"Content-Length: 5,\r\n") + b"hello", id="a comma"),
        pytest.param(head(b"Content-Length: \xb2\r\n") + b"hello", id="a superscript digit"),
        pytest.param(head(b"Content-Length: 0\r\n", b"Transfer-Encoding:\tCHUNKED\r\n") + b"0\r\n\r\n", id="both, tab"),
        pytest.param(head(b"Transfer-Encoding:\x0bchunked\r\n") + b"0\r\n\r\n", id="a vertical tab"),
        pytest.param(head(b"X-One: a\x1b[2Jb\r\n", method=b"GET"), id="an escape sequence"),
        pytest.param(head(b"X-One: a\x7f\r\n", method=b"GET"), id="DEL"),
        pytest.param(head(b"X-One: a\r\r\n", method=b"GET"), id="CR CR LF"),
        pytest.param(head(b"X-\xe9: a\r\n", method=b"GET"), id="a name that is not ASCII"),
        pytest.param(head(b": a\r\n", method=b"GET"), id="no name"),
        pytest.param(head(b" X-One: a\r\n", method=b"GET"), id="a fold first"),
        pytest.param(head(method=b"get"), id="a method in lower case"),
        pytest.param(b"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", id="two spaces"),
        pytest.param(b"GET\t/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a tab"),
        pytest.param(b"GET /healthz HTTP/1.1 \r\nHost: localhost\r\n\r\n", id="a space at the end"),
        pytest.param(b"GET /healthz http/1.1\r\nHost: localhost\r\n\r\n", id="http in lower case"),
        pytest.param(b"GET /healthz\r\n\r\n", id="HTTP/0.9"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"GET http://other/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a second host"),
        pytest.param(b"GET ?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n", id="no path"),
        pytest.param(b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", id="no URL"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", id="an asterisk"),
        pytest.param(b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", id="a tunnel"),
        pytest.param(b"GET /healthz#/../admin/ HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a fragment"),
        pytest.param(
            head(b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"Content-Length: 5\r\n", method=b"GET")
            + b"hello",
            id="an upgrade with a length",
        ),
        pytest.param(
            head(
                b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"Transfer-Encoding: chunked\r\n", method=b"GET"
            )
            + b"0\r\n\r\n",
            id="an upgrade with chunks",
        ),
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


@pytest.mark.parametrize(
    "body",
    [
        b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"-1\r\nhello\r\n0\r\n\r\n",
        b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
    ],
)
async def test_malformed_chunks_end_the_connection(site: Site, body: bytes) -> None:
    said = await answer(
        site, head(b"Sec-Fetch-Site: same-origin\r\n", b"Transfer-Encoding: chunked\r\n") + body + SMUGGLED
    )

    assert b"HTTP/1.1 200 " not in said


@pytest.mark.parametrize(("count", "is_read"), [(MAX_CHUNKS - 1, True), (MAX_CHUNKS + 1, False)])
def test_a_body_may_come_in_many_chunks_but_not_in_any_number(count: int, is_read: bool) -> None:
    connection = StrictConnection(h11.SERVER)
    connection.receive_data(head(b"Transfer-Encoding: chunked\r\n") + b"1\r\nx\r\n" * count + b"0\r\n\r\n")
    seen = []
    with contextlib.nullcontext() if is_read else pytest.raises(h11.RemoteProtocolError):
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            seen.append(event)

    assert len(seen) - 1 == min(count, MAX_CHUNKS)


async def test_trailers_are_as_strict(site: Site) -> None:
    for trailer in (b"X-Trailer: a\nX-Other: b", b"X-Trailer: a\r\n b", b"X-Trailer: \x1b", b"X-Trailer"):
        body = b"0\r\n" + trailer + b"\r\n\r\n"
        said = await answer(site, head(b"Transfer-Encoding: chunked\r\n") + body + SMUGGLED)

        assert b"HTTP/1.1 200 " not in said, trailer


async def test_a_head_that_comes_byte_by_byte_is_as_strict(site: Site) -> None:
    request_ = head(b"X-One: a\nX-Two: b\r\n", method=b"GET")

    assert (await answer(site, *[bytes([byte]) for byte in request_])).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES, 60_000])
async def test_a_head_that_is_too_long_is_refused(site: Site, size: int) -> None:
    said = await answer(site, head(b"X-Long: " + b"a" * size + b"\r\n", method=b"GET"))

    assert said.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    ("size", "status"), [(MAX_METHOD_BYTES, b"403"), (MAX_METHOD_BYTES + 1, b"501"), (5000, b"501")]
)
async def test_a_method_that_is_too_long_is_refused(site: Site, size: int, status: bytes) -> None:
    said = await answer(site, head(b"Connection: close\r\n", method=b"A" * size))

    assert said.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("name", [b"Accept", b"accept-encoding", b"If-None-Match", b"Range", b"Content-Type"])
async def test_lists_in_headers_are_bounded(site: Site, name: bytes) -> None:
    short = b"a," * (MAX_LIST_BYTES // 2)
    said = await answer(site, head(name + b": " + short + b"\r\n", b"Connection: close\r\n", method=b"GET"))
    assert said.startswith(b"HTTP/1.1 200 ")

    assert (await answer(site, head(name + b": " + short + b"a\r\n", method=b"GET"))).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "preface",
    [PREFACE, PREFACE.replace(b"2.0", b"1.2"), PREFACE.replace(b"2.0", b"3.0"), head(method=b"GET", version=b"0.9")],
)
async def test_http_2_without_tls_is_not_spoken(site: Site, preface: bytes) -> None:
    said = await answer(site, preface)

    assert said.startswith(b"HTTP/1.1 505 ") and b"connection: close" in said.lower()


@pytest.mark.parametrize(
    "upgrade",
    [
        H2C,
        H2C.replace(b"h2c", b"H2C"),
        H2C.replace(b"h2c", b"h2"),
        H2C.replace(b"h2c", b"h2c/1"),
        H2C + b"Upgrade: h2c\r\n",
        H2C.replace(b"Upgrade: h2c", b"Upgrade: h2c\r\nUpgrade: tls/1.0"),
        H2C.replace(b"Connection: Upgrade, HTTP2-Settings", b"Connection: upgrade,http2-settings"),
        b"Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n",
        b"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n",
        b"Upgrade: websocket/13\r\nConnection: Upgrade\r\n",
        b"Upgrade: websocket\r\n",
        b"Upgrade:\r\nConnection: Upgrade\r\n",
    ],
)
async def test_every_other_upgrade_is_ignored(site: Site, upgrade: bytes) -> None:
    first = head(upgrade, method=b"GET")
    said = await answer(site, first + head(b"Connection: close\r\n", method=b"GET"))

    assert said.count(b"HTTP/1.1 200 ") == 2 and b"HTTP/1.1 101 " not in said


@pytest.mark.parametrize(
    "name",
    [
        "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection",
        "Content-Length", "Content-Type", "Cookie", "Expect", "Forwarded", "Host", "If-Match", "If-Modified-Since",
        "If-None-Match", "If-Range", "If-Unmodified-Since", "Origin", "Range", "Referer", "Sec-Fetch-Site",
        "Sec-WebSocket-Extensions", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "TE",
        "Transfer-Encoding", "Upgrade", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
        "X-Request-Id",
    ],
)  # fmt: skip
async def test_no_value_of_a_header_is_an_unhandled_error(
    site: Site, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = b"" if name == "Host" else b"Host: localhost\r\n"
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    for value in ODD:
        line = name.encode() + b": " + value + b"\r\n"
        for request_ in (
            b"GET /static/dist/app.js HTTP/1.1\r\n" + host + line + b"Connection: close\r\n\r\n",
            b"POST /accounts/login/ HTTP/1.1\r\n" + host + line + b"Connection: close\r\n\r\n",
            b"GET /ws/chat/ HTTP/1.1\r\n" + host + upgrade + key + line + b"\r\n",
        ):
            async with connected(site) as (reader, writer):
                writer.write(request_)
                status = int((await asyncio.wait_for(reader.readline(), LONG_SECONDS))[9:12])
            assert status < 500 or status in (501, 505), value

    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_requests_sent_at_once_are_answered_up_to_a_bound(site: Site) -> None:
    last = head(b"Connection: close\r\n", method=b"GET")
    async with nothing_left():
        few = await answer(site, head(method=b"GET") * MAX_PIPELINED + last)
        many = await answer(site, head(method=b"GET") * 500)

    assert few.count(b"HTTP/1.1 200 ") == MAX_PIPELINED + 1
    assert MAX_PIPELINED <= many.count(b"HTTP/1.1 200 ") <= 3 * MAX_PIPELINED


async def test_what_waits_behind_a_response_is_forgotten_when_its_client_leaves(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"more, "
            await asyncio.sleep(0)

    async def respond() -> Response:
        return Response(endless())

    checks = site.app.before_request_funcs[None]
    checks.insert(0, respond)
    try:
        async with nothing_left(), connected(site) as (reader, writer):
            resets = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, resets)
            writer.write(head(method=b"GET") * 3)
            await asyncio.wait_for(reader.readuntil(b"more, "), LONG_SECONDS)
            writer.transport.abort()
    finally:
        checks.remove(respond)


async def test_requests_one_after_the_other_have_no_bound(site: Site) -> None:
    async with connected(site) as (reader, writer):
        for _ in range(3 * MAX_PIPELINED):
            writer.write(head(method=b"GET"))
            said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONG_SECONDS)
            await reader.readexactly(int(re.findall(rb"content-length: (\d+)", said)[0]))


async def test_what_is_plain_is_served(site: Site) -> None:
    own = b"Sec-Fetch-Site: same-origin\r\n"
    posted = head(own, b"Content-Length: 5\r\n") + b"hello"
    chunked = head(own, b"Transfer-Encoding: chunked\r\n") + b"5;name=value\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n"
    last = head(b"Connection: close\r\n", method=b"GET")

    said = await answer(site, posted + chunked + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"405", b"405", b"200"]
