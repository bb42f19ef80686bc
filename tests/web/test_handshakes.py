"""A handshake is accepted or refused, and the connection of a refused one is closed, whatever comes with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from quart import Response

from tests.support.raw_client import answer, connected, first_of, nothing_left
from tests.support.site import Site
from tests.support.waiting import LONG_SECONDS

HOST = b"Host: localhost\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
FRAME = bytes([0x81, 0x82, 1, 2, 3, 4, 5, 6])


def handshake(*lines: bytes, path: bytes = b"/ws/chat/", version: bytes = b"1.1") -> bytes:
    """A handshake; each line brings its own end."""
    return b"GET " + path + b" HTTP/" + version + b"\r\n" + HOST + b"".join(lines) + b"\r\n"


def own(site: Site) -> bytes:
    """The header that a page of the site sends."""
    return b"Origin: " + site.url.encode() + b"\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(handshake(UPGRADE, VERSION), id="no key"),
        pytest.param(handshake(UPGRADE, VERSION, path=b"/healthz"), id="no key for a page"),
        pytest.param(handshake(UPGRADE, VERSION, KEY.replace(b"dG", b"G")), id="a short key"),
        pytest.param(handshake(UPGRADE, VERSION, KEY.replace(b"dG", b"\xffG")), id="a key that is not ASCII"),
        pytest.param(handshake(UPGRADE, VERSION, b"Sec-WebSocket-Key:\r\n"), id="an empty key"),
        pytest.param(handshake(UPGRADE, VERSION, KEY, KEY), id="two keys"),
        pytest.param(handshake(UPGRADE, VERSION, KEY, version=b"1.0"), id="HTTP/1.0"),
        pytest.param(handshake(UPGRADE, VERSION, KEY) + FRAME, id="a frame before the answer"),
        pytest.param(handshake(UPGRADE, VERSION, KEY) + b"\x00", id="a byte before the answer"),
        pytest.param(handshake(UPGRADE, VERSION, KEY) + NEXT, id="a request before the answer"),
        pytest.param(handshake(UPGRADE, VERSION, KEY, path=b"/healthz") + NEXT, id="a page and a request"),
    ],
)
async def test_a_malformed_handshake_is_refused_and_closed(site: Site, sent: bytes) -> None:
    async with nothing_left():
        said = await answer(site, sent)

        assert said.startswith(b"HTTP/1.1 400 ") and b"connection: close" in said.lower()
        assert said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("versions", [b"", VERSION.replace(b"13", b"8"), VERSION.replace(b"13", b"13, 8"), VERSION * 2])
async def test_another_version_is_told_which_one_is_spoken_and_closed(site: Site, versions: bytes) -> None:
    async with nothing_left():
        said = (await answer(site, handshake(UPGRADE, KEY, versions))).lower()

        assert said.startswith(b"http/1.1 426 ") and b"connection: close, upgrade\r\n" in said
        assert b"sec-websocket-version: 13\r\n" in said and b"upgrade: websocket\r\n" in said


@pytest.mark.parametrize(
    "line",
    [
        b"Sec-WebSocket-Protocol: \xff\r\n",
        b"Sec-WebSocket-Extensions: permessage-deflate, \xff\r\n",
        b"Connection: Upgrade, \xff\r\n",
        b"Upgrade: websocket\xa0\r\n",
        "Sec-WebSocket-Protocol: blåbær\r\n".encode(),
    ],
)
async def test_headers_of_a_handshake_are_ascii(site: Site, line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    for sent in (handshake(UPGRADE, VERSION, KEY, line), handshake(line)):
        async with nothing_left():
            assert (await answer(site, sent)).startswith(b"HTTP/1.1 400 ")

    assert not errors(caplog)


@pytest.mark.parametrize(("path", "status"), [(b"/ws/chat/", b"403"), (b"/ws/nowhere/", b"404"), (b"/healthz", b"4")])
async def test_a_handshake_that_the_application_refuses_is_closed(site: Site, path: bytes, status: bytes) -> None:
    async with nothing_left():
        said = await answer(site, handshake(own(site), UPGRADE, VERSION, KEY, path=path))

        assert said.startswith(b"HTTP/1.1 " + status) and b"content-security-policy" in said.lower()


async def test_what_is_sent_before_the_answer_ends_a_handshake_that_is_being_checked(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    checking, ended = asyncio.Event(), asyncio.Event()

    async def check() -> None:
        checking.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with first_of(site.app.before_websocket_funcs[None], check):
        async with nothing_left(), connected(site) as (reader, writer):
            writer.write(handshake(own(site), UPGRADE, VERSION, KEY))
            await asyncio.wait_for(checking.wait(), LONG_SECONDS)
            writer.write(FRAME)
            said = await asyncio.wait_for(reader.read(), LONG_SECONDS)
            await asyncio.wait_for(ended.wait(), LONG_SECONDS)

    assert said.startswith(b"HTTP/1.1 400 ") and said.count(b"HTTP/1.1") == 1
    assert not errors(caplog)


async def test_what_is_sent_during_a_refusal_changes_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    rest = asyncio.Event()

    async def page() -> AsyncIterator[bytes]:
        yield b"first, "
        await rest.wait()
        yield b"last"

    async def refuse() -> Response:
        return Response(page(), status=403)

    with first_of(site.app.before_websocket_funcs[None], refuse):
        async with nothing_left(), connected(site) as (reader, writer):
            writer.write(handshake(own(site), UPGRADE, VERSION, KEY))
            said = await asyncio.wait_for(reader.readuntil(b"first, "), LONG_SECONDS)
            writer.write(FRAME)
            await writer.drain()
            rest.set()
            said += await asyncio.wait_for(reader.read(), LONG_SECONDS)

    assert said.startswith(b"HTTP/1.1 403 ") and said.count(b"HTTP/1.1") == 1 and b"last" in said
    assert not errors(caplog)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as an error."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
