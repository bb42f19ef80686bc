"""Ports for programs that bind them later."""

from __future__ import annotations

import os
import random
import socket
from itertools import chain, cycle
from pathlib import Path

FIRST, LAST = 10_000, 65_535
PROCESSES = 16  # of pytest beside each other; each tries other ports
GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")  # Linux; other systems give those from 49152 on
ATTEMPTS = 1_000


def free_port() -> int:
    """A port that no program listens on.

    The system gives it neither to a connection nor to a program that asks for any port, before the caller binds it; but
    if the system may give all ports to others, it is one of those.
    """
    for _ in range(ATTEMPTS):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", next(_PORTS)))
            except OSError:
                continue
            return int(free.getsockname()[1])
    raise OSError("no port is free: end some of the programs that listen on this machine")


def _candidates() -> list[int]:
    first, last = map(int, GIVEN.read_text().split()) if GIVEN.exists() else (49_152, LAST)
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    ports = [port for port in chain(range(FIRST, first), range(last + 1, LAST + 1)) if port % PROCESSES == number]
    random.SystemRandom().shuffle(ports)  # other runs may be under way
    return ports or [0]


_PORTS = cycle(_candidates())
