"""How hypercorn is set up, and which of its parts are replaced by ours; importing this replaces them."""

from __future__ import annotations

import logging
import os
import socket

import hypercorn.asyncio.run
import hypercorn.protocol
import hypercorn.protocol.h11
import hypercorn.protocol.ws_stream
from hypercorn.config import Config

from chat.events import FRAME_MAX_BYTES
from chat.web.handshakes import ClosingStream
from chat.web.send_progress import WatchedServer
from chat.web.server_patches import LimitedConnection
from chat.web.strict_http import MAX_HEAD_BYTES, StrictProtocol

BACKLOG = 2048  # with hypercorn's 100, 5,000 simultaneous connects took 28 s instead of 4
GRACEFUL_SECONDS = 4.0

# hypercorn accepts permessage-deflate whenever a client offers it: that triples the memory of a connection, and a small
# frame can unpack to hundreds of megabytes. hypercorn has no setting to refuse it.
hypercorn.protocol.ws_stream.server_extensions_handshake = lambda *_: None  # type: ignore[attr-defined]
hypercorn.protocol.ws_stream.Connection = LimitedConnection  # type: ignore[attr-defined]
hypercorn.protocol.H11Protocol = StrictProtocol  # type: ignore[attr-defined]
hypercorn.protocol.h11.WSStream = ClosingStream  # type: ignore[attr-defined]
hypercorn.asyncio.run.TCPServer = WatchedServer  # type: ignore[attr-defined]


def hypercorn_config(listener: socket.socket) -> Config:
    """How hypercorn listens on a bound socket."""
    config = Config()
    config.bind = [f"fd://{os.dup(listener.fileno())}"]  # hypercorn closes the socket it is given
    config.backlog = BACKLOG
    config.keep_alive_timeout = 5  # seconds; also ends clients that send their headers a byte at a time
    config.graceful_timeout = GRACEFUL_SECONDS
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.websocket_max_message_size = FRAME_MAX_BYTES
    config.websocket_ping_interval = None  # our protocol has its own ping, which expects an answer
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn")
    config.errorlog.setLevel(logging.WARNING)
    return config
