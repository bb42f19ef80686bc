"""Handshakes of websockets: a malformed one is refused before the application sees it, and its connection is closed."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import h11
from h11._util import LocalProtocolError
from hypercorn.protocol.events import Body, Data, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from wsproto.frame_protocol import CloseReason

KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")  # 16 bytes in base64
VERSION = b"13"
NEEDS_VERSION = [
    (b"connection", b"close, upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", VERSION),
]  # fmt: skip


def is_handshake(request: h11.Request) -> bool:
    """Whether hypercorn starts a websocket for a request; for hypercorn, the last of repeated headers counts."""
    last = dict(request.headers)
    tokens = last.get(b"connection", b"").lower().split(b",")
    upgrades = b"upgrade" in (token.strip() for token in tokens)
    return upgrades and last.get(b"upgrade", b"").lower() == b"websocket" and request.method == b"GET"


def refuse_malformed(request: h11.Request, *, has_more: bool) -> None:
    """Raise LocalProtocolError for a handshake that RFC 6455 (4.2.1) does not allow, or that `has_more` bytes follow.

    hypercorn refuses most of these too, but never closes their connections, and limits no connection with a request.
    """
    versions = [value for name, value in request.headers if name == b"sec-websocket-version"]
    keys = [value for name, value in request.headers if name == b"sec-websocket-key"]
    if request.http_version != b"1.1":
        raise _refused("HTTP/1.0 has no upgrades")
    if versions != [VERSION]:
        raise _refused("the websocket has another version", HTTPStatus.UPGRADE_REQUIRED)
    if len(keys) != 1 or not KEY.fullmatch(keys[0]):
        raise _refused("the websocket has no key, or a malformed one")
    if has_more:
        raise _refused("a client waits for the answer to its handshake")


def _refused(reason: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> LocalProtocolError:
    return LocalProtocolError(reason, error_status_hint=status)


class ClosingStream(WSStream):
    """A websocket that closes the connection of a client that sends before its handshake is answered.

    hypercorn answers too, but neither closes the connection nor tells the application, so both stay for minutes.
    """

    async def handle(self, event: Any) -> None:
        """Handle what the client has sent."""
        is_early = isinstance(event, (Body, Data)) and not self.handshake.accepted
        if not is_early or self.closed:
            await super().handle(event)
        elif self.state is ASGIWebsocketState.HANDSHAKE:
            await self._refuse()
        # Otherwise the application is refusing the handshake, and its answer ends the connection.

    async def _refuse(self) -> None:
        self.closed = True  # what the application sends from here on is dropped
        if self.app_put is not None:
            await self.app_put({"type": "websocket.disconnect", "code": CloseReason.ABNORMAL_CLOSURE.value})
        await self._send_error_response(HTTPStatus.BAD_REQUEST)
        await self.send(StreamClosed(stream_id=self.stream_id))
