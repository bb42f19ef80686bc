"""A real pgbouncer in transaction mode, in front of a PostgreSQL of the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chat.database import credentials
from tests.support.ports import free_port
from tests.support.waiting import LONG_SECONDS

FORGETTING = (
    "ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout,chat.versions"
)


def require_pgbouncer() -> None:
    """Skip the test where the program is missing, except in CI."""
    if not shutil.which("pgbouncer"):
        assert "CI" not in os.environ, "CI installs pgbouncer"
        pytest.skip("pgbouncer is not installed")


@contextmanager
def pgbouncer(folder: Path, database_url: str, *settings: str, servers: int = 5) -> Iterator[str]:
    """The address at which it forwards to `database_url`, by at most `servers` connections."""
    known, port = credentials(database_url), free_port()
    config = folder / f"pgbouncer-{port}.ini"
    config.write_text(
        f"[databases]\n* = host={known['host']} port={known['port']} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {servers}\n" + "".join(f"{line}\n" for line in settings)
    )
    account = ["-u", "nobody"] if os.geteuid() == 0 else []  # it refuses to run as root
    with (folder / f"pgbouncer-{port}.log").open("wb") as log:
        running = subprocess.Popen(["pgbouncer", *account, str(config)], stdout=log, stderr=log)
    try:
        _wait_until_it_listens(port)
        yield f"postgres://postgres@127.0.0.1:{port}/{known['database']}"
    finally:
        running.kill()
        running.wait()


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + LONG_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)  # another process: there is nothing to await
    raise TimeoutError("pgbouncer did not start")
