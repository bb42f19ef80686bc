"""HTTP/1.1 and nothing else: no HTTP/2 in the clear, and no request that two servers could read in two ways."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from h11._util import LocalProtocolError
from hypercorn.events import Closed
from hypercorn.protocol.h11 import H11Protocol, H11WSConnection

from chat.web.handshakes import NEEDS_VERSION, is_handshake, refuse_malformed

VERSIONS = {b"1.0", b"1.1"}
LENGTH, ENCODING, UPGRADE = b"content-length", b"transfer-encoding", b"upgrade"
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # all but the tab
CHUNK = re.compile(rb"[0-9A-Fa-f]{1,16}(?:;[^\x00-\x08\x0a-\x1f\x7f]{0,250})?\r\n")
MAX_CHUNKS = 1000  # of a body; one of a single byte costs 20 µs
MAX_HEAD_BYTES = 16 * 1024
# Headers that are read as lists. An Accept of 15 KB takes 80 ms, twice for each response; browsers send 200 bytes.
LISTS = {
    b"accept", b"accept-encoding", b"accept-language", b"cache-control", b"content-type", b"if-match",
    b"if-none-match", b"range",
}  # fmt: skip
MAX_LIST_BYTES = 1024
# Headers that wsproto decodes as ASCII; others would be an unhandled exception, with a traceback in the log.
ASCII = {b"connection", b"upgrade", b"sec-websocket-extensions", b"sec-websocket-protocol"}
MAX_METHOD_BYTES = 20  # the longest registered one has 17; the access log does not shorten methods
MAX_PIPELINED = 16  # requests in a row, each sent before the previous one was answered; browsers send none


class StrictBuffer(ReceiveBuffer):
    """h11 also accepts lines that end with LF alone, headers that continue on the next line, and repeated lengths.

    A proxy that does not would see other headers, or another end of the request, than we do (request smuggling).
    """

    _taken: bytes | bytearray = b""
    _chunks = 0

    def _extract(self, count: int) -> bytearray:
        self._taken = taken = super()._extract(count)
        return taken

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """The lines of a head or of trailers, once they are complete. Raises LocalProtocolError."""
        lines = super().maybe_extract_lines()
        if lines is None:
            return None
        self._chunks = 0
        taken, self._taken = self._taken, b""  # a tab's connection is open for hours
        if len(taken) > MAX_HEAD_BYTES:  # h11 bounds only heads that are still incomplete
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise LocalProtocolError("the headers are too long", error_status_hint=status)
        if taken.count(b"\n") != taken.count(b"\r\n"):
            raise _refused("lines must end with CR LF")
        if any(line.startswith((b" ", b"\t")) for line in lines):
            raise _refused("headers must not be folded")
        if any(CONTROL.search(line) for line in lines):
            raise _refused("headers must not contain control characters")
        lengths = [value for name, _, value in (line.partition(b":") for line in lines) if name.lower() == LENGTH]
        if len(lengths) > 1 or any(b"," in length for length in lengths):
            raise _refused("the length is given twice")
        return lines

    def maybe_extract_next_line(self) -> bytearray | None:
        """The line before a chunk, once it is complete. Raises LocalProtocolError."""
        line = super().maybe_extract_next_line()
        if line is None:
            return None
        self._chunks += 1
        if self._chunks > MAX_CHUNKS or not CHUNK.fullmatch(line):
            raise _refused("the chunks are too many, or one is malformed")
        return line


class StrictConnection(h11.Connection):
    """Refuses what h11 accepts although it is ambiguous; the connection is closed."""

    _is_over = False

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._receive_buffer = StrictBuffer()

    def end(self) -> None:
        """Nothing that was received is read any more."""
        self._is_over = True

    def has_received_more(self) -> bool:
        """Whether the client has already sent more than the current request."""
        return bool(self._receive_buffer)

    def next_event(self) -> Any:
        """The next event of what the client has sent."""
        return h11.NEED_DATA if self._is_over else super().next_event()

    def _extract_next_receive_event(self) -> Any:
        event = super()._extract_next_receive_event()
        if isinstance(event, h11.Request):
            _refuse_ambiguous(event)
            _refuse_long_lists(event)
            if is_handshake(event):
                refuse_malformed(event, has_more=self.has_received_more())
        return event


class StrictProtocol(H11Protocol):
    """hypercorn's HTTP/1.1, without its upgrades to HTTP/2.

    Behind a proxy that passes `Upgrade`, as websockets need, HTTP/2 in the clear is a tunnel through the proxy: its
    rules, its limits and its X-Forwarded-For would not apply to the requests inside.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.connection = StrictConnection(h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size)
        self._pipelined = 0

    async def handle(self, event: Any) -> None:
        """Handle what the client has sent, or that the connection is closed."""
        await super().handle(event)
        if isinstance(event, Closed):
            await self._stop_reading()

    async def _send_error_response(self, status_code: int) -> None:
        how = NEEDS_VERSION if status_code == HTTPStatus.UPGRADE_REQUIRED else [(b"connection", b"close")]
        headers = [(b"content-length", b"0"), *how, *self.config.response_headers("h11")]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.EndOfMessage())

    async def _maybe_recycle(self) -> None:
        """After an answer. hypercorn would serve 1,300 requests that a client sent at once, even after it left."""
        has_next = isinstance(self.connection, StrictConnection) and self.connection.has_received_more()
        self._pipelined = self._pipelined + 1 if has_next else 0
        is_complete = self.connection.our_state is h11.DONE and self.connection.their_state is h11.DONE
        if is_complete and self._pipelined <= MAX_PIPELINED and not self.context.terminated.is_set():
            await super()._maybe_recycle()
            return
        await self._close_stream()
        await self.send(Closed())
        await self._stop_reading()

    async def _stop_reading(self) -> None:
        """hypercorn's reader of a closed connection would wait forever to read the requests that were pipelined."""
        if isinstance(self.connection, StrictConnection):
            self.connection.end()
        await self.can_read.set()

    async def _send_h11_event(self, event: Any) -> None:
        """Once a websocket is accepted, h11 has nothing left to do, but hypercorn keeps it until the tab is closed."""
        await super()._send_h11_event(event)
        is_last = isinstance(event, h11.InformationalResponse) and event.status_code == HTTPStatus.SWITCHING_PROTOCOLS
        if is_last and isinstance(self.connection, H11WSConnection):
            del self.connection.h11_connection

    async def _check_protocol(self, event: h11.Request) -> None:
        """Every upgrade but that to a websocket is ignored."""


def _refuse_ambiguous(request: h11.Request) -> None:
    names = {name for name, _ in request.headers}
    has_body = bool(names & {LENGTH, ENCODING}) and (LENGTH, b"0") not in list(request.headers)
    if any(name in ASCII and not value.isascii() for name, value in request.headers):
        raise _refused("a header that is read as a list must be ASCII")
    if request.http_version not in VERSIONS:
        status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        raise LocalProtocolError("only HTTP/1.1 is spoken here", error_status_hint=status)
    if ENCODING in names and (LENGTH in names or request.http_version == b"1.0"):
        raise _refused("the body has two lengths")
    if request.method != request.method.upper():  # hypercorn would take `post` for POST, but a proxy's rules may not
        raise _refused("methods are written in upper case")
    if len(request.method) > MAX_METHOD_BYTES:
        raise LocalProtocolError("no method is that long", error_status_hint=HTTPStatus.NOT_IMPLEMENTED)
    if not request.target.startswith(b"/") or b"#" in request.target:  # a whole URL would name a second host
        raise _refused("the target must be a path")
    if UPGRADE in names and has_body and request.method == b"GET":  # the first frames of a websocket, or its body?
        raise _refused("an upgrade has no body")


def _refuse_long_lists(request: h11.Request) -> None:
    if any(len(value) > MAX_LIST_BYTES and name in LISTS for name, value in request.headers):
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise LocalProtocolError("a list in a header is too long", error_status_hint=status)


def _refused(reason: str) -> LocalProtocolError:
    return LocalProtocolError(reason, error_status_hint=HTTPStatus.BAD_REQUEST)
