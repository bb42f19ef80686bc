"""The scope of a request that came through proxies, and the bytes of a frame."""

from __future__ import annotations

from typing import Any

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError

from chat.web.server_patches import LimitedConnection, TrustedProxies


async def corrected(hops: int, kind: str = "http", **headers: str | list[str]) -> dict[str, Any]:
    """The scope that the app gets."""
    seen: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], _receive: object, _send: object) -> None:
        seen.append(scope)

    pairs = [(b"host", b"inner:8000")]
    for name, values in headers.items():
        pairs += [
            (name.replace("_", "-").encode(), value.encode())
            for value in ([values] if isinstance(values, str) else values)
        ]
    scheme = {"http": "http", "websocket": "ws"}[kind]
    await TrustedProxies(app, hops)(
        {"type": kind, "scheme": scheme, "client": ("10.0.0.1", 4711), "headers": pairs}, None, None
    )
    return seen[0]


@pytest.mark.parametrize(
    ("kind", "sent", "scheme"),
    [
        ("http", "https", "https"),
        ("http", "http", "http"),
        ("http", "HTTPS", "https"),
        ("http", "wss", "https"),
        ("http", "gopher", "http"),
        ("websocket", "https", "wss"),
        ("websocket", "wss", "wss"),
        ("websocket", "http", "ws"),
        ("websocket", "ws", "ws"),
    ],
)
async def test_the_scheme_is_that_of_the_outside_in_the_words_of_the_protocol(
    kind: str, sent: str, scheme: str
) -> None:
    assert (await corrected(1, kind, x_forwarded_proto=sent))["scheme"] == scheme


@pytest.mark.parametrize(
    ("hops", "sent", "client"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (2, ["6.6.6.6", "203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (1, " 203.0.113.9 ,, ", "203.0.113.9"),
        (1, "2001:db8::7", "2001:db8::7"),
        (2, "203.0.113.9", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, " , ", "10.0.0.1"),
    ],
)
async def test_as_many_hops_as_are_trusted_are_counted_from_the_right(
    hops: int, sent: str | list[str], client: str
) -> None:
    assert (await corrected(hops, x_forwarded_for=sent))["client"][0] == client


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ('"[2001:db8::7]:4711"', "2001:db8::7"),
        ('"203.0.113.9"', "203.0.113.9"),
        ("2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:1", "203.0.113.9"),
    ],
)
async def test_every_spelling_of_an_address_is_the_same_client(sent: str, client: str) -> None:
    assert (await corrected(1, x_forwarded_for=sent))["client"][0] == client


@pytest.mark.parametrize(
    "sent",
    ["unknown", "_hidden", "203.0.113", "203.0.113.9.1", "203.0.113.09", "203.0.113.9:", "203.0.113.9:x", "a:1", "[",
     "[]", "[203.0.113.9", "2001:db8::7]:1", "[2001:db8::7]1", "\t", "٢.0.113.9", "203.0.113.9/8", "127.1",
     "0x7f000001", "<script>", "203.0.113.9 203.0.113.8", ":" * 2000],
)  # fmt: skip
async def test_what_is_no_address_is_not_a_client_of_its_own(sent: str) -> None:
    assert (await corrected(1, x_forwarded_for=sent))["client"][0] == "10.0.0.1"


async def test_the_host_is_that_of_the_outside() -> None:
    scope = await corrected(1, x_forwarded_host="evil.example, chat.example.com")

    assert [value for name, value in scope["headers"] if name == b"host"] == [b"chat.example.com"]


async def test_the_server_keeps_no_second_list_of_headers() -> None:
    """The server keeps its list while a tab is open, so the socket must empty that one."""
    servers = [(b"host", b"inner:8000"), (b"x-forwarded-host", b"chat.example.com")]

    async def app(scope: dict[str, Any], _receive: object, _send: object) -> None:
        assert scope["headers"] is servers

    await TrustedProxies(app, 1)({"type": "websocket", "scheme": "ws", "headers": servers}, None, None)
    assert servers[0] == (b"host", b"chat.example.com")


async def test_without_forwarded_headers_nothing_is_changed() -> None:
    scope = await corrected(1)

    assert (scope["scheme"], scope["client"]) == ("http", ("10.0.0.1", 4711))
    assert scope["headers"] == [(b"host", b"inner:8000")]


async def test_the_beginning_and_the_end_of_serving_pass_untouched() -> None:
    seen: list[object] = []

    async def app(scope: object, receive: object, send: object) -> None:
        seen.extend((scope, receive, send))

    scope = {"type": "lifespan"}
    await TrustedProxies(app, 1)(scope, "receive", "send")
    assert seen == [scope, "receive", "send"]


@pytest.mark.parametrize(
    "event",
    [
        *(TextMessage("x" * length) for length in (0, 1, 125, 126, 127, 65_535, 65_536)),
        TextMessage("blåbær 😀" * 20),
        BytesMessage(b"bytes"),
        Ping(b"ping"),
        CloseConnection(1012, "restart"),
    ],
    ids=lambda event: f"{type(event).__name__} {str(event)[:40]}",
)
def test_a_frame_has_the_bytes_that_wsproto_writes(event: Event) -> None:
    assert LimitedConnection(ConnectionType.SERVER).send(event) == Connection(ConnectionType.SERVER).send(event)


def test_no_text_follows_a_close() -> None:
    connection = LimitedConnection(ConnectionType.SERVER)
    connection.send(CloseConnection(1012, "restart"))
    with pytest.raises(LocalProtocolError):
        connection.send(TextMessage("late"))
