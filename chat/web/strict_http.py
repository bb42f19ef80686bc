"""HTTP/1.1 and nothing else: no HTTP/2 in the clear, and no request that two servers could read in two ways."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from h11._util import LocalProtocolError
from hypercorn.protocol.h11 import H11Protocol

VERSIONS = {b"1.0", b"1.1"}


class StrictBuffer(ReceiveBuffer):
    """h11 also accepts lines that end with LF alone, and headers that continue on the next line.

    A proxy that does not would see other headers, or another end of the request, than we do (request smuggling).
    """

    _taken: bytes | bytearray = b""

    def _extract(self, count: int) -> bytearray:
        self._taken = taken = super()._extract(count)
        return taken

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """The lines of a head or of trailers, once they are complete. Raises LocalProtocolError."""
        lines = super().maybe_extract_lines()
        if lines is None:
            return None
        if self._taken.count(b"\n") != self._taken.count(b"\r\n"):
            raise LocalProtocolError("lines must end with CR LF", error_status_hint=HTTPStatus.BAD_REQUEST)
        if any(line.startswith((b" ", b"\t")) for line in lines):
            raise LocalProtocolError("headers must not be folded", error_status_hint=HTTPStatus.BAD_REQUEST)
        return lines


class StrictConnection(h11.Connection):
    """Refuses what h11 accepts although it is ambiguous; the connection is closed."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._receive_buffer = StrictBuffer()

    def _extract_next_receive_event(self) -> Any:
        event = super()._extract_next_receive_event()
        if isinstance(event, h11.Request):
            _refuse_ambiguous(event)
        return event


class StrictProtocol(H11Protocol):
    """hypercorn's HTTP/1.1, without its upgrades to HTTP/2.

    Behind a proxy that passes `Upgrade`, as websockets need, HTTP/2 in the clear is a tunnel through the proxy: its
    rules, its limits and its X-Forwarded-For would not apply to the requests inside.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.connection = StrictConnection(h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size)

    async def _check_protocol(self, event: h11.Request) -> None:
        """Every upgrade but that to a websocket is ignored."""


def _refuse_ambiguous(request: h11.Request) -> None:
    names = {name for name, _ in request.headers}
    if request.http_version not in VERSIONS:
        status = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        raise LocalProtocolError("only HTTP/1.1 is spoken here", error_status_hint=status)
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
        raise LocalProtocolError("the body has two lengths", error_status_hint=HTTPStatus.BAD_REQUEST)
