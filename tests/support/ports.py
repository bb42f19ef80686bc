"""Ports for programs that bind them later."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

LOWEST = 10_000
PROCESSES = 16  # of pytest, beside each other: each has ports of its own
GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")  # Linux; elsewhere they begin at 49152


def free_port() -> int:
    """A port on which nobody listens.

    The system does not give it to a connection, or to a program that asks for any port, before the caller binds it.
    """
    for port in _PORTS:
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable: the ports are a cycle")


def _candidates() -> Iterator[int]:
    end = int(GIVEN.read_text().split()[0]) if GIVEN.exists() else 49_152
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    ports = list(range(LOWEST + number, end, PROCESSES))
    random.SystemRandom().shuffle(ports)  # other runs may be under way
    return cycle(ports)


_PORTS = _candidates()
