"""`python -m chat.devservices.offline_model --port 0 --pace-ms 18`: run the offline model, on this machine only."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
from typing import Any, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config

from chat import logs
from chat.devservices.offline_model.app import PACE_SECONDS, OfflineModel
from chat.devservices.offline_model.key import KEY_VARIABLE
from chat.devservices.offline_model.servers import DIALECTS

HOST = "127.0.0.1"  # it has no accounts, so only this machine can reach it
BACKLOG = 1024
IDLE_SECONDS = 75  # longer than clients keep an idle connection, so that they never write into a closed one


def main() -> None:
    arguments = _arguments()
    with socket.create_server((HOST, arguments.port), backlog=BACKLOG) as listener:
        signal.signal(signal.SIGTERM, _exit)
        signal.signal(signal.SIGINT, _exit)
        sys.stdout.write(f"offline model on http://{HOST}:{listener.getsockname()[1]}/v1\n")
        key = "" if arguments.any_key else os.environ.get(KEY_VARIABLE) or _new_key()
        sys.stdout.flush()
        like = "plain" if arguments.plain else arguments.like
        model = OfflineModel(pace_seconds=arguments.pace_ms / 1000, like=like, script=arguments.script, key=key)
        logs.start("WARNING")
        asyncio.run(_serve(listener, model))


def _new_key() -> str:
    key = secrets.token_urlsafe(24)
    sys.stdout.write(f"its key is {key} (set {KEY_VARIABLE} to choose one)\n")
    return key


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chat.devservices.offline_model", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free port")
    parser.add_argument("--any-key", action="store_true", help="accept any key, also from other users of this machine")
    parser.add_argument("--pace-ms", type=float, default=PACE_SECONDS * 1000, help="milliseconds per delta")
    parser.add_argument("--like", choices=DIALECTS, default="strict", help="the server whose dialect it speaks")
    parser.add_argument("--plain", action="store_true", help="the same as --like plain: a minimal compatible server")
    parser.add_argument("--script", default="", help="words that apply to every create, before those of its message")
    return parser.parse_args()


async def _serve(listener: socket.socket, model: OfflineModel) -> None:
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.backlog = BACKLOG
    config.keep_alive_timeout = IDLE_SECONDS
    config.errorlog = logging.getLogger("hypercorn")
    await serve(cast(Any, model), config, shutdown_trigger=asyncio.Event().wait)


def _exit(*_: object) -> None:
    """Exit at once: there is nothing to save, and tests wait for it."""
    os._exit(0)


if __name__ == "__main__":
    main()
