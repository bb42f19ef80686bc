"""The connection to a provider: encrypted, through proxies, by each address and in both event loops."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from chat.llm.events import Code, Completed, Failed, TextDelta
from chat.llm.provider import dialing
from chat.llm.provider.network import Connection
from chat.llm.provider.provider import Provider, ProviderLimits
from tests.support import patches
from tests.support.certificates import new_certificate, server_context
from tests.support.llm import asking, events_of
from tests.support.ports import free_port
from tests.support.raw_server import CHUNKED, Answer, RawServer, chunked, events_of_text, responds, serving, writes

ANSWER = chunked(events_of_text("hello"))
DELTA = b"data: " + json.dumps({"type": "response.output_text.delta", "delta": "hel"}).encode() + b"\n\n"
ABOUT_A_MEGABYTE = 1_000_000

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs in a loop of its own: the site's is uvloop's, a shell's is asyncio's."""

    def run(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(work)

    return run


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_certificate(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    return server_context(certificate)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the certificate, as with a company's own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")


async def ends(url: str, number: int = 1, **limits: float) -> list[Completed | Failed]:
    """The last events of requests back to back."""
    provider = Provider(api_key="test", base_url=url, limits=ProviderLimits(**limits) if limits else None)
    found = [(await events_of(provider, asking("hello")))[-1] for _ in range(number)]
    await provider.close()
    return [end for end in found if isinstance(end, Completed | Failed)]


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def test_an_encrypted_answer_is_read_and_its_connection_used_again(
    run: Run, tls: ssl.SSLContext, trusted: None
) -> None:
    async def work() -> None:
        async with serving(writes(ANSWER), keep=True, tls=tls) as server:
            assert [type(end) for end in await ends(server.url, 5)] == [Completed] * 5
        assert (server.connections, len(server.requests)) == (1, 5)

    run(work())


def test_a_server_that_cannot_be_trusted_is_told_nothing(run: Run, tls: ssl.SSLContext) -> None:
    async def work() -> None:
        async with serving(writes(ANSWER), tls=tls) as server:
            provider = Provider(api_key="test", base_url=server.url)
            [end] = await events_of(provider, asking("hello"))
            await provider.close()
        assert isinstance(end, Failed)
        assert end.code is Code.UNREACHABLE
        assert "CERTIFICATE_VERIFY_FAILED" in end.detail
        assert server.requests == []

    run(work())


def test_a_certificate_for_another_name_is_refused(run: Run, tls: ssl.SSLContext, trusted: None) -> None:
    async def work() -> None:
        async with serving(writes(ANSWER), tls=tls) as server:
            [end] = await ends(server.url.replace("127.0.0.1", "localhost"))
        assert isinstance(end, Failed)
        assert end.code is Code.UNREACHABLE
        assert server.requests == []

    run(work())


def test_a_server_that_says_nothing_when_asked_to_encrypt_is_left_in_time(run: Run) -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            [end] = await ends(f"https://127.0.0.1:{port}/v1", connect_seconds=0.2)
        assert isinstance(end, Failed)
        assert end.code is Code.UNREACHABLE
        assert "ConnectTimeout" in end.detail

    run(work())


@asynccontextmanager
async def tunnel(seen: list[bytes], status: bytes = b"200 OK") -> AsyncIterator[str]:
    """A proxy that connects its clients to where they ask."""

    running: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())  # type: ignore[arg-type]
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n")
        if not status.startswith(b"200"):
            writer.close()
            return
        host, _, port = seen[-1].split()[1].decode().rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await asyncio.wait(running)


def test_the_environments_proxy_is_a_tunnel_to_an_encrypted_server(
    run: Run, tls: ssl.SSLContext, trusted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        seen: list[bytes] = []
        async with serving(writes(ANSWER), keep=True, tls=tls) as server, tunnel(seen) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            assert [type(end) for end in await ends(server.url, 2)] == [Completed] * 2
        assert len(seen) == 1
        assert seen[0].startswith(f"CONNECT {server.url.split('/')[2]} HTTP/1.1\r\n".encode())
        assert b"Bearer" not in seen[0]  # the key is for the server alone

    run(work())


def test_what_comes_during_a_pace_is_read_in_one_piece(run: Run) -> None:
    paces, go_on = asyncio.Queue[int](), asyncio.Event()
    seen: list[str] = []

    async def deltas(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + chunk(DELTA))
        assert await paces.get() == 1
        writer.write(chunk(DELTA) * 3)
        go_on.set()
        assert await paces.get() == 4
        writer.write(chunk(events_of_text("hello")) + chunk(b""))

    async def pace() -> None:
        paces.put_nowait(len(seen))
        await go_on.wait()

    async def work() -> None:
        async with serving(deltas) as server:
            provider = Provider(api_key="test", base_url=server.url)
            async with aclosing(provider.stream(asking("hello"), pace=pace)) as events:
                async for event in events:
                    seen.append(type(event).__name__)
            await provider.close()
        assert seen[:4] == ["TextDelta"] * 4
        assert seen[-1] == "Completed"
        assert paces.empty()

    run(work())


def test_a_stream_that_is_read_in_single_pieces_is_not_paced(run: Run) -> None:
    async def pace() -> None:
        raise AssertionError("a pace for each piece would make the answer slow")

    async def work() -> None:
        packed = gzip.compress(BODY)
        head = CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
        pieces = b"".join(chunk(packed[at : at + 20]) for at in range(0, len(packed), 20))
        async with serving(writes(head + pieces + b"0\r\n\r\n")) as server:
            provider = Provider(api_key="test", base_url=server.url)
            events = [event async for event in provider.stream(asking("hello"), pace=pace)]
            await provider.close()
        assert isinstance(events[-1], Completed)

    run(work())


def test_a_proxy_that_refuses_is_a_server_that_cannot_be_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with tunnel([], b"407 Proxy Authentication Required") as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            [end] = await ends("https://model.test/v1")
        assert isinstance(end, Failed)
        assert end.code is Code.UNREACHABLE
        assert "407" in end.detail

    run(work())


def test_a_plain_request_goes_to_the_environments_proxy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with serving(writes(ANSWER)) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
            [end] = await ends("http://model.test/v1")
        assert isinstance(end, Completed)
        assert proxy.requests[0].startswith(b"POST http://model.test/v1/responses HTTP/1.1\r\n")

    run(work())


def test_a_host_that_needs_no_proxy_is_asked_directly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with serving(writes(ANSWER)) as proxy, serving(writes(ANSWER)) as server:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            [end] = await ends(server.url)
        assert isinstance(end, Completed)
        assert (len(server.requests), len(proxy.requests)) == (1, 0)

    run(work())


def test_every_transport_reads_through_our_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx2 has no argument for the backend: without it all works, and takes twice the CPU."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")

    async def work() -> None:
        made: list[asyncio.BaseTransport] = []
        async with serving(writes(ANSWER)) as server:
            provider = Provider(api_key="test", base_url=server.url)
            transports = [provider._http._transport, *provider._http._mounts.values()]
            for transport in transports:
                connection = await transport._pool._network_backend.connect_tcp(*address_of(server))
                assert isinstance(connection, Connection)
                made.append(connection._transport)
                await connection.aclose()
            await provider.close()
        assert len(made) == 3

    asyncio.run(work())


def address_of(server: RawServer) -> tuple[str, int]:
    host, _, port = server.url.split("/")[2].rpartition(":")
    return host.strip("[]"), int(port)


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Names lead to these addresses."""

    def resolve(*hosts: str) -> None:
        async def addresses(_: str, port: int) -> list[dialing.Address]:
            return [
                (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))
                for host in hosts
            ]

        patches.ADDRESSES.replace(monkeypatch, addresses)

    return resolve


@pytest.mark.skipif(not socket.has_ipv6 and "CI" not in os.environ, reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
def test_a_name_with_two_addresses_leads_to_the_one_that_answers(
    run: Run, host: str, resolves: Callable[..., None]
) -> None:
    async def work() -> None:
        async with serving(writes(ANSWER), host=host) as server:
            assert isinstance((await ends(server.url))[0], Completed)
            resolves("127.0.0.1", "::1")
            [end] = await ends(f"http://model.test:{address_of(server)[1]}/v1")
        assert isinstance(end, Completed)

    run(work())


def test_a_name_whose_addresses_all_refuse_cannot_be_reached(run: Run, resolves: Callable[..., None]) -> None:
    async def work() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            resolves("127.0.0.1", "127.0.0.1")
            with pytest.raises(OSError, match="All connection attempts failed"):
                await dialing.connected("model.test", closed.getsockname()[1])

    run(work())


def test_an_address_that_does_not_answer_delays_the_next_one_for_a_moment(
    run: Run, resolves: Callable[..., None]
) -> None:
    """A full queue of connections is silent, as a firewall that drops packets is."""

    async def work() -> None:
        port = free_port()
        with (
            socket.create_server(("127.0.0.2", port), backlog=0),
            socket.create_connection(("127.0.0.2", port)),
            socket.create_server(("127.0.0.1", port)),
            pytest.raises(TimeoutError),
        ):
            async with asyncio.timeout(1):
                resolves("127.0.0.2", "127.0.0.1")
                with await dialing.connected("model.test", port) as connected:
                    assert connected.getpeername() == ("127.0.0.1", port)
                resolves("127.0.0.2")
                await dialing.connected("model.test", port)  # it would wait for ever

    run(work())


def test_a_stream_that_is_left_hangs_up_at_once(run: Run) -> None:
    async def work() -> None:
        left = asyncio.Event()

        async def never_ends(writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + chunk(DELTA))
            with suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(chunk(b": still here\n\n"))
                    await writer.drain()
                    await asyncio.sleep(0.01)  # the server is slow on purpose
            left.set()

        async with serving(never_ends) as server:
            provider = Provider(api_key="test", base_url=server.url)
            async with aclosing(provider.stream(asking("hello"))) as events:
                assert isinstance(await anext(events), TextDelta)
            async with asyncio.timeout(5):
                await left.wait()
            await provider.close()

    run(work())


def drips(start: bytes, piece: bytes) -> Answer:
    """Writes the piece for ever, slowly."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)  # the server is slow on purpose

    return answer


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (CHUNKED, b"a"),
        (CHUNKED + b"5;extension=", b"a"),
        (CHUNKED, chunk(b": still here\n\n")),
        (b"", b"HTTP/1.1 100 C\r\n\r\n"),
    ],
    ids=["no chunk", "extension of a chunk", "comments", "interim heads"],
)
def test_a_request_ends_at_its_limit_whatever_the_server_drips(run: Run, start: bytes, piece: bytes) -> None:
    async def work() -> None:
        async with serving(drips(start, piece)) as server, asyncio.timeout(10):
            [end] = await ends(server.url, total_seconds=0.3)
        assert isinstance(end, Failed)
        assert "took more than 0.3 s" in end.detail or "illegal chunk header" in end.detail

    run(work())


def test_silence_ends_a_request_in_time(run: Run) -> None:
    async def work() -> None:
        async def silent(writer: asyncio.StreamWriter) -> None:
            writer.write(CHUNKED + chunk(DELTA))
            await writer.drain()
            await asyncio.sleep(60)  # until the client hangs up

        async with serving(silent) as server:
            [end] = await ends(server.url, silence_seconds=0.2)
        assert isinstance(end, Failed)
        assert (end.code, "ReadTimeout" in end.detail) == (Code.CUT, True)

    run(work())


BODY = events_of_text("hello")
GOOD: list[tuple[str, bytes]] = [
    ("one chunk", chunk(BODY)),
    ("a chunk for each byte", b"".join(chunk(BODY[at : at + 1]) for at in range(len(BODY)))),
    ("extensions", b"%X;name=value\r\n%b\r\n" % (len(BODY), BODY)),
    ("leading zeros", b"0000%x \r\n%b\r\n" % (len(BODY), BODY)),
]


@pytest.mark.parametrize("body", [row[1] for row in GOOD], ids=[row[0] for row in GOOD])
@pytest.mark.parametrize("piece", [1, 7, ABOUT_A_MEGABYTE])
@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"000;x\r\nx-more: y\r\n\r\n"], ids=["plain", "trailers"])
async def test_chunks_are_read_however_they_are_split(body: bytes, piece: int, end: bytes) -> None:
    answer = b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + CHUNKED + body + end
    async with serving(writes(*(answer[at : at + piece] for at in range(0, len(answer), piece))), keep=True) as server:
        provider = Provider(api_key="test", base_url=server.url, reuse_connections=True)
        found = [(await events_of(provider, asking("hello")))[-1] for _ in range(2)]
        await provider.close()
    assert [one.text for one in found if isinstance(one, Completed)] == ["hello"] * 2
    assert server.connections == 1


BAD: list[tuple[str, bytes]] = [
    ("no size", b"\r\n\r\n"),
    ("negative", b"-5\r\nhello\r\n"),
    ("plus", b"+5\r\nhello\r\n"),
    ("underscore", b"1_0\r\n"),
    ("prefix", b"0x5\r\nhello\r\n"),
    ("too many digits", b"1" * 17 + b"\r\n"),
    ("other digits", "\N{ARABIC-INDIC DIGIT FIVE}\r\nhello\r\n".encode()),
    ("space before", b" 5\r\nhello\r\n"),
    ("too long", b"5\r\nhello, more\r\n"),
    ("LF in the extension", b"5;a\nb\r\nhello\r\n"),
    ("NUL in the extension", b"5;\x00\r\nhello\r\n"),
    ("endless line", b"5;" + b"a" * 200_000),
]


@pytest.mark.parametrize("bad", [row[1] for row in BAD], ids=[row[0] for row in BAD])
@pytest.mark.parametrize("before", [b"", chunk(DELTA)], ids=["at once", "after text"])
async def test_what_is_no_chunk_breaks_the_stream(bad: bytes, before: bytes) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + before + bad)
        await asyncio.sleep(60)  # until the client hangs up

    async with serving(answer) as server, asyncio.timeout(10):
        [end] = await ends(server.url)
    assert isinstance(end, Failed)
    assert "RemoteProtocolError" in end.detail
    assert end.code is (Code.CUT if before else Code.AMBIGUOUS)


async def test_a_compressed_answer_in_chunks_is_unpacked() -> None:
    packed = gzip.compress(BODY)
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    async with serving(writes(head + chunk(packed[:20]) + chunk(packed[20:]) + b"0\r\n\r\n")) as server:
        [end] = await ends(server.url)
    assert isinstance(end, Completed)


async def test_a_head_that_is_too_large_is_not_read() -> None:
    async with serving(drips(b"HTTP/1.1 200 OK\r\n", b"x-more: " + b"a" * 5000 + b"\r\n")) as server:
        [end] = await ends(server.url, total_seconds=30)
    assert isinstance(end, Failed)
    assert "RemoteProtocolError" in end.detail


@pytest.mark.parametrize(
    "framing", [b"content-length: 5\r\ncontent-length: 6\r\n", b"transfer-encoding: gzip, chunked\r\n"]
)
async def test_an_answer_whose_end_is_not_clear_is_refused(framing: bytes) -> None:
    async with serving(writes(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n" + chunk(BODY) + b"0\r\n\r\n")) as server:
        [end] = await ends(server.url)
    assert isinstance(end, Failed)
    assert "RemoteProtocolError" in end.detail


async def test_a_large_request_is_sent_whole_and_a_server_that_does_not_read_is_left() -> None:
    async with serving(responds({"error": {"message": "no"}}, 400)) as server:
        provider = Provider(api_key="test", base_url=server.url)
        await events_of(provider, asking("x" * 5 * ABOUT_A_MEGABYTE))
        await provider.close()
    assert len(json.dumps(server.bodies)) > 5 * ABOUT_A_MEGABYTE

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        limits = ProviderLimits(write_seconds=0.3)
        provider = Provider(api_key="test", base_url=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", limits=limits)
        end = (await events_of(provider, asking("x" * 20 * ABOUT_A_MEGABYTE)))[-1]
        await provider.close()
    assert isinstance(end, Failed)
    assert (end.code, "WriteTimeout" in end.detail) == (Code.UNREACHABLE, True)


@pytest.mark.parametrize("name", ["x\r\nx-evil: 1", "x\nGET / HTTP/1.1\r\n\r\n"])
async def test_nothing_that_is_sent_adds_a_header(name: str) -> None:
    """A key with a line end is refused when the client is made; the rest of a request is JSON."""
    with pytest.raises(ValueError, match="not allowed in keys"):
        Provider(api_key=name)
    async with serving(writes(ANSWER)) as server:
        provider = Provider(api_key="test", base_url=server.url)
        await events_of(provider, asking(name, model=name))
        await provider.close()
    assert b"evil" not in server.requests[0]
    assert server.bodies[0]["model"] == name
